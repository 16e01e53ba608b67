// What the caller chooses for a run. Mirrored field by field by hadron_cosim.cxxrtl.library.Options.
#pragma once

#include <cstdint>

namespace hadron {

// Channels on which random stalls can be injected.
enum Channel { AR, R, AW, W, B, CHANNELS };

constexpr uint64_t NO_ADDRESS = ~uint64_t(0);

struct Options {
    // Memory model; times in cycles of the NPU's clock. See hadron_cosim.memory_model.
    uint64_t sdram = 0;  // 0: fast, 1: sdram
    uint64_t latency = 32;
    uint64_t outstanding = 16;
    uint64_t bytes_per_cycle = 2;
    uint64_t row_bytes = 1024;
    uint64_t banks = 4;
    uint64_t row_activate = 2;
    uint64_t row_precharge = 2;
    uint64_t cas = 3;
    uint64_t refresh_interval = 780;
    uint64_t refresh_cycles = 7;
    // Random stalls: chance a cycle in 1/65536, longest stall, seed.
    uint64_t stall[CHANNELS] = {0, 0, 0, 0, 0};
    uint64_t stall_longest = 16;
    uint64_t seed = 1;
    // Beats that touch these bytes are answered with SLVERR.
    uint64_t read_error = NO_ADDRESS;
    uint64_t write_error = NO_ADDRESS;
};

}  // namespace hadron
