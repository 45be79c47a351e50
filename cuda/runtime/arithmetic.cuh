// Words and carries: the only file with PTX. Each function also has a portable body, which defines what it means.
#pragma once
#include "runtime/platform.cuh"

namespace hepy::runtime {

// High half of a product.
HEPY_DEVICE std::uint32_t mul_hi(std::uint32_t a, std::uint32_t b) {
#if defined(__CUDACC__)
  return __umulhi(a, b);
#else
  return std::uint32_t(std::uint64_t(a) * b >> 32);
#endif
}

HEPY_DEVICE std::uint64_t mul_hi(std::uint64_t a, std::uint64_t b) {
#if defined(__CUDACC__)
  return __umul64hi(a, b);
#else
  return std::uint64_t(static_cast<unsigned __int128>(a) * b >> 64);
#endif
}

// a * b + c mod 2^64, one IMAD.WIDE. As a pair of instructions, because ptxas takes mad.wide apart where it thinks that
// additions are cheaper.
HEPY_DEVICE std::uint64_t mad_wide(std::uint32_t a, std::uint32_t b, std::uint64_t c) {
#if defined(__CUDACC__)
  std::uint32_t low, high;
  asm("mad.lo.cc.u32 %0, %2, %3, %4; madc.hi.u32 %1, %2, %3, %5;"
      : "=&r"(low), "=r"(high)
      : "r"(a), "r"(b), "r"(std::uint32_t(c)), "r"(std::uint32_t(c >> 32)));
  return std::uint64_t(high) << 32 | low;
#else
  return std::uint64_t(a) * b + c;
#endif
}

// min(a + b mod 2^32, c), one VIADDMNMX where there is one.
HEPY_DEVICE std::uint32_t add_min(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
#if defined(__CUDACC__)
  return __viaddmin_u32(a, b, c);
#else
  return a + b < c ? a + b : c;
#endif
}

// The bits of x in reverse order.
HEPY_DEVICE std::uint32_t reverse_bits(std::uint32_t x) {
#if defined(__CUDACC__)
  return __brev(x);
#else
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0F0F0F0F) | (x & 0x0F0F0F0F) << 4;
  return __builtin_bswap32(x);
#endif
}

// x rotated left by `bits` in (0, 32).
HEPY_DEVICE std::uint32_t rotate_left(std::uint32_t x, unsigned bits) {
#if defined(__CUDACC__)
  return __funnelshift_l(x, x, bits);
#else
  return x << bits | x >> (32 - bits);
#endif
}

// The carry (or borrow) between two functions below. On a GPU it is the processor's flag: nothing that sets flags may
// stand between the function that leaves a carry (`_cc`) and the one that takes it (`c` in `addc`, `subc`, `madc`).
// A chain is such functions one after the other, in one function body.
struct Carry {
#if !defined(__CUDACC__)
  std::uint32_t bit = 0;
#endif
};

#if defined(__CUDACC__)

HEPY_DEVICE std::uint32_t add_cc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t sum;
  asm volatile("add.cc.u32 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b));
  return sum;
}
HEPY_DEVICE std::uint32_t addc_cc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t sum;
  asm volatile("addc.cc.u32 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b));
  return sum;
}
HEPY_DEVICE std::uint32_t addc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t sum;
  asm volatile("addc.u32 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b));
  return sum;
}
HEPY_DEVICE std::uint32_t sub_cc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t difference;
  asm volatile("sub.cc.u32 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}
HEPY_DEVICE std::uint32_t subc_cc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t difference;
  asm volatile("subc.cc.u32 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}
HEPY_DEVICE std::uint32_t subc(std::uint32_t a, std::uint32_t b, Carry&) {
  std::uint32_t difference;
  asm volatile("subc.u32 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}
// The pair stands in one statement so that ptxas fuses it to one IMAD.WIDE.U32.X.
HEPY_DEVICE void mad_wide_cc(std::uint32_t& low, std::uint32_t& high, std::uint32_t a, std::uint32_t b,
                             std::uint32_t add_low, std::uint32_t add_high, Carry&) {
  asm volatile("mad.lo.cc.u32 %0, %2, %3, %4; madc.hi.cc.u32 %1, %2, %3, %5;"
               : "=&r"(low), "=r"(high)
               : "r"(a), "r"(b), "r"(add_low), "r"(add_high));
}
HEPY_DEVICE void madc_wide_cc(std::uint32_t& low, std::uint32_t& high, std::uint32_t a, std::uint32_t b,
                              std::uint32_t add_low, std::uint32_t add_high, Carry&) {
  asm volatile("madc.lo.cc.u32 %0, %2, %3, %4; madc.hi.cc.u32 %1, %2, %3, %5;"
               : "=&r"(low), "=r"(high)
               : "r"(a), "r"(b), "r"(add_low), "r"(add_high));
}

#else

// a + b + the carry that comes in; a - b - the borrow that comes in.
inline std::uint32_t addc_cc(std::uint32_t a, std::uint32_t b, Carry& carry) {
  const std::uint64_t sum = std::uint64_t(a) + b + carry.bit;
  carry.bit = std::uint32_t(sum >> 32);
  return std::uint32_t(sum);
}
inline std::uint32_t subc_cc(std::uint32_t a, std::uint32_t b, Carry& borrow) {
  const std::uint64_t difference = std::uint64_t(a) - b - borrow.bit;
  borrow.bit = std::uint32_t(difference >> 32) & 1;
  return std::uint32_t(difference);
}
inline std::uint32_t add_cc(std::uint32_t a, std::uint32_t b, Carry& carry) {
  carry.bit = 0;
  return addc_cc(a, b, carry);
}
inline std::uint32_t sub_cc(std::uint32_t a, std::uint32_t b, Carry& borrow) {
  borrow.bit = 0;
  return subc_cc(a, b, borrow);
}
inline std::uint32_t addc(std::uint32_t a, std::uint32_t b, Carry& carry) { return a + b + carry.bit; }
inline std::uint32_t subc(std::uint32_t a, std::uint32_t b, Carry& borrow) { return a - b - borrow.bit; }

// (high, low) = a * b + (add_high, add_low) + the carry that comes in. Outputs may be the addends' own variables.
inline void madc_wide_cc(std::uint32_t& low, std::uint32_t& high, std::uint32_t a, std::uint32_t b,
                         std::uint32_t add_low, std::uint32_t add_high, Carry& carry) {
  const std::uint64_t product = std::uint64_t(a) * b + carry.bit;  // a * b <= 2^64 - 2^33 + 1: no overflow
  const std::uint64_t sum = product + (std::uint64_t(add_high) << 32 | add_low);
  carry.bit = sum < product;
  low = std::uint32_t(sum);
  high = std::uint32_t(sum >> 32);
}
inline void mad_wide_cc(std::uint32_t& low, std::uint32_t& high, std::uint32_t a, std::uint32_t b,
                        std::uint32_t add_low, std::uint32_t add_high, Carry& carry) {
  carry.bit = 0;
  madc_wide_cc(low, high, a, b, add_low, add_high, carry);
}

#endif

}  // namespace hepy::runtime
