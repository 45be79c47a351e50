// Powers of one base: one product for each window of an exponent, from a table with a row for each window (Brickell,
// Gordon, McCurley and Wilson, EUROCRYPT '92, section 2, with all digits tabled).
#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// A group a position p: base^(2^(window p)) by squarings, then its powers. Every group squares for itself: the time is
// that of the longest chain, as if the positions followed one another, but one launch does all. Positions are few, so
// warps may take the registers that they want.
template <class Shape>
__global__ void __launch_bounds__(Shape::block)
    fixed_base_table_kernel(Limb* table, Operand base, unsigned window, unsigned positions, const Limb* constants) {
  const Warp<Shape, kSquareSpace<Shape>> warp(constants);
  if (warp.idle(positions)) return;
  const unsigned position = unsigned(warp.index());
  const unsigned first = position - unsigned(warp.group.first / Shape::threads);
  const unsigned last = (first + Shape::groups < positions ? first + Shape::groups : positions) - 1;  // of the warp
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(base, 0, true));
  HEPY_ROLLED
  for (unsigned s = 0; s < last * window; ++s) {
    warp.put(a);
    square(warp.group, SquareSpace<Shape>{warp.operand()}, a, a);
    if (s >= position * window) load_words<Shape::limbs>(a, warp.own());  // this group's chain has ended
  }
  make_table(warp, position < positions ? table + (std::size_t(position) << window) * Shape::total : nullptr, a,
             window);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    fixed_base_power_kernel(Limb* out, const Limb* table, Exponents e, bool scanning, unsigned window,
                            std::size_t count, const Limb* constants) {
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  const Windows exponent(e, i, i < count, window);
  const unsigned positions = window_count(e.bits, window);
  Limb a[Shape::limbs];
  look_up(warp, table, exponent[0], window, scanning);
  load_words<Shape::limbs>(a, warp.own());
  HEPY_ROLLED
  for (unsigned position = 1; position < positions; ++position) {
    look_up(warp, table + (std::size_t(position) << window) * Shape::total, exponent[position], window, scanning);
    product(warp.group, a, a, warp.operand());
  }
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape>
void fixed_base_table(runtime::Stream stream, const Modulus& n, Limb* table, const Operand& base, unsigned window,
                      unsigned positions) {
  runtime::launch(fixed_base_table_kernel<Shape>, grid<Shape>(positions), Shape::block, 0, stream, table, base, window,
                  positions, n.constants);
}
template <class Shape>
void fixed_base_power(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* table, const Exponents& e,
                      Timing timing, unsigned window, std::size_t count) {
  runtime::launch(fixed_base_power_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, table, e,
                  timing == Timing::kScanning, window, count, n.constants);
}

}  // namespace

void fixed_base_table(runtime::Stream stream, const Modulus& n, Limb* table, const Operand& base, unsigned window,
                      unsigned positions) {
  if (positions == 0) return;
  with_shape(n, [&](auto shape) { fixed_base_table<decltype(shape)>(stream, n, table, base, window, positions); });
}

void fixed_base_power(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* table, const Exponents& e,
                      Timing timing, unsigned window, std::size_t count) {
  if (count == 0) return;
  with_any_shape(
      n, [&](auto shape) { fixed_base_power<decltype(shape)>(stream, n, out, table, e, timing, window, count); });
}

}  // namespace hepy::bigint
