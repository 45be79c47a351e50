// Numbers of 64 bits that stand for round(x 2^scale), half to even: magnitude 2^shift.
#pragma once
#include "bigint/bigint.hpp"
#include "bigint/warp.cuh"

namespace hepy::bigint {

struct FixedPoints {
  static constexpr bool has_sign = true;
  const std::uint64_t* in;
  Number number;
  int scale;

  HEPY_DEVICE bool is_negative(std::size_t i) const { return number != Number::kUnsigned && in[i] >> 63; }

  HEPY_DEVICE void decode(std::size_t i, std::uint64_t& magnitude, int& shift) const {
    magnitude = in[i];
    shift = scale;
    if (number == Number::kFloat) {
      const int exponent = int(magnitude >> 52 & 2047);
      magnitude &= (std::uint64_t(1) << 52) - 1;
      if (exponent > 0) magnitude |= std::uint64_t(1) << 52;
      shift += (exponent > 0 ? exponent : 1) - 1075;
      if (shift < 0) {
        magnitude = rounded(magnitude, -shift);
        shift = 0;
      }
    } else if (is_negative(i)) {
      magnitude = 0 - magnitude;
    }
  }

  // x / 2^shift, half to even, for x below 2^53 and a shift above 0.
  HEPY_DEVICE static std::uint64_t rounded(std::uint64_t x, int shift) {
    if (shift > 53) return 0;
    const std::uint64_t quotient = x >> shift, rest = x - (quotient << shift), half = std::uint64_t(1) << (shift - 1);
    return quotient + (rest > half || (rest == half && (quotient & 1)));
  }

  // The operand becomes limbs [from, from + number) of the magnitude of this group's integer.
  template <class Shape>
  HEPY_DEVICE void fetch_piece(const Warp<Shape, 1>& warp, std::size_t from, std::size_t count) const {
    std::uint64_t magnitude = 0;
    int shift = 0;
    if (warp.index() < count) decode(warp.index(), magnitude, shift);
    Limb x[Shape::part];
    HEPY_UNROLL
    for (int j = 0; j < Shape::part; ++j) {
      const int bit = 32 * (int(from) + warp.group.lane * Shape::part + j) - shift;  // of the magnitude
      x[j] = bit <= -32 || bit >= 64 ? 0 : bit < 0 ? Limb(magnitude << -bit) : Limb(magnitude >> bit);
    }
    warp.template put<Shape::part>(x);
  }
};

}  // namespace hepy::bigint
