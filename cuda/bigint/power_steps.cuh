// The steps of powers: tables, windows of exponents that look into them, runs of squarings, and all of them together.
#pragma once
#include "bigint/pairs.cuh"
#include "bigint/square.cuh"
#include "bigint/warp.cuh"

namespace hepy::bigint {

// The entries x^0 ... x^(2^window - 1) at this address, the same in all lanes of a group; no table for null. x is
// given.
template <class Shape, int kSpace>
HEPY_DEVICE void make_table(const Warp<Shape, kSpace>& warp, Limb* table, const Limb* x, unsigned window) {
  const auto entry = [table](unsigned j) { return table != nullptr ? table + j * std::size_t(Shape::total) : nullptr; };
  Limb a[Shape::limbs];
  warp.deliver(entry(1), x);
  warp.fetch(a, warp.one);
  warp.deliver(entry(0), a);
  warp.fetch(a, entry(1));
  HEPY_ROLLED
  for (unsigned j = 2; j < 1u << window; ++j) {
    warp.fetch(entry(1));
    product(warp.group, a, a, warp.operand());
    warp.deliver(entry(j), a);
  }
}

// The operand becomes the entry `digit`. When scanning, all entries are read, whichever it is.
template <class Shape, int kSpace>
HEPY_DEVICE void look_up(const Warp<Shape, kSpace>& warp, const Limb* table, unsigned digit, unsigned window,
                         bool scanning) {
  if (!scanning) return warp.fetch(table + digit * std::size_t(Shape::total));
  Limb found[Shape::limbs] = {};
  HEPY_ROLLED
  for (unsigned j = 0; j < 1u << window; ++j) {
    Limb entry[Shape::limbs];
    warp.fetch(entry, table + j * std::size_t(Shape::total));
    HEPY_UNROLL
    for (int k = 0; k < Shape::limbs; ++k) found[k] |= entry[k] & (0u - Limb(j == digit));
  }
  warp.put(found);
}

// a = a^(2^count).
template <class Shape, int kSpace>
HEPY_DEVICE void square_times(const Warp<Shape, kSpace>& warp, Limb* a, unsigned count) {
  static_assert(kSpace >= kSquareSpace<Shape>, "a square needs room");
  HEPY_ROLLED
  for (unsigned s = 0; s < count; ++s) {
    warp.put(a);
    square(warp.group, SquareSpace<Shape>{warp.operand()}, a, a);
  }
}

// Windows that cover so many bits; at least one.
HEPY_HOST_DEVICE unsigned window_count(unsigned bits, unsigned window) {
  return bits > window ? (bits + window - 1) / window : 1;
}

// One exponent, read by windows; nothing but zeros where it does not exist.
struct Windows {
  const Limb* words;
  unsigned width, window;

  HEPY_DEVICE Windows(const Exponents& e, std::size_t i, bool exists, unsigned window)
      : words(exists ? e.words + row_of(e.rows, e.start, e.step, i) * e.width : nullptr),
        width(exists ? e.width : 0),
        window(window) {}

  HEPY_DEVICE unsigned operator[](unsigned position) const {
    const unsigned bit = position * window, at = bit / 32;
    const std::uint64_t low = at < width ? words[at] : 0, high = at + 1 < width ? words[at + 1] : 0;
    return unsigned((high << 32 | low) >> bit % 32) & ((1u << window) - 1);
  }
};

// a = the power, from the table of x. With variable time, what all exponents of the warp lack is left out: leading
// windows, and products for windows of zeros.
template <class Shape, int kSpace>
HEPY_DEVICE void power_from_table(const Warp<Shape, kSpace>& warp, Limb* a, const Limb* table, const Windows& exponent,
                                  unsigned windows, Timing timing) {
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

}  // namespace hepy::bigint
