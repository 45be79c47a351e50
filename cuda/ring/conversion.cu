// From residues modulo some primes to residues modulo others, for all digits of a ModUp at once.
//
//   y_i = x_i q_i / D mod q_i,   out_j = sum over i of y_i D/q_i  [ - v D ]  mod p_j,   v = round(sum of y_i / q_i)
//
// A thread owns four neighbouring coefficients of a digit. It keeps their y in shared memory, where no other thread
// looks, and walks over the limbs out, eight at a time: 32 products for each 16 bytes of y and 32 bytes of the matrix.
// Source: Halevi, Polyakov, Shoup (eprint 2018/117), section 2.2, the quotient by fixed-point arithmetic.
#include <algorithm>

#include "ring/conversion.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {
namespace {

constexpr unsigned kThreads = 64, kVector = 4;
constexpr unsigned kTile = 4;  // limbs out that share 16 bytes of the matrix
// Six for each multiprocessor of an H100: up to then limbs out are shared among blocks.
constexpr unsigned kWantedBlocks = 768;

// y to the rows of `ys`, kThreads apart, v behind them where it is wanted, then zeros.
template <Scaled scaled, Centred centred>
HEPY_DEVICE void numerators(uint4* ys, const Word* x, std::int64_t limb_stride, const Incoming* incoming,
                            unsigned count, unsigned columns) {
  Wide sums[kVector] = {kHalf, kHalf, kHalf, kHalf};  // of y / q, in units of 2^-32
  for (unsigned i = 0; i < count; ++i) {
    const Incoming q = incoming[i];
    uint4 y = runtime::load4_readonly(x + std::int64_t(q.row) * limb_stride);
    if constexpr (scaled == Scaled::kNo)
      y = {numerator(y.x, q), numerator(y.y, q), numerator(y.z, q), numerator(y.w, q)};
    ys[i * kThreads] = y;
    if constexpr (centred == Centred::kYes) {
      const Word words[kVector] = {y.x, y.y, y.z, y.w};
      HEPY_UNROLL
      for (unsigned k = 0; k < kVector; ++k) sums[k] += fraction(words[k], q);
    }
  }
  for (unsigned i = count; i < columns; ++i) ys[i * kThreads] = {0, 0, 0, 0};
  if constexpr (centred == Centred::kYes) {
    ys[count * kThreads] = {Word(sums[0] >> 32), Word(sums[1] >> 32), Word(sums[2] >> 32), Word(sums[3] >> 32)};
  }
}

// Sums of products for four coefficients and kTile * tiles limbs.
template <unsigned tiles>
struct Sums {
  static constexpr unsigned limbs = kTile * tiles;
  Wide sum[limbs][kVector] = {};

  // One more term. matrix: of the first tile at this term; tiles are `pitch` words apart.
  HEPY_DEVICE void add(uint4 y, const Word* matrix, unsigned pitch) {
    const Word words[kVector] = {y.x, y.y, y.z, y.w};
    HEPY_UNROLL
    for (unsigned t = 0; t < tiles; ++t) {
      const uint4 quad = runtime::load4(matrix + t * pitch);
      const Word entries[kTile] = {quad.x, quad.y, quad.z, quad.w};
      HEPY_UNROLL
      for (unsigned j = 0; j < kTile; ++j) {
        HEPY_UNROLL
        for (unsigned k = 0; k < kVector; ++k) {
          Wide& own = sum[t * kTile + j][k];
          own = runtime::mad_wide(words[k], entries[j], own);
        }
      }
    }
  }

  // Below 2 bound 2^32 -> below bound 2^32.
  HEPY_DEVICE void reduce(const Word* bounds) {
    HEPY_UNROLL
    for (unsigned j = 0; j < limbs; ++j) {
      HEPY_UNROLL
      for (unsigned k = 0; k < kVector; ++k) {
        Wide& own = sum[j][k];
        own = Wide(reduce_once(Word(own >> 32), bounds[j])) << 32 | Word(own);
      }
    }
  }
};

// kTile * tiles limbs; those that are only there to fill a tile have p = 0. here: the place in row 0 of the entry.
template <unsigned tiles, unsigned products>
HEPY_DEVICE void combine(Word* here, Word degree, const Outgoing* outgoing, const uint4* ys, const Word* matrix,
                         unsigned columns, unsigned terms) {
  using Sums = ring::Sums<tiles>;
  Sums sums;
  Word bounds[Sums::limbs];
  HEPY_UNROLL
  for (unsigned j = 0; j < Sums::limbs; ++j) bounds[j] = outgoing[j].bound;
  const unsigned pitch = columns * kTile;
  unsigned i = 0;
  HEPY_ROLLED
  for (; i + products <= terms; i += products) {
    sums.reduce(bounds);
    HEPY_UNROLL
    for (unsigned k = 0; k < products; ++k) sums.add(ys[(i + k) * kThreads], matrix + (i + k) * kTile, pitch);
  }
  sums.reduce(bounds);
  if (i < terms) {
    sums.add(ys[i * kThreads], matrix + i * kTile, pitch);
    sums.add(ys[(i + 1) * kThreads], matrix + (i + 1) * kTile, pitch);
    sums.reduce(bounds);
  }
  HEPY_UNROLL
  for (unsigned j = 0; j < Sums::limbs; ++j) {
    const Outgoing p = outgoing[j];
    Word residues[kVector];
    HEPY_UNROLL
    for (unsigned k = 0; k < kVector; ++k) {
      const Word high = reduce_once(Word(sums.sum[j][k] >> 32), p.p), low = Word(sums.sum[j][k]);  // below 2^32 p
      residues[k] = montgomery(Wide(high) << 32 | low, p.p, p.minus_inverse);
    }
    if (p.p == 0) continue;
    runtime::store4(here + runtime::mad_wide(p.row, degree, 0), {residues[0], residues[1], residues[2], residues[3]});
  }
}

// What a block keeps in shared memory: its tiles of the matrix, the limbs out that they are for, and each thread's y.
struct Shared {
  unsigned columns, tiles;

  HEPY_HOST_DEVICE std::size_t matrix_quads() const { return std::size_t(tiles) * columns; }
  HEPY_HOST_DEVICE std::size_t outgoing_quads() const { return std::size_t(tiles) * kTile; }
  HEPY_HOST_DEVICE std::size_t bytes() const {
    return (matrix_quads() + outgoing_quads() + std::size_t(kThreads) * columns) * sizeof(uint4);
  }
};
static_assert(sizeof(Outgoing) == sizeof(uint4), "limbs are copied as quads");

// Columns of a digit's matrix: its limbs, the multiple of D, and one of zeros where that makes their number even.
HEPY_HOST_DEVICE unsigned columns_of(unsigned incoming) { return (incoming + 2) / 2 * 2; }

// Grid: parts of a row; digits times `splits`, each of which takes some of a digit's tiles; entries.
template <unsigned products, Scaled scaled, Centred centred>
__global__ void __launch_bounds__(kThreads)
    convert_kernel(Word* __restrict__ out, Operand x, Conversion c, Batch batch, unsigned splits) {
  const Digit digit = c.digits[blockIdx.y / splits];
  const unsigned split = blockIdx.y % splits, all = (digit.outgoing + kTile - 1) / kTile;
  const unsigned begin = all * split / splits, end = all * (split + 1) / splits;
  if (begin == end) return;
  const Shared own{columns_of(digit.incoming), end - begin};
  auto* const matrix = runtime::dynamic_shared<uint4>();
  auto* const outgoing = matrix + own.matrix_quads();
  auto* const ys = outgoing + own.outgoing_quads() + threadIdx.x;
  for (unsigned at = threadIdx.x; at < own.matrix_quads(); at += kThreads) {
    const std::size_t quad = std::size_t(begin) * own.columns + at;
    matrix[at] = runtime::load4_readonly(c.matrices + digit.matrix + quad * kTile);
  }
  for (unsigned at = threadIdx.x; at < own.outgoing_quads(); at += kThreads) {
    const unsigned limb = begin * kTile + at;
    const auto* const limbs = reinterpret_cast<const Word*>(c.outgoing + digit.first_outgoing);
    outgoing[at] = limb < digit.outgoing ? runtime::load4_readonly(limbs + limb * kTile) : uint4{0, 0, 0, 0};
  }
  __syncthreads();
  const unsigned n = (blockIdx.x * kThreads + threadIdx.x) * kVector;
  if (n >> c.log_degree != 0) return;
  const unsigned terms = centred == Centred::kYes ? own.columns : (digit.incoming + 1) / 2 * 2;
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    numerators<scaled, centred>(ys, entry_of(x, batch, entry) + n, x.limb_stride, c.incoming + digit.first_incoming,
                                digit.incoming, own.columns);
    Word* const here = out + ((std::size_t(entry) * c.rows) << c.log_degree) + n;
    const auto walk = [&](unsigned tile, auto combine) {
      combine(here, 1u << c.log_degree, reinterpret_cast<const Outgoing*>(outgoing) + tile * kTile, ys,
              reinterpret_cast<const Word*>(matrix + tile * own.columns), own.columns, terms);
    };
    unsigned tile = 0;
    HEPY_ROLLED
    for (; tile + 2 <= own.tiles; tile += 2) walk(tile, combine<2, products>);
    if (tile < own.tiles) walk(tile, combine<1, products>);
  }
}

template <unsigned products, Scaled scaled, Centred centred>
void convert(runtime::Stream stream, const Conversion& c, const Batch& batch, Word* out, const Operand& x) {
  const unsigned parts = runtime::blocks(std::size_t(1) << c.log_degree, kThreads * kVector);
  const std::size_t whole = std::size_t(parts) * c.digit_count * batch.count;
  const unsigned pairs = std::max(1u, (c.most_outgoing + 2 * kTile - 1) / (2 * kTile));
  const unsigned splits = unsigned(std::clamp<std::size_t>(kWantedBlocks / whole, 1, pairs));
  const Shared shared{columns_of(c.most_incoming), (c.most_outgoing + kTile - 1) / kTile / splits + 1};
  runtime::launch(convert_kernel<products, scaled, centred>, grid_of(parts, c.digit_count * splits, batch.count),
                  kThreads, shared.bytes(), {stream, "ring.convert"}, out, x, c, batch, splits);
}

template <unsigned products, Scaled scaled>
void convert(runtime::Stream stream, const Conversion& c, const Batch& batch, Word* out, const Operand& x,
             Centred centred) {
  if (centred == Centred::kYes) {
    convert<products, scaled, Centred::kYes>(stream, c, batch, out, x);
  } else {
    convert<products, scaled, Centred::kNo>(stream, c, batch, out, x);
  }
}

}  // namespace

void convert(runtime::Stream stream, const Conversion& c, const Batch& batch, Word* out, const Operand& x,
             Scaled scaled, Centred centred) {
  if (batch.count == 0) return;
  const bool ready = scaled == Scaled::kYes;
  if (c.products == 4) {
    ready ? convert<4, Scaled::kYes>(stream, c, batch, out, x, centred)
          : convert<4, Scaled::kNo>(stream, c, batch, out, x, centred);
  } else {
    ready ? convert<2, Scaled::kYes>(stream, c, batch, out, x, centred)
          : convert<2, Scaled::kNo>(stream, c, batch, out, x, centred);
  }
}

}  // namespace hepy::ring
