// Stands in for the compiler's header of this name: the instructions that cpu/lanes/vector.hpp uses, in plain C++, one
// lane after the other as Intel's manual defines them (Software Developer's Manual, volume 2). With it the branch for
// AVX-512 IFMA runs on any processor.
#pragma once
#include <cstdint>
#include <cstring>

struct __m512i {
  std::uint64_t q[8];
};

namespace intrinsics {

template <class Lane>
__m512i each(Lane lane) {
  __m512i out;
  for (int i = 0; i < 8; ++i) out.q[i] = lane(i);
  return out;
}

inline unsigned __int128 product(std::uint64_t x, std::uint64_t y) {
  constexpr std::uint64_t kMask = (std::uint64_t(1) << 52) - 1;
  return static_cast<unsigned __int128>(x & kMask) * (y & kMask);
}

}  // namespace intrinsics

inline __m512i _mm512_setzero_si512() {
  return intrinsics::each([](int) { return std::uint64_t(0); });
}
inline __m512i _mm512_set1_epi64(long long value) {
  return intrinsics::each([&](int) { return std::uint64_t(value); });
}
inline __m512i _mm512_loadu_si512(const void* from) {
  __m512i out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }
inline __m512i _mm512_add_epi64(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return a.q[i] + b.q[i]; });
}
inline __m512i _mm512_sub_epi64(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return a.q[i] - b.q[i]; });
}
inline __m512i _mm512_and_si512(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return a.q[i] & b.q[i]; });
}
inline __m512i _mm512_or_si512(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return a.q[i] | b.q[i]; });
}
inline __m512i _mm512_andnot_si512(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return ~a.q[i] & b.q[i]; });
}
inline __m512i _mm512_srli_epi64(__m512i a, unsigned count) {
  return intrinsics::each([&](int i) { return count > 63 ? 0 : a.q[i] >> count; });
}
inline __m512i _mm512_srai_epi64(__m512i a, unsigned count) {
  return intrinsics::each([&](int i) { return std::uint64_t(std::int64_t(a.q[i]) >> (count > 63 ? 63 : count)); });
}
// The low 52 bits of b and c are multiplied; bits 0 to 51, or 52 to 103, are added to all 64 bits of a.
inline __m512i _mm512_madd52lo_epu64(__m512i a, __m512i b, __m512i c) {
  return intrinsics::each([&](int i) {
    return a.q[i] + std::uint64_t(intrinsics::product(b.q[i], c.q[i]) & ((std::uint64_t(1) << 52) - 1));
  });
}
inline __m512i _mm512_madd52hi_epu64(__m512i a, __m512i b, __m512i c) {
  return intrinsics::each([&](int i) { return a.q[i] + std::uint64_t(intrinsics::product(b.q[i], c.q[i]) >> 52); });
}
// Within each 128 bits: the low words of a and b, or the high ones.
inline __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return i % 2 ? b.q[i - 1] : a.q[i]; });
}
inline __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b) {
  return intrinsics::each([&](int i) { return i % 2 ? b.q[i] : a.q[i + 1]; });
}
// Parts of 128 bits: two of a, then two of b, each chosen by two bits of `control`.
inline __m512i _mm512_shuffle_i64x2(__m512i a, __m512i b, int control) {
  return intrinsics::each([&](int i) {
    const int part = control >> (i / 2 * 2) & 3;
    return (i < 4 ? a : b).q[2 * part + i % 2];
  });
}
