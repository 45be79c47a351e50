// Products of many elements: of segments, running ones, and the two sweeps of a batched inversion.
//
// A group multiplies its elements one after the other. Groups of a warp go on together until the longest is done, so
// callers cut segments into pieces of about one length, and multiply the pieces' products in turn.
#include <algorithm>

#include "bigint/dispatch.cuh"
#include "bigint/montgomery.cuh"
#include "bigint/warp.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// running: each partial product goes to the place of its last element; else the whole to the place of its segment.
template <class Shape, bool running>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    segment_kernel(Limb* out, Operand x, const std::int64_t* offsets, std::size_t segments, const Limb* constants) {
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(segments)) return;
  const std::size_t s = warp.index();
  const std::int64_t end = s < segments ? offsets[s + 1] : 0;
  std::int64_t k = s < segments ? offsets[s] : 0;
  const auto factor = [&] { return k < end ? element<Shape>(x, std::size_t(k), true) : warp.one; };
  Limb a[Shape::limbs];
  warp.fetch(a, factor());
  if (running) warp.deliver(k < end ? out + k * Shape::total : nullptr, a);
  HEPY_ROLLED
  while (__any_sync(kAllLanes, ++k < end)) {
    warp.fetch(factor());
    product(warp.group, a, a, warp.operand());
    if (running) warp.deliver(k < end ? out + k * Shape::total : nullptr, a);
  }
  if (!running) warp.deliver(s < segments ? out + s * Shape::total : nullptr, a);
}

// Of a block x_0 ... x_(m-1), whose product has the inverse given: 1/x_k is x_0 ... x_(k-1), which out[k-1] holds,
// times the inverse of x_0 ... x_k (Montgomery, Math. Comp. 48 (1987), 10.3.1).
template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    block_inverse_kernel(Limb* out, Operand x, const Limb* inverses, unsigned block, std::size_t count,
                         const Limb* constants) {
  constexpr int L = Shape::limbs;
  const Warp<Shape, 2> warp(constants);
  if (warp.idle((count + block - 1) / block)) return;
  const std::size_t first = warp.index() * block;
  const unsigned here = first < count ? unsigned(count - first < block ? count - first : block) : 0;
  const auto factor = [&](unsigned k) { return k < here ? element<Shape>(x, first + k, true) : warp.one; };
  const auto place = [&](unsigned k) { return k < here ? out + (first + k) * Shape::total : nullptr; };
  Limb a[L];
  warp.fetch(a, here > 0 ? inverses + warp.index() * Shape::total : nullptr);
  store_words<L>(warp.aside(), a);
  HEPY_ROLLED
  for (unsigned k = block; --k > 0;) {
    HEPY_ROLLED
    for (bool before = false;; before = true) {  // 1/x_k; then the inverse of what stands before it
      load_words<L>(a, warp.aside());
      warp.fetch(before ? factor(k) : k < here ? place(k - 1) : warp.one);
      product(warp.group, a, a, warp.operand());
      if (before) break;
      warp.deliver(place(k), a);
    }
    store_words<L>(warp.aside(), a);
  }
  load_words<L>(a, warp.aside());
  warp.deliver(place(0), a);
}

template <class Shape>
void segment_product(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const std::int64_t* offsets,
                     std::size_t segments) {
  runtime::launch(segment_kernel<Shape, false>, grid<Shape>(segments), Shape::block, 0, stream, out, x, offsets,
                  segments, n.constants);
}
template <class Shape>
void prefix_product(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const std::int64_t* offsets,
                    std::size_t segments) {
  runtime::launch(segment_kernel<Shape, true>, grid<Shape>(segments), Shape::block, 0, stream, out, x, offsets,
                  segments, n.constants);
}
template <class Shape>
void block_inverse(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Limb* inverses,
                   std::size_t block, std::size_t count) {
  runtime::launch(block_inverse_kernel<Shape>, grid<Shape>((count + block - 1) / block), Shape::block, 0, stream, out,
                  x, inverses, unsigned(std::min(block, count)), count, n.constants);
}

}  // namespace

void segment_product(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const std::int64_t* offsets,
                     std::size_t segments) {
  if (segments == 0) return;
  with_shape(n, [&](auto shape) { segment_product<decltype(shape)>(stream, n, out, x, offsets, segments); });
}

void prefix_product(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const std::int64_t* offsets,
                    std::size_t segments) {
  if (segments == 0) return;
  with_shape(n, [&](auto shape) { prefix_product<decltype(shape)>(stream, n, out, x, offsets, segments); });
}

void block_inverse(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Limb* inverses,
                   std::size_t block, std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { block_inverse<decltype(shape)>(stream, n, out, x, inverses, block, count); });
}

}  // namespace hepy::bigint
