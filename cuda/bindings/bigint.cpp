// cuda/bigint for Python: the submodule `bigint`.
#include "bigint/bigint.hpp"

#include <optional>
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"

namespace hepy::bindings {
namespace {

namespace py = pybind11;
using Limb = std::uint32_t;

// A modulus on one device. The array of constants lives as long.
struct Modulus {
  Modulus(runtime::Stream stream, const py::object& constants, std::size_t words) : constants(constants), words(words) {
    const auto properties = runtime::properties(stream.device);
    value.choice = &bigint::choose(10 * properties.major + properties.minor, words);
    value.constants = Array<const Limb>(constants).data(stream, 3 * limbs() + 4);
  }

  std::size_t limbs() const { return std::size_t(value.choice->limbs); }

  // The address of a batch of `count` elements, to be written.
  Limb* batch(runtime::Stream stream, const py::object& object, std::size_t count) const {
    return Array<Limb>(object).data(stream, count * limbs());
  }

  py::object constants;
  std::size_t words;
  bigint::Modulus value;
};

// Rows of a batch or of exponents: an index array, or evenly spaced.
struct Rows {
  py::object index;
  std::int64_t start, step;

  // The index's address, null where rows are spaced. Throws unless `count` rows lie among `rows`; what an index holds
  // is in device memory, and its maker answers for it.
  const std::int64_t* check(runtime::Stream stream, std::size_t count, std::size_t rows) const {
    if (!index.is_none()) return Array<const std::int64_t>(index).data(stream, count);
    const std::int64_t last = start + (std::int64_t(count) - 1) * step, end = std::int64_t(rows);
    if (count > 0 && (start < 0 || start >= end || last < 0 || last >= end)) {
      throw runtime::InvalidArgument("rows " + std::to_string(start) + " to " + std::to_string(last) +
                                     " were asked for of an array that has " + std::to_string(rows));
    }
    return nullptr;
  }
};

struct Operand {
  py::object batch;
  Rows rows;

  bigint::Operand check(runtime::Stream stream, const Modulus& modulus, std::size_t count) const {
    const Array<const Limb> array(batch);
    const auto* const index = rows.check(stream, count, array.size() / modulus.limbs());
    return {array.data(stream, array.size()), index, rows.start, rows.step};
  }
};

using Binary = void (*)(runtime::Stream, const bigint::Modulus&, Limb*, const bigint::Operand&, const bigint::Operand&,
                        std::size_t);
using Unary = void (*)(runtime::Stream, const bigint::Modulus&, Limb*, const bigint::Operand&, std::size_t);

template <Binary function>
void binary(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x, const Operand& y,
            std::size_t count) {
  Limb* const to = modulus.batch(stream, out, count);
  const auto left = x.check(stream, modulus, count), right = y.check(stream, modulus, count);
  const py::gil_scoped_release release;
  function(stream, modulus.value, to, left, right, count);
}

template <Unary function>
void unary(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x, std::size_t count) {
  Limb* const to = modulus.batch(stream, out, count);
  const auto operand = x.check(stream, modulus, count);
  const py::gil_scoped_release release;
  function(stream, modulus.value, to, operand, count);
}

void load(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& in,
          std::size_t words, std::size_t count) {
  Limb* const to = modulus.batch(stream, out, count);
  const auto* const from = Array<const Limb>(in).data(stream, count * words);
  const py::gil_scoped_release release;
  bigint::load(stream, modulus.value, to, from, words, count);
}

void store(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x, std::size_t count) {
  Limb* const to = Array<Limb>(out).data(stream, count * modulus.words);
  const auto operand = x.check(stream, modulus, count);
  const py::gil_scoped_release release;
  bigint::store(stream, modulus.value, to, operand, modulus.words, count);
}

void equal(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x, const Operand& y,
           std::size_t count) {
  auto* const to = Array<std::uint8_t>(out).data(stream, count);
  const auto left = x.check(stream, modulus, count), right = y.check(stream, modulus, count);
  const py::gil_scoped_release release;
  bigint::equal(stream, modulus.value, to, left, right, count);
}

}  // namespace

void bind_bigint(py::module_& parent) {
  auto module = parent.def_submodule("bigint", "Batches modulo one odd modulus; contracts in cuda/bigint/bigint.hpp.");
  py::class_<Modulus>(module, "Modulus", py::module_local(),
                      "uint32[3 limbs + 4] of constants, for moduli of so many words.")
      .def(py::init<runtime::Stream, const py::object&, std::size_t>(), py::arg("stream"), py::arg("constants"),
           py::arg("words"));
  py::class_<Operand>(module, "Operand", py::module_local(), "Elements of a batch: rows[i], or start + i * step.")
      .def(py::init([](const py::object& batch, const py::object& rows, std::int64_t start, std::int64_t step) {
             return Operand{batch, {rows, start, step}};
           }),
           py::arg("batch"), py::arg("rows") = py::none(), py::arg("start") = 0, py::arg("step") = 1);
  module.def(
      "limbs",
      [](int device, std::size_t words) {
        const auto properties = runtime::properties(device);
        return bigint::choose(10 * properties.major + properties.minor, words).limbs;
      },
      py::arg("device"), py::arg("words"), "Limbs of an element for moduli of so many words.");
  module.def("load", &load);
  module.def("store", &store);
  module.def("equal", &equal);
  module.def("gather", &unary<&bigint::gather>);
  module.def("multiply", &binary<&bigint::multiply>);
  module.def("square", &unary<&bigint::square>);
  module.def("add", &binary<&bigint::add>);
  module.def("subtract", &binary<&bigint::subtract>);
}

}  // namespace hepy::bindings
