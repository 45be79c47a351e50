// Fermat quotients modulo two numbers and their join modulo the product, in one launch: what decryption by the factors
// of a modulus consists of.
//
// Two neighbouring groups take an element, one for each part; they run the same instructions, each modulo its own
// number. A group reduces x modulo m^2, raises it to its exponent, divides, and multiplies by a weight modulo M; the
// sum of both terms is the result (the Chinese remainder theorem with precomputed idempotents). All numbers lie in the
// container of m^2: the steps beside the power cost as much as some six products of its hundreds.
#include <algorithm>

#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "bigint/sums.cuh"
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
  HEPY_DEVICE Limb minus_inverse(int which) const { return (*this)[FermatRow::kMinusInverses][which]; }
};

// The squares of both moduli in shared memory; a barrier is due before their use.
template <class Shape>
HEPY_DEVICE const Limb* share_squares(const Limb* constants) {
  auto& memory = HEPY_SHARED(Limb[kParts * Shape::shared]);
  for (int j = int(threadIdx.x); j < kParts * Shape::total; j += Shape::block) {
    const int part = j / Shape::total, word = j % Shape::total;
    memory[part * Shape::shared + word / Shape::limbs * Shape::pitch + word % Shape::limbs] =
        Part<Shape>(constants, part)[FermatRow::kSquare][word];
  }
  return memory;
}

// An integer from global memory goes to the group's place-th integer of shared memory, place above 0; returns where.
template <class Shape>
HEPY_DEVICE Limb* fetch_aside(const Warp<Shape, kSquareSpace>& warp, const Limb* integer, int place) {
  Limb x[Shape::limbs];
  warp.fetch(x, integer);
  store_words<Shape::limbs>(warp.own() + place * Shape::warp_shared, x);
  return warp.operand() + place * Shape::warp_shared;
}

// a = x in Montgomery form modulo the square. Horner's rule over pieces of the container's width, as in conversion.cu;
// the last step takes R_x out.
template <class Shape>
HEPY_DEVICE void enter(const Warp<Shape, kSquareSpace>& warp, Limb* a, const Limb* x, std::size_t width,
                       const Part<Shape>& part) {
  const Limb* const one = fetch_aside(warp, warp.one, 1) + warp.group.lane * Shape::pitch;
  HEPY_UNROLL
  for (int j = 0; j < Shape::limbs; ++j) a[j] = 0;
  HEPY_ROLLED
  for (std::size_t left = (width + Shape::total - 1) / Shape::total; left-- > 0;) {
    warp.fetch_piece(x, width, left * Shape::total);
    add_lazy(warp.group, a, warp.own(), one);
    warp.fetch(part[left > 0 ? FermatRow::kSquareOfR : FermatRow::kEntry]);
    product(warp.group, a, a, warp.operand());
  }
}

// Whether the least residue a modulo m^2 is 1 modulo m: in Montgomery's reduction, 1 / R.
template <class Shape>
HEPY_DEVICE bool is_one(const Warp<Shape, kSquareSpace>& warp, const Limb* a, const Part<Shape>& part) {
  const Group<Shape> group(fetch_aside(warp, part[FermatRow::kModulus], 1), part.minus_inverse(2));
  Limb r[Shape::limbs], wanted[Shape::limbs], differing = 0;
  HEPY_UNROLL
  for (int j = 0; j < Shape::limbs; ++j) r[j] = a[j];
  reduce(group, r);
  warp.fetch(wanted, part[FermatRow::kOneOverR]);
  HEPY_UNROLL
  for (int j = 0; j < Shape::limbs; ++j) differing |= r[j] ^ wanted[j];
  return group.all(differing == 0);
}

// a = (a - 1) / m mod m + 2, canonical, for a least residue a modulo m^2: a product with 1 / m, from which 1 / m is
// subtracted. The product is below m^2 (m + 2) / R + m + 2 < 2 (m + 2), the sum below 3 (m + 2) <= R: no carry.
template <class Shape>
HEPY_DEVICE void divide(const Warp<Shape, kSquareSpace>& warp, Limb* a, const Part<Shape>& part) {
  const Group<Shape> group(fetch_aside(warp, part[FermatRow::kAbove], 1), part.minus_inverse(1));
  warp.fetch(part[FermatRow::kReciprocal]);
  product(group, a, a, warp.operand());
  warp.fetch(part[FermatRow::kMinus]);
  group.add(a, warp.own());
  reduce(group, a);
}

// a = the sum over both groups of a times the part's weight, modulo M, canonical.
template <class Shape>
HEPY_DEVICE void join(const Warp<Shape, kSquareSpace>& warp, Limb* a, const Part<Shape>& part) {
  const Group<Shape> group(fetch_aside(warp, part[FermatRow::kWhole], 1), part.minus_inverse(3));
  const Limb* const one = fetch_aside(warp, part[FermatRow::kWholeOne], 2) + group.lane * Shape::pitch;
  warp.fetch(part[FermatRow::kWeight]);
  product(group, a, a, warp.operand());
  warp.put(a);
  const int other = group.first ^ Shape::threads;  // lane of the warp where the neighbour begins
  add_lazy(group, a, warp.space + (other + group.lane) * Shape::pitch, one);
  reduce(group, a);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    fermat_quotients_kernel(Limb* out, std::uint8_t* exact, Operand x, std::size_t width, Exponents e, Timing timing,
                            unsigned window, Limb* tables, std::size_t words, std::size_t count,
                            const Limb* constants) {
  static_assert(Shape::groups % kParts == 0, "the parts of an element are in one warp");
  const int side = int(threadIdx.x / Shape::threads % kParts);
  const Part<Shape> part(constants, side);
  const Warp<Shape, kSquareSpace> warp(share_squares<Shape>(constants) + side * Shape::shared, part.minus_inverse(0),
                                       part[FermatRow::kOne]);
  if (warp.idle(kParts * count)) return;
  const std::size_t i = warp.index() / kParts;
  Limb* const table = tables + (warp.index() << window) * Shape::total;
  Limb a[Shape::limbs];
  enter(warp, a, i < count ? x.limbs + row_of(x.rows, x.start, x.step, i) * width : nullptr, width, part);
  make_table(warp, table, a, window);
  power_from_table(warp, a, table, Windows(e, side, true, window), window_count(e.bits, window), timing);
  reduce(warp.group, a);
  const int is_exact = is_one(warp, a, part), others = __shfl_xor_sync(kAllLanes, is_exact, Shape::threads);
  if (i < count && side == 0 && warp.group.lane == 0) exact[i] = is_exact & others;
  divide(warp, a, part);
  join(warp, a, part);
  warp.put(a);
  const std::size_t top = i - warp.group.first / Shape::threads / kParts;  // the warp's first element
  for (std::size_t at = threadIdx.x % kLanes; at < Shape::groups / kParts * words; at += kLanes) {
    const std::size_t row = at / words, word = at % words;
    const std::size_t place = row * kParts * Shape::shared + word / Shape::limbs * Shape::pitch + word % Shape::limbs;
    if (top + row < count) out[(top + row) * words + word] = warp.space[place];
  }
}

// A launch for as many elements as have slots, and where that is not all, another.
template <class Shape>
void fermat_quotients(runtime::Stream stream, const FermatParts& parts, Limb* out, std::uint8_t* exact,
                      const Operand& x, std::size_t width, const Exponents& e, Timing timing, unsigned window,
                      Limb* tables, std::size_t slots, std::size_t words, std::size_t count) {
  for (std::size_t first = 0; first < count; first += slots / kParts) {
    const std::size_t now = std::min(count - first, slots / kParts);
    runtime::launch(fermat_quotients_kernel<Shape>, grid<Shape>(kParts * now), Shape::block, 0, stream,
                    out + first * words, exact + first, from_row(x, first), width, e, timing, window, tables, words,
                    now, parts.constants);
  }
}

}  // namespace

void fermat_quotients(runtime::Stream stream, const FermatParts& parts, Limb* out, std::uint8_t* exact,
                      const Operand& x, std::size_t width, const Exponents& e, Timing timing, unsigned window,
                      Limb* tables, std::size_t slots, std::size_t words, std::size_t count) {
  if (count == 0) return;
  with_shape<kFermatLimbs>(*parts.choice, [&](auto shape) {
    fermat_quotients<decltype(shape)>(stream, parts, out, exact, x, width, e, timing, window, tables, slots, words,
                                      count);
  });
}

}  // namespace hepy::bigint
