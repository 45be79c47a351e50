// From integers of any width and fixed-point numbers into Montgomery form, from there to the least residue, and
// comparison by residues.
#include "bigint/dispatch.cuh"
#include "bigint/fixed_points.cuh"
#include "bigint/montgomery.cuh"
#include "bigint/sums.cuh"
#include "bigint/warp.cuh"
#include "runtime/runtime.cuh"

namespace hepy::bigint {
namespace {

// What `enter` reads: integers in memory.
struct Words {
  static constexpr bool has_sign = false;
  const Limb* in;
  std::size_t words;

  // The operand becomes limbs [from, from + number) of the integer of this group, zeros beyond its words.
  template <class Shape>
  HEPY_DEVICE void fetch_piece(const Warp<Shape, 1>& warp, std::size_t from, std::size_t count) const {
    const std::size_t first = warp.index() - warp.group.first / Shape::threads;  // the warp's first row
    const auto row = [&](unsigned g) { return first + g < count ? in + (first + g) * words : nullptr; };
    warp.fetch_words(row, words, from);
  }
  HEPY_DEVICE bool is_negative(std::size_t) const { return false; }
};

// Horner's rule over pieces of a number's width, from the top: (x R + piece) in turn, and one more R.
template <class Shape, class Source>
HEPY_DEVICE void enter(Limb* out, const Source& in, std::size_t words, std::size_t count, const Limb* constants) {
  const Limb* const square_of_r = share<Shape, Constant::kSquareOfR>(constants);
  const Limb* const shared_one = share<Shape, Constant::kOne>(constants);
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const Limb* const one = shared_one + warp.group.lane * Shape::pitch;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs] = {};
  HEPY_ROLLED
  for (std::size_t left = (words + Shape::number - 1) / Shape::number; left-- > 0;) {
    in.fetch_piece(warp, left * Shape::number, count);
    add_number_lazy(warp.group, a, warp.own(), one);
    product(warp.group, a, a, square_of_r);
  }
  if constexpr (Source::has_sign) {
    const bool negative = i < count && in.is_negative(i);
    Limb minus[Shape::limbs] = {};
    warp.put(a);
    subtract_lazy(warp.group, minus, warp.own(), one);
    HEPY_UNROLL
    for (int j = 0; j < Shape::limbs; ++j) a[j] = negative ? minus[j] : a[j];
  }
  warp.deliver(i < count ? out + i * Shape::total : nullptr, a);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    load_kernel(Limb* out, Words in, std::size_t count, const Limb* constants) {
  enter<Shape>(out, in, in.words, count, constants);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    fixed_point_kernel(Limb* out, FixedPoints in, std::size_t words, std::size_t count, const Limb* constants) {
  enter<Shape>(out, in, words, count, constants);
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    store_kernel(Limb* out, Operand x, std::size_t words, std::size_t count, const Limb* constants) {
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const std::size_t i = warp.index(), first = i - warp.group.first / Shape::threads;
  Limb a[Shape::limbs];
  warp.fetch(a, element<Shape>(x, i, i < count));
  reduce(warp.group, a);
  if constexpr (Shape::paired) expand(warp.group, a, warp.operand());
  warp.put(a);
  for (std::size_t at = threadIdx.x % kLanes; at < Shape::groups * words; at += kLanes) {
    const std::size_t row = at / words, word = at % words;
    const std::size_t place = row * Shape::shared + Shape::place(int(word));
    if (first + row < count) out[(first + row) * words + word] = warp.space[place];
  }
}

template <class Shape>
__global__ void __launch_bounds__(Shape::block, Shape::blocks)
    equal_kernel(std::uint8_t* out, Operand x, Operand y, std::size_t count, const Limb* constants) {
  const Limb* const shared_one = share<Shape, Constant::kOne>(constants);
  const Warp<Shape, 1> warp(constants);
  if (warp.idle(count)) return;
  const Limb* const one = shared_one + warp.group.lane * Shape::pitch;
  const std::size_t i = warp.index();
  Limb a[Shape::limbs], any = 0;
  warp.fetch(a, element<Shape>(x, i, i < count));
  warp.fetch(element<Shape>(y, i, i < count));
  subtract_lazy(warp.group, a, warp.own(), one);
  reduce(warp.group, a);
  HEPY_UNROLL
  for (int j = 0; j < Shape::limbs; ++j) any |= a[j];
  const bool is_zero = warp.group.all(any == 0);
  if (i < count && warp.group.lane == 0) out[i] = is_zero;
}

template <class Shape>
void load(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* in, std::size_t words, std::size_t count) {
  runtime::launch(load_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, Words{in, words}, count,
                  n.constants);
}
template <class Shape>
void fixed_point(runtime::Stream stream, const Modulus& n, Limb* out, const std::uint64_t* in, Number number,
                 unsigned scale, std::size_t count) {
  runtime::launch(fixed_point_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out,
                  FixedPoints{in, number, int(scale)}, fixed_point_words(number, scale), count, n.constants);
}
template <class Shape>
void store(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, std::size_t words,
           std::size_t count) {
  runtime::launch(store_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x, words, count, n.constants);
}
template <class Shape>
void equal(runtime::Stream stream, const Modulus& n, std::uint8_t* out, const Operand& x, const Operand& y,
           std::size_t count) {
  runtime::launch(equal_kernel<Shape>, grid<Shape>(count), Shape::block, 0, stream, out, x, y, count, n.constants);
}

}  // namespace

void load(runtime::Stream stream, const Modulus& n, Limb* out, const Limb* in, std::size_t words, std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { load<decltype(shape)>(stream, n, out, in, words, count); });
}

void fixed_point(runtime::Stream stream, const Modulus& n, Limb* out, const std::uint64_t* in, Number number,
                 unsigned scale, std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { fixed_point<decltype(shape)>(stream, n, out, in, number, scale, count); });
}

void store(runtime::Stream stream, const Modulus& n, Limb* out, const Operand& x, std::size_t words,
           std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { store<decltype(shape)>(stream, n, out, x, words, count); });
}

void equal(runtime::Stream stream, const Modulus& n, std::uint8_t* out, const Operand& x, const Operand& y,
           std::size_t count) {
  if (count == 0) return;
  with_shape(n, [&](auto shape) { equal<decltype(shape)>(stream, n, out, x, y, count); });
}

}  // namespace hepy::bigint
