// The other half of the submodule `ring`: between bases, integers, doubles and words of a stream.
#include <functional>
#include <numeric>

#include "bindings/bindings.hpp"
#include "bindings/ring_arrays.hpp"
#include "ring/conversion.hpp"

namespace hepy::bindings {
namespace {

using Word = std::uint32_t;

std::size_t count_of(const Lengths& batch) {
  return std::accumulate(batch.begin(), batch.end(), std::size_t(1), std::multiplies<>());
}

// A table of rows of constants, as the kernels take them.
template <class Row>
const Row* rows_of(runtime::Stream stream, const py::object& table, std::size_t count) {
  return reinterpret_cast<const Row*>(Array<const Word>(table).data(stream, count * sizeof(Row) / sizeof(Word)));
}

// An exchange of primes on one device: its arrays live as long.
struct RingConversion {
  // most: limbs in and out of the digit that has most of them. rows: of an entry of x and of out.
  RingConversion(runtime::Stream stream, const py::object& digits, const py::object& incoming,
                 const py::object& outgoing, const py::object& matrices, std::pair<unsigned, unsigned> most,
                 std::pair<std::size_t, std::size_t> rows, unsigned products, std::size_t degree)
      : arrays(py::make_tuple(digits, incoming, outgoing, matrices)), rows_in(rows.first), degree(degree) {
    if (products != 2 && products != 4) throw runtime::InvalidArgument("sums are kept small after 2 or 4 products");
    const auto count = [](const py::object& table) { return Array<const Word>(table).size(); };
    const std::size_t digit_count = count(digits) * sizeof(Word) / sizeof(ring::Digit);
    value = {rows_of<ring::Digit>(stream, digits, digit_count),
             rows_of<ring::Incoming>(stream, incoming, count(incoming) * sizeof(Word) / sizeof(ring::Incoming)),
             rows_of<ring::Outgoing>(stream, outgoing, count(outgoing) * sizeof(Word) / sizeof(ring::Outgoing)),
             Array<const Word>(matrices).data(stream, count(matrices)),
             unsigned(digit_count),
             most.first,
             most.second,
             unsigned(rows.second),
             products,
             log_degree_of(degree)};
  }

  py::tuple arrays;
  std::size_t rows_in, degree;
  ring::Conversion value;
};

void convert(runtime::Stream stream, const RingConversion& conversion, const py::object& out, const py::object& x,
             bool scaled, bool centred) {
  const Result to(stream, out, {conversion.value.rows, conversion.degree});
  const View from(stream, x, {conversion.rows_in, conversion.degree});
  ring::Operand operand;
  const auto batch = share_axes(to.batch, {&from}, {&operand});
  const py::gil_scoped_release release;
  ring::convert(stream, conversion.value, batch, to.words, operand, scaled ? ring::Scaled::kYes : ring::Scaled::kNo,
                centred ? ring::Centred::kYes : ring::Centred::kNo);
}

// How residues of a basis are put together on one device.
struct RingRecombination {
  RingRecombination(runtime::Stream stream, const py::object& incoming, const py::object& matrix,
                    const py::object& modulus, std::size_t terms, std::size_t degree)
      : arrays(py::make_tuple(incoming, matrix, modulus)), degree(degree) {
    const std::size_t limbs = Array<const Word>(incoming).size() * sizeof(Word) / sizeof(ring::Incoming);
    const std::size_t words = Array<const Word>(modulus).size() / 3;
    if (terms % 4 != 0 || terms <= limbs) {
      throw runtime::InvalidArgument("terms are the limbs and one, rounded up to a multiple of 4");
    }
    value = {rows_of<ring::Incoming>(stream, incoming, limbs),
             Array<const Word>(matrix).data(stream, (words + 2) / 2 * 2 * terms),
             Array<const Word>(modulus).data(stream, 3 * words),
             unsigned(limbs),
             unsigned(terms),
             unsigned(words),
             log_degree_of(degree)};
  }

  py::tuple arrays;
  std::size_t degree;
  ring::Recombination value;
};

void to_words(runtime::Stream stream, const RingRecombination& recombination, const py::object& out,
              const py::object& negative, const py::object& x) {
  const std::size_t degree = recombination.degree;
  const Result to(stream, out, {recombination.value.words, degree});
  const View from(stream, x, {recombination.value.limbs, degree});
  auto* const signs = Array<std::uint8_t>(negative).data(stream, count_of(to.batch) * degree);
  ring::Operand operand;
  const auto batch = share_axes(to.batch, {&from}, {&operand});
  const py::gil_scoped_release release;
  ring::to_words(stream, recombination.value, batch, to.words, signs, operand);
}

void to_floats(runtime::Stream stream, const RingRecombination& recombination, const py::object& out,
               const py::object& x) {
  const View from(stream, x, {recombination.value.limbs, recombination.degree});
  auto* const to = Array<double>(out).data(stream, count_of(from.batch) * recombination.degree);
  ring::Operand operand;
  const auto batch = share_axes(from.batch, {&from}, {&operand});
  const py::gil_scoped_release release;
  ring::to_floats(stream, recombination.value, batch, to, operand);
}

void to_floats_of_two(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                      Word inverse) {
  const View from(stream, x, {2, basis.degree()});
  auto* const to = Array<double>(out).data(stream, count_of(from.batch) * basis.degree());
  if (basis.limbs() != 2) throw runtime::InvalidArgument("a basis of two primes was expected");
  ring::Operand operand;
  const auto batch = share_axes(from.batch, {&from}, {&operand});
  const py::gil_scoped_release release;
  ring::to_floats_of_two(stream, basis.value, inverse, batch, to, operand);
}

void from_words(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& words,
                const py::object& negative, std::size_t planes) {
  const Result to(stream, out, {basis.limbs(), basis.degree()});
  if (planes == 0) throw runtime::InvalidArgument("an integer has at least one word");
  const View from(stream, words, {planes, basis.degree()});
  const auto* const signs = Array<const std::uint8_t>(negative).data(stream, count_of(to.batch) * basis.degree());
  ring::Operand operand;
  const auto batch = share_axes(to.batch, {&from}, {&operand});
  const py::gil_scoped_release release;
  ring::from_words(stream, basis.value, batch, to.words, operand, unsigned(planes), signs);
}

void from_floats(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& x,
                 double scale) {
  const Result to(stream, out, {basis.limbs(), basis.degree()});
  const std::size_t count = count_of(to.batch);
  const auto* const from = Array<const double>(x).data(stream, count * basis.degree());
  const py::gil_scoped_release release;
  ring::from_floats(stream, basis.value, count, to.words, from, scale);
}

void ternary(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& words) {
  const Result to(stream, out, {basis.limbs(), basis.degree()});
  const std::size_t count = count_of(to.batch);
  const auto* const from = Array<const Word>(words).data(stream, count * basis.degree(), kQuad);
  const py::gil_scoped_release release;
  ring::ternary(stream, basis.value, count, to.words, from);
}

void gaussian(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& words,
              const py::object& thresholds) {
  const Result to(stream, out, {basis.limbs(), basis.degree()});
  const std::size_t count = count_of(to.batch);
  const auto* const from = Array<const Word>(words).data(stream, 2 * count * basis.degree(), kQuad);
  const Array<const std::uint64_t> bounds(thresholds);
  const auto* const least = bounds.data(stream, bounds.size());
  const py::gil_scoped_release release;
  ring::gaussian(stream, basis.value, count, to.words, from, least, unsigned(bounds.size()));
}

void sparse_ternary(runtime::Stream stream, const RingBasis& basis, const py::object& out, const py::object& words,
                    unsigned weight) {
  const Result to(stream, out, {basis.limbs(), basis.degree()});
  const std::size_t count = count_of(to.batch);
  const auto* const from = Array<const Word>(words).data(stream, 4 * count * basis.degree(), kQuad);
  const py::gil_scoped_release release;
  ring::sparse_ternary(stream, basis.value, count, to.words, from, weight);
}

using Transform = void (*)(runtime::Stream, double*, double*, const double*, const double*, const Word*, unsigned,
                           std::size_t);

// out, x: float64[count, slots, 2]; scratch likewise, or None.
template <Transform function>
void transform(runtime::Stream stream, const py::object& out, const py::object& scratch, const py::object& x,
               const py::object& roots, const py::object& slot_of, unsigned log_slots) {
  if (log_slots > 16) throw runtime::InvalidArgument("rings have up to 2^16 slots");
  const std::size_t slots = std::size_t(1) << log_slots, size = Array<const double>(x).size();
  const std::size_t count = size / (2 * slots);
  auto* const to = Array<double>(out).data(stream, size);
  double* between = nullptr;
  if (ring::embedding_scratch(log_slots)) between = Array<double>(scratch).data(stream, size);
  const auto* const from = Array<const double>(x).data(stream, size);
  const auto* const table = Array<const double>(roots).data(stream, 2 * slots);
  const auto* const order = Array<const Word>(slot_of).data(stream, slots);
  const py::gil_scoped_release release;
  function(stream, to, between, from, table, order, log_slots, count);
}

}  // namespace

void bind_ring_conversion(py::module_& parent) {
  py::module_ module = parent.attr("ring");
  py::class_<RingConversion>(module, "Conversion", py::module_local(), "Contract: ring::Conversion.")
      .def(py::init<runtime::Stream, const py::object&, const py::object&, const py::object&, const py::object&,
                    std::pair<unsigned, unsigned>, std::pair<std::size_t, std::size_t>, unsigned, std::size_t>(),
           py::arg("stream"), py::arg("digits"), py::arg("incoming"), py::arg("outgoing"), py::arg("matrices"),
           py::arg("most"), py::arg("rows"), py::arg("products"), py::arg("degree"));
  py::class_<RingRecombination>(module, "Recombination", py::module_local(), "Contract: ring::Recombination.")
      .def(py::init<runtime::Stream, const py::object&, const py::object&, const py::object&, std::size_t,
                    std::size_t>(),
           py::arg("stream"), py::arg("incoming"), py::arg("matrix"), py::arg("modulus"), py::arg("terms"),
           py::arg("degree"));
  module.def("convert", &convert);
  module.def("to_words", &to_words);
  module.def("to_floats", &to_floats);
  module.def("to_floats_of_two", &to_floats_of_two);
  module.def("from_words", &from_words);
  module.def("from_floats", &from_floats);
  module.def("ternary", &ternary);
  module.def("gaussian", &gaussian);
  module.def("sparse_ternary", &sparse_ternary);
  module.def("embedding_scratch", &ring::embedding_scratch);
  module.def("embed", &transform<&ring::embed>);
  module.def("unembed", &transform<&ring::unembed>);
}

}  // namespace hepy::bindings
