// The host's side of s_axil: one register access at a time.
#pragma once

#include <cstdint>

#include "checks.h"
#include "pins.h"

namespace hadron {

template <typename Design>
class RegisterPort {
  public:
    void reset() { *this = {}; }
    void begin_write(uint64_t address, uint32_t data) {
        reset();
        address_ = address;
        data_ = data;
        aw_ = w_ = b_ = true;
    }
    void begin_read(uint64_t address) {
        reset();
        address_ = address;
        ar_ = r_ = true;
    }
    // Whether the access is still to be answered.
    bool busy() const { return b_ || r_; }
    // What a read returned.
    uint32_t data() const { return data_; }

    void drive(Design &design) const {
        design.p_s__axil__awvalid.data[0] = aw_;
        design.p_s__axil__awaddr.data[0] = address_;
        design.p_s__axil__wvalid.data[0] = w_;
        design.p_s__axil__wdata.data[0] = data_;
        design.p_s__axil__wstrb.data[0] = 0xF;
        design.p_s__axil__bready.data[0] = b_;
        design.p_s__axil__arvalid.data[0] = ar_;
        design.p_s__axil__araddr.data[0] = address_;
        design.p_s__axil__rready.data[0] = r_;
    }

    // Return whether a write was taken in this cycle.
    bool sample(const Design &design, Violations &violations, uint64_t now) {
        bool b_valid = get(design.p_s__axil__bvalid), r_valid = get(design.p_s__axil__rvalid);
        bool written = false;
        if (b_valid && !b_) violations.add(now, "s_axil BVALID without a write");
        if (r_valid && !r_) violations.add(now, "s_axil RVALID without a read");
        if (aw_ && get(design.p_s__axil__awready)) aw_ = false;
        if (w_ && get(design.p_s__axil__wready)) {
            w_ = false;
            written = true;
        }
        if (ar_ && get(design.p_s__axil__arready)) ar_ = false;
        if (b_ && b_valid) b_ = false;
        if (r_ && r_valid) {
            data_ = get(design.p_s__axil__rdata);
            r_ = false;
        }
        return written;
    }

  private:
    uint64_t address_ = 0;
    uint32_t data_ = 0;
    bool aw_ = false, w_ = false, b_ = false, ar_ = false, r_ = false;
};

}  // namespace hadron
