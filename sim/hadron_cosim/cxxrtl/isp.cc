// Clocks the ISP that Yosys wrote as C++: feeds RAW pixels, collects picture and tensor, talks to its
// registers.
//
// Compiled with design.h and ports.h into one shared library, as harness.cc is for the NPU;
// hadron_cosim.cxxrtl.isp_library is the other side of the functions at the end.

#include "ports.h"

#include "design.h"

#include <cstdint>

#include "clocked.h"
#include "pins.h"
#include "streams.h"

namespace hadron {

using Design = cxxrtl_design::p_dut;

class Harness : public Clocked<Harness, Design> {
  public:
    Harness() { reset(4); }

    void configure(const StreamOptions &options) {
        raw.configure(options, RAW);
        picture.configure(options, PICTURE);
        tensor_out.configure(options, TENSOR_OUT);
    }

    void reset(uint64_t cycles) {
        raw.reset();
        picture.reset();
        tensor_out.reset();
        clear();
        hold_reset(cycles);
    }

    // Run until all RAW is taken (if asked for), the interrupt (if asked for), or `cycles` passed.
    uint64_t run(uint64_t cycles, bool until_taken, bool until_irq) {
        uint64_t begin = now_;
        while (now_ - begin < cycles) {
            if ((until_irq && irq_) || (until_taken && !raw.left())) break;
            cycle();
        }
        return now_ - begin;
    }

    void clear() {
        picture.clear();
        tensor_out.clear();
        first_taken = last_taken = 0;
        taken = 0;
        violations.clear();
    }

    Source<uint32_t> raw;
    Sink picture, tensor_out;
    uint64_t first_taken = 0, last_taken = 0, taken = 0;

  private:
    friend Clocked;

    void drive() {
        drive_raw(design_, raw);
#ifdef HAS_M_AXIS_PICTURE_TDATA
        design_.p_m__axis__picture__tready.data[0] = picture.ready();
#endif
#ifdef HAS_M_AXIS_TENSOR_TDATA
        design_.p_m__axis__tensor__tready.data[0] = tensor_out.ready();
#endif
        axil_.drive(design_);
    }

    void sample() {
        if (resetting_) {
            axil_.reset();
            raw.withdraw();
            irq_ = false;
            return;
        }
        if (raw.sample(get(design_.p_s__axis__raw__tready))) {
            if (taken++ == 0) first_taken = now_;
            last_taken = now_;
        }
#ifdef HAS_M_AXIS_PICTURE_TDATA
        sample_picture(design_, picture, violations, now_);
#endif
#ifdef HAS_M_AXIS_TENSOR_TDATA
        tensor_out.sample(violations, now_, "m_axis_tensor T", get(design_.p_m__axis__tensor__tvalid),
                      payload(pins(design_.p_m__axis__tensor__tdata),
                              get(design_.p_m__axis__tensor__tuser),
                              get(design_.p_m__axis__tensor__tlast)));
#endif
        irq_ = get(design_.p_irq);
        axil_.sample(design_, violations, now_);
    }
};

}  // namespace hadron

#include "exports.h"

using hadron::Harness;

extern "C" {

uint64_t hadron_run(void *handle, uint64_t cycles, int until_taken, int until_irq) {
    return static_cast<Harness *>(handle)->run(cycles, until_taken, until_irq);
}

// state: now, irq, violations, RAW beats left, RAW beats taken, cycles of the first and last of them
void hadron_state(void *handle, uint64_t *state) {
    const Harness &harness = *static_cast<Harness *>(handle);
    state[0] = harness.now();
    state[1] = harness.irq();
    state[2] = harness.violations.count();
    state[3] = harness.raw.left();
    state[4] = harness.taken;
    state[5] = harness.first_taken;
    state[6] = harness.last_taken;
}

}  // extern "C"
