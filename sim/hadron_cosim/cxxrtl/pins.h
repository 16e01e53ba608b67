// Read the ports of a design that Yosys wrote as C++.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cxxrtl/cxxrtl.h>

namespace hadron {

// A port is a value<> or, where the design registers it, a wire<>: outputs are read after
// evaluate() and before advance(), when both hold what the pins show in this cycle.
template <size_t N>
const cxxrtl::value<N> &pins(const cxxrtl::value<N> &port) { return port; }
template <size_t N>
const cxxrtl::value<N> &pins(const cxxrtl::wire<N> &port) { return port.curr; }

template <size_t N>
uint64_t read(const cxxrtl::value<N> &port) {
    uint64_t result = port.data[0];
    if (N > 32) result |= uint64_t(port.data[N > 32 ? 1 : 0]) << 32;
    return result;
}
template <typename Port>
uint64_t get(const Port &port) { return read(pins(port)); }

template <size_t N>
constexpr size_t width(const cxxrtl::value<N> *) { return N; }
template <size_t N>
constexpr size_t width(const cxxrtl::wire<N> *) { return N; }

}  // namespace hadron
