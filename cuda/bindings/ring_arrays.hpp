// Arguments of cuda/ring from Python: the basis with what it points to, and views of device memory that broadcast.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "ring/ring.hpp"

namespace hepy::bindings {

using Lengths = std::vector<std::size_t>;
constexpr std::size_t kAny = ~std::size_t(0);  // in a shape that is asked for: any length

// log2(N). Throws InvalidArgument where that is no degree of a ring.
unsigned log_degree_of(std::size_t degree);

// A basis on one device. The arrays that its primes point to live as long.
struct RingBasis {
  // constants: uint32[limbs, 8], a ring::Prime each; tables: uint32[2, N] for each.
  RingBasis(runtime::Stream stream, const py::object& constants, const py::list& tables, std::size_t degree);

  std::size_t limbs() const { return value.limbs; }
  std::size_t degree() const { return value.degree(); }

  py::object constants;
  py::list tables;
  ring::Basis value;
};

// Words that are read: an array of any strides but along its last axis, of the shape [batch..., inner...].
struct View {
  // Throws InvalidArgument unless the last axes have the wanted lengths, rows of four words and more begin on 16
  // bytes, and all words are on the stream's device.
  View(runtime::Stream stream, const py::object& object, const Lengths& wanted);

  // Takes the last axis off the batch. Returns its stride, 0 where the axis has length 1 or there is none.
  std::int64_t take_last_axis();

  const std::uint32_t* words;
  Lengths batch, inner;
  std::vector<std::int64_t> batch_strides, inner_strides;  // in words
};

// A result: contiguous words of the shape [batch..., inner...].
struct Result {
  Result(runtime::Stream stream, const py::object& object, const Lengths& wanted);

  std::uint32_t* words;
  Lengths batch, inner;
};

// Makes operands of views that broadcast to the batch of a result, with as few axes as they share; an operand's limb
// stride is the view's along its last axis but one. Throws InvalidArgument where a view does not broadcast, or more
// than ring::kAxes axes remain.
ring::Batch share_axes(const Lengths& batch, const std::vector<const View*>& views,
                       const std::vector<ring::Operand*>& operands);

}  // namespace hepy::bindings
