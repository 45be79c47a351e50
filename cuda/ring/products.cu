// Sums of products: digits times a switching key, and linear polynomials in Y times each other. Bound by memory.
//
// A thread owns four neighbouring words of a limb and keeps 64-bit sums for them. Sums are plain; a word that is folded
// or reduced modulo q is so by Montgomery's method (modular.cuh).
#include "ring/modular.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {
namespace {

constexpr unsigned kThreads = 256, kVector = 4;
constexpr unsigned kWantedBlocks = 4096;  // some waves on every GPU; a block takes more entries where there are more

// Products of residues that a 64-bit sum holds: at first, and on top of what fold_lazy leaves, which is below 2^32 q.
//   q < 2^30: 16 (q - 1)^2 < 2^64;  2^62 + 12 (q - 1)^2 < 2^64.
//   q < 2^31:  4 (q - 1)^2 < 2^64;  2^63 + 2 (q - 1)^2 < 2^64.
struct Capacity {
  unsigned first, next;
};
HEPY_DEVICE Capacity capacity(Word q) { return q < 1u << 30 ? Capacity{16, 12} : Capacity{4, 2}; }

// Four sums.
struct Sums {
  Wide sum[kVector] = {0, 0, 0, 0};

  HEPY_DEVICE void add(uint4 x, uint4 y) {
    sum[0] = runtime::mad_wide(x.x, y.x, sum[0]);
    sum[1] = runtime::mad_wide(x.y, y.y, sum[1]);
    sum[2] = runtime::mad_wide(x.z, y.z, sum[2]);
    sum[3] = runtime::mad_wide(x.w, y.w, sum[3]);
  }
  HEPY_DEVICE void fold(const Prime& p) {
    HEPY_UNROLL
    for (unsigned k = 0; k < kVector; ++k) sum[k] = fold_lazy(sum[k], p);
  }
  HEPY_DEVICE uint4 reduced(const Prime& p) const {
    return {reduce(sum[0], p), reduce(sum[1], p), reduce(sum[2], p), reduce(sum[3], p)};
  }
};

// columns: results of a thread, all from the same words of x.
template <unsigned columns>
__global__ void __launch_bounds__(kThreads)
    inner_product_kernel(Word* __restrict__ out, InnerProduct s, Basis basis, Batch batch) {
  const unsigned at = (blockIdx.x * blockDim.x + threadIdx.x) * kVector, limb = blockIdx.y;
  if (at >> basis.log_degree != 0) return;
  const Prime p = basis.primes[limb];
  const Capacity most = capacity(p.q);
  const unsigned y_limb = runtime::load_readonly(s.y_limbs + limb);
  const unsigned own = s.lifted_count == 0 ? kAbsent : runtime::load_readonly(s.lifted_limbs + limb);
  const std::size_t out_column = std::size_t(basis.limbs) << basis.log_degree;
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const Word* const x = row_of(s.x, batch, entry, limb) + at;
    const Word* const y = row_of(s.y, batch, entry, y_limb) + at;
    for (unsigned column = 0; column < s.columns; column += columns) {
      Sums sums[columns];
      unsigned room = most.first;
      if (own != kAbsent && column < s.lifted_count) {
        const Word* const z = row_of(s.lifted, batch, entry, own) + at;
        const Word factor = runtime::load_readonly(s.lifted_factors + limb);
        HEPY_UNROLL
        for (unsigned c = 0; c < columns; ++c) {
          if (column + c < s.lifted_count) {
            sums[c].add(runtime::load4_readonly(z + (column + c) * s.lifted_column), {factor, factor, factor, factor});
          }
        }
        --room;
      }
      for (unsigned d = 0; d < s.terms; ++d) {
        if (room == 0) {
          HEPY_UNROLL
          for (unsigned c = 0; c < columns; ++c) sums[c].fold(p);
          room = most.next;
        }
        --room;
        const uint4 digit = runtime::load4_readonly(x + d * s.x_term + column * s.x_column);
        HEPY_UNROLL
        for (unsigned c = 0; c < columns; ++c) {
          sums[c].add(digit, runtime::load4_readonly(y + d * s.y_term + (column + c) * s.y_column));
        }
      }
      HEPY_UNROLL
      for (unsigned c = 0; c < columns; ++c) {
        const std::size_t row = (std::size_t(entry) * s.columns + column + c) * out_column;
        runtime::store4(out + row + (std::size_t(limb) << basis.log_degree) + at, sums[c].reduced(p));
      }
    }
  }
}

HEPY_DEVICE uint4 each(uint4 x, uint4 y, const Prime& p) {
  return {multiply(x.x, y.x, p), multiply(x.y, y.y, p), multiply(x.z, y.z, p), multiply(x.w, y.w, p)};
}

// a b + c d < 2 q^2 < 2^32 q needs no folding.
HEPY_DEVICE Word crossed(Word a, Word b, Word c, Word d, const Prime& p) {
  return to_montgomery(montgomery_lazy(runtime::mad_wide(a, b, runtime::mad_wide(c, d, 0)), p), p);
}

__global__ void __launch_bounds__(kThreads)
    tensor_product_kernel(Word* __restrict__ out, Operand x, Operand y, std::int64_t x_part, std::int64_t y_part,
                          Basis basis, Batch batch) {
  const unsigned at = (blockIdx.x * blockDim.x + threadIdx.x) * kVector, limb = blockIdx.y;
  if (at >> basis.log_degree != 0) return;
  const Prime p = basis.primes[limb];
  const std::size_t out_part = std::size_t(basis.limbs) << basis.log_degree;
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const Word *const left = row_of(x, batch, entry, limb) + at, *const right = row_of(y, batch, entry, limb) + at;
    Word* const to = out + 3 * entry * out_part + (std::size_t(limb) << basis.log_degree) + at;
    const uint4 a = runtime::load4_readonly(left), b = runtime::load4_readonly(left + x_part);
    const uint4 c = runtime::load4_readonly(right), d = runtime::load4_readonly(right + y_part);
    runtime::store4(to, each(a, c, p));
    runtime::store4(to + out_part, {crossed(a.x, d.x, b.x, c.x, p), crossed(a.y, d.y, b.y, c.y, p),
                                    crossed(a.z, d.z, b.z, c.z, p), crossed(a.w, d.w, b.w, c.w, p)});
    runtime::store4(to + 2 * out_part, each(b, d, p));
  }
}

}  // namespace

void inner_product(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const InnerProduct& s) {
  if (batch.count == 0 || s.columns == 0) return;
  const unsigned vectors = unsigned(basis.degree() / kVector), threads = std::clamp(vectors, 32u, kThreads);
  const unsigned parts = runtime::blocks(vectors, threads);
  const unsigned entries = std::min(batch.count, runtime::blocks(kWantedBlocks, parts * basis.limbs));
  const bool both = s.x_column == 0 && s.columns % 2 == 0;
  runtime::launch(both ? inner_product_kernel<2> : inner_product_kernel<1>, grid_of(parts, basis.limbs, entries),
                  threads, 0, {stream, "ring.inner_product"}, out, s, basis, batch);
}

void tensor_product(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
                    std::int64_t x_part, const Operand& y, std::int64_t y_part) {
  if (batch.count == 0) return;
  const unsigned vectors = unsigned(basis.degree() / kVector), threads = std::clamp(vectors, 32u, kThreads);
  runtime::launch(tensor_product_kernel, grid_of(runtime::blocks(vectors, threads), basis.limbs, batch.count), threads,
                  0, {stream, "ring.tensor_product"}, out, x, y, x_part, y_part, basis, batch);
}

}  // namespace hepy::ring
