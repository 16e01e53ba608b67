// Parts of bit vectors in time proportional to the part.
//
// The runtime's slice() and concat() shift the whole vector for every part taken from or put into
// it: on the buses of the NPU, 2,000 bits of 8-bit parts, that was most of the simulation's time.
// rewrite.py puts these in their places.
#pragma once

#include <cxxrtl/cxxrtl.h>

namespace hadron {

using cxxrtl::value;

// Bits Stop:Start of `from`.
template <size_t Stop, size_t Start, size_t N>
CXXRTL_ALWAYS_INLINE value<Stop - Start + 1> cut(const value<N> &from) {
    static_assert(Stop >= Start && Stop < N, "a slice is inside its vector");
    using Part = value<Stop - Start + 1>;
    constexpr size_t first = Start / 32, shift = Start % 32;
    Part part;
    for (size_t i = 0; i < Part::chunks; i++) {
        uint32_t bits = from.data[first + i] >> shift;
        if (shift != 0 && first + i < Stop / 32) bits |= from.data[first + i + 1] << (32 - shift);
        part.data[i] = bits;
    }
    part.data[Part::chunks - 1] &= Part::msb_mask;
    return part;
}

// Replace bits Stop:Start of `to`.
template <size_t Stop, size_t Start, size_t N>
CXXRTL_ALWAYS_INLINE void put(value<N> &to, const value<Stop - Start + 1> &part) {
    static_assert(Stop < N, "a slice is inside its vector");
    constexpr size_t bits = Stop - Start + 1, first = Start / 32, shift = Start % 32;
    for (size_t i = 0; i < value<bits>::chunks; i++) {
        uint32_t mask = i + 1 == value<bits>::chunks ? value<bits>::msb_mask : 0xFFFFFFFFu;
        uint32_t &low = to.data[first + i];
        low = (low & ~(mask << shift)) | part.data[i] << shift;
        if (shift != 0 && (mask >> (32 - shift)) != 0) {
            uint32_t &high = to.data[first + i + 1];
            high = (high & ~(mask >> (32 - shift))) | part.data[i] >> (32 - shift);
        }
    }
}

template <size_t N>
CXXRTL_ALWAYS_INLINE void pack(value<N> &) {}

template <size_t N, class Head, class... Tail>
CXXRTL_ALWAYS_INLINE void pack(value<N> &to, const Head &head, const Tail &...tail) {
    constexpr size_t offset = (size_t(0) + ... + Tail::bits);
    put<offset + Head::bits - 1, offset>(to, static_cast<const value<Head::bits> &>(head));
    pack(to, tail...);
}

// The parts side by side, the most significant first.
template <class... Parts>
CXXRTL_ALWAYS_INLINE value<(size_t(0) + ... + Parts::bits)> join(const Parts &...parts) {
    value<(size_t(0) + ... + Parts::bits)> joined;
    pack(joined, parts...);
    return joined;
}

// Most write ports are idle in most cycles; Yosys queues a write with an empty mask for each.
template <size_t N>
CXXRTL_ALWAYS_INLINE void write_masked(cxxrtl::memory<N> &memory, size_t index,
                                       const value<N> &data, const value<N> &mask, int priority) {
    if (!mask.is_zero()) memory.update(index, data, mask, priority);
}

}  // namespace hadron
