// Products, squares, sums and differences of elements, and copies of rows.
#include "bigint/dispatch.cuh"
#include "bigint/square.cuh"
#include "bigint/sums.cuh"
#include "bigint/warp.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// At full speed a product of 2048 bits moves 1.2 TB/s: whole lines matter.
template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    multiply_kernel(Limb* out, Operand x, Operand y, std::size_t count, const Limb* constants) {
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  warp.fetch(element<Shape>(y, i, i < count));
  product(warp.group, a, a, warp.operand());
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    square_kernel(Limb* out, Operand x, std::size_t count, const Limb* constants) {
  const Warp<Shape, kSquareSpace<Shape>> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  square(warp.group, SquareSpace<Shape>{warp.operand()}, a, a);
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape, bool subtracting>
__global__ void __launch_bounds__(Shape::block)
    add_kernel(Limb* out, Operand x, Operand y, std::size_t count, const Limb* constants) {
  const Limb* const shared_one = share<Shape, Constant::kOne>(constants);
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const Limb* const one = shared_one + warp.group.lane * Shape::pitch;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  warp.fetch(element<Shape>(y, i, i < count));
  accumulate_lazy<subtracting>(warp.group, a, warp.own(), one);
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

constexpr unsigned kCopyThreads = 256;

// A thread 16 bytes.
__global__ void __launch_bounds__(kCopyThreads) gather_kernel(Limb* out, Operand x, std::size_t quads, unsigned limbs) {
  const std::size_t at = (std::size_t(blockIdx.x) * kCopyThreads + threadIdx.x) * 4, i = at / limbs;
  if (at / 4 >= quads) return;
  const auto row = row_of(x.rows, x.start, x.step, i);
  runtime::store4(out + at, runtime::load4_readonly(x.limbs + row * limbs + at % limbs));
}

template <class Shape>
void multiply(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y,
              std::size_t count) {
  runtime::launch(multiply_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x, y, count, n.constants);
}
template <class Shape>
void square(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, std::size_t count) {
  runtime::launch(square_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x, count, n.constants);
}
template <class Shape>
void add(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y, std::size_t count) {
  runtime::launch(add_kernel<Shape, false>, grid<Shape>(count), Shape::block, 0, stream, out, x, y, count, n.constants);
}
template <class Shape>
void subtract(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y,
              std::size_t count) {
  runtime::launch(add_kernel<Shape, true>, grid<Shape>(count), Shape::block, 0, stream, out, x, y, count, n.constants);
}

}  // namespace

void multiply(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y,
              std::size_t count) {
  if (count == 0) return;
  with_any_shape(n, [&](auto shape) { multiply<decltype(shape)>(stream, n, out, x, y, count); });
}

void square(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, std::size_t count) {
  if (count == 0) return;
  with_any_shape(n, [&](auto shape) { square<decltype(shape)>(stream, n, out, x, count); });
}

void add(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y, std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { add<decltype(shape)>(stream, n, out, x, y, count); });
}

void subtract(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, const Operand& y,
              std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { subtract<decltype(shape)>(stream, n, out, x, y, count); });
}

void gather(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, std::size_t count) {
  if (count == 0) return;
  const unsigned limbs = unsigned(n.choice->limbs);
  const std::size_t quads = count * limbs / 4;
  runtime::launch(gather_kernel, runtime::blocks(quads, kCopyThreads), kCopyThreads, 0, stream, out, x, quads, limbs);
}

}  // namespace hepy::bigint
