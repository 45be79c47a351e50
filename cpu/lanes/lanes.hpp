// Engines that work on eight integers at a time, one in each lane of a vector.
#pragma once
#include "engine.hpp"

namespace hepy::cpu::lanes {

std::size_t radix_bits(std::size_t bits, bool squared);
Engine* make_portable(const Modulus& modulus);
#if defined(HEPY_WITH_IFMA)
Engine* make_ifma(const Modulus& modulus);  // only where the processor has AVX-512 IFMA
#endif

}  // namespace hepy::cpu::lanes
