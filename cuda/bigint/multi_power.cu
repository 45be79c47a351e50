// Products of powers, in a time that tells the exponents: Straus's method, and the steps of Pippenger's that are not
// plain products of segments.
//
// Straus (Amer. Math. Monthly 71 (1964)): all bases share the squarings, each has a table. Pippenger (SIAM J. Comput. 9
// (1980)): of one window of the exponents, bases with one digit d are multiplied first, then B_d^d over all digits; the
// windows' results meet in Horner's scheme.
#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    power_tables_kernel(Limb* tables, Operand x, unsigned window, std::size_t count, const Limb* constants) {
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  make_table(warp, i < count ? tables + (i << window) * Shape::total : nullptr, a, window);
}

// Neighbouring groups take one column's exponents for neighbouring rows: a warp leaves out the zeros of its columns.
template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    straus_kernel(Limb* out, const Limb* tables, Exponents e, unsigned window, StrausShape s, const Limb* constants) {
  const Warp<Shape, kSquareSpace<Shape>> warp(constants);
  if (warp.idle(s.rows * s.columns)) return;
  const std::size_t i = warp.index(), row = i % s.rows, column = i / s.rows;
  const bool exists = column < s.columns;
  Limb a[Shape::limbs];
  warp.fetch(a, warp.one);
  bool begun = false;  // the same in all lanes
  HEPY_ROLLED
  for (unsigned position = window_count(e.bits, window); position-- > 0;) {
    square_times(warp, a, begun ? window : 0);
    HEPY_ROLLED
    for (std::size_t k = 0; k < s.terms; ++k) {
      const unsigned digit = Windows(e, k * s.columns + column, exists, window)[position];
      if (!__any_sync(kAllLanes, digit != 0)) continue;
      const std::size_t entry = (((exists ? row : 0) * s.terms + k) << window) + digit;
      warp.fetch(tables + entry * Shape::total);
      product(warp.group, a, a, warp.operand());
      begun = true;
    }
  }
  warp.deliver(exists ? out + (row * s.columns + column) * Shape::total : nullptr, a);
}

// out[i] = product over d = 1 ... digits of buckets[i, d - 1]^d, as the product of all products of buckets from the
// top.
template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    bucket_product_kernel(Limb* out, const Limb* buckets, unsigned digits, std::size_t count, const Limb* constants) {
  constexpr int L = Shape::limbs;
  const Warp<Shape, 2> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  const auto bucket = [&](unsigned d) { return i < count ? buckets + (i * digits + d - 1) * Shape::total : warp.one; };
  Limb* const aside = warp.aside();
  Limb a[L];
  warp.fetch(a, bucket(digits));
  store_words<L>(aside, a);
  HEPY_ROLLED
  for (unsigned d = digits - 1; d > 0; --d) {
    warp.fetch(bucket(d));
    product(warp.group, a, a, warp.operand());
    warp.put(a);
    Limb result[L];
    load_words<L>(result, aside);
    product(warp.group, result, result, warp.operand());
    store_words<L>(aside, result);
    load_words<L>(a, warp.own());
  }
  load_words<L>(a, aside);
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

// out[i] = product over p of parts[i, p]^(2^(window p)). A column of a matrix is one group, so warps are few, and may
// take the registers that they want.
template <class Shape>
__global__ void __launch_bounds__(Shape::block)
    horner_kernel(Limb* out, const Limb* parts, unsigned window, unsigned positions, std::size_t count,
                  const Limb* constants) {
  const Warp<Shape, kSquareSpace<Shape>> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  const Limb* part = i < count ? parts + ((i + 1) * positions - 1) * Shape::total : warp.one;
  Limb a[Shape::limbs];
  warp.fetch(a, part);
  HEPY_ROLLED
  for (unsigned p = positions - 1; p > 0; --p) {
    square_times(warp, a, window);
    part -= i < count ? Shape::total : 0;
    warp.fetch(part);
    product(warp.group, a, a, warp.operand());
  }
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape>
void power_tables(runtime::Stream stream, const Modulus& n, Limb* tables, const Operand& x, unsigned window,
                  std::size_t count) {
  runtime::launch(power_tables_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, tables, x, window, count,
                  n.constants);
}
template <class Shape>
void straus(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* tables, const Exponents& e,
            unsigned window, const StrausShape& shape) {
  runtime::launch(straus_kernel<Shape>, grid<Shape>(shape.rows * shape.columns), Shape::block, 0, stream, out, tables,
                  e, window, shape, n.constants);
}
template <class Shape>
void bucket_product(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* buckets, unsigned digits,
                    std::size_t count) {
  runtime::launch(bucket_product_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, buckets, digits,
                  count, n.constants);
}
template <class Shape>
void horner(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* parts, unsigned window, unsigned positions,
            std::size_t count) {
  runtime::launch(horner_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, parts, window, positions,
                  count, n.constants);
}

}  // namespace

void power_tables(runtime::Stream stream, const Modulus& n, Limb* tables, const Operand& x, unsigned window,
                  std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { power_tables<decltype(shape)>(stream, n, tables, x, window, count); });
}

void straus(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* tables, const Exponents& e,
            unsigned window, const StrausShape& shape) {
  if (shape.rows == 0 || shape.columns == 0) return;
  with_shape(n, [&](auto sized) { straus<decltype(sized)>(stream, n, out, tables, e, window, shape); });
}

void bucket_product(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* buckets, unsigned digits,
                    std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { bucket_product<decltype(shape)>(stream, n, out, buckets, digits, count); });
}

void horner(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* parts, unsigned window, unsigned positions,
            std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { horner<decltype(shape)>(stream, n, out, parts, window, positions, count); });
}

}  // namespace hepy::bigint
