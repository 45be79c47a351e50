// cuda/ring for Python: the submodule `ring`, whose other half is in ring_conversion.cpp.
#include "ring/ring.hpp"

#include <optional>

#include "bindings/bindings.hpp"
#include "bindings/ring_arrays.hpp"

namespace hepy::bindings {
namespace {

using Binary = void (*)(runtime::Stream, const ring::Basis&, const ring::Batch&, std::uint32_t*, const ring::Operand&,
                        const ring::Operand&);

using Unary = void (*)(runtime::Stream, const ring::Basis&, const ring::Batch&, std::uint32_t*, const ring::Operand&,
                       unsigned);

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

void check_odd(unsigned element) {
  if (element % 2 == 0)
    throw runtime::InvalidArgument("automorphisms have odd elements, not " + std::to_string(element));
}

// A transform of rows of x to rows of out: uint32[..., rows of each, N]. rows: uint32[count, 4], a ring::Row each,
// whose maker answers for what they say; or None for all of the basis.
struct Transform {
  Transform(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
            const py::object& rows)
      : stream(stream),
        whole(rows.is_none()),
        to(stream, out, {whole ? basis.limbs() : kAny, basis.degree()}),
        from(stream, x, {whole ? basis.limbs() : kAny, basis.degree()}) {
    value = {nullptr, unsigned(basis.limbs()), unsigned(to.inner.front())};
    if (whole) return;
    constexpr std::size_t kWords = sizeof(ring::Row) / sizeof(std::uint32_t);
    const Array<const std::uint32_t> table(rows);
    value.rows = reinterpret_cast<const ring::Row*>(table.data(stream, table.size()));
    value.count = unsigned(table.size() / kWords);
  }

  // Words for each row: `each` of them.
  const std::uint32_t* of_rows(const py::object& words, std::size_t each) const {
    return Array<const std::uint32_t>(words).data(stream, value.count * each);
  }

  const runtime::Stream stream;
  const bool whole;
  const Result to;
  const View from;
  ring::Rows value;
};

using Plain = void (*)(runtime::Stream, const ring::Basis&, const ring::Batch&, const ring::Rows&, std::uint32_t*,
                       const ring::Operand&);

template <Plain function>
void transform(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
               const py::object& rows) {
  const Transform t(stream, basis, out, x, rows);
  ring::Operand a;
  const auto batch = share_axes(t.to.batch, {&t.from}, {&a});
  const py::gil_scoped_release release;
  function(stream, basis.value, batch, t.value, t.to.words, a);
}

// y: uint32[..., rows of it, N]; factors: uint32[count].
void ntt_plus_scaled(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                     const py::object& y, const py::object& factors, const py::object& rows) {
  const Transform t(stream, basis, out, x, rows);
  const View other(stream, y, {kAny, basis.degree()});
  const auto* const by = t.of_rows(factors, 1);
  ring::Operand a, b;
  const auto batch = share_axes(t.to.batch, {&t.from, &other}, {&a, &b});
  const py::gil_scoped_release release;
  ring::ntt_plus_scaled(stream, basis.value, batch, t.value, t.to.words, a, b, by);
}

// x: of the shape of out, and lost.
void ntt_plus_scaled_turned(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                            const py::object& y, const py::object& factors, unsigned element, const py::object& rows) {
  const Transform t(stream, basis, out, x, rows);
  check_odd(element);
  auto* const lost = Array<std::uint32_t>(x).data(stream, Array<std::uint32_t>(out).size());
  if (t.from.batch != t.to.batch || t.from.inner != t.to.inner || lost == t.to.words) {
    throw runtime::InvalidArgument("what is transformed has to be another array of the result's shape");
  }
  const View other(stream, y, {kAny, basis.degree()});
  const auto* const by = t.of_rows(factors, 1);
  ring::Operand b;
  const auto batch = share_axes(t.to.batch, {&other}, {&b});
  const py::gil_scoped_release release;
  ring::ntt_plus_scaled_turned(stream, basis.value, batch, t.value, t.to.words, lost, b, by, element);
}

// factors: uint32[count, 2].
void intt_scaled(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                 const py::object& factors, const py::object& rows) {
  const Transform t(stream, basis, out, x, rows);
  const auto* const by = t.of_rows(factors, 2);
  ring::Operand a;
  const auto batch = share_axes(t.to.batch, {&t.from}, {&a});
  const py::gil_scoped_release release;
  ring::intt_scaled(stream, basis.value, batch, t.value, t.to.words, a, by);
}

// kept: uint32[..., rows of it, N], of the batch of out.
void intt_scaled_keeping(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                         const py::object& factors, const py::object& kept, const py::object& rows) {
  const Transform t(stream, basis, out, x, rows);
  const Result beside(stream, kept, {kAny, basis.degree()});
  if (beside.batch != t.to.batch) {
    throw runtime::InvalidArgument("what is kept has to have the batch axes of the result");
  }
  const auto* const by = t.of_rows(factors, 2);
  ring::Operand a;
  const auto batch = share_axes(t.to.batch, {&t.from}, {&a});
  const py::gil_scoped_release release;
  ring::intt_scaled_keeping(stream, basis.value, batch, t.value, t.to.words, a, by, beside.words,
                            unsigned(beside.inner.front()));
}

template <Unary function>
void automorphism(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                  unsigned element) {
  const Lengths inner{basis.limbs(), basis.degree()};
  const Result to(stream, out, inner);
  const View view(stream, x, inner);
  check_odd(element);
  ring::Operand a;
  const auto batch = share_axes(to.batch, {&view}, {&a});
  const py::gil_scoped_release release;
  function(stream, basis.value, batch, to.words, a, element);
}

// Takes the last batch axis, that of columns, off a view. Throws InvalidArgument unless its length is 1 or `columns`.
std::int64_t take_columns(View& view, std::size_t columns) {
  if (!view.batch.empty() && view.batch.back() != 1 && view.batch.back() != columns) {
    throw runtime::InvalidArgument("an operand of " + std::to_string(view.batch.back()) +
                                   " columns does not broadcast to " + std::to_string(columns));
  }
  return view.take_last_axis();
}

// out: uint32[..., columns, limbs, N], x: uint32[..., terms, limbs, N], y: uint32[..., terms, its limbs, N], y_limbs:
// uint32[limbs]; lifted: None, or uint32[..., n, its limbs, N], with lifted_limbs and lifted_factors, uint32[limbs].
void inner_product(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                   const py::object& y, const py::object& y_limbs, const py::object& lifted,
                   const py::object& lifted_limbs, const py::object& lifted_factors) {
  Result to(stream, out, {basis.limbs(), basis.degree()});
  View left(stream, x, {kAny, basis.limbs(), basis.degree()});
  View right(stream, y, {left.inner.front(), kAny, basis.degree()});
  const std::size_t columns = to.batch.empty() ? 1 : to.batch.back();
  if (!to.batch.empty()) to.batch.pop_back();
  ring::InnerProduct sum{};
  sum.terms = unsigned(left.inner.front());
  sum.columns = unsigned(columns);
  sum.x_column = take_columns(left, columns);
  sum.y_column = take_columns(right, columns);
  sum.x_term = left.inner_strides.front();
  sum.y_term = right.inner_strides.front();
  const auto per_limb = [&](const py::object& words) {
    return Array<const std::uint32_t>(words).data(stream, basis.limbs());
  };
  sum.y_limbs = per_limb(y_limbs);
  std::vector<const View*> views{&left, &right};
  std::vector<ring::Operand*> operands{&sum.x, &sum.y};
  std::optional<View> plus;
  if (!lifted.is_none()) {
    plus.emplace(stream, lifted, Lengths{kAny, basis.degree()});
    const std::size_t count = plus->batch.empty() ? 1 : plus->batch.back();
    if (count > columns) throw runtime::InvalidArgument("what is lifted has more columns than the result");
    sum.lifted_count = unsigned(count);
    sum.lifted_column = plus->take_last_axis();
    sum.lifted_limbs = per_limb(lifted_limbs);
    sum.lifted_factors = per_limb(lifted_factors);
    views.push_back(&*plus);
    operands.push_back(&sum.lifted);
  }
  const auto batch = share_axes(to.batch, views, operands);
  const py::gil_scoped_release release;
  ring::inner_product(stream, basis.value, batch, to.words, sum);
}

// out: uint32[..., 3, limbs, N], x, y: uint32[..., 2, limbs, N].
void tensor_product(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                    const py::object& y) {
  const Result to(stream, out, {3, basis.limbs(), basis.degree()});
  const Lengths inner{2, basis.limbs(), basis.degree()};
  const View left(stream, x, inner), right(stream, y, inner);
  ring::Operand a, b;
  const auto batch = share_axes(to.batch, {&left, &right}, {&a, &b});
  const py::gil_scoped_release release;
  ring::tensor_product(stream, basis.value, batch, to.words, a, left.inner_strides.front(), b,
                       right.inner_strides.front());
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
  const auto all = py::arg("rows") = py::none();
  module.def("ntt", &transform<&ring::ntt>, py::arg("stream"), py::arg("basis"), py::arg("out"), py::arg("x"), all);
  module.def("intt", &transform<&ring::intt>, py::arg("stream"), py::arg("basis"), py::arg("out"), py::arg("x"), all);
  module.def("ntt_plus_scaled", &ntt_plus_scaled);
  module.def("ntt_plus_scaled_turned", &ntt_plus_scaled_turned);
  module.def("intt_scaled", &intt_scaled);
  module.def("intt_scaled_keeping", &intt_scaled_keeping);
  module.def("automorphism_ntt", &automorphism<&ring::automorphism_ntt>);
  module.def("automorphism_coefficients", &automorphism<&ring::automorphism_coefficients>);
  module.def("inner_product", &inner_product);
  module.def("tensor_product", &tensor_product);
}

}  // namespace hepy::bindings
