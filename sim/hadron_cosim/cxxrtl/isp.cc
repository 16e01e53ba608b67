// Clocks the ISP that Yosys wrote as C++: feeds RAW pixels, collects picture and tensor, talks to its
// registers.
//
// Compiled with design.h and ports.h into one shared library, as harness.cc is for the NPU;
// hadron_cosim.cxxrtl.isp_library is the other side of the functions at the end.

#include "ports.h"

#include "design.h"

#include <cstring>
#include <string>

#include "checks.h"
#include "pins.h"
#include "registers.h"
#include "streams.h"

namespace hadron {

using Design = cxxrtl_design::p_dut;

// Mirrored by hadron_cosim.cxxrtl.isp_library: stalls of RAW, picture, tensor in 1/65536 a cycle.
struct IspOptions {
    uint64_t stall[3] = {0, 0, 0};
    uint64_t stall_longest = 16;
    uint64_t seed = 1;
};

class Harness {
  public:
    Harness() { reset(4); }

    void configure(const IspOptions &options) {
        raw_.configure(options.stall[0], options.stall_longest, options.seed);
        picture.configure(options.stall[1], options.stall_longest, options.seed + 1);
        tensor.configure(options.stall[2], options.stall_longest, options.seed + 2);
    }

    void reset(uint64_t cycles) {
        raw_.reset();
        picture.reset();
        tensor.reset();
        clear();
        resetting_ = true;
        design_.p_rst.data[0] = 1;
        for (uint64_t i = 0; i < cycles; i++) cycle();
        design_.p_rst.data[0] = 0;
        resetting_ = false;
    }

    void feed(const uint32_t *beats, uint64_t count) { raw_.feed(beats, count); }

    // One register access; false when the ISP does not answer within 1000 cycles.
    bool write(uint64_t address, uint32_t data) {
        axil_.begin_write(address, data);
        return finish_access();
    }
    bool read_register(uint64_t address, uint32_t &data) {
        axil_.begin_read(address);
        bool answered = finish_access();
        data = axil_.data();
        return answered;
    }

    // Run until all RAW is taken (if asked for), the interrupt (if asked for), or `cycles` passed.
    uint64_t run(uint64_t cycles, bool until_taken, bool until_irq) {
        uint64_t begin = now_;
        while (now_ - begin < cycles) {
            if ((until_irq && irq_) || (until_taken && !raw_.left())) break;
            cycle();
        }
        return now_ - begin;
    }

    void clear() {
        picture.clear();
        tensor.clear();
        first_taken = last_taken = 0;
        taken = 0;
        violations.clear();
    }

    bool irq() const { return irq_; }
    uint64_t now() const { return now_; }
    uint64_t left() const { return raw_.left(); }
    Violations violations;
    Sink picture, tensor;
    uint64_t first_taken = 0, last_taken = 0, taken = 0;

  private:
    bool finish_access() {
        for (int i = 0; i < 1000 && axil_.busy(); i++) cycle();
        return !axil_.busy();
    }

    void drive() {
        design_.p_s__axis__raw__tvalid.data[0] = raw_.offer();
        uint32_t beat = raw_.beat();
        design_.p_s__axis__raw__tdata.data[0] = beat & 0xFFFF;
        design_.p_s__axis__raw__tuser.data[0] = (beat & RAW_USER) != 0;
        design_.p_s__axis__raw__tlast.data[0] = (beat & RAW_LAST) != 0;
#ifdef HAS_M_AXIS_PICTURE_TDATA
        design_.p_m__axis__picture__tready.data[0] = picture.ready();
#endif
#ifdef HAS_M_AXIS_TENSOR_TDATA
        design_.p_m__axis__tensor__tready.data[0] = tensor.ready();
#endif
        axil_.drive(design_);
    }

    // See harness.cc.
    void cycle() {
        drive();
#ifdef HAS_FEEDBACK
        design_.edge = false;
        do design_.evaluate();
        while (design_.advance());
        design_.edge = true;
#endif
        design_.evaluate();
        sample();
        design_.advance();
        now_++;
    }

    void sample() {
        if (resetting_) {
            axil_.reset();
            raw_.withdraw();
            irq_ = false;
            return;
        }
        if (raw_.sample(get(design_.p_s__axis__raw__tready))) {
            if (taken++ == 0) first_taken = now_;
            last_taken = now_;
        }
#ifdef HAS_M_AXIS_PICTURE_TDATA
        picture.sample(violations, now_, "m_axis_picture T", get(design_.p_m__axis__picture__tvalid),
                       payload(pins(design_.p_m__axis__picture__tdata),
                               get(design_.p_m__axis__picture__tuser),
                               get(design_.p_m__axis__picture__tlast)));
#endif
#ifdef HAS_M_AXIS_TENSOR_TDATA
        tensor.sample(violations, now_, "m_axis_tensor T", get(design_.p_m__axis__tensor__tvalid),
                      payload(pins(design_.p_m__axis__tensor__tdata),
                              get(design_.p_m__axis__tensor__tuser),
                              get(design_.p_m__axis__tensor__tlast)));
#endif
        irq_ = get(design_.p_irq);
        axil_.sample(design_, violations, now_);
    }

    Design design_;
    RegisterPort<Design> axil_;
    Source<uint32_t> raw_;
    bool irq_ = false, resetting_ = false;
    uint64_t now_ = 0;
};

}  // namespace hadron

using hadron::Harness;

extern "C" {

uint64_t hadron_options_bytes() { return sizeof(hadron::IspOptions); }
uint64_t hadron_beat_bytes() { return sizeof(hadron::Beat); }

void *hadron_create() { return new Harness; }
void hadron_destroy(void *handle) { delete static_cast<Harness *>(handle); }

void hadron_configure(void *handle, const hadron::IspOptions *options) {
    static_cast<Harness *>(handle)->configure(*options);
}
void hadron_reset(void *handle, uint64_t cycles) { static_cast<Harness *>(handle)->reset(cycles); }
int hadron_write(void *handle, uint64_t address, uint32_t data) {
    return static_cast<Harness *>(handle)->write(address, data);
}
int hadron_read(void *handle, uint64_t address, uint32_t *data) {
    return static_cast<Harness *>(handle)->read_register(address, *data);
}
void hadron_feed(void *handle, const uint32_t *beats, uint64_t count) {
    static_cast<Harness *>(handle)->feed(beats, count);
}
uint64_t hadron_run(void *handle, uint64_t cycles, int until_taken, int until_irq) {
    return static_cast<Harness *>(handle)->run(cycles, until_taken, until_irq);
}

// state: now, irq, violations, RAW beats left, RAW beats taken, cycles of the first and last of them
void hadron_state(void *handle, uint64_t *state) {
    const Harness &harness = *static_cast<Harness *>(handle);
    state[0] = harness.now();
    state[1] = harness.irq();
    state[2] = harness.violations.count();
    state[3] = harness.left();
    state[4] = harness.taken;
    state[5] = harness.first_taken;
    state[6] = harness.last_taken;
}
const char *hadron_violations(void *handle) {
    return static_cast<Harness *>(handle)->violations.text().c_str();
}
void hadron_clear(void *handle) { static_cast<Harness *>(handle)->clear(); }

// Copy the beats of an output (0: picture, 1: tensor); return how many there are.
uint64_t hadron_beats(void *handle, int output, hadron::Beat *beats, uint64_t room) {
    const Harness &harness = *static_cast<Harness *>(handle);
    return (output ? harness.tensor : harness.picture).copy(beats, room);
}

}  // extern "C"
