// Powers by fixed windows from the top, each element with a table of its own (Handbook of Applied Cryptography, 14.82).
//
// Tables lie in global memory: an element reads and writes 2^window + bits / window integers for bits products, some
// 80 GB/s at full speed, and in flight they are larger than shared memory and no larger than the L2 needs to serve.
// Where there are not tables for the whole batch, several launches share them: a loop in the kernel would take
// registers that squarings need.
#include <algorithm>

#include "bigint/dispatch.cuh"
#include "bigint/power_steps.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    power_kernel(Limb* out, Operand x, Exponents e, Timing timing, unsigned window, Limb* tables, std::size_t count,
                 const Limb* constants) {
  const Warp<Shape, kSquareSpace<Shape>> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  Limb* const table = tables + (i << window) * Shape::total;
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  make_table(warp, table, a, window);
  power_from_table(warp, a, table, Windows(e, i, i < count, window), window_count(e.bits, window), timing);
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

// A launch for as many elements as have slots, and where that is not all, another.
template <class Shape>
void power(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Exponents& e, Timing timing,
           unsigned window, Limb* tables, std::size_t slots, std::size_t count) {
  for (std::size_t first = 0; first < count; first += slots) {
    const std::size_t now = std::min(count - first, slots);
    runtime::launch(power_kernel<Shape>, grid<Shape>(now), Shape::block, 0, stream, out + first * Shape::total,
                    from_row(x, first), from_row(e, first), timing, window, tables, now, n.constants);
  }
}

}  // namespace

void power(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Exponents& e, Timing timing,
           unsigned window, Limb* tables, std::size_t slots, std::size_t count) {
  if (count == 0) return;
  with_any_shape(
      n, [&](auto shape) { power<decltype(shape)>(stream, n, out, x, e, timing, window, tables, slots, count); });
}

}  // namespace hepy::bigint
