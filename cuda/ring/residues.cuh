// Integers that a thread finds for itself, to their residues modulo every prime: what samplers and from_words share.
#pragma once
#include <algorithm>

#include "ring/modular.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {

constexpr unsigned kResidueThreads = 256;

// 2^32 residue + word mod q: [0, q), any word -> [0, q). The sum is below q^2 + 2^32 q, so its upper word is below 2q.
HEPY_DEVICE Word append(Word residue, Word word, const Prime& p) {
  const Wide sum = runtime::mad_wide(word, p.radix, runtime::mad_wide(residue, p.radix_squared, 0));
  const Word high = reduce_once(Word(sum >> 32), p.q);
  return reduce_once(montgomery_lazy(Wide(high) << 32 | Word(sum), p), p.q);
}

// -x mod q where the mask is all ones, x where it is 0.
HEPY_DEVICE Word negate_where(Word mask, Word x, Word q) { return x ^ ((x ^ negate(x, q)) & mask); }

// Integer: what source.at(entry, n) gives. words(), word(k), lowest first, and mask(): all ones where it is negative.
//
// Grid: parts of a row; groups of limbs, which blocks take gridDim.y apart; entries.
template <class Source>
__global__ void __launch_bounds__(kResidueThreads)
    residues_kernel(Word* __restrict__ out, Source source, Basis basis, unsigned entries) {
  const unsigned n = blockIdx.x * blockDim.x + threadIdx.x;
  if (n >> basis.log_degree != 0) return;
  for (unsigned entry = blockIdx.z; entry < entries; entry += gridDim.z) {
    const auto integer = source.at(entry, n, basis.log_degree);
    for (unsigned limb = blockIdx.y; limb < basis.limbs; limb += gridDim.y) {
      const Prime p = basis.primes[limb];
      Word residue = 0;
      for (unsigned k = integer.words(); k-- > 0;) residue = append(residue, integer.word(k), p);
      const std::size_t row = std::size_t(entry) * basis.limbs + limb;
      out[(row << basis.log_degree) + n] = negate_where(integer.mask(), residue, p.q);
    }
  }
}

// So many words that it knows beforehand.
template <unsigned count>
struct ShortInteger {
  Word value[count];
  Word sign;

  HEPY_DEVICE constexpr unsigned words() const { return count; }
  HEPY_DEVICE Word word(unsigned k) const { return value[k]; }
  HEPY_DEVICE Word mask() const { return sign; }
};

template <class Source>
void residues(runtime::LaunchSite site, const Basis& basis, Word* out, const Source& source, std::size_t entries) {
  if (entries == 0) return;
  constexpr unsigned kWantedBlocks = 1024;  // what an integer takes to find is spread over as many limbs as that leaves
  const unsigned threads = std::min(unsigned(basis.degree()), kResidueThreads);
  const unsigned parts = runtime::blocks(basis.degree(), threads);
  const std::size_t whole = parts * entries;
  const unsigned groups = unsigned(std::clamp<std::size_t>(kWantedBlocks / whole, 1, basis.limbs));
  runtime::launch(residues_kernel<Source>, grid_of(parts, groups, unsigned(entries)), threads, 0, site, out, source,
                  basis, unsigned(entries));
}

}  // namespace hepy::ring
