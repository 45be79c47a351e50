// Words of a stream to small coefficients, modulo every prime at once. No branch and no address depends on a word.
#include "ring/conversion.hpp"
#include "ring/residues.cuh"

namespace hepy::ring {
namespace {

// Thirds of the 2^32 - 1 words: 0, 1, -1.
struct Ternary {
  const Word* words;

  HEPY_DEVICE SmallIntegers at(unsigned entry, unsigned n, unsigned log_degree) const {
    constexpr Word kThird = 0xFFFFFFFFu / 3;
    const uint4 quad = runtime::load4_readonly(words + (std::size_t(entry) << log_degree) + n);
    const Word drawn[kResidueWords] = {quad.x, quad.y, quad.z, quad.w};
    SmallIntegers integers;
    HEPY_UNROLL
    for (unsigned c = 0; c < kResidueWords; ++c) {
      integers.magnitude[c] = drawn[c] >= kThird;
      integers.mask[c] = 0u - Word(drawn[c] >= 2 * kThird);
    }
    return integers;
  }
};

// The count of thresholds that the upper 63 bits reach; the lowest bit is the sign. Every threshold is compared.
struct Gaussian {
  const Word* words;
  const std::uint64_t* thresholds;
  unsigned count;

  HEPY_DEVICE SmallIntegers at(unsigned entry, unsigned n, unsigned log_degree) const {
    const Word* const from = words + 2 * ((std::size_t(entry) << log_degree) + n);
    const uint4 first = runtime::load4_readonly(from), second = runtime::load4_readonly(from + 4);
    const Word low[kResidueWords] = {first.x, first.z, second.x, second.z};
    const Word high[kResidueWords] = {first.y, first.w, second.y, second.w};
    SmallIntegers integers{{0, 0, 0, 0}, {}};
    for (unsigned k = 0; k < count; ++k) {
      const Wide threshold = runtime::load_readonly(thresholds + k);
      HEPY_UNROLL
      for (unsigned c = 0; c < kResidueWords; ++c) {
        integers.magnitude[c] += (Wide(high[c]) << 32 | low[c]) >> 1 >= threshold;
      }
    }
    HEPY_UNROLL
    for (unsigned c = 0; c < kResidueWords; ++c) integers.mask[c] = 0u - (low[c] & 1);
    return integers;
  }
};

// floor(word * bound / 2^64) of the 64-bit word that two make, for a bound below 2^32.
HEPY_DEVICE Word scaled(Word low, Word high, Word bound) {
  return Word(runtime::mad_wide(high, bound, runtime::mad_wide(low, bound, 0) >> 32) >> 32);
}

constexpr unsigned kThreads = 256;

// Selection sampling (Knuth, TAOCP 2, section 3.4.2, algorithm S): of the s places that are left, each is taken with
// probability (what is left to take) / s. What has to go one after the other, a comparison and a subtraction, is done
// by the first thread; the block does all the rest, for kThreads places at a time. A block a polynomial.
__global__ void __launch_bounds__(kThreads)
    sparse_ternary_kernel(Word* __restrict__ out, const Word* __restrict__ words, Basis basis, unsigned weight,
                          unsigned entries) {
  auto& places = HEPY_SHARED(Word[kThreads]);  // numbers drawn below s, then whether a place is taken
  const unsigned degree = 1u << basis.log_degree;
  for (unsigned entry = blockIdx.x; entry < entries; entry += gridDim.x) {
    const std::size_t first = std::size_t(entry) << basis.log_degree;
    Word left = weight;
    for (unsigned start = 0; start < degree; start += blockDim.x) {
      const unsigned n = start + threadIdx.x;
      const uint4 drawn = runtime::load4_readonly(words + (first + n) * 4);
      places[threadIdx.x] = scaled(drawn.x, drawn.y, degree - n);
      __syncthreads();
      if (threadIdx.x == 0) {
        for (unsigned k = 0; k < blockDim.x; ++k) {
          const Word taken = places[k] < left;
          left -= taken;
          places[k] = taken;
        }
      }
      __syncthreads();
      const Word magnitude = places[threadIdx.x], sign = 0u - (drawn.z & 1);
      for (unsigned limb = 0; limb < basis.limbs; ++limb) {
        const std::size_t row = std::size_t(entry) * basis.limbs + limb;
        out[(row << basis.log_degree) + n] = negate_where(sign, magnitude, basis.primes[limb].q);
      }
      __syncthreads();  // before the next numbers come
    }
  }
}

}  // namespace

void ternary(runtime::Stream stream, const Basis& basis, std::size_t count, Word* out, const Word* words) {
  residues({stream, "ring.ternary"}, basis, out, Ternary{words}, count);
}

void gaussian(runtime::Stream stream, const Basis& basis, std::size_t count, Word* out, const Word* words,
              const std::uint64_t* thresholds, unsigned thresholds_count) {
  if (thresholds_count >= 2 * kSmallestPrime) {
    throw runtime::InvalidArgument("magnitudes are below twice every prime: 33 thresholds at most");
  }
  residues({stream, "ring.gaussian"}, basis, out, Gaussian{words, thresholds, thresholds_count}, count);
}

void sparse_ternary(runtime::Stream stream, const Basis& basis, std::size_t count, Word* out, const Word* words,
                    unsigned weight) {
  if (count == 0) return;
  const unsigned threads = std::min(unsigned(basis.degree()), kThreads);
  runtime::launch(sparse_ternary_kernel, std::min(unsigned(count), runtime::kMaxGridYZ), threads, 0,
                  {stream, "ring.sparse_ternary"}, out, words, basis, weight, unsigned(count));
}

}  // namespace hepy::ring
