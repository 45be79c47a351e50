// Eight 64-bit lanes: AVX-512 IFMA's where the file is compiled for it, else the same in plain C++.
//
// multiply_low and multiply_high take the low 52 bits of both factors, and add bits 0 to 51, or 52 to 103, of their
// product to a lane of 64 bits.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__AVX512IFMA__)
#include <immintrin.h>
#endif

namespace hepy::cpu {
namespace {

constexpr unsigned kDigitBits = 52;
constexpr std::uint64_t kDigitMask = (std::uint64_t(1) << kDigitBits) - 1;

#if defined(__AVX512IFMA__)

struct Vector {
  __m512i lanes;

  static Vector zero() { return {_mm512_setzero_si512()}; }
  static Vector every(std::uint64_t value) { return {_mm512_set1_epi64(static_cast<long long>(value))}; }
  static Vector load(const std::uint64_t* from) { return {_mm512_loadu_si512(from)}; }
  void store(std::uint64_t* to) const { _mm512_storeu_si512(to, lanes); }
};

inline Vector operator+(Vector x, Vector y) { return {_mm512_add_epi64(x.lanes, y.lanes)}; }
inline Vector operator-(Vector x, Vector y) { return {_mm512_sub_epi64(x.lanes, y.lanes)}; }
inline Vector operator&(Vector x, Vector y) { return {_mm512_and_si512(x.lanes, y.lanes)}; }
inline Vector operator|(Vector x, Vector y) { return {_mm512_or_si512(x.lanes, y.lanes)}; }
inline Vector and_not(Vector x, Vector mask) { return {_mm512_andnot_si512(mask.lanes, x.lanes)}; }
inline Vector shift_right(Vector x, unsigned count) { return {_mm512_srli_epi64(x.lanes, count)}; }
inline Vector shift_right_signed(Vector x, unsigned count) { return {_mm512_srai_epi64(x.lanes, count)}; }
inline Vector multiply_low(Vector sum, Vector x, Vector y) {
  return {_mm512_madd52lo_epu64(sum.lanes, x.lanes, y.lanes)};
}
inline Vector multiply_high(Vector sum, Vector x, Vector y) {
  return {_mm512_madd52hi_epu64(sum.lanes, x.lanes, y.lanes)};
}

// Lane j of vector i and lane i of vector j change places.
inline void transpose(Vector (&v)[8]) {
  __m512i pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(v[i].lanes, v[i + 1].lanes);
    pairs[i + 1] = _mm512_unpackhi_epi64(v[i].lanes, v[i + 1].lanes);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      fours[i + j] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0x88);
      fours[i + j + 2] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0xdd);
    }
  }
  for (int j = 0; j < 4; ++j) {
    v[j].lanes = _mm512_shuffle_i64x2(fours[j], fours[j + 4], 0x88);
    v[j + 4].lanes = _mm512_shuffle_i64x2(fours[j], fours[j + 4], 0xdd);
  }
}

#else

struct Vector {
  std::uint64_t lanes[8];

  static Vector zero() { return every(0); }
  static Vector every(std::uint64_t value) {
    Vector out;
    for (auto& lane : out.lanes) lane = value;
    return out;
  }
  static Vector load(const std::uint64_t* from) {
    Vector out;
    for (int i = 0; i < 8; ++i) out.lanes[i] = from[i];
    return out;
  }
  void store(std::uint64_t* to) const {
    for (int i = 0; i < 8; ++i) to[i] = lanes[i];
  }
};

template <class Operation>
inline Vector each_lane(Operation operation) {
  Vector out;
  for (int i = 0; i < 8; ++i) out.lanes[i] = operation(i);
  return out;
}

inline Vector operator+(const Vector& x, const Vector& y) {
  return each_lane([&](int i) { return x.lanes[i] + y.lanes[i]; });
}
inline Vector operator-(const Vector& x, const Vector& y) {
  return each_lane([&](int i) { return x.lanes[i] - y.lanes[i]; });
}
inline Vector operator&(const Vector& x, const Vector& y) {
  return each_lane([&](int i) { return x.lanes[i] & y.lanes[i]; });
}
inline Vector operator|(const Vector& x, const Vector& y) {
  return each_lane([&](int i) { return x.lanes[i] | y.lanes[i]; });
}
inline Vector and_not(const Vector& x, const Vector& mask) {
  return each_lane([&](int i) { return x.lanes[i] & ~mask.lanes[i]; });
}
inline Vector shift_right(const Vector& x, unsigned count) {
  return each_lane([&](int i) { return x.lanes[i] >> count; });
}
inline Vector shift_right_signed(const Vector& x, unsigned count) {
  return each_lane([&](int i) { return std::uint64_t(std::int64_t(x.lanes[i]) >> count); });
}
inline unsigned __int128 digit_product(std::uint64_t x, std::uint64_t y) {
  return static_cast<unsigned __int128>(x & kDigitMask) * (y & kDigitMask);
}
inline Vector multiply_low(const Vector& sum, const Vector& x, const Vector& y) {
  return each_lane(
      [&](int i) { return sum.lanes[i] + (std::uint64_t(digit_product(x.lanes[i], y.lanes[i])) & kDigitMask); });
}
inline Vector multiply_high(const Vector& sum, const Vector& x, const Vector& y) {
  return each_lane(
      [&](int i) { return sum.lanes[i] + std::uint64_t(digit_product(x.lanes[i], y.lanes[i]) >> kDigitBits); });
}

inline void transpose(Vector (&v)[8]) {
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < i; ++j) {
      const std::uint64_t above = v[j].lanes[i];
      v[j].lanes[i] = v[i].lanes[j];
      v[i].lanes[j] = above;
    }
  }
}

#endif

}  // namespace
}  // namespace hepy::cpu
