/* SPDX-License-Identifier: Apache-2.0
 * Logarithms to base 2 in 1/1024 (1024 is one stop, twice the light), by tables of 33 nodes. */
#ifndef HADRON_STOPS_H
#define HADRON_STOPS_H

#include <stdint.h>

#define HADRON_STOP 1024

/* log2(1 + i / 32) in 1/65536. */
static const uint32_t hadron_log2_nodes[33] = {
    0, 2909, 5732, 8473, 11136, 13727, 16248, 18704,
    21098, 23433, 25711, 27936, 30109, 32234, 34312, 36346,
    38336, 40286, 42196, 44068, 45904, 47705, 49472, 51207,
    52911, 54584, 56229, 57845, 59434, 60997, 62534, 64047,
    65536};

/* 2 ** (i / 32) in 1/32768. */
static const uint32_t hadron_exp2_nodes[33] = {
    32768, 33486, 34219, 34968, 35734, 36516, 37316, 38133,
    38968, 39821, 40693, 41584, 42495, 43425, 44376, 45348,
    46341, 47356, 48393, 49452, 50535, 51642, 52773, 53928,
    55109, 56316, 57549, 58809, 60097, 61413, 62757, 64132,
    65536};

/* Return log2(value) in stops, within 1 of the true value; 0 is taken for 1. */
static inline int32_t hadron_log2(uint32_t value)
{
    int32_t whole = 31;
    uint32_t node, part, fraction;

    if (value == 0)
        return 0;
    while (!(value & 0x80000000u)) {
        value <<= 1;
        --whole;
    }
    node = value >> 26 & 31u;
    part = value >> 10 & 0xffffu;
    fraction = hadron_log2_nodes[node] +
               (((hadron_log2_nodes[node + 1] - hadron_log2_nodes[node]) * part) >> 16);
    return whole * HADRON_STOP + (int32_t)((fraction + 32u) >> 6);
}

/* Return 2 ** stops, within 0.1 %; what is below 1 is 1, what is above 2 ** 31 is that. */
static inline uint32_t hadron_exp2(int32_t stops)
{
    uint32_t whole, node, part, value;

    if (stops <= 0)
        return 1;
    if (stops >= 31 * HADRON_STOP)
        return 0x80000000u;
    whole = (uint32_t)stops / HADRON_STOP;
    node = (uint32_t)stops % HADRON_STOP >> 5;
    part = (uint32_t)stops & 31u;
    value = hadron_exp2_nodes[node] +
            (((hadron_exp2_nodes[node + 1] - hadron_exp2_nodes[node]) * part) >> 5);
    return whole >= 15 ? value << (whole - 15) : (value + (1u << (14 - whole))) >> (15 - whole);
}

#endif /* HADRON_STOPS_H */
