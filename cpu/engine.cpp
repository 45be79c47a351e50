// What engines share at run time: which there are, what this processor lacks, memory that is zeroed.
#include "engine.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#include "lanes/lanes.hpp"
#include "rows/rows.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hepy::cpu {
namespace {

struct Features {
  bool bmi2 = false, adx = false, avx512f = false, avx512ifma = false;
};

Features detect() {
  Features found;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  found.bmi2 = b >> 8 & 1;
  found.adx = b >> 19 & 1;
  const bool avx512f = b >> 16 & 1, avx512ifma = b >> 21 & 1;
  // The operating system has to save the wide registers: OSXSAVE, then bits 1, 2, 5, 6, 7 of XCR0.
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return found;
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const bool saved = (low & 0xe6) == 0xe6;
  found.avx512f = avx512f && saved;
  found.avx512ifma = avx512ifma && found.avx512f;
#endif
  return found;
}

const Features& features() {
  static const Features found = detect();
  return found;
}

std::vector<Kind> make_kinds() {
  std::vector<Kind> kinds;
#if defined(HEPY_WITH_IFMA)
  kinds.push_back({"ifma", features().avx512ifma ? "" : "the processor has no AVX-512 IFMA",
                   "eight integers in lanes of 52-bit limbs, AVX-512 IFMA", &lanes::radix_bits, &lanes::make_ifma});
#endif
#if defined(HEPY_WITH_MULX)
  kinds.push_back({"mulx", features().bmi2 && features().adx ? "" : "the processor has no MULX and ADX",
                   "rows of 64-bit limbs, MULX with two carry chains", &rows::radix_bits, &rows::make_mulx});
#endif
  kinds.push_back(
      {"portable-lanes", "", "lanes of 52-bit limbs in plain C++", &lanes::radix_bits, &lanes::make_portable});
  kinds.push_back({"portable-rows", "", "rows of 64-bit limbs in plain C++", &rows::radix_bits, &rows::make_portable});
  return kinds;
}

}  // namespace

Engine::~Engine() = default;

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> made = make_kinds();
  return made;
}

std::vector<std::string> processor_features() {
  std::vector<std::string> names;
  if (features().bmi2) names.emplace_back("bmi2");
  if (features().adx) names.emplace_back("adx");
  if (features().avx512f) names.emplace_back("avx512f");
  if (features().avx512ifma) names.emplace_back("avx512ifma");
  return names;
}

Limb* acquire(std::size_t limbs) {
  constexpr std::size_t kAlignment = 64;
  const std::size_t bytes = (limbs * sizeof(Limb) + kAlignment - 1) / kAlignment * kAlignment;
  void* const memory = std::aligned_alloc(kAlignment, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<Limb*>(memory);
}

void release(Limb* memory, std::size_t limbs) {
  wipe(memory, limbs);
  std::free(memory);
}

void wipe(Limb* memory, std::size_t limbs) {
  std::memset(memory, 0, limbs * sizeof(Limb));
  __asm__ volatile("" : : "r"(memory) : "memory");  // the compiler keeps the stores
}

}  // namespace hepy::cpu
