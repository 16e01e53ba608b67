// What every simulated design has: a clock, a reset, registers over AXI4-Lite, an interrupt.
#pragma once

#include "ports.h"

#include <cstdint>

#include "checks.h"
#include "registers.h"

namespace hadron {

// Derived sets the inputs of a cycle in drive() and looks at the outputs in sample().
template <typename Derived, typename Design>
class Clocked {
  public:
    // One register access; false when the design does not answer within 1000 cycles.
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

    bool irq() const { return irq_; }
    uint64_t now() const { return now_; }
    Violations violations;

  protected:
    void hold_reset(uint64_t cycles) {
        axil_.reset();
        resetting_ = true;
        design_.p_rst.data[0] = 1;
        for (uint64_t i = 0; i < cycles; i++) cycle();
        design_.p_rst.data[0] = 0;
        resetting_ = false;
    }

    // One evaluation a cycle: it computes the logic from the registers as they were, and what they
    // take at the edge; only advance() moves them. Where Yosys found feedback between wires
    // (ports.h says), the logic needs several passes to settle, and they come first.
    void cycle() {
        derived().drive();
#ifdef HAS_FEEDBACK
        design_.edge = false;
        do design_.evaluate();
        while (design_.advance());
        design_.edge = true;
#endif
        design_.evaluate();
        derived().sample();
        design_.advance();
        now_++;
    }

    Design design_;
    RegisterPort<Design> axil_;
    bool irq_ = false, resetting_ = false;
    uint64_t now_ = 0;

  private:
    Derived &derived() { return static_cast<Derived &>(*this); }

    bool finish_access() {
        for (int i = 0; i < 1000 && axil_.busy(); i++) cycle();
        return !axil_.busy();
    }
};

}  // namespace hadron
