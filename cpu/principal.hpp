// Products with principal units 1 + k m modulo a square m^2. In pairs (a + b m)(1 + k m) = a + (b + a k) m: a product
// of half the length with a short integer, and its remainder modulo m. A pair in Montgomery form stays in it.
//
// Compiled once for each instruction set, as algorithms.hpp says.
#pragma once
#include <cstring>

#include "engine.hpp"

namespace hepy::cpu {
namespace {

using Wide = unsigned __int128;

// The upper half of a product of 256 bits.
inline Wide multiply_high(Wide x, Wide y) {
  const Limb x0 = Limb(x), x1 = Limb(x >> 64), y0 = Limb(y), y1 = Limb(y >> 64);
  const Wide low = Wide(x0) * y0, left = Wide(x1) * y0, right = Wide(x0) * y1;
  const Wide middle = (low >> 64) + Limb(left) + Limb(right);
  return Wide(x1) * y1 + (left >> 64) + (right >> 64) + (middle >> 64);
}

// For one m of `bits` bits, at `m` for as long as this lives, in `size` digits of kBits bits.
//
// The remainder is taken by long division (Knuth, TAOCP 2, section 4.3.1, algorithm D). A digit of the quotient is
// estimated from two numbers of 128 bits as Barrett does (Handbook of Applied Cryptography, 14.42). The sequence of
// operations and of addresses depends on sizes only.
template <unsigned kBits>
class PrincipalUnits {
  static constexpr Limb kMask = ~Limb(0) >> (64 - kBits);
  static constexpr std::size_t kBelow = 3, kAbove = 3;  // zero digits around a number, for windows that reach beyond it

 public:
  PrincipalUnits(const Limb* m, std::size_t size, std::size_t bits) : m_(m), size_(size), bits_(bits) {
    const std::size_t digits = kBelow + size + kAbove;
    Limb* const padded = acquire(digits);
    std::memset(padded, 0, digits * sizeof(Limb));
    std::memcpy(padded + kBelow, m, size * sizeof(Limb));
    const Wide divisor =
        window(padded, kBits * kBelow + bits - 127) + 1;  // m's upper 127 bits: from 2^126 + 1 to 2^127
    release(padded, digits);
    Wide rest = (Wide(1) << 126) - 1;
    for (int i = 0; i < 128; ++i) {
      rest = rest << 1 | 1;
      const Wide fits = Wide(rest < divisor) - 1;  // all ones, or 0
      rest -= divisor & fits;
      reciprocal_ = reciprocal_ << 1 | (fits & 1);
    }
  }

  // Limbs of memory that multiply() takes for k of so many digits.
  std::size_t scratch_limbs(std::size_t digits) const { return kBelow + size_ + digits + kAbove + size_; }

  // out = x (1 + k m), or x (1 - k m) where `negative` is all ones and not 0. Pairs are canonical, with b at digit
  // `size`; out is not x.
  void multiply(Limb* out, const Limb* x, const Limb* k, std::size_t digits, Limb negative, Limb* scratch) const {
    const std::size_t around = kBelow + size_ + digits + kAbove;
    Limb *const t = scratch + kBelow, *const spare = scratch + around, *const factor = out + size_;
    std::memset(scratch, 0, around * sizeof(Limb));
    std::memcpy(out, x, size_ * sizeof(Limb));
    select(factor, x, negative);
    for (std::size_t j = 0; j < digits; ++j) add_product(t + j, factor, k[j]);
    // What is left at digit j is below m 2^(kBits (j + 1)), also for a factor of m and k of ones.
    for (std::size_t j = digits; j-- > 0;) {
      subtract_product(t + j, quotient(t + j));
      settle(t + j, spare);
    }
    add(t, x + size_);
    settle(t, spare);
    std::memcpy(out + size_, t, size_ * sizeof(Limb));
  }

 private:
  // Bits [position, position + 128).
  static Wide window(const Limb* digits, std::size_t position) {
    const Limb* digit = digits + position / kBits;
    const unsigned skipped = unsigned(position % kBits);
    Wide bits = *digit >> skipped;
    for (unsigned at = kBits - skipped; at < 128; at += kBits) bits |= Wide(*++digit) << at;
    return bits;
  }

  // floor(t / m), or one less: t below 2^kBits m. With T = floor(t / 2^(bits - 64)), which has at most 128 bits, and
  // the reciprocal, more than 2^(bits + 127) / m - 6, T reciprocal / 2^191 is at most t / m, and less by 7 * 2^-63 at
  // most.
  Limb quotient(const Limb* t) const {
    const Wide top = window(t - kBelow, kBits * kBelow + bits_ - 64);
    return Limb(multiply_high(top, reciprocal_) >> 63);
  }

  // out = x, or m - x where `negative` is all ones.
  void select(Limb* out, const Limb* x, Limb negative) const {
    Limb borrow = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      out[i] = (difference(m_[i], x[i], borrow) & negative) | (x[i] & ~negative);
    }
  }

  // t += x y, where x has `size` digits and t one more, which is 0.
  void add_product(Limb* t, const Limb* x, Limb y) const {
    Limb carry = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const Wide sum = Wide(x[i]) * y + t[i] + carry;
      t[i] = Limb(sum) & kMask;
      carry = Limb(sum >> kBits);
    }
    t[size_] = carry;
  }

  // t -= m q, of `size` digits and one more; not negative.
  void subtract_product(Limb* t, Limb q) const {
    Limb carry = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const Wide product = Wide(m_[i]) * q + carry;
      const Limb low = Limb(product) & kMask;
      carry = Limb(product >> kBits) + (t[i] < low);
      t[i] = (t[i] - low) & kMask;
    }
    t[size_] -= carry;
  }

  // t += y, of `size` digits; the next one takes the carry.
  void add(Limb* t, const Limb* y) const {
    Limb carry = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const Wide sum = Wide(t[i]) + y[i] + carry;
      t[i] = Limb(sum) & kMask;
      carry = Limb(sum >> kBits);
    }
    t[size_] += carry;
  }

  // t mod m for t below 2m, of `size` digits and one more; `spare` has room for as many.
  void settle(Limb* t, Limb* spare) const {
    Limb borrow = 0;
    for (std::size_t i = 0; i < size_; ++i) spare[i] = difference(t[i], m_[i], borrow);
    const Limb enough = 0 - (t[size_] | (borrow ^ 1));
    for (std::size_t i = 0; i < size_; ++i) t[i] = (spare[i] & enough) | (t[i] & ~enough);
    t[size_] = 0;
  }

  // x - y - borrow, a digit, and what it borrows.
  static Limb difference(Limb x, Limb y, Limb& borrow) {
    const Limb first = x - y, second = first - borrow;
    borrow = Limb(x < y) | Limb(first < borrow);
    return second & kMask;
  }

  const Limb* m_;
  std::size_t size_, bits_;
  Wide reciprocal_ = 0;  // floor((2^254 - 1) / (m's upper 127 bits + 1))
};

}  // namespace
}  // namespace hepy::cpu
