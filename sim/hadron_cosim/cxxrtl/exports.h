// What every harness gives Python: hadron_cosim.cxxrtl.device is the other side. Included behind the
// definition of hadron::Harness.
#pragma once

#include <cstdint>

#include "streams.h"

extern "C" {

uint64_t hadron_stream_options_bytes() { return sizeof(hadron::StreamOptions); }
uint64_t hadron_beat_bytes() { return sizeof(hadron::Beat); }

void *hadron_create() { return new hadron::Harness; }
void hadron_destroy(void *handle) { delete static_cast<hadron::Harness *>(handle); }
void hadron_reset(void *handle, uint64_t cycles) {
    static_cast<hadron::Harness *>(handle)->reset(cycles);
}
int hadron_write(void *handle, uint64_t address, uint32_t data) {
    return static_cast<hadron::Harness *>(handle)->write(address, data);
}
int hadron_read(void *handle, uint64_t address, uint32_t *data) {
    return static_cast<hadron::Harness *>(handle)->read_register(address, *data);
}
const char *hadron_violations(void *handle) {
    return static_cast<hadron::Harness *>(handle)->violations.text().c_str();
}
void hadron_clear(void *handle) { static_cast<hadron::Harness *>(handle)->clear(); }

void hadron_configure_streams(void *handle, const hadron::StreamOptions *options) {
    static_cast<hadron::Harness *>(handle)->configure(*options);
}
void hadron_feed_raw(void *handle, const uint32_t *beats, uint64_t count) {
    static_cast<hadron::Harness *>(handle)->raw.feed(beats, count);
}
// Copy the beats of an output; return how many there are.
uint64_t hadron_beats(void *handle, int stream, hadron::Beat *beats, uint64_t room) {
    const hadron::Harness &harness = *static_cast<hadron::Harness *>(handle);
    return (stream == hadron::PICTURE ? harness.picture : harness.tensor_out).copy(beats, room);
}

}  // extern "C"
