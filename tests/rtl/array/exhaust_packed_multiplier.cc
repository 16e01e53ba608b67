// Give every activation with every pair of weights to a PackedMultiplier, one a cycle, and compare
// what it makes of them with the plain products.

#include <cstdio>
#include "dut.cc"

int main() {
    cxxrtl_design::p_dut dut;
    static_assert(HIGH_LATENCY - LATENCY == 1, "`high` comes one cycle after the rest");
    const long activations = 256, weights = 255;
    const long count = activations * weights * weights;
    auto activation = [&](long i) { return int(i / (weights * weights)) - 128; };
    auto weight0 = [&](long i) { return int(i / weights % weights) - 127; };
    auto weight1 = [&](long i) { return int(i % weights) - 127; };
    int low = 0, upper = 0;
    long checked = 0;
    for (long i = 0; i < count + HIGH_LATENCY; i++) {
        const long given = i < count ? i : 0;
        const int w0 = weight0(given), w1 = weight1(given);
        dut.p_x.set<uint32_t>(activation(given) & 0xff);
        dut.p_byte0.set<uint32_t>(w0 & 0xff);
        dut.p_byte1.set<uint32_t>((w1 - (w0 < 0)) & 0xff);
        dut.p_clk.set<bool>(true);
        dut.step();
        dut.p_clk.set<bool>(false);  // Also brings the outputs up to date with the registers.
        dut.step();
        // After this edge the outputs belong to what was given HIGH_LATENCY - 1 steps ago.
        const long of_high = i - (HIGH_LATENCY - 1);
        int high = int(dut.p_high.get<uint32_t>());
        high -= (high & 16) << 1;
        if (of_high >= 0 && of_high < count) {
            const int x = activation(of_high);
            if (high * 1024 + low != x * weight0(of_high) || upper - high != x * weight1(of_high)) {
                std::printf("x=%d w0=%d w1=%d: low=%d high=%d upper=%d\n", x, weight0(of_high),
                            weight1(of_high), low, high, upper);
                return 1;
            }
            checked++;
        }
        low = int(dut.p_low.get<uint32_t>());
        upper = int(dut.p_upper.get<uint32_t>());
        upper -= (upper & 0x4000) << 1;
    }
    std::printf("%ld\n", checked);
    return checked == count ? 0 : 1;
}
