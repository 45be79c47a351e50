// cuda/bigint for Python: the submodule `bigint`.
#include "bigint/bigint.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"

namespace hepy::bindings {
namespace {

namespace py = pybind11;
using Limb = std::uint32_t;

const bigint::Choice& chosen_for(int device, std::size_t words, bool paired = false) {
  return bigint::choose(runtime::architecture(device), words, paired);
}

const bigint::Choice& row_at(std::size_t row) {
  if (row >= bigint::kChoiceCount) {
    throw runtime::InvalidArgument("the table has " + std::to_string(bigint::kChoiceCount) + " rows, none is number " +
                                   std::to_string(row));
  }
  return bigint::kChoices[row];
}

// A modulus on one device. The array of constants lives as long.
struct Modulus {
  // row: of all rows, variants included; by default the chosen one. paired: a square, whose root the constants are of.
  Modulus(runtime::Stream stream, const py::object& constants, std::size_t words, std::optional<std::size_t> row,
          bool paired)
      : constants(constants), words(words) {
    value.choice = row ? &row_at(*row) : &chosen_for(stream.device, words, paired);
    if (std::size_t(value.choice->limbs) < words) {
      throw runtime::InvalidArgument("a row of the table for " + std::to_string(value.choice->limbs) +
                                     " limbs does not hold " + std::to_string(words) + " words");
    }
    value.constants = Array<const Limb>(constants).data(stream, 3 * limbs() + 4, kQuad);
  }

  std::size_t limbs() const { return std::size_t(value.choice->limbs); }

  // The address of a batch of `count` elements, to be written.
  Limb* batch(runtime::Stream stream, const py::object& object, std::size_t count) const {
    return Array<Limb>(object).data(stream, count * limbs(), kQuad);
  }

  // The same, to be read.
  const Limb* source(runtime::Stream stream, const py::object& object, std::size_t count) const {
    return Array<const Limb>(object).data(stream, count * limbs(), kQuad);
  }

  py::object constants;
  std::size_t words;
  bigint::Modulus value;
};

// The constants of two parts of Fermat quotients, in the container for squares of so many words.
struct FermatParts {
  FermatParts(runtime::Stream stream, const py::object& constants, std::size_t words) : constants(constants) {
    value.choice = &chosen_for(stream.device, words, true);
    const std::size_t rows = 2 * std::size_t(bigint::FermatRow::kCount);
    value.constants = Array<const Limb>(constants).data(stream, rows * std::size_t(value.choice->limbs), kQuad);
  }

  py::object constants;
  bigint::FermatParts value;
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
    return {array.data(stream, array.size(), kQuad), index, rows.start, rows.step};
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

bigint::Number number_of(const std::string& name) {
  if (name == "float") return bigint::Number::kFloat;
  if (name == "signed") return bigint::Number::kSigned;
  if (name == "unsigned") return bigint::Number::kUnsigned;
  throw runtime::InvalidArgument("numbers are 'float', 'signed' or 'unsigned', not '" + name + "'");
}

void check_scale(unsigned scale) {
  if (scale >= 1u << 16) {
    throw runtime::InvalidArgument("fixed-point numbers have fewer than 65536 fraction bits, not " +
                                   std::to_string(scale));
  }
}

// in: numbers of 64 bits, seen as std::uint64_t.
void fixed_point(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& in,
                 const std::string& number, unsigned scale, std::size_t count) {
  check_scale(scale);
  Limb* const to = modulus.batch(stream, out, count);
  const auto* const from = Array<const std::uint64_t>(in).data(stream, count);
  const auto what = number_of(number);
  const py::gil_scoped_release release;
  bigint::fixed_point(stream, modulus.value, to, from, what, scale, count);
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

// Exponents in an array of words: rows[i], or start + i * step.
struct Exponents {
  py::object words;
  std::size_t width;
  unsigned bits;
  Rows rows;

  bigint::Exponents check(runtime::Stream stream, std::size_t count) const {
    const Array<const Limb> array(words);
    if (width == 0 || bits > 32 * width) {
      throw runtime::InvalidArgument("exponents of " + std::to_string(width) + " words do not have " +
                                     std::to_string(bits) + " bits");
    }
    const auto* const index = rows.check(stream, count, array.size() / width);
    return {array.data(stream, array.size()), index, rows.start, rows.step, std::uint32_t(width), bits};
  }
};

// What brings integers of so many words into Montgomery form.
bigint::Entry entry_of(runtime::Stream stream, const Modulus& modulus, const py::object& factor, std::size_t words) {
  if (!modulus.value.choice->paired) throw runtime::InvalidArgument("principal units are those of a square");
  return {Array<const Limb>(factor).data(stream, modulus.limbs() / 2, kQuad),
          bigint::entry_rows(*modulus.value.choice, words)};
}

// negative: a byte for each row of factors.
void multiply_principal(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x,
                        const Exponents& factors, const py::object& negative, const py::object& entry,
                        std::size_t count) {
  Limb* const to = modulus.batch(stream, out, count);
  const auto operand = x.check(stream, modulus, count);
  const auto k = factors.check(stream, count);
  const auto* const signs =
      Array<const std::uint8_t>(negative).data(stream, Array<const Limb>(factors.words).size() / factors.width);
  const auto with = entry_of(stream, modulus, entry, factors.width);
  const py::gil_scoped_release release;
  bigint::multiply_principal(stream, modulus.value, to, operand, k, signs, with, count);
}

void multiply_principal_fixed_point(runtime::Stream stream, const Modulus& modulus, const py::object& out,
                                    const Operand& x, const py::object& in, const std::string& number, unsigned scale,
                                    const py::object& entry, std::size_t count) {
  check_scale(scale);
  Limb* const to = modulus.batch(stream, out, count);
  const auto operand = x.check(stream, modulus, count);
  const auto* const from = Array<const std::uint64_t>(in).data(stream, count);
  const auto what = number_of(number);
  const auto with = entry_of(stream, modulus, entry, bigint::fixed_point_words(what, scale));
  const py::gil_scoped_release release;
  bigint::multiply_principal_fixed_point(stream, modulus.value, to, operand, from, what, scale, with, count);
}

// Table entries for windows of so many bits.
std::size_t entries(unsigned window) {
  if (window < 1 || window > 16) {
    throw runtime::InvalidArgument("a window has 1 to 16 bits, not " + std::to_string(window));
  }
  return std::size_t(1) << window;
}

bigint::Timing timing_of(const std::string& name) {
  if (name == "uniform") return bigint::Timing::kUniform;
  if (name == "scanning") return bigint::Timing::kScanning;
  if (name == "variable") return bigint::Timing::kVariable;
  throw runtime::InvalidArgument("timing is 'uniform', 'scanning' or 'variable', not '" + name + "'");
}

void check_slots(const bigint::Choice& choice, std::size_t slots) {
  if (slots == 0 || slots != bigint::whole_blocks(choice, slots)) {
    throw runtime::InvalidArgument(std::to_string(slots) + " slots are not whole blocks: ask whole_blocks");
  }
}

void power(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x, const Exponents& e,
           const std::string& timing, unsigned window, const py::object& tables, std::size_t slots, std::size_t count) {
  check_slots(*modulus.value.choice, slots);
  Limb* const to = modulus.batch(stream, out, count);
  Limb* const scratch = modulus.batch(stream, tables, slots * entries(window));
  const auto operand = x.check(stream, modulus, count);
  const auto exponents = e.check(stream, count);
  const auto when = timing_of(timing);
  const py::gil_scoped_release release;
  bigint::power(stream, modulus.value, to, operand, exponents, when, window, scratch, slots, count);
}

void fixed_base_table(runtime::Stream stream, const Modulus& modulus, const py::object& table, const Operand& base,
                      unsigned window, unsigned positions) {
  Limb* const to = modulus.batch(stream, table, positions * entries(window));
  const auto operand = base.check(stream, modulus, 1);
  const py::gil_scoped_release release;
  bigint::fixed_base_table(stream, modulus.value, to, operand, window, positions);
}

void fixed_base_power(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& table,
                      const Exponents& e, const std::string& timing, unsigned window, std::size_t count) {
  Limb* const to = modulus.batch(stream, out, count);
  const std::size_t positions = e.bits > window ? (e.bits + window - 1) / window : 1;
  const Limb* const from = modulus.source(stream, table, positions * entries(window));
  const auto exponents = e.check(stream, count);
  const auto when = timing_of(timing);
  const py::gil_scoped_release release;
  bigint::fixed_base_power(stream, modulus.value, to, from, exponents, when, window, count);
}

// words: of the product of both moduli. `modulus` is that of x.
void fermat_quotients(runtime::Stream stream, const Modulus& modulus, const FermatParts& parts, const py::object& out,
                      const py::object& exact, const Operand& x, const Exponents& e, const std::string& timing,
                      unsigned window, const py::object& tables, std::size_t slots, std::size_t words,
                      std::size_t count) {
  const auto limbs = std::size_t(parts.value.choice->limbs);
  check_slots(*parts.value.choice, slots);
  if (words > limbs) {
    throw runtime::InvalidArgument("a product of moduli of " + std::to_string(words) +
                                   " words does not fit their squares");
  }
  Limb* const to = Array<Limb>(out).data(stream, count * words);
  auto* const flags = Array<std::uint8_t>(exact).data(stream, count);
  Limb* const scratch = Array<Limb>(tables).data(stream, slots * entries(window) * limbs, kQuad);
  const auto operand = x.check(stream, modulus, count);
  const auto exponents = e.check(stream, 2);
  const auto when = timing_of(timing);
  const py::gil_scoped_release release;
  const std::size_t numbers = modulus.value.choice->paired ? 2 : 1;
  bigint::fermat_quotients(stream, parts.value, to, flags, operand, modulus.limbs() / numbers, numbers, exponents, when,
                           window, scratch, slots, words, count);
}

using Folding = void (*)(runtime::Stream, const bigint::Modulus&, Limb*, const bigint::Operand&, const std::int64_t*,
                         std::size_t);

// count: of x, which offsets[segments] does not exceed.
template <Folding function, bool running>
void fold(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x,
          const py::object& offsets, std::size_t segments, std::size_t count) {
  Limb* const to = modulus.batch(stream, out, running ? count : segments);
  const auto operand = x.check(stream, modulus, count);
  const auto* const from = Array<const std::int64_t>(offsets).data(stream, segments + 1);
  const py::gil_scoped_release release;
  function(stream, modulus.value, to, operand, from, segments);
}

void block_inverse(runtime::Stream stream, const Modulus& modulus, const py::object& out, const Operand& x,
                   const py::object& inverses, std::size_t block, std::size_t count) {
  if (block == 0) throw runtime::InvalidArgument("a block has at least one element");
  Limb* const to = modulus.batch(stream, out, count);
  const auto operand = x.check(stream, modulus, count);
  const Limb* const from = modulus.source(stream, inverses, (count + block - 1) / block);
  const py::gil_scoped_release release;
  bigint::block_inverse(stream, modulus.value, to, operand, from, block, count);
}

void power_tables(runtime::Stream stream, const Modulus& modulus, const py::object& tables, const Operand& x,
                  unsigned window, std::size_t count) {
  Limb* const to = modulus.batch(stream, tables, count * entries(window));
  const auto operand = x.check(stream, modulus, count);
  const py::gil_scoped_release release;
  bigint::power_tables(stream, modulus.value, to, operand, window, count);
}

void straus(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& tables,
            const Exponents& e, unsigned window, std::size_t rows, std::size_t terms, std::size_t columns) {
  Limb* const to = modulus.batch(stream, out, rows * columns);
  const Limb* const from = modulus.source(stream, tables, rows * terms * entries(window));
  const auto exponents = e.check(stream, terms * columns);
  const py::gil_scoped_release release;
  bigint::straus(stream, modulus.value, to, from, exponents, window, {rows, terms, columns});
}

void bucket_product(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& buckets,
                    unsigned digits, std::size_t count) {
  if (digits == 0) throw runtime::InvalidArgument("there is at least one bucket");
  Limb* const to = modulus.batch(stream, out, count);
  const Limb* const from = modulus.source(stream, buckets, count * digits);
  const py::gil_scoped_release release;
  bigint::bucket_product(stream, modulus.value, to, from, digits, count);
}

void horner(runtime::Stream stream, const Modulus& modulus, const py::object& out, const py::object& parts,
            unsigned window, unsigned positions, std::size_t count) {
  if (positions == 0) throw runtime::InvalidArgument("there is at least one position");
  Limb* const to = modulus.batch(stream, out, count);
  const Limb* const from = modulus.source(stream, parts, count * positions);
  const py::gil_scoped_release release;
  bigint::horner(stream, modulus.value, to, from, window, positions, count);
}

}  // namespace

void bind_bigint(py::module_& parent) {
  auto module = parent.def_submodule("bigint", "Batches modulo one odd modulus; contracts in cuda/bigint/bigint.hpp.");
  py::class_<Modulus>(module, "Modulus", py::module_local(),
                      "uint32[3 limbs + 4] of constants, for moduli of so many words.")
      .def(py::init<runtime::Stream, const py::object&, std::size_t, std::optional<std::size_t>, bool>(),
           py::arg("stream"), py::arg("constants"), py::arg("words"), py::arg("row") = py::none(),
           py::arg("paired") = false)
      .def("whole_blocks",
           [](const Modulus& modulus, std::size_t count) { return bigint::whole_blocks(*modulus.value.choice, count); })
      .def("entry_rows",
           [](const Modulus& modulus, std::size_t words) { return bigint::entry_rows(*modulus.value.choice, words); })
      .def("fixed_point_words", [](const Modulus&, const std::string& number,
                                   unsigned scale) { return bigint::fixed_point_words(number_of(number), scale); })
      .def_property_readonly("comb_window", [](const Modulus& modulus) { return modulus.value.choice->comb_window; });
  py::class_<FermatParts>(module, "FermatParts", py::module_local(),
                          "uint32[2, rows, limbs] of constants, for squares of so many words.")
      .def(py::init<runtime::Stream, const py::object&, std::size_t>(), py::arg("stream"), py::arg("constants"),
           py::arg("words"))
      .def("whole_blocks", [](const FermatParts& parts, std::size_t count) {
        return bigint::whole_blocks(*parts.value.choice, count);
      });
  py::class_<Operand>(module, "Operand", py::module_local(), "Elements of a batch: rows[i], or start + i * step.")
      .def(py::init([](const py::object& batch, const py::object& rows, std::int64_t start, std::int64_t step) {
             return Operand{batch, {rows, start, step}};
           }),
           py::arg("batch"), py::arg("rows") = py::none(), py::arg("start") = 0, py::arg("step") = 1);
  module.def(
      "limbs", [](int device, std::size_t words, bool paired) { return chosen_for(device, words, paired).limbs; },
      py::arg("device"), py::arg("words"), py::arg("paired") = false,
      "Limbs of an element for moduli of so many words.");
  module.def(
      "rows",
      [] {
        py::list rows;
        for (const auto& row : bigint::kChoices) {
          rows.append(py::make_tuple(row.architecture, row.limbs, row.threads, row.warps, row.blocks, row.comb_window));
        }
        return rows;
      },
      "The table of choices, (architecture, limbs, threads, warps, blocks, comb_window) each: `chosen` rows, and in "
      "builds for tuning variants behind them.");
  module.attr("chosen") = bigint::kChosenCount;
  py::class_<Exponents>(module, "Exponents", py::module_local(), "uint32[E, width], below 2**bits.")
      .def(py::init([](const py::object& words, std::size_t width, unsigned bits, const py::object& rows,
                       std::int64_t start,
                       std::int64_t step) { return Exponents{words, width, bits, {rows, start, step}}; }),
           py::arg("words"), py::arg("width"), py::arg("bits"), py::arg("rows") = py::none(), py::arg("start") = 0,
           py::arg("step") = 1);
  module.def("load", &load);
  module.def("fixed_point", &fixed_point);
  module.def("store", &store);
  module.def("equal", &equal);
  module.def("gather", &unary<&bigint::gather>);
  module.def("multiply", &binary<&bigint::multiply>);
  module.def("square", &unary<&bigint::square>);
  module.def("add", &binary<&bigint::add>);
  module.def("subtract", &binary<&bigint::subtract>);
  module.def("multiply_principal", &multiply_principal);
  module.def("multiply_principal_fixed_point", &multiply_principal_fixed_point);
  module.def("power_window", &bigint::power_window, py::arg("bits"), py::arg("largest") = 8);
  module.def("power", &power);
  module.def("fermat_quotients", &fermat_quotients);
  module.attr("most_fermat_limbs") = bigint::kFermatLimbs;
  module.def("fixed_base_table", &fixed_base_table);
  module.def("fixed_base_power", &fixed_base_power);
  module.def("segment_product", &fold<&bigint::segment_product, false>);
  module.def("prefix_product", &fold<&bigint::prefix_product, true>);
  module.def("block_inverse", &block_inverse);
  module.def("power_tables", &power_tables);
  module.def("straus", &straus);
  module.def("bucket_product", &bucket_product);
  module.def("horner", &horner);
}

}  // namespace hepy::bindings
