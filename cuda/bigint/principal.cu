// Products with principal units 1 + k m modulo a square m^2. In pairs (a + b m)(1 + k m) = a + (b + a k) m: products of
// numbers in place of those of pairs.
//
// a k is a times k R mod m, over R. k R mod m is made of k and R 2^(32 rows) mod m by as many rows as k takes, so that
// a short k costs a part of a product; a k longer than R by Horner's rule over pieces of its width, as in
// conversion.cu.
#include "bigint/dispatch.cuh"
#include "bigint/fixed_points.cuh"
#include "bigint/montgomery.cuh"
#include "bigint/sums.cuh"
#include "bigint/warp.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// Integers in memory, in any order, with signs of their own.
struct Signed {
  Exponents magnitudes;
  const std::uint8_t* negative;

  HEPY_DEVICE std::int64_t row(std::size_t i) const {
    return row_of(magnitudes.rows, magnitudes.start, magnitudes.step, i);
  }

  // Contract: Words of conversion.cu.
  template <class Shape>
  HEPY_DEVICE void fetch_piece(const Warp<Shape, 1>& warp, std::size_t from, std::size_t count) const {
    const std::size_t first = warp.index() - warp.group.first / Shape::threads;  // the warp's first element
    const auto integer = [&](unsigned g) {
      return first + g < count ? magnitudes.words + row(first + g) * magnitudes.width : nullptr;
    };
    warp.fetch_words(integer, magnitudes.width, from);
  }
  HEPY_DEVICE bool is_negative(std::size_t i) const { return negative[row(i)] != 0; }
};

template <class Shape, class Source>
HEPY_DEVICE void multiply(Limb* out, const Operand& x, const Source& k, std::size_t words, const Entry& entry,
                          std::size_t count, const Limb* constants) {
  constexpr int L = Shape::part;
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const Group<typename Shape::Part>& group = warp.group;
  const Limb* const radix = warp.group.radix();
  const std::size_t i = warp.index(), pieces = (words + Shape::number - 1) / Shape::number;
  Limb factor[L], minus[L] = {}, a[Shape::limbs];
  HEPY_ROLLED
  for (std::size_t left = pieces; left-- > 0;) {
    k.fetch_piece(warp, left * Shape::number, count);
    if (left + 1 < pieces) {
      add_lazy(group, factor, warp.own(), radix);
      warp.template put<L>(factor);
    }
    load_words<L>(a, entry.factor + group.lane * L);
    product(group, factor, a, warp.operand(), int(entry.rows));
  }
  const bool negative = i < count && k.is_negative(i);
  subtract_lazy(group, minus, factor, radix);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) factor[j] = negative ? minus[j] : factor[j];
  warp.fetch(a, element<Shape>(x, i, i < count));
  warp.template put<L>(factor);
  product(group, factor, a, warp.operand());
  add_lazy(group, a + L, factor, radix);
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    multiply_principal_kernel(Limb* out, Operand x, Signed k, Entry entry, std::size_t count, const Limb* constants) {
  multiply<Shape>(out, x, k, k.magnitudes.width, entry, count, constants);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    multiply_principal_fixed_point_kernel(Limb* out, Operand x, FixedPoints k, std::size_t words, Entry entry,
                                          std::size_t count, const Limb* constants) {
  multiply<Shape>(out, x, k, words, entry, count, constants);
}

}  // namespace

std::size_t entry_rows(const Choice& choice, std::size_t words) {
  const std::size_t part = std::size_t(choice.limbs / choice.threads / 2), number = std::size_t(choice.limbs / 2);
  return words < number ? (words + part - 1) / part * part : number;
}

void multiply_principal(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Exponents& factors,
                        const std::uint8_t* negative, const Entry& entry, std::size_t count) {
  if (count == 0) return;
  with_pairs(*n.choice, [&](auto shape) {
    using Shape = decltype(shape);
    runtime::launch(multiply_principal_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x,
                    Signed{factors, negative}, entry, count, n.constants);
  });
}

void multiply_principal_fixed_point(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x,
                                    const std::uint64_t* in, Number number, unsigned scale, const Entry& entry,
                                    std::size_t count) {
  if (count == 0) return;
  with_pairs(*n.choice, [&](auto shape) {
    using Shape = decltype(shape);
    runtime::launch(multiply_principal_fixed_point_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x,
                    FixedPoints{in, number, int(scale)}, fixed_point_words(number, scale), entry, count, n.constants);
  });
}

}  // namespace hepy::bigint
