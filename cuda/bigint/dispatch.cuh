// From a row of the table of choices to the template instances for its shape.
#pragma once
#include <utility>

#include "bigint/bigint.hpp"
#include "bigint/shape.cuh"
#include "runtime/launch.cuh"

namespace hepy::bigint {

template <const auto& table, std::size_t row>
using ShapeOf = Shape<table[row].threads, table[row].limbs / table[row].threads, table[row].warps, table[row].blocks,
                      table[row].paired>;

template <const auto& table, int most, std::size_t row, class Function>
bool try_row(const Choice& choice, const Function& function) {
  if constexpr (table[row].limbs <= most) {
    if (&choice != &table[row]) return false;
    function(ShapeOf<table, row>());
    return true;
  }
  return false;
}

constexpr int kAllSizes = 1 << 30;

// function(Shape()) for the shape of this row, one of the first so many of the table, which has at most so many limbs.
template <const auto& table, int most, class Function, std::size_t... row>
void with_row(const Choice& choice, const Function& function, std::index_sequence<row...>) {
  const bool found = (try_row<table, most, row>(choice, function) || ...);
  if (!found) throw runtime::InvalidArgument("this operation is not compiled for such a row of the table");
}

// The same for a row of pairs.
template <int most = kAllSizes, class Function>
void with_pairs(const Choice& choice, const Function& function) {
  with_row<kPairs, most>(choice, function, std::make_index_sequence<kPairsCount>());
}

// The same for the shape of a modulus, whose choice is a chosen row of the table or one of pairs.
template <class Function>
void with_shape(const Modulus& n, const Function& function) {
  if (n.choice->paired) return with_pairs(*n.choice, function);
  with_row<kChoices, kAllSizes>(*n.choice, function, std::make_index_sequence<kChosenCount>());
}

// The same for variants too, of operations that `make tune` times.
template <class Function>
void with_any_shape(const Modulus& n, const Function& function) {
  if (n.choice->paired) return with_pairs(*n.choice, function);
  with_row<kChoices, kAllSizes>(*n.choice, function, std::make_index_sequence<kChoiceCount>());
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
