// AXI4 rules the NPU's master port must keep; source: Arm IHI 0022, sections A3.2 and A3.4.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>

namespace hadron {

// Counts violations and keeps the text of the first ones.
class Violations {
  public:
    void add(uint64_t cycle, const char *format, ...) {
        if (++count_ > KEPT) return;
        char text[256];
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        text_ += "cycle " + std::to_string(cycle) + ": " + text + "\n";
    }
    uint64_t count() const { return count_; }
    const std::string &text() const { return text_; }
    void clear() {
        count_ = 0;
        text_.clear();
    }

  private:
    static constexpr uint64_t KEPT = 8;
    uint64_t count_ = 0;
    std::string text_;
};

// VALID, once high, stays high with the same payload until READY (A3.2.1).
template <typename Payload>
class Stable {
  public:
    void check(Violations &violations, uint64_t cycle, const char *channel, bool valid, bool ready,
               const Payload &payload) {
        if (waiting_) {
            if (!valid) violations.add(cycle, "%sVALID fell before %sREADY", channel, channel);
            else if (!(payload == payload_))
                violations.add(cycle, "%s payload changed while it waited", channel);
        }
        waiting_ = valid && !ready;
        if (waiting_) payload_ = payload;
    }
    void reset() { waiting_ = false; }

  private:
    bool waiting_ = false;
    Payload payload_{};
};

// What an address channel carries.
struct Burst {
    uint64_t address = 0;
    uint64_t length = 0;  // beats - 1
    uint64_t size = 0;
    uint64_t type = 0;
    uint64_t id = 0;
    bool operator==(const Burst &other) const {
        return address == other.address && length == other.length && size == other.size
               && type == other.type && id == other.id;
    }
};

inline void check_burst(Violations &violations, uint64_t cycle, const char *channel,
                        const Burst &burst, uint64_t beat_bytes) {
    if (burst.type != 1)
        violations.add(cycle, "%sBURST is %d, not INCR", channel, int(burst.type));
    if (uint64_t(1) << burst.size != beat_bytes)
        violations.add(cycle, "%sSIZE is %d, not the width of the bus", channel, int(burst.size));
    uint64_t first = burst.address / beat_bytes * beat_bytes;
    uint64_t last = first + (burst.length + 1) * beat_bytes - 1;
    if (first / 4096 != last / 4096)
        violations.add(cycle, "%s burst of %d beats at 0x%llx crosses a 4 KB boundary", channel,
                       int(burst.length + 1), (unsigned long long)burst.address);
}

}  // namespace hadron
