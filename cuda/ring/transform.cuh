// The number-theoretic transform modulo X^N + 1 in one or two passes over memory, as kernels that take element
// functions.
//
// Forward: Cooley-Tukey, inverse: Gentleman-Sande, the twist by psi merged into the roots (Longa and Naehrig, eprint
// 2016/504, algorithms 1 and 2). Stage s has 2^s blocks; block b multiplies by the root at index 2^s + b, so that roots
// form a binary tree in a heap: those below node n are at 2n and 2n + 1. A transform of L words that begins at a node
// other than 1 is what remains of a longer one.
//
// Up to 2^12 words are transformed by one block. Above, N = L 256: columns of L words 256 apart, all below node 1, and
// rows of 256 words, row r below node L + r. Threads hold sixteen words in registers, do four stages on them, and
// exchange them through shared memory.
//
// Words between stages are lazy as in Harvey (2014), section 3, for narrow primes, those below 2^30: [0, 4q) forward,
// [0, 2q) back. For wider ones, up to 2^31, that would not fit: [0, 2q) and [0, q), one more reduction a butterfly.
#pragma once
#include "ring/modular.cuh"
#include "ring/order.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {

constexpr unsigned kSmallestLog = 3, kLargestLog = 17;
constexpr unsigned kBlockLog = 12;  // the longest transform that one block does alone
constexpr unsigned kRowLog = 8;     // rows of longer ones
constexpr Word kNarrow = 1u << 30;  // primes below it have room for [0, 4q) in a word

// What of a row a block transforms.
//
//   kLog: L = 2^kLog words a line.
//   kLines: lines side by side.
//   kStride, kLineStride: distance of a line's words, and of lines, in memory.
template <unsigned kLog_, unsigned kLines_, unsigned kStride_, unsigned kLineStride_>
struct Tile {
  static constexpr unsigned kLog = kLog_, kLines = kLines_, kStride = kStride_, kLineStride = kLineStride_;
  static constexpr unsigned kLength = 1u << kLog;
  static constexpr unsigned kRadixLog = kLog < 4 ? kLog : 4;  // of all steps but the first
  static constexpr unsigned kWords = 1u << kRadixLog;         // that a thread holds
  static constexpr unsigned kFirstLog = kLog % kRadixLog == 0 ? kRadixLog : kLog % kRadixLog;
  static constexpr unsigned kLineThreads = kLength / kWords;
  static constexpr unsigned kThreads = kLineThreads * kLines;
  // Blocks on a multiprocessor of 65536 registers: 80 a thread, and 96 where blocks are a warp, with which nothing is
  // spilled.
  static constexpr unsigned kBlocks = kThreads <= 32 ? 20 : kThreads <= 256 ? 768 / kThreads : 1;
  static constexpr bool kColumns = kStride > 1;

  // In shared memory a line has a gap after each sixteen words. Half a warp takes sixteen words that are one, or
  // sixteen, or 16 lines apart, the other half those that are 16 banks further: no two meet in a bank.
  static constexpr unsigned kSharedStride = kColumns ? kLines : 1;
  static constexpr unsigned kSharedGap = kColumns ? (kLines < 32 ? kLines : 0) : 1;
  static constexpr unsigned kSharedLine = kColumns ? 1 : kLength + kLength / 16;
  static constexpr unsigned kSharedWords =
      kColumns ? kLength * kLines + kLength / 16 * kSharedGap : kSharedLine * kLines;

  // Places of word i of a line. Where i and j have no bits in common, that of i + j is the sum of theirs.
  static constexpr HEPY_HOST_DEVICE unsigned shared_place(unsigned i) {
    return i * kSharedStride + (i >> 4) * kSharedGap;
  }
  // The same of word i of all lines, one line after the other.
  static constexpr HEPY_HOST_DEVICE unsigned shared_place_in_order(unsigned i) {
    return i / kLength * kSharedLine + shared_place(i % kLength);
  }
};

template <unsigned kLog>
using Whole = Tile<kLog, 1, 1, 0>;
using Rows256 = Tile<kRowLog, 8, 1, 1u << kRowLog>;
template <unsigned kLog>
using Columns = Tile<kLog, (kLog < kRowLog ? 1u << (kBlockLog - kLog) : 16u), 1u << kRowLog, 1>;

// Which words of its tile a thread holds: line number `line`, and of that the words that its turn says.
template <class T>
struct Seat {
  unsigned line, turn;

  static HEPY_DEVICE Seat of(unsigned thread) {
    if (T::kColumns) return {thread % T::kLines, thread / T::kLines};
    return {thread / T::kLineThreads, thread % T::kLineThreads};
  }
};

// The part of a transform that a thread does between two exchanges: stages [kStage, kStage + kBits) of its line, on
// kGroups groups of 2^kBits words, kDistance apart. Word j of group g is held as v[g 2^kBits + j].
template <class T, unsigned kStage, unsigned kBits>
struct Step {
  static constexpr unsigned kRadix = 1u << kBits;
  static constexpr unsigned kGroups = T::kWords / kRadix;
  static constexpr unsigned kDistance = T::kLength >> (kStage + kBits);
  static_assert(kGroups == 1 || kStage == 0, "groups share their roots");

  // The block of stage kStage that a thread works in, and the first word that it holds there.
  static HEPY_DEVICE unsigned block(unsigned turn) { return kStage == 0 ? 0 : turn / kDistance; }
  static HEPY_DEVICE unsigned first(unsigned turn) {
    return kStage == 0 ? turn : (turn / kDistance << kBits) * kDistance + turn % kDistance;
  }
  // How far word v is from the first: no bits in common with it.
  static constexpr HEPY_HOST_DEVICE unsigned apart(unsigned v) {
    return v / kRadix * T::kLineThreads + v % kRadix * kDistance;
  }

  template <class Function>
  static HEPY_DEVICE void each(Function function) {
    HEPY_UNROLL
    for (unsigned v = 0; v < T::kWords; ++v) function(v, apart(v));
  }

  static HEPY_DEVICE void put(Word* shared, const Seat<T>& seat, const Word (&v)[T::kWords]) {
    Word* const line = shared + seat.line * T::kSharedLine + T::shared_place(first(seat.turn));
    each([&](unsigned k, unsigned apart) { line[T::shared_place(apart)] = v[k]; });
  }
  static HEPY_DEVICE void take(const Word* shared, const Seat<T>& seat, Word (&v)[T::kWords]) {
    const Word* const line = shared + seat.line * T::kSharedLine + T::shared_place(first(seat.turn));
    each([&](unsigned k, unsigned apart) { v[k] = line[T::shared_place(apart)]; });
  }
};

// Butterflies of one range of primes.
template <bool kWide>
struct Butterfly {
  const Prime& p;
  const Word bound = kWide ? p.q : 2 * p.q;  // words are below 2 bound going forward, and below bound going back

  // x + root y and x - root y: [0, 2 bound) -> [0, 2 bound).
  HEPY_DEVICE void forward(Word& x, Word& y, Word root) const {
    x = reduce_once(x, bound);  // [0, bound)
    const auto [word, zero] = montgomery_parts_lazy(runtime::mad_wide(y, root, 0), p);
    const Word turned = kWide ? reduce_once(word, p.q) : word;  // [0, bound)
    y = x - turned + bound;
    x = x + turned + zero;
  }

  // x + y and root (x - y): [0, bound) -> [0, bound).
  HEPY_DEVICE void inverse(Word& x, Word& y, Word root) const {
    const Word difference = x - y + bound;  // (0, 2 bound)
    x = reduce_once(x + y, bound);
    y = product_lazy(difference, root, p);  // [0, 2q)
    if (kWide) y = reduce_once(y, p.q);
  }

  // The last one, times a factor: factor (x + y) and root (x - y), both canonical; the factor is in the root already.
  HEPY_DEVICE void inverse_scaled(Word& x, Word& y, Word factor, Word root) const {
    const Word difference = x - y + bound;
    x = product(x + y, factor, p);
    y = product(difference, root, p);
  }

  // What forward butterflies leave -> [0, q).
  HEPY_DEVICE Word canonical(Word x) const { return reduce_once(kWide ? x : reduce_once(x, bound), p.q); }
};

// `count` neighbouring roots, a power of two up to 8.
HEPY_DEVICE void load_roots(Word (&roots)[8], const Word* at, unsigned count) {
  if (count < 4) {
    HEPY_UNROLL
    for (unsigned k = 0; k < count; ++k) roots[k] = runtime::load_readonly(at + k);
    return;
  }
  HEPY_UNROLL
  for (unsigned k = 0; k < count; k += 4) {
    const uint4 quad = runtime::load4_readonly(at + k);
    roots[k] = quad.x, roots[k + 1] = quad.y, roots[k + 2] = quad.z, roots[k + 3] = quad.w;
  }
}

// The stages of a step, below a node of the tree of roots.
template <class Step, bool kWide, unsigned kWords>
HEPY_DEVICE void forward_stages(Word (&v)[kWords], const Word* roots, unsigned node,
                                const Butterfly<kWide>& butterfly) {
  HEPY_UNROLL
  for (unsigned count = 1; count < Step::kRadix; count *= 2, node *= 2) {
    const unsigned half = Step::kRadix / count / 2;
    Word root[8];
    load_roots(root, roots + node, count);
    HEPY_UNROLL
    for (unsigned k = 0; k < kWords / 2; ++k) {  // k half-blocks of `half` words, the upper half skipped
      const unsigned low = k / half * half * 2 + k % half;
      butterfly.forward(v[low], v[low + half], root[k / half % count]);
    }
  }
}

// kEnd: with the transform's last stage, for which the factor and its root times the factor are given.
template <class Step, bool kEnd, bool kWide, unsigned kWords>
HEPY_DEVICE void inverse_stages(Word (&v)[kWords], const Word* roots, unsigned node, const Butterfly<kWide>& butterfly,
                                uint2 factors = {}) {
  HEPY_UNROLL
  for (unsigned count = Step::kRadix / 2; count >= 1; count /= 2) {
    const unsigned half = Step::kRadix / count / 2;
    const bool last = kEnd && count == 1;
    Word root[8];
    if (!last) load_roots(root, roots + node * count, count);
    HEPY_UNROLL
    for (unsigned k = 0; k < kWords / 2; ++k) {
      const unsigned low = k / half * half * 2 + k % half;
      if (last) {
        butterfly.inverse_scaled(v[low], v[low + half], factors.x, factors.y);
      } else {
        butterfly.inverse(v[low], v[low + half], root[k / half % count]);
      }
    }
  }
}

// Stages from kStage on, four at a time; words come from the step before by way of shared memory.
template <class T, unsigned kStage, bool kWide>
HEPY_DEVICE void forward_rest(Word (&v)[T::kWords], Word* shared, const Seat<T>& seat, const Word* roots, unsigned node,
                              const Butterfly<kWide>& butterfly) {
  if constexpr (kStage < T::kLog) {
    using Here = Step<T, kStage, T::kRadixLog>;
    __syncthreads();
    Here::take(shared, seat, v);
    forward_stages<Here>(v, roots, (node << kStage) + Here::block(seat.turn), butterfly);
    if constexpr (kStage + T::kRadixLog < T::kLog || !T::kColumns) Here::put(shared, seat, v);
    forward_rest<T, kStage + T::kRadixLog>(v, shared, seat, roots, node, butterfly);
  }
}

// The same backwards, from the last step to that of kStage.
template <class T, unsigned kStage, bool kWide>
HEPY_DEVICE void inverse_rest(Word (&v)[T::kWords], Word* shared, const Seat<T>& seat, const Word* roots, unsigned node,
                              const Butterfly<kWide>& butterfly) {
  if constexpr (kStage + T::kRadixLog < T::kLog) {
    inverse_rest<T, kStage + T::kRadixLog>(v, shared, seat, roots, node, butterfly);
  }
  using Here = Step<T, kStage, T::kRadixLog>;
  if constexpr (kStage + T::kRadixLog < T::kLog || !T::kColumns) {
    __syncthreads();
    Here::take(shared, seat, v);
  }
  inverse_stages<Here, false>(v, roots, (node << kStage) + Here::block(seat.turn), butterfly);
  Here::put(shared, seat, v);
}

// Where a block works: row number blockIdx.y of a launch's, and of that the tile number blockIdx.x.
struct Site {
  Row row;
  Prime p;
  unsigned entry, start,
      node;              // of the first line: word `start` of the row, and the node of the tree of roots above it
  unsigned nodes_apart;  // of neighbouring lines
};

template <class T>
HEPY_DEVICE Site site_of(const Basis& basis, const Rows& rows) {
  const unsigned k = blockIdx.y, log_lines = basis.log_degree - T::kLog;
  const Row row = rows.rows == nullptr ? Row{k, k, k, k} : rows.rows[k];
  const Prime p = basis.primes[row.limb];
  if (T::kColumns) return {row, p, 0, blockIdx.x * T::kLines, 1, 0};
  const unsigned line = blockIdx.x * T::kLines;
  return {row, p, 0, line * T::kLength, (1u << log_lines) + line, 1};
}

// Words of a result's row: of row number `row` of entry `entry`.
HEPY_DEVICE Word* result_row(Word* out, const Basis& basis, const Rows& rows, unsigned entry, unsigned row) {
  return out + ((std::size_t(entry) * rows.out_rows + row) << basis.log_degree);
}

// Element functions. A source gives the words that a pass reads, a sink takes those that the last pass leaves; row() is
// called once for each row, the function that it returns for each word.

// Words of an operand.
struct FromOperand {
  Operand x;
  Batch batch;

  HEPY_DEVICE auto row(const Site& site, const Word*) const {
    const Word* const from = row_of(x, batch, site.entry, site.row.in);
    return [from](std::size_t at) { return from[at]; };
  }
};

// What a pass before has left in the result.
struct FromResult {
  HEPY_DEVICE auto row(const Site&, const Word* out) const {
    return [out](std::size_t at) { return out[at]; };
  }
};

// Words of an operand, which go to another array of `rows` rows an entry, row `other`, as well.
struct FromOperandKept {
  FromOperand source;
  Word* kept;
  unsigned rows, log_degree;

  HEPY_DEVICE auto row(const Site& site, const Word* out) const {
    Word* const to = kept + ((std::size_t(site.entry) * rows + site.row.other) << log_degree);
    return [from = source.row(site, out), to](std::size_t at) {
      const Word word = from(at);
      to[at] = word;
      return word;
    };
  }
};

// A sink's function gets a place and a canonical word for it, and writes to the result's row; a thread has so many of
// its words in work at once as kAtOnce says.

// Words as they are.
struct Plain {
  static constexpr unsigned kAtOnce = 16;

  HEPY_DEVICE auto row(const Site&, Word* out) const {
    return [out](std::size_t at, Word word) { out[at] = word; };
  }
};

// Plus row `other` of an operand times a factor of the launch's row, in Montgomery form.
struct PlusScaled {
  static constexpr unsigned kAtOnce = 16;
  Operand x;
  Batch batch;
  const Word* factors;

  HEPY_DEVICE auto row(const Site& site, Word* out) const {
    const Word* const from = row_of(x, batch, site.entry, site.row.other);
    return [from, out, factor = runtime::load_readonly(factors + blockIdx.y), p = site.p](std::size_t at, Word word) {
      out[at] = add(product(runtime::load_readonly(from + at), factor, p), word, p.q);
    };
  }
};

// The same, and where an automorphism moves it. inverse: 1 / g mod 2N for X to X^g.
struct PlusScaledTurned {
  static constexpr unsigned kAtOnce = 4;  // what finds places needs registers
  PlusScaled sum;
  unsigned inverse, log_degree;

  HEPY_DEVICE auto row(const Site& site, Word* out) const {
    const Word* const from = row_of(sum.x, sum.batch, site.entry, site.row.other);
    return [from, out, factor = runtime::load_readonly(sum.factors + blockIdx.y), p = site.p,
            order = ValueOrder{inverse, log_degree}](std::size_t at, Word word) {
      out[order(unsigned(at))] = add(product(runtime::load_readonly(from + at), factor, p), word, p.q);
    };
  }
};

template <class T, bool kWide, class Sink, class Source, class Put>
HEPY_DEVICE void forward_tile(Word* shared, Word* out, const Site& site, Source source, Put put) {
  const Butterfly<kWide> butterfly{site.p};
  const auto seat = Seat<T>::of(threadIdx.x);
  const unsigned node = site.node + seat.line * site.nodes_apart, line = site.start + seat.line * T::kLineStride;
  Word v[T::kWords];

  using First = Step<T, 0, T::kFirstLog>;
  const std::size_t first = line + First::first(seat.turn) * T::kStride;
  First::each([&](unsigned k, unsigned apart) { v[k] = source(first + apart * T::kStride); });
  forward_stages<First>(v, site.p.roots, node, butterfly);
  First::put(shared, seat, v);
  forward_rest<T, T::kFirstLog>(v, shared, seat, site.p.roots, node, butterfly);

  if constexpr (T::kColumns) {
    using Last = Step<T, T::kLog - T::kRadixLog, T::kRadixLog>;
    const std::size_t last = line + Last::first(seat.turn) * T::kStride;
    Last::each([&](unsigned k, unsigned apart) { out[last + apart * T::kStride] = v[k]; });
  } else {
    __syncthreads();
    // Places of words that are apart by multiples of the block's threads have no bits in common.
    constexpr unsigned kChunk = Sink::kAtOnce < T::kWords ? Sink::kAtOnce : T::kWords;
    const Word* const from = shared + T::shared_place_in_order(threadIdx.x);
    const std::size_t first = site.start + threadIdx.x;
    HEPY_ROLLED
    for (unsigned chunk = 0; chunk < T::kWords * T::kThreads; chunk += kChunk * T::kThreads) {
      const Word* const words = from + T::shared_place_in_order(chunk);
      HEPY_UNROLL
      for (unsigned k = 0; k < kChunk; ++k) {
        const Word word = words[T::shared_place_in_order(k * T::kThreads)];
        put(first + chunk + k * T::kThreads, butterfly.canonical(word));
      }
    }
  }
}

// kEnd, factors: as of inverse_stages, for the pass that ends the transform.
template <class T, bool kEnd, bool kWide, class Source>
HEPY_DEVICE void inverse_tile(Word* shared, Word* out, const Site& site, const Word* roots, Source source,
                              uint2 factors) {
  const Butterfly<kWide> butterfly{site.p};
  const auto seat = Seat<T>::of(threadIdx.x);
  const unsigned node = site.node + seat.line * site.nodes_apart, line = site.start + seat.line * T::kLineStride;
  Word v[T::kWords];

  if constexpr (T::kColumns) {
    using Last = Step<T, T::kLog - T::kRadixLog, T::kRadixLog>;
    const std::size_t last = line + Last::first(seat.turn) * T::kStride;
    Last::each([&](unsigned k, unsigned apart) { v[k] = source(last + apart * T::kStride); });
  } else {
    Word* const to = shared + T::shared_place_in_order(threadIdx.x);
    const std::size_t first = site.start + threadIdx.x;
    HEPY_UNROLL
    for (unsigned k = 0; k < T::kWords; ++k) {
      to[T::shared_place_in_order(k * T::kThreads)] = source(first + k * T::kThreads);
    }
  }
  if constexpr (T::kFirstLog < T::kLog) {
    inverse_rest<T, T::kFirstLog>(v, shared, seat, roots, node, butterfly);
  }

  using First = Step<T, 0, T::kFirstLog>;
  __syncthreads();
  First::take(shared, seat, v);
  inverse_stages<First, kEnd>(v, roots, node, butterfly, factors);
  const std::size_t first = line + First::first(seat.turn) * T::kStride;
  First::each([&](unsigned k, unsigned apart) { out[first + apart * T::kStride] = v[k]; });
}

template <class T, class Source, class Sink>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    forward_kernel(Word* out, Source source, Sink sink, Rows rows, Basis basis, unsigned entries) {
  auto& shared = HEPY_SHARED(Word[T::kSharedWords]);
  Site site = site_of<T>(basis, rows);
  for (site.entry = blockIdx.z; site.entry < entries; site.entry += gridDim.z) {
    Word* const to = result_row(out, basis, rows, site.entry, site.row.out);
    if (site.p.q < kNarrow) {
      forward_tile<T, false, Sink>(shared, to, site, source.row(site, to), sink.row(site, to));
    } else {
      forward_tile<T, true, Sink>(shared, to, site, source.row(site, to), sink.row(site, to));
    }
    __syncthreads();  // before the next entry's words take the place of these
  }
}

// kEnd: the pass that ends the transform. factors: uint32[rows, 2] in Montgomery form, f / N and f psi^-(N/2) / N for
// a factor f that the result is multiplied by; null for 1.
template <class T, bool kEnd, class Source>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    inverse_kernel(Word* out, Source source, const Word* factors, Rows rows, Basis basis, unsigned entries) {
  auto& shared = HEPY_SHARED(Word[T::kSharedWords]);
  Site site = site_of<T>(basis, rows);
  const Word* const roots = site.p.roots + (std::size_t(1) << basis.log_degree);
  uint2 ends{site.p.degree_inverse, site.p.root_over_degree};
  if (kEnd && factors != nullptr) {
    ends = {runtime::load_readonly(factors + 2 * blockIdx.y), runtime::load_readonly(factors + 2 * blockIdx.y + 1)};
  }
  for (site.entry = blockIdx.z; site.entry < entries; site.entry += gridDim.z) {
    Word* const to = result_row(out, basis, rows, site.entry, site.row.out);
    if (site.p.q < kNarrow) {
      inverse_tile<T, kEnd, false>(shared, to, site, roots, source.row(site, to), ends);
    } else {
      inverse_tile<T, kEnd, true>(shared, to, site, roots, source.row(site, to), ends);
    }
    __syncthreads();
  }
}

}  // namespace hepy::ring
