// cuda/ring for Python: the submodule `ring`, whose other half is in ring_conversion.cpp.
#include "ring/ring.hpp"

#include "bindings/bindings.hpp"
#include "bindings/ring_arrays.hpp"

namespace hepy::bindings {
namespace {

using Binary = void (*)(runtime::Stream, const ring::Basis&, const ring::Batch&, std::uint32_t*, const ring::Operand&,
                        const ring::Operand&);

template <Binary function>
void binary(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
            const py::object& y) {
  const Lengths inner{basis.limbs(), basis.degree()};
  const Result to(stream, out, inner);
  const View left(stream, x, inner), right(stream, y, inner);
  ring::Operand a, b;
  const auto batch = share_axes(to.batch, {&left, &right}, {&a, &b});
  const py::gil_scoped_release release;
  function(stream, basis.value, batch, to.words, a, b);
}

void negate(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x) {
  const Lengths inner{basis.limbs(), basis.degree()};
  const Result to(stream, out, inner);
  const View view(stream, x, inner);
  ring::Operand a;
  const auto batch = share_axes(to.batch, {&view}, {&a});
  const py::gil_scoped_release release;
  ring::negate(stream, basis.value, batch, to.words, a);
}

// factors: uint32[..., limbs, 1].
void scale(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
           const py::object& factors) {
  const Lengths inner{basis.limbs(), basis.degree()};
  const Result to(stream, out, inner);
  const View view(stream, x, inner), by(stream, factors, {basis.limbs(), 1});
  ring::Operand a, b;
  const auto batch = share_axes(to.batch, {&view, &by}, {&a, &b});
  const py::gil_scoped_release release;
  ring::scale(stream, basis.value, batch, to.words, a, b);
}

// factors: uint32[2, limbs].
void subtract_scaled(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                     const py::object& y, const py::object& factors) {
  const Lengths inner{basis.limbs(), basis.degree()};
  const Result to(stream, out, inner);
  const View left(stream, x, inner), right(stream, y, inner);
  const auto* const by = Array<const std::uint32_t>(factors).data(stream, 2 * basis.limbs());
  ring::Operand a, b;
  const auto batch = share_axes(to.batch, {&left, &right}, {&a, &b});
  const py::gil_scoped_release release;
  ring::subtract_scaled(stream, basis.value, batch, to.words, a, b, by);
}

// The address of a prime's tables, for the constants of a basis.
std::uintptr_t address(runtime::Stream stream, const py::object& table, std::size_t words) {
  return reinterpret_cast<std::uintptr_t>(Array<const std::uint32_t>(table).data(stream, words));
}

}  // namespace

void bind_ring(py::module_& parent) {
  auto module = parent.def_submodule("ring", "Polynomials modulo X^N + 1; contracts in cuda/ring/ring.hpp.");
  py::class_<RingBasis>(module, "Basis", py::module_local(), "uint32[limbs, 8] of constants, and the tables they name.")
      .def(py::init<runtime::Stream, const py::object&, const py::list&, std::size_t>(), py::arg("stream"),
           py::arg("constants"), py::arg("tables"), py::arg("degree"));
  module.def("address", &address);
  module.def("add", &binary<&ring::add>);
  module.def("subtract", &binary<&ring::subtract>);
  module.def("negate", &negate);
  module.def("multiply", &binary<&ring::multiply>);
  module.def("scale", &scale);
  module.def("subtract_scaled", &subtract_scaled);
}

}  // namespace hepy::bindings
