// Random pauses of a channel.
#pragma once

#include <cstdint>

namespace hadron {

// One generator a channel, so that what happens on one does not move the others.
class Stalls {
  public:
    void configure(uint64_t chance, uint64_t longest, uint64_t seed) {
        chance_ = chance;
        longest_ = longest ? longest : 1;
        state_ = seed * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u;
        left_ = 0;
    }
    // Whether the channel is held up in this cycle; called once a cycle.
    bool next() {
        if (!chance_) return false;
        if (left_) return --left_, true;
        if ((random() & 0xFFFF) >= chance_) return false;
        left_ = random() % longest_;
        return true;
    }

  private:
    uint64_t random() {  // xorshift64*, G. Marsaglia, "Xorshift RNGs", 2003
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return (state_ * 0x2545F4914F6CDD1Du) >> 32;
    }
    uint64_t chance_ = 0, longest_ = 1, state_ = 1, left_ = 0;
};

}  // namespace hadron
