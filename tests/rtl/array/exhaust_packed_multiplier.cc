// Give every activation with every pair of weights to a PackedMultiplier, one a cycle, and compare
// what it makes of them with the plain products; with SHALLOW, every pair of activations as well.

#include <cstdio>
#include "dut.cc"

static int sign_extended(int value, int bits) {
    return (value ^ (1 << (bits - 1))) - (1 << (bits - 1));
}

static void give(cxxrtl_design::p_dut &dut, int x, int w0, int w1) {
    dut.p_x.set<uint32_t>(x & 0xff);
    dut.p_byte0.set<uint32_t>(w0 & 0xff);
    dut.p_byte1.set<uint32_t>((w1 - (w0 < 0)) & 0xff);
    dut.p_clk.set<bool>(true);
    dut.step();
    dut.p_clk.set<bool>(false);  // Also brings the outputs up to date with the registers.
    dut.step();
}

#if SHALLOW
// Return how many sets of four products are right, all of them if none is wrong.
static long exhaust_shallow(cxxrtl_design::p_dut &dut) {
    const long activations = 16, weights = 15;
    const long count = activations * activations * weights * weights;
    auto weight0 = [&](long i) { return int(i % weights) - 7; };
    auto weight1 = [&](long i) { return int(i / weights % weights) - 7; };
    auto first = [&](long i) { return int(i / weights / weights % activations) - 8; };
    auto second = [&](long i) { return int(i / weights / weights / activations) - 8; };
    int low = 0, upper = 0, negative = 0;
    long checked = 0;
    dut.p_shallow.set<bool>(true);
    for (long i = 0; i < count + HIGH_LATENCY - 1; i++) {
        const long given = i < count ? i : 0;
        const int number = 128 * second(given) + first(given);
        dut.p_x__low.set<uint32_t>(number & 15);
        give(dut, number >> 4, weight0(given), 16 * weight1(given));
        const long of_high = i - (HIGH_LATENCY - 1);
        const int high = sign_extended(int(dut.p_high.get<uint32_t>()), 5);
        if (of_high >= 0) {
            const int first_odd = first(of_high) * weight1(of_high);
            if (low != 128 * second(of_high) * weight0(of_high) + first(of_high) * weight0(of_high)
                || upper + negative != 128 * second(of_high) * weight1(of_high) + first_odd
                || negative != (low < 0) || high != (first_odd - negative) >> 2) {
                std::printf("first=%d second=%d w0=%d w1=%d\n", first(of_high), second(of_high),
                            weight0(of_high), weight1(of_high));
                return -1;
            }
            checked++;
        }
        low = sign_extended(int(dut.p_low.get<uint32_t>()), 15);
        upper = sign_extended(int(dut.p_upper.get<uint32_t>()), 15);
        negative = int(dut.p_negative.get<uint32_t>());
    }
    dut.p_x__low.set<uint32_t>(0);
    dut.p_shallow.set<bool>(false);
    return checked;
}
#endif

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
        give(dut, activation(given), w0, w1);
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
        low = int(dut.p_low.get<uint32_t>()) >> (SHALLOW ? 4 : 0);
        upper = int(dut.p_upper.get<uint32_t>());
        upper -= (upper & 0x4000) << 1;
    }
    bool right = checked == count;
#if SHALLOW
    const long shallow = exhaust_shallow(dut);
    right = right && shallow > 0;
    checked += shallow;
#endif
    std::printf("%ld\n", checked);
    return right ? 0 : 1;
}
