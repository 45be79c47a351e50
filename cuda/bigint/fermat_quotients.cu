// Fermat quotients modulo two numbers and their join modulo the product, in one launch: what decryption by the factors
// of a modulus consists of.
//
// Two neighbouring groups take an element, one for each part; they run the same instructions, each modulo its own
// number. A group brings x into pairs a + b m modulo m^2 and raises it to its exponent. Of the least residue, a says
// whether the power is 1 modulo m, and b is the quotient. Garner's form of the Chinese remainder theorem joins both:
// y = y_0 + m_0 ((y_1 - y_0) / m_0 mod m_1) (Handbook of Applied Cryptography, 14.71). No number is longer than m. The
// steps beside the power cost as much as some six products of its hundreds.
#include <algorithm>

#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

constexpr int kParts = 2;

// The constants of one part.
template <class Shape>
struct Part {
  const Limb* rows;

  HEPY_DEVICE Part(const Limb* constants, int part)
      : rows(constants + std::size_t(part) * int(FermatRow::kCount) * Shape::total) {}

  HEPY_DEVICE const Limb* operator[](FermatRow row) const { return rows + int(row) * Shape::total; }
};

// Both moduli in shared memory, with R modulo each; a barrier is due before their use.
template <class Shape>
HEPY_DEVICE const Limb* share_roots(const Limb* constants) {
  auto& memory = HEPY_SHARED(Limb[kParts * Shape::shared]);
  for (int j = int(threadIdx.x); j < kParts * Shape::total; j += Shape::block) {
    const int part = j / Shape::total, limb = j % Shape::total;
    memory[part * Shape::shared + Shape::place(limb)] = Part<Shape>(constants, part)[FermatRow::kRoot][limb];
  }
  return memory;
}

constexpr int kFermatSpace = 2;  // the operand, and R mod m^2 beside it

// a = x in Montgomery form modulo the square. x is a number of `width` limbs, or two of them: a pair modulo the root of
// its own modulus. Horner's rule over pieces of m's width, as in conversion.cu, the second number's first; its last
// step takes that root in, and the first number's last one takes x's own R out.
template <class Shape>
HEPY_DEVICE void enter(const Warp<Shape, kFermatSpace>& warp, Limb* a, const Limb* x, std::size_t width,
                       std::size_t numbers, const Part<Shape>& part) {
  const std::size_t pieces = (width + Shape::number - 1) / Shape::number;
  Limb* const one = warp.aside();
  warp.fetch(a, warp.one);
  store_words<Shape::limbs>(one, a);
  HEPY_UNROLL
  for (int j = 0; j < Shape::limbs; ++j) a[j] = 0;
  HEPY_ROLLED
  for (std::size_t left = numbers * pieces; left-- > 0;) {
    warp.fetch_quads(x != nullptr ? x + left / pieces * width : nullptr, width, left % pieces * Shape::number);
    add_number_lazy(warp.group, a, warp.own(), one);
    const FermatRow factor = left == 0        ? FermatRow::kEntry
                             : left == pieces ? FermatRow::kBridge
                                              : FermatRow::kSquareOfR;
    warp.fetch(part[factor]);
    product(warp.group, a, a, warp.operand());
  }
}

// Whether this lane's limbs are those of 1.
template <class Shape>
HEPY_DEVICE bool is_one(const PairGroup<Shape>& group, const Limb* x) {
  Limb differing = x[0] ^ Limb(group.lane == 0);
  HEPY_UNROLL
  for (int j = 1; j < Shape::part; ++j) differing |= x[j];
  return group.all(differing == 0);
}

// In the first group, a = y as one integer, for the quotient in a + L of either group. With its weights k and l, a
// group computes t k: y_0 in the first one, where l is 0, and y_1 / m_0 in the second, whose l is -1 / m_0, so that t k
// + y_0 l is what y_0 lacks, in units of m_0.
template <class Shape>
HEPY_DEVICE void join(const Warp<Shape, kFermatSpace>& warp, Limb* a, const Part<Shape>& part) {
  constexpr int L = Shape::part;
  const Group<typename Shape::Part>& group = warp.group;
  const int other = group.first ^ Shape::threads;  // lane of the warp where the neighbour begins
  Limb weights[Shape::limbs], first[L];
  warp.fetch(weights, part[FermatRow::kWeights]);
  product(group, a, a + L, warp.operand());
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) first[j] = a[j];
  reduce(group, first);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) a[L + j] = first[j];
  warp.put(a);
  product(group, weights, weights + L, warp.space + other * Shape::pitch + L);
  warp.group.fold(a, group.add(a, weights));
  reduce(group, a);
  warp.put(a);
  load_words<L>(a + L, warp.space + (other + group.lane) * Shape::pitch);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) a[j] = first[j];
  expand(warp.group, a, warp.operand());
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    fermat_quotients_kernel(Limb* out, std::uint8_t* exact, Operand x, std::size_t width, std::size_t numbers,
                            Exponents e, Timing timing, unsigned window, Limb* tables, std::size_t words,
                            std::size_t count, const Limb* constants) {
  static_assert(Shape::groups % kParts == 0, "the parts of an element are in one warp");
  const int side = int(threadIdx.x / Shape::threads % kParts);
  const Part<Shape> part(constants, side);
  const Warp<Shape, kFermatSpace> warp(share_roots<Shape>(constants) + side * Shape::shared,
                                       part[FermatRow::kMinusInverse][0], part[FermatRow::kOne]);
  if (warp.idle(kParts * count)) return;
  const std::size_t i = warp.index() / kParts;
  Limb* const table = tables + (warp.index() << window) * Shape::total;
  Limb a[Shape::limbs];
  enter(warp, a, i < count ? x.limbs + row_of(x.rows, x.start, x.step, i) * numbers * width : nullptr, width, numbers,
        part);
  make_table(warp, table, a, window);
  power_from_table(warp, a, table, Windows(e, side, true, window), window_count(e.bits, window), timing);
  reduce(warp.group, a);
  const int is_exact = is_one(warp.group, a), others = __shfl_xor_sync(kAllLanes, is_exact, Shape::threads);
  if (i < count && side == 0 && warp.group.lane == 0) exact[i] = is_exact & others;
  join(warp, a, part);
  warp.put(a);
  const std::size_t top = i - warp.group.first / Shape::threads / kParts;  // the warp's first element
  for (std::size_t at = threadIdx.x % kLanes; at < Shape::groups / kParts * words; at += kLanes) {
    const std::size_t row = at / words, word = at % words;
    const std::size_t place = row * kParts * Shape::shared + Shape::place(int(word));
    if (top + row < count) out[(top + row) * words + word] = warp.space[place];
  }
}

// A launch for as many elements as have slots, and where that is not all, another.
template <class Shape>
void fermat_quotients(runtime::Stream stream, const FermatParts& parts, Limb* out, std::uint8_t* exact,
                      const Operand& x, std::size_t width, std::size_t numbers, const Exponents& e, Timing timing,
                      unsigned window, Limb* tables, std::size_t slots, std::size_t words, std::size_t count) {
  for (std::size_t first = 0; first < count; first += slots / kParts) {
    const std::size_t now = std::min(count - first, slots / kParts);
    runtime::launch(fermat_quotients_kernel<Shape>, grid<Shape>(kParts * now), Shape::block, 0, stream,
                    out + first * words, exact + first, from_row(x, first), width, numbers, e, timing, window, tables,
                    words, now, parts.constants);
  }
}

}  // namespace

void fermat_quotients(runtime::Stream stream, const FermatParts& parts, Limb* out, std::uint8_t* exact,
                      const Operand& x, std::size_t width, std::size_t numbers, const Exponents& e, Timing timing,
                      unsigned window, Limb* tables, std::size_t slots, std::size_t words, std::size_t count) {
  if (count == 0) return;
  with_pairs<kFermatLimbs>(*parts.choice, [&](auto shape) {
    fermat_quotients<decltype(shape)>(stream, parts, out, exact, x, width, numbers, e, timing, window, tables, slots,
                                      words, count);
  });
}

}  // namespace hepy::bigint
