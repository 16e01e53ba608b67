// Clocks the NPU that Yosys wrote as C++, holds its memory, talks to its registers and streams. The
// NPU may have an ISP before it.
//
// Compiled with design.h (write_cxxrtl, cut by split.py) and ports.h (which optional ports the design
// has) into one shared library; hadron_cosim.cxxrtl.library is the other side of the functions at
// the end.

#include "ports.h"

#include "design.h"

#include <cstring>
#include <string>
#include <vector>

#include "checks.h"
#include "clocked.h"
#include "memory.h"
#include "options.h"
#include "pins.h"
#include "streams.h"

namespace hadron {

using Design = cxxrtl_design::p_dut;
constexpr size_t BYTES = width(static_cast<decltype(Design::p_m__axi__rdata) *>(nullptr)) / 8;

struct Bytes {
    uint8_t bytes[BYTES];
    uint64_t strobe;
    bool last;
    bool operator==(const Bytes &other) const {
        return strobe == other.strobe && last == other.last
               && std::memcmp(bytes, other.bytes, BYTES) == 0;
    }
};

constexpr int UNITS = 3;

struct Event {
    uint64_t unit, layer, start, end, mac_active, stalled;
};

class Harness : public Clocked<Harness, Design> {
  public:
    Harness() { reset(4); }

    void attach(uint8_t *bytes, uint64_t size) { memory_.attach(bytes, size); }
    void configure(const Options &options) { memory_.configure(options); }

    void configure(const StreamOptions &options) {
        raw.configure(options, RAW);
        tensor_in.configure(options, TENSOR_IN);
        picture.configure(options, PICTURE);
        tensor_out.configure(options, TENSOR_OUT);
    }

    void reset(uint64_t cycles) {
        memory_.reset();
        raw.reset();
        tensor_in.reset();
        picture.reset();
        tensor_out.reset();
        ar_.reset();
        aw_.reset();
        w_.reset();
        std::memset(open_, 0, sizeof open_);
        hold_reset(cycles);
    }

    // Run until the interrupt or `cycles` have passed; return the cycles that passed.
    uint64_t run(uint64_t cycles, bool until_irq) {
        uint64_t begin = now_;
        while (now_ - begin < cycles) {
            if (until_irq && irq_) break;
            cycle();
        }
        return now_ - begin;
    }

    // Run until no beat of an input is left or `cycles` have passed; return the cycles that passed.
    uint64_t run_until_taken(uint64_t cycles) {
        uint64_t begin = now_;
        while (now_ - begin < cycles && (raw.left() || tensor_in.left())) cycle();
        return now_ - begin;
    }

    void clear() {
        violations.clear();
        trace_.clear();
        picture.clear();
        tensor_out.clear();
    }
    // Copy the finished events; return how many there are.
    uint64_t trace(Event *events, uint64_t room) const {
        uint64_t count = 0;
        for (const Event &event : trace_)
            if (count++ < room && events) events[count - 1] = event;
        return count;
    }

    uint64_t start() const { return start_; }
    uint64_t irq_at() const { return irq_at_; }
    Memory<BYTES> memory_;
    Source<uint32_t> raw;
    Source<Beat> tensor_in;
    Sink picture, tensor_out;

  private:
    friend Clocked;

    void drive() {
        const Drive<BYTES> &drive = memory_.drive(now_);
        design_.p_m__axi__arready.data[0] = drive.ar_ready;
        design_.p_m__axi__awready.data[0] = drive.aw_ready;
        design_.p_m__axi__wready.data[0] = drive.w_ready;
        design_.p_m__axi__rvalid.data[0] = drive.r_valid;
        design_.p_m__axi__rlast.data[0] = drive.r_last;
        design_.p_m__axi__rresp.data[0] = drive.r_response;
        std::memcpy(design_.p_m__axi__rdata.data, drive.r_data, BYTES);
        design_.p_m__axi__bvalid.data[0] = drive.b_valid;
        design_.p_m__axi__bresp.data[0] = drive.b_response;
#ifdef HAS_M_AXI_RID
        design_.p_m__axi__rid.data[0] = drive.r_id;
#endif
#ifdef HAS_M_AXI_BID
        design_.p_m__axi__bid.data[0] = drive.b_id;
#endif
#ifdef HAS_S_AXIS_TDATA
        design_.p_s__axis__tvalid.data[0] = tensor_in.offer();
        Beat beat = tensor_in.beat();
        std::memcpy(design_.p_s__axis__tdata.data, beat.bytes, BYTES);
        design_.p_s__axis__tuser.data[0] = beat.user;
        design_.p_s__axis__tlast.data[0] = beat.last;
#endif
#ifdef HAS_S_AXIS_RAW_TDATA
        drive_raw(design_, raw);
#endif
#ifdef HAS_M_AXIS_PICTURE_TDATA
        design_.p_m__axis__picture__tready.data[0] = picture.ready();
#endif
#ifdef HAS_M_AXIS_TDATA
        design_.p_m__axis__tready.data[0] = tensor_out.ready();
#endif
        axil_.drive(design_);
    }

    void sample() {
        Burst ar{get(design_.p_m__axi__araddr), get(design_.p_m__axi__arlen),
                 get(design_.p_m__axi__arsize), get(design_.p_m__axi__arburst), 0};
        Burst aw{get(design_.p_m__axi__awaddr), get(design_.p_m__axi__awlen),
                 get(design_.p_m__axi__awsize), get(design_.p_m__axi__awburst), 0};
#ifdef HAS_M_AXI_ARID
        ar.id = get(design_.p_m__axi__arid);
#endif
#ifdef HAS_M_AXI_AWID
        aw.id = get(design_.p_m__axi__awid);
#endif
        bool ar_valid = get(design_.p_m__axi__arvalid), aw_valid = get(design_.p_m__axi__awvalid);
        bool w_valid = get(design_.p_m__axi__wvalid);
        if (resetting_) {
            // The first cycle of a reset may still show what went before (A3.1.2).
            axil_.reset();
            raw.withdraw();
            tensor_in.withdraw();
            irq_ = false;
            return;
        }
        sample_streams();
        Bytes w{};
        if (w_valid) {
            std::memcpy(w.bytes, pins(design_.p_m__axi__wdata).data, BYTES);
            w.strobe = get(design_.p_m__axi__wstrb);
            w.last = get(design_.p_m__axi__wlast);
        }
        ar_.check(violations, now_, "AR", ar_valid, design_.p_m__axi__arready.data[0], ar);
        aw_.check(violations, now_, "AW", aw_valid, design_.p_m__axi__awready.data[0], aw);
        w_.check(violations, now_, "W", w_valid, design_.p_m__axi__wready.data[0], w);
        memory_.sample(now_, violations, ar_valid, ar, get(design_.p_m__axi__rready), aw_valid, aw,
                       w_valid, w.bytes, w.strobe, w.last, get(design_.p_m__axi__bready));

        bool irq = get(design_.p_irq);
        if (irq && !irq_) {
            irq_at_ = now_;
            if (!memory_.quiet() || ar_valid || aw_valid || w_valid)
                violations.add(now_, "interrupt with %d reads and %d writes outstanding",
                               int(memory_.reads_outstanding() + ar_valid),
                               int(memory_.writes_outstanding() + (aw_valid || w_valid)));
        }
        irq_ = irq;
        if (axil_.sample(design_, violations, now_)) start_ = now_;
        note(0, get(design_.p_trace__load__busy), get(design_.p_trace__load__layer));
        note(1, get(design_.p_trace__execute__busy), get(design_.p_trace__execute__layer));
        note(2, get(design_.p_trace__store__busy), get(design_.p_trace__store__layer));
        open_[1].mac_active += get(design_.p_trace__mac__active);
        open_[1].stalled += get(design_.p_trace__stall__requantizer);
    }

    void sample_streams() {
#ifdef HAS_S_AXIS_TDATA
        tensor_in.sample(get(design_.p_s__axis__tready));
#endif
#ifdef HAS_S_AXIS_RAW_TDATA
        raw.sample(get(design_.p_s__axis__raw__tready));
#endif
#ifdef HAS_M_AXIS_PICTURE_TDATA
        sample_picture(design_, picture, violations, now_);
#endif
#ifdef HAS_M_AXIS_TDATA
        tensor_out.sample(violations, now_, "m_axis T", get(design_.p_m__axis__tvalid),
                          payload(pins(design_.p_m__axis__tdata), get(design_.p_m__axis__tkeep),
                                  get(design_.p_m__axis__tlast)));
#endif
    }

    // Two commands of one layer that follow each other without a pause are one event.
    void note(uint64_t unit, bool busy, uint64_t layer) {
        if (open_[unit].open && (!busy || layer != open_[unit].layer)) {
            const Open &open = open_[unit];
            trace_.push_back({unit, open.layer, open.start, now_, open.mac_active, open.stalled});
            open_[unit].open = false;
        }
        if (busy && !open_[unit].open) open_[unit] = {true, layer, now_, 0, 0};
    }

    struct Open {
        bool open;
        uint64_t layer, start, mac_active, stalled;
    };

    Stable<Burst> ar_, aw_;
    Stable<Bytes> w_;
    Open open_[UNITS] = {};
    std::vector<Event> trace_;
    uint64_t start_ = 0, irq_at_ = 0;
};

}  // namespace hadron

#include "exports.h"

using hadron::Harness;

extern "C" {

uint64_t hadron_options_bytes() { return sizeof(hadron::Options); }
uint64_t hadron_bus_bytes() { return hadron::BYTES; }

void hadron_attach(void *handle, uint8_t *bytes, uint64_t size) {
    static_cast<Harness *>(handle)->attach(bytes, size);
}
void hadron_configure(void *handle, const hadron::Options *options) {
    static_cast<Harness *>(handle)->configure(*options);
}
uint64_t hadron_run(void *handle, uint64_t cycles, int until_irq) {
    return static_cast<Harness *>(handle)->run(cycles, until_irq);
}

// state: now, cycle of the last register write, cycle of the last interrupt, irq, violations,
// read beats, write beats, decode errors, reads outstanding, writes outstanding
void hadron_state(void *handle, uint64_t *state) {
    const Harness &harness = *static_cast<Harness *>(handle);
    state[0] = harness.now();
    state[1] = harness.start();
    state[2] = harness.irq_at();
    state[3] = harness.irq();
    state[4] = harness.violations.count();
    state[5] = harness.memory_.read_beats;
    state[6] = harness.memory_.write_beats;
    state[7] = harness.memory_.decode_errors;
    state[8] = harness.memory_.reads_outstanding();
    state[9] = harness.memory_.writes_outstanding();
}
uint64_t hadron_trace(void *handle, hadron::Event *events, uint64_t room) {
    return static_cast<Harness *>(handle)->trace(events, room);
}

void hadron_feed_tensor(void *handle, const hadron::Beat *beats, uint64_t count) {
    static_cast<Harness *>(handle)->tensor_in.feed(beats, count);
}
// Beats that have not been taken from an input.
uint64_t hadron_left(void *handle, int stream) {
    const Harness &harness = *static_cast<Harness *>(handle);
    return stream == hadron::RAW ? harness.raw.left() : harness.tensor_in.left();
}
uint64_t hadron_run_until_taken(void *handle, uint64_t cycles) {
    return static_cast<Harness *>(handle)->run_until_taken(cycles);
}

}  // extern "C"
