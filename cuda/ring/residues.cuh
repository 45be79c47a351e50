// Integers that a thread finds for itself, to their residues modulo every prime: what samplers and from_words share.
//
// A thread owns four neighbouring coefficients of an entry, finds their integers once, and walks over the limbs.
#pragma once
#include <algorithm>

#include "ring/modular.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {

constexpr unsigned kResidueThreads = 128, kResidueWords = 4;
constexpr Word kSmallestPrime = 17;  // 1 mod 2N, N at least 8

// 2^32 residue + word mod q: [0, q), any word -> [0, q). The sum is below q^2 + 2^32 q, so its upper word is below 2q.
HEPY_DEVICE Word append(Word residue, Word word, const Prime& p) {
  const Wide sum = runtime::mad_wide(word, p.radix, runtime::mad_wide(residue, p.radix_squared, 0));
  const Word high = reduce_once(Word(sum >> 32), p.q);
  return reduce_once(montgomery_lazy(Wide(high) << 32 | Word(sum), p), p.q);
}

// -x mod q where the mask is all ones, x where it is 0.
HEPY_DEVICE Word negate_where(Word mask, Word x, Word q) { return x ^ ((x ^ negate(x, q)) & mask); }

// Integers of four coefficients: residues(p) gives theirs modulo a prime. Masks are all ones where one is negative.

// Magnitudes below 2q for every prime.
struct SmallIntegers {
  Word magnitude[kResidueWords], mask[kResidueWords];

  HEPY_DEVICE Word residue(unsigned c, Word q) const { return negate_where(mask[c], reduce_once(magnitude[c], q), q); }
  HEPY_DEVICE uint4 residues(const Prime& p) const {
    return {residue(0, p.q), residue(1, p.q), residue(2, p.q), residue(3, p.q)};
  }
};

// Magnitudes below 2^64.
struct WideIntegers {
  Wide magnitude[kResidueWords];
  Word mask[kResidueWords];

  HEPY_DEVICE Word residue(unsigned c, const Prime& p) const {
    const Word upper = product(Word(magnitude[c] >> 32), p.radix, p);
    return negate_where(mask[c], append(upper, Word(magnitude[c]), p), p.q);
  }
  HEPY_DEVICE uint4 residues(const Prime& p) const {
    return {residue(0, p), residue(1, p), residue(2, p), residue(3, p)};
  }
};

// Grid: parts of a row; groups of limbs, which blocks take gridDim.y apart; entries.
//
// source.at(entry, n, log_degree): the integers of coefficients n to n + 3 of an entry.
template <class Source>
__global__ void __launch_bounds__(kResidueThreads)
    residues_kernel(Word* __restrict__ out, Source source, Basis basis, unsigned entries) {
  const unsigned n = (blockIdx.x * blockDim.x + threadIdx.x) * kResidueWords;
  if (n >> basis.log_degree != 0) return;
  for (unsigned entry = blockIdx.z; entry < entries; entry += gridDim.z) {
    const auto integers = source.at(entry, n, basis.log_degree);
    for (unsigned limb = blockIdx.y; limb < basis.limbs; limb += gridDim.y) {
      const std::size_t row = std::size_t(entry) * basis.limbs + limb;
      runtime::store4(out + (row << basis.log_degree) + n, integers.residues(basis.primes[limb]));
    }
  }
}

template <class Source>
void residues(runtime::LaunchSite site, const Basis& basis, Word* out, const Source& source, std::size_t entries) {
  if (entries == 0) return;
  constexpr unsigned kWantedBlocks = 1024;  // what an integer takes to find is spread over as many limbs as that leaves
  const unsigned vectors = unsigned(basis.degree() / kResidueWords),
                 threads = std::clamp(vectors, 32u, kResidueThreads);
  const unsigned parts = runtime::blocks(vectors, threads);
  const std::size_t whole = parts * entries;
  const unsigned groups = unsigned(std::clamp<std::size_t>(kWantedBlocks / whole, 1, basis.limbs));
  runtime::launch(residues_kernel<Source>, grid_of(parts, groups, unsigned(entries)), threads, 0, site, out, source,
                  basis, unsigned(entries));
}

}  // namespace hepy::ring
