// From a row of the table of choices to the template instances for its shape.
#pragma once
#include <utility>

#include "bigint/bigint.hpp"
#include "bigint/shape.cuh"
#include "runtime/launch.cuh"

namespace hepy::bigint {

template <std::size_t row>
using ChosenShape = Shape<kChoices[row].threads, kChoices[row].limbs / kChoices[row].threads, kChoices[row].warps,
                          kChoices[row].blocks>;

template <std::size_t row>
using PairShape =
    Shape<kPairs[row].threads, kPairs[row].limbs / kPairs[row].threads, kPairs[row].warps, kPairs[row].blocks, true>;

template <std::size_t row, int most, class Function>
bool try_shape(const Choice& choice, const Function& function) {
  if constexpr (kChoices[row].limbs <= most) {
    if (&choice != &kChoices[row]) return false;
    function(ChosenShape<row>());
    return true;
  }
  return false;
}

template <int most, class Function, std::size_t... row>
bool with_shape(const Choice& choice, const Function& function, std::index_sequence<row...>) {
  return (try_shape<row, most>(choice, function) || ...);
}

// The same for rows of pairs.
template <std::size_t row, int most, class Function>
bool try_pairs(const Choice& choice, const Function& function) {
  if constexpr (kPairs[row].limbs <= most) {
    if (&choice != &kPairs[row]) return false;
    function(PairShape<row>());
    return true;
  }
  return false;
}

template <int most, class Function, std::size_t... row>
bool with_pairs(const Choice& choice, const Function& function, std::index_sequence<row...>) {
  return (try_pairs<row, most>(choice, function) || ...);
}

constexpr int kAllSizes = 1 << 30;

// function(Shape()) for the shape of this row of pairs, which has at most so many limbs.
template <int most = kAllSizes, class Function>
void with_pairs(const Choice& choice, const Function& function) {
  const bool found = with_pairs<most>(choice, function, std::make_index_sequence<kPairsCount>());
  if (!found) throw runtime::InvalidArgument("this operation is not compiled for such a row of the table");
}

// function(Shape()) for the shape of a modulus, whose choice is a chosen row of the table or one of pairs.
template <class Function>
void with_shape(const Modulus& n, const Function& function) {
  if (n.choice->paired) return with_pairs(*n.choice, function);
  const bool found = with_shape<kAllSizes>(*n.choice, function, std::make_index_sequence<kChosenCount>());
  if (!found) throw runtime::InvalidArgument("this operation is not compiled for such a row of the table");
}

// The same for variants too, of operations that `make tune` times.
template <class Function>
void with_any_shape(const Modulus& n, const Function& function) {
  if (n.choice->paired) return with_pairs(*n.choice, function);
  const bool found = with_shape<kAllSizes>(*n.choice, function, std::make_index_sequence<kChoiceCount>());
  if (!found) throw runtime::InvalidArgument("the choice of a modulus is a row of the table");
}

// Blocks for so many integers at once.
template <class Shape>
dim3 grid(std::size_t count) {
  return runtime::blocks(count, Shape::integers);
}

// The same elements, or exponents, from the first-th on.
template <class Rows>
Rows from_row(Rows rows, std::size_t first) {
  if (rows.rows != nullptr) rows.rows += first;
  rows.start += std::int64_t(first) * rows.step;
  return rows;
}

}  // namespace hepy::bigint
