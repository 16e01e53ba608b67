// AXI4-Streams of a simulated design: what is fed to it, what it puts out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <cxxrtl/cxxrtl.h>

#include "checks.h"
#include "pins.h"
#include "stalls.h"

namespace hadron {

// The streams of an NPU, and of the ISP before it. Mirrored by hadron_cosim.cxxrtl.streams.
enum Stream { RAW, TENSOR_IN, PICTURE, TENSOR_OUT, STREAMS };

// Chances of a stall in 1/65536 a cycle, longest stall, seed.
struct StreamOptions {
    uint64_t stall[STREAMS] = {0, 0, 0, 0};
    uint64_t stall_longest = 16;
    uint64_t seed = 1;
};

// A beat of RAW: the pixel, TUSER[0] in bit 16, TLAST in bit 17.
constexpr uint32_t RAW_USER = 1u << 16, RAW_LAST = 1u << 17;

constexpr size_t BEAT_BYTES = 16;  // the widest port

// Mirrored by hadron_cosim.cxxrtl.streams.BEAT.
struct Beat {
    uint8_t bytes[BEAT_BYTES];
    uint64_t user, last;
    uint64_t cycle;  // in which an output's was taken
};
struct Payload {
    uint8_t bytes[BEAT_BYTES];
    uint64_t user, last;
    bool operator==(const Payload &other) const {
        return user == other.user && last == other.last
               && std::memcmp(bytes, other.bytes, BEAT_BYTES) == 0;
    }
};

template <size_t N>
Payload payload(const cxxrtl::value<N> &data, uint64_t user, uint64_t last) {
    static_assert(N <= 8 * BEAT_BYTES, "the port is wider than a beat");
    Payload result{{}, user, last};
    std::memcpy(result.bytes, data.data, N / 8);
    return result;
}

// One input: beats that wait to be taken.
template <typename T>
class Source {
  public:
    void configure(const StreamOptions &options, Stream stream) {
        stalls_.configure(options.stall[stream], options.stall_longest, options.seed + stream);
    }
    void reset() {
        beats_.clear();
        next_ = 0;
        offered_ = false;
    }
    void withdraw() { offered_ = false; }
    void feed(const T *beats, uint64_t count) {
        beats_.erase(beats_.begin(), beats_.begin() + next_);
        next_ = 0;
        beats_.insert(beats_.end(), beats, beats + count);
    }
    uint64_t left() const { return beats_.size() - next_; }
    // Whether a beat is offered in this cycle, and which; called once a cycle.
    bool offer() { return offered_ = offered_ || (next_ < beats_.size() && !stalls_.next()); }
    T beat() const { return next_ < beats_.size() ? beats_[next_] : T{}; }
    // Whether the beat is taken; called once a cycle.
    bool sample(bool ready) {
        if (!offered_ || !ready) return false;
        offered_ = false;
        next_++;
        return true;
    }

  private:
    Stalls stalls_;
    std::vector<T> beats_;
    size_t next_ = 0;
    bool offered_ = false;
};

// One output: what was taken, and when.
class Sink {
  public:
    void configure(const StreamOptions &options, Stream stream) {
        stalls_.configure(options.stall[stream], options.stall_longest, options.seed + stream);
    }
    void reset() { stable_.reset(); }
    void clear() { beats.clear(); }
    bool ready() { return ready_ = !stalls_.next(); }
    void sample(Violations &violations, uint64_t now, const char *name, bool valid,
                const Payload &data) {
        stable_.check(violations, now, name, valid, ready_, data);
        if (!valid || !ready_) return;
        Beat beat{{}, data.user, data.last, now};
        std::memcpy(beat.bytes, data.bytes, BEAT_BYTES);
        beats.push_back(beat);
    }
    // Copy beats; return how many there are.
    uint64_t copy(Beat *to, uint64_t room) const {
        uint64_t count = beats.size() < room ? beats.size() : room;
        if (count) std::memcpy(to, beats.data(), count * sizeof(Beat));
        return beats.size();
    }
    std::vector<Beat> beats;

  private:
    Stalls stalls_;
    Stable<Payload> stable_;
    bool ready_ = false;
};

// The ports of an ISP; a design without them does without these.
template <typename Design>
void drive_raw(Design &design, Source<uint32_t> &raw) {
    design.p_s__axis__raw__tvalid.data[0] = raw.offer();
    uint32_t beat = raw.beat();
    design.p_s__axis__raw__tdata.data[0] = beat & 0xFFFF;
    design.p_s__axis__raw__tuser.data[0] = (beat & RAW_USER) != 0;
    design.p_s__axis__raw__tlast.data[0] = (beat & RAW_LAST) != 0;
}

template <typename Design>
void sample_picture(const Design &design, Sink &picture, Violations &violations, uint64_t now) {
    picture.sample(violations, now, "m_axis_picture T", get(design.p_m__axis__picture__tvalid),
                   payload(pins(design.p_m__axis__picture__tdata),
                           get(design.p_m__axis__picture__tuser),
                           get(design.p_m__axis__picture__tlast)));
}

}  // namespace hadron
