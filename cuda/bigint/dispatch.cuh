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

template <class Function, std::size_t... row>
bool with_shape(const Choice& choice, const Function& function, std::index_sequence<row...>) {
  return ((&choice == &kChoices[row] && (function(ChosenShape<row>()), true)) || ...);
}

// function(Shape()) for the shape of this modulus.
template <class Function>
void with_shape(const Modulus& modulus, const Function& function) {
  const bool found = with_shape(*modulus.choice, function, std::make_index_sequence<kChoiceCount>());
  if (!found) throw runtime::InvalidArgument("the choice of a modulus is a row of the table");
}

// Blocks for so many integers at once.
template <class Shape>
dim3 grid(std::size_t count) {
  return runtime::blocks(count, Shape::integers);
}

}  // namespace hepy::bigint
