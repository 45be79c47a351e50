// Powers by fixed windows from the top, each element with a table of its own (Handbook of Applied Cryptography, 14.82).
//
// Tables lie in global memory: an element reads and writes 2^window + bits / window integers for bits products, some
// 80 GB/s at full speed, and in flight they are larger than shared memory and no larger than the L2 needs to serve. A
// launch has tables for some elements only, and takes the batch in rounds.
#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// a = the power, from the table of x. With variable time, what all exponents of the warp lack is left out: leading
// windows, and products for windows of zeros.
template <class Shape>
HEPY_DEVICE void power_from_table(const Warp<Shape, kSquareSpace>& warp, Limb* a, const Limb* table,
                                  const Windows& exponent, unsigned windows, Timing timing) {
  const bool scanning = timing == Timing::kScanning, variable = timing == Timing::kVariable;
  unsigned position = windows - 1, digit = exponent[position];
  while (variable && position > 0 && !__any_sync(kAllLanes, digit != 0)) digit = exponent[--position];
  look_up(warp, table, digit, exponent.window, scanning);
  load_words<Shape::limbs>(a, warp.own());
  HEPY_ROLLED
  while (position-- > 0) {
    square_times(warp, a, exponent.window);
    digit = exponent[position];
    if (variable && !__any_sync(kAllLanes, digit != 0)) continue;
    look_up(warp, table, digit, exponent.window, scanning);
    product(warp.group, a, a, warp.operand());
  }
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    power_kernel(Limb* out, Operand x, Exponents e, Timing timing, unsigned window, Limb* tables, std::size_t slots,
                 std::size_t count, const Limb* constants) {
  const Warp<Shape, kSquareSpace> warp(constants);
  if (warp.idle(count)) return;
  Limb* const table = tables + (warp.index() << window) * Shape::total;
  HEPY_ROLLED
  for (std::size_t first = 0; first < count; first += slots) {
    const std::size_t i = first + warp.index();
    Limb a[Shape::limbs];
    warp.fetch(a, element<Shape>(x, i, i < count));
    make_table(warp, table, a, window);
    power_from_table(warp, a, table, Windows(e, i, i < count, window), window_count(e.bits, window), timing);
    warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
  }
}

template <class Shape>
void power(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Exponents& e, Timing timing,
           unsigned window, Limb* tables, std::size_t slots, std::size_t count) {
  runtime::launch(power_kernel<Shape>, grid<Shape>(slots), Shape::block, 0, stream, out, x, e, timing, window, tables,
                  slots, count, n.constants);
}

}  // namespace

void power(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Exponents& e, Timing timing,
           unsigned window, Limb* tables, std::size_t slots, std::size_t count) {
  if (count == 0) return;
  with_shape(n,
             [&](auto shape) { power<decltype(shape)>(stream, n, out, x, e, timing, window, tables, slots, count); });
}

}  // namespace hepy::bigint
