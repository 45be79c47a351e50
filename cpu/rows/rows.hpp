// Engines that work on one integer at a time.
#pragma once
#include "engine.hpp"

namespace hepy::cpu::rows {

std::size_t radix_bits(std::size_t bits, bool squared);
Engine* make_portable(const Modulus& modulus);
#if defined(HEPY_WITH_MULX)
Engine* make_mulx(const Modulus& modulus);  // only where the processor has BMI2 and ADX
#endif

}  // namespace hepy::cpu::rows
