// hepy._cpu: the host's engines for big integers. Checks what the engine takes for granted, then lets go of the GIL.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine.hpp"
#include "primality.hpp"

namespace hepy::cpu {
namespace {

namespace py = pybind11;

// Reaches Python as hepy's ParameterError.
struct InvalidArgument : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A contiguous array of exactly this type, held for as long as this object lives; const for what is only read.
template <class T>
class Array {
 public:
  explicit Array(const py::object& object) {
    // Of numpy's arrays the fields are read, because a buffer comes with a string made for it, which takes as long as a
    // product.
    if (py::isinstance<py::array>(object)) {
      take(py::reinterpret_borrow<py::array>(object));
    } else {
      take_buffer(object);
    }
    if (reinterpret_cast<std::uintptr_t>(at_) % alignof(T) != 0) {
      give_back();
      throw InvalidArgument("an array begins between two of its items: copy it");
    }
  }
  ~Array() { give_back(); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  std::size_t size() const { return size_; }

  // The address, for `count` items.
  T* data(std::size_t count) const {
    if (count > size_) {
      throw InvalidArgument("an array of " + std::to_string(size_) + " items was given where " + std::to_string(count) +
                            " are read or written");
    }
    return at_;
  }

 private:
  static constexpr bool kWritten = !std::is_const_v<T>;

  static std::string wanted() {
    return "an array of " + std::to_string(8 * sizeof(T)) + "-bit " +
           (std::is_signed_v<T> ? "integers" : "unsigned integers") + " was expected, not of ";
  }

  [[noreturn]] static void refuse(const py::object& object) {
    throw InvalidArgument(std::string("a contiguous array was expected") + (kWritten ? ", to be written" : "") +
                          ", not this " + Py_TYPE(object.ptr())->tp_name);
  }

  void take(const py::array& array) {
    const int flags = array.flags();
    if (!(flags & py::array::c_style) || (kWritten && !array.writeable())) refuse(array);
    const py::dtype type = array.dtype();
    const bool kind = std::strchr(std::is_signed_v<T> ? "i" : "ub", type.kind()) != nullptr;
    if (!kind || type.itemsize() != py::ssize_t(sizeof(T)) || type.byteorder() == '>') {
      throw InvalidArgument(wanted() + std::string(py::str(type)));
    }
    at_ = static_cast<T*>(const_cast<void*>(array.data()));
    size_ = std::size_t(array.size());
    held_ = array;
  }

  void take_buffer(const py::object& object) {
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (kWritten ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) {
      PyErr_Clear();
      refuse(object);
    }
    buffer_ = true;
    const char format = view_.format == nullptr ? 'B' : view_.format[0];
    const char* const kinds = std::is_signed_v<T> ? "bhilq" : "?BHILQ";
    if (view_.itemsize != Py_ssize_t(sizeof(T)) || std::strchr(kinds, format) == nullptr) {
      const std::string seen = view_.format == nullptr ? "B" : view_.format;
      give_back();
      throw InvalidArgument(wanted() + seen);
    }
    at_ = static_cast<T*>(view_.buf);
    size_ = std::size_t(view_.len) / sizeof(T);
  }

  void give_back() {
    if (buffer_) PyBuffer_Release(&view_);
    buffer_ = false;
  }

  T* at_ = nullptr;
  std::size_t size_ = 0;
  py::object held_;
  bool buffer_ = false;
  Py_buffer view_;
};

void check_range(std::size_t start, std::size_t stop) {
  if (start > stop) throw InvalidArgument("a range ends before it begins");
}

// Items [start, stop) of an operand, their rows in range.
class Elements {
 public:
  Elements(const Engine& engine, const py::object& batch, const py::object& rows, std::size_t start, std::size_t stop)
      : batch_(batch), rows_(rows), value_{batch_.data(0), rows_.data(stop)} {
    check_range(start, stop);
    const Row end = Row(batch_.size() / engine.width());
    for (std::size_t i = start; i < stop; ++i) {
      if (value_.rows[i] < 0 || value_.rows[i] >= end) {
        throw InvalidArgument("row " + std::to_string(value_.rows[i]) + " was asked for of a batch of " +
                              std::to_string(end));
      }
    }
  }
  // All of the operand.
  Elements(const Engine& engine, const py::object& batch, const py::object& rows)
      : Elements(engine, batch, rows, 0, Array<const Row>(rows).size()) {}
  const Operand& operator*() const { return value_; }
  std::size_t size() const { return rows_.size(); }
  const Limb* row(const Engine& engine, std::size_t i) const {
    return value_.batch + std::size_t(value_.rows[i]) * engine.width();
  }

 private:
  Array<const Limb> batch_;
  Array<const Row> rows_;
  Operand value_;
};

// Exponents of items [0, stop), uint32[E, words] below 2^bits; `rows` may be None.
class Powers {
 public:
  Powers(const py::object& words, std::size_t width, unsigned bits, const py::object& rows, std::size_t stop)
      : words_(words), rows_(rows.is_none() ? nullptr : new Array<const Row>(rows)) {
    if (width == 0 || bits > 32 * width) {
      throw InvalidArgument("exponents of " + std::to_string(width) + " words do not have " + std::to_string(bits) +
                            " bits");
    }
    count_ = words_.size() / width;
    const Row* const index = rows_ ? rows_->data(stop) : nullptr;
    if (index == nullptr && stop > count_) throw InvalidArgument("there are fewer exponents than elements");
    for (std::size_t i = 0; index != nullptr && i < stop; ++i) {
      if (index[i] < 0 || std::size_t(index[i]) >= count_) throw InvalidArgument("there is no such row of exponents");
    }
    value_ = {words_.data(0), index, width, bits};
  }
  const Exponents& operator*() const { return value_; }
  std::size_t count() const { return count_; }

 private:
  Array<const Word> words_;
  std::size_t count_ = 0;
  std::unique_ptr<Array<const Row>> rows_;
  Exponents value_{};
};

// Table entries for windows of so many bits.
std::size_t entries(unsigned window) {
  if (window < 1 || window > 16) {
    throw InvalidArgument("a window has 1 to 16 bits, not " + std::to_string(window));
  }
  return std::size_t(1) << window;
}

// Offsets of segments, which do not go back and end within `count` elements.
class Segments {
 public:
  Segments(const py::object& offsets, std::size_t start, std::size_t stop, std::size_t count) : offsets_(offsets) {
    check_range(start, stop);
    at_ = offsets_.data(stop + 1);
    for (std::size_t s = start; s < stop; ++s) {
      if (at_[s] < 0 || at_[s] > at_[s + 1] || std::size_t(at_[s + 1]) > count) {
        throw InvalidArgument("segments have to be in order and within the operand");
      }
    }
  }
  const Row* data() const { return at_; }
  // Elements of segments [start, stop).
  std::size_t first(std::size_t start) const { return std::size_t(at_[start]); }

 private:
  Array<const Row> offsets_;
  const Row* at_;
};

const Kind& kind(const std::string& name) {
  for (const Kind& each : kinds()) {
    if (each.name == name) return each;
  }
  throw InvalidArgument("there is no engine '" + name + "'");
}

std::unique_ptr<Engine> make(const std::string& name, const py::object& n, const py::object& one, std::size_t bits,
                             bool squared, bool root) {
  const Kind& chosen = kind(name);
  if (!chosen.missing.empty()) throw InvalidArgument("engine '" + name + "' cannot run here: " + chosen.missing);
  const Array<const Word> modulus(n), residue(one);
  const std::size_t words = (bits + 31) / 32;
  const Modulus value{modulus.data(words), residue.data(squared ? 2 * words : words), words, bits, squared, root};
  if (bits < 2 || value.n[0] % 2 == 0) throw InvalidArgument("a modulus is an odd integer above 2");
  return std::unique_ptr<Engine>(chosen.make(value));
}

void load(const Engine& engine, const py::object& out, const py::object& in, std::size_t words,
          const py::object& factors, std::size_t start, std::size_t stop) {
  check_range(start, stop);
  const Array<Limb> to(out);
  const Array<const Word> from(in), by(factors);
  const std::size_t pieces = (words + engine.piece_words() - 1) / engine.piece_words();
  if (words == 0) throw InvalidArgument("integers have at least one word");
  Limb* const target = to.data(stop * engine.width());
  const Word *const source = from.data(stop * words), *const factor = by.data(pieces * engine.plain_words());
  const py::gil_scoped_release release;
  engine.load(target, source, words, factor, start, stop);
}

void store(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows, std::size_t start,
           std::size_t stop) {
  const Array<Word> to(out);
  const Elements operand(engine, x, rows, start, stop);
  Word* const target = to.data(stop * engine.result_words());
  const py::gil_scoped_release release;
  engine.store(target, *operand, start, stop);
}

void equal(const Engine& engine, const py::object& out, const py::object& x, const py::object& x_rows,
           const py::object& y, const py::object& y_rows, std::size_t start, std::size_t stop) {
  const Array<std::uint8_t> to(out);
  const Elements left(engine, x, x_rows, start, stop), right(engine, y, y_rows, start, stop);
  std::uint8_t* const target = to.data(stop);
  const py::gil_scoped_release release;
  engine.equal(target, *left, *right, start, stop);
}

// An array of numpy's whose items stand one after the other: itself, or a copy.
py::object contiguous(const py::object& array) {
  const bool strided =
      py::isinstance<py::array>(array) && !(py::reinterpret_borrow<py::array>(array).flags() & py::array::c_style);
  return strided ? array.attr("copy")() : array;
}

// What is shorter is copied sooner than the GIL is let go of.
constexpr std::size_t kLongCopy = std::size_t(1) << 16;

// Elements of operands, tuples of batch and rows, one after the other from out[at] on; where they end.
std::size_t gather(const Engine& engine, const py::object& out, std::size_t at, const py::list& parts) {
  const Array<Limb> to(out);
  const std::size_t width = engine.width(), bytes = width * sizeof(Limb);
  for (const py::handle part : parts) {
    if (!py::isinstance<py::tuple>(part) || py::len(part) != 2) throw InvalidArgument("a part is a batch and rows");
    const auto pair = py::reinterpret_borrow<py::tuple>(part);
    const py::object batch = pair[0], rows = contiguous(pair[1]);
    const Elements operand(engine, batch, rows);
    const std::size_t count = operand.size();
    Limb* const target = to.data((at + count) * width) + at * width;
    const auto copy = [&] {
      for (std::size_t i = 0; i < count; ++i) std::memcpy(target + i * width, operand.row(engine, i), bytes);
    };
    if (count * bytes < kLongCopy) {
      copy();
    } else {
      const py::gil_scoped_release release;
      copy();
    }
    at += count;
  }
  return at;
}

// An attribute by an interned name.
py::object attribute(const py::handle object, PyObject* name) {
  PyObject* const found = PyObject_GetAttr(object.ptr(), name);
  if (found == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(found);
}

// The elements of many arrays of one element, objects of hepy.bigint.residues.ResidueArray, one after the other. None
// where they are something else, or of other kernels.
py::object join_singles(const Engine& engine, const py::list& arrays, const py::object& kernels) {
  static PyObject* const of_kernels = PyUnicode_InternFromString("_kernels");
  static PyObject* const of_batch = PyUnicode_InternFromString("_batch");
  static PyObject* const of_rows = PyUnicode_InternFromString("_rows");
  if (arrays.empty()) return py::none();
  const std::size_t width = engine.width();
  py::array_t<Limb> out({arrays.size(), width});
  Limb* target = out.mutable_data();
  const PyTypeObject* const type = Py_TYPE(PyList_GET_ITEM(arrays.ptr(), 0));
  for (const py::handle array : arrays) {
    if (Py_TYPE(array.ptr()) != type || !attribute(array, of_kernels).is(kernels)) return py::none();
    const py::object rows = attribute(array, of_rows);
    if (!py::isinstance<py::array>(rows)) return py::none();
    const auto place = py::reinterpret_borrow<py::array>(rows);
    if (place.ndim() != 1 || place.size() != 1) return py::none();
    const Elements element(engine, attribute(array, of_batch), rows, 0, 1);
    std::memcpy(target, element.row(engine, 0), width * sizeof(Limb));
    target += width;
  }
  return std::move(out);
}

// Rows in the order of their bins, below `count`, and as they were within each: a counting sort. With offsets of the
// bins that occur, and of one behind them that is empty; and for each bin which of these is its own, the empty one for
// a bin that does not occur.
py::tuple sort_by_bin(const py::object& rows, const py::object& bins, std::size_t count) {
  const Array<const Row> items(rows), keys(bins);
  const std::size_t size = keys.size();
  const Row *const item = items.data(size), *const key = keys.data(size);
  py::array_t<Row> sorted(size), places(count);
  Row *const target = sorted.mutable_data(), *const place = places.mutable_data();
  std::vector<Row> offsets{0};
  {
    const py::gil_scoped_release release;
    std::fill_n(place, count, 0);
    for (std::size_t i = 0; i < size; ++i) {
      if (key[i] < 0 || std::size_t(key[i]) >= count) throw InvalidArgument("a bin is out of range");
      ++place[key[i]];
    }
    const Row empty = Row(count) - Row(std::count(place, place + count, 0));
    offsets.reserve(std::size_t(empty) + 2);
    for (std::size_t bin = 0; bin < count; ++bin) {
      const Row length = place[bin];
      place[bin] = length == 0 ? empty : Row(offsets.size()) - 1;
      if (length != 0) offsets.push_back(offsets.back() + length);
    }
    std::vector<Row> next(offsets);
    for (std::size_t i = 0; i < size; ++i) target[next[std::size_t(place[key[i]])]++] = item[i];
    offsets.push_back(Row(size));
  }
  return py::make_tuple(sorted, py::array_t<Row>(py::ssize_t(offsets.size()), offsets.data()), places);
}

// Objects of a class with these slots, as many as asked for, made without a call of its __init__. A slot's value is for
// all objects, or, where it is a list, for each the next in it.
py::list instances(const py::type& kind, std::size_t count, const py::dict& slots) {
  auto* const type = reinterpret_cast<PyTypeObject*>(kind.ptr());
  if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) throw InvalidArgument("a class with slots was expected");
  for (const auto& [name, value] : slots) {
    if (PyList_CheckExact(value.ptr()) && std::size_t(PyList_GET_SIZE(value.ptr())) != count) {
      throw InvalidArgument("a slot has more or fewer values than there are objects");
    }
  }
  py::list out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto made = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!made) throw py::error_already_set();
    for (const auto& [name, value] : slots) {
      PyObject* const own = PyList_CheckExact(value.ptr()) ? PyList_GET_ITEM(value.ptr(), Py_ssize_t(i)) : value.ptr();
      if (PyObject_GenericSetAttr(made.ptr(), name.ptr(), own) != 0) throw py::error_already_set();
    }
    out[i] = made;
  }
  return out;
}

// How many integers each of some lists has, and all of them one after the other; None where something else is in a
// list, or an integer beyond 64 bits.
py::object flatten(const py::list& lists) {
  py::array_t<Row> counts(py::ssize_t(lists.size()));
  Row* count = counts.mutable_data();
  std::vector<Row> values;
  for (const py::handle list : lists) {
    if (!PyList_CheckExact(list.ptr())) return py::none();
    const Py_ssize_t size = PyList_GET_SIZE(list.ptr());
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* const item = PyList_GET_ITEM(list.ptr(), i);
      if (!PyLong_CheckExact(item)) return py::none();
      int beyond = 0;
      values.push_back(PyLong_AsLongLongAndOverflow(item, &beyond));
      if (beyond != 0) return py::none();
    }
    *count++ = size;
  }
  return py::make_tuple(counts, py::array_t<Row>(py::ssize_t(values.size()), values.data()));
}

using Binary = void (Engine::*)(Limb*, Operand, Operand, std::size_t, std::size_t) const;

template <Binary operation>
void binary(const Engine& engine, const py::object& out, const py::object& x, const py::object& x_rows,
            const py::object& y, const py::object& y_rows, std::size_t start, std::size_t stop) {
  const Array<Limb> to(out);
  const Elements left(engine, x, x_rows, start, stop), right(engine, y, y_rows, start, stop);
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  (engine.*operation)(target, *left, *right, start, stop);
}

void square(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows, std::size_t start,
            std::size_t stop) {
  const Array<Limb> to(out);
  const Elements operand(engine, x, rows, start, stop);
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.square(target, *operand, start, stop);
}

void power(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
           const py::object& exponents, std::size_t width, unsigned bits, const py::object& exponent_rows,
           unsigned window, bool scan, std::size_t start, std::size_t stop) {
  const Array<Limb> to(out);
  const Elements operand(engine, x, rows, start, stop);
  const Powers powers(exponents, width, bits, exponent_rows, stop);
  entries(window);
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.power(target, *operand, *powers, window, scan, start, stop);
}

void power_vartime(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                   const py::object& exponents, std::size_t width, unsigned bits, const py::object& exponent_rows,
                   unsigned window, std::size_t start, std::size_t stop) {
  const Array<Limb> to(out);
  const Elements operand(engine, x, rows, start, stop);
  const Powers powers(exponents, width, bits, exponent_rows, stop);
  entries(window);
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.power_vartime(target, *operand, *powers, window, start, stop);
}

void check_squared(const Engine& engine) {
  if (!engine.squared()) throw InvalidArgument("principal units are those modulo a square, and a square was expected");
}

void multiply_principal(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                        const py::object& factors, std::size_t width, const py::object& factor_rows,
                        const py::object& negative, std::size_t start, std::size_t stop) {
  check_squared(engine);
  const Array<Limb> to(out);
  const Elements operand(engine, x, rows, start, stop);
  const Powers powers(factors, width, unsigned(32 * width), factor_rows, stop);
  const Array<const std::uint8_t> signs(negative);
  Limb* const target = to.data(stop * engine.width());
  const std::uint8_t* const minus = signs.data(powers.count());
  const py::gil_scoped_release release;
  engine.multiply_principal(target, *operand, *powers, minus, start, stop);
}

void quotient(const Engine& engine, const py::object& out, const py::object& x, const py::object& x_rows,
              const py::object& y, const py::object& y_rows, const py::object& inverses, std::size_t start,
              std::size_t stop) {
  check_squared(engine);
  const Array<Limb> to(out);
  const Array<const Limb> from(inverses);
  const Elements left(engine, x, x_rows, start, stop), right(engine, y, y_rows, start, stop);
  Limb* const target = to.data(stop * engine.width());
  const Limb* const source = from.data(stop * (engine.width() / 2));
  const py::gil_scoped_release release;
  engine.quotient(target, *left, *right, source, start, stop);
}

// Of one element by one, whose rows may have any number of axes. What stands around a short call would take longer than
// the call: the result is made here, and the GIL is kept, as for a product of Python's own integers.

py::array_t<Limb> element(const Engine& engine) { return py::array_t<Limb>({std::size_t(1), engine.width()}); }

py::array_t<Limb> multiply_single(const Engine& engine, const py::object& x, const py::object& x_rows,
                                  const py::object& y, const py::object& y_rows) {
  const Elements left(engine, x, x_rows, 0, 1), right(engine, y, y_rows, 0, 1);
  py::array_t<Limb> out = element(engine);
  engine.multiply(out.mutable_data(), *left, *right, 0, 1);
  return out;
}

// From the words of a plain element in bytes; and to those of x R, which takes no arithmetic.
py::array_t<Limb> load_single(const Engine& engine, const py::bytes& in, const py::object& factors) {
  const std::string_view bytes(in);
  if (bytes.size() != engine.plain_words() * sizeof(Word)) throw InvalidArgument("a plain element has another length");
  const Array<const Word> by(factors);
  py::array_t<Limb> out = element(engine);
  engine.load_plain(out.mutable_data(), reinterpret_cast<const Word*>(bytes.data()), by.data(engine.plain_words()));
  return out;
}

// A canonical integer in bytes, and what brings it into Montgomery form.
class Canonical {
 public:
  Canonical(const Engine& engine, const py::bytes& in, const py::object& factors) : factors_(factors) {
    const std::string_view bytes(in);
    const std::size_t words = engine.result_words(), piece = engine.piece_words();
    if (bytes.size() != words * sizeof(Word)) throw InvalidArgument("a canonical integer has another length");
    in_ = reinterpret_cast<const Word*>(bytes.data());
    by_ = factors_.data((words + piece - 1) / piece * engine.plain_words());
  }

  void load(const Engine& engine, Limb* out) const { engine.load(out, in_, engine.result_words(), by_, 0, 1); }

 private:
  const Array<const Word> factors_;
  const Word *in_, *by_;
};

py::array_t<Limb> load_bytes(const Engine& engine, const py::bytes& in, const py::object& factors) {
  py::array_t<Limb> out = element(engine);
  Canonical(engine, in, factors).load(engine, out.mutable_data());
  return out;
}

py::bytes store_raw_single(const Engine& engine, const py::object& x, const py::object& rows) {
  const Elements operand(engine, x, rows, 0, 1);
  py::bytes out(nullptr, engine.plain_words() * sizeof(Word));
  engine.store_raw(reinterpret_cast<Word*>(PyBytes_AS_STRING(out.ptr())), operand.row(engine, 0));
  return out;
}

// The magnitude of a Python integer, in words of 32 bits, and its sign. One of up to 63 bits takes as many words as any
// other.
class Integer {
 public:
  explicit Integer(const py::int_& value) {
    int beyond = 0;
    const long long small = PyLong_AsLongLongAndOverflow(value.ptr(), &beyond);
    if (small == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    negative_ = beyond < 0 || (beyond == 0 && small < 0);
    if (beyond == 0) {
      const Limb magnitude = negative_ ? 0 - Limb(small) : Limb(small);
      near_[0] = Word(magnitude), near_[1] = Word(magnitude >> 32);
      bits_ = magnitude == 0 ? 1 : 64 - unsigned(__builtin_clzll(magnitude));
      return;
    }
    const py::object magnitude = value.attr("__abs__")();
    bits_ = magnitude.attr("bit_length")().cast<unsigned>();
    width_ = (bits_ + 31) / 32;
    far_ = magnitude.attr("to_bytes")(4 * width_, "little");
  }
  Exponents operator*() const { return {far_ ? words() : near_, nullptr, width_, bits_}; }
  bool negative() const { return negative_; }

 private:
  const Word* words() const { return reinterpret_cast<const Word*>(PyBytes_AS_STRING(far_.ptr())); }  // aligned

  Word near_[2] = {0, 0};
  py::object far_;
  std::size_t width_ = 2;
  unsigned bits_ = 1;
  bool negative_ = false;
};

py::array_t<Limb> multiply_principal_single(const Engine& engine, const py::object& x, const py::object& rows,
                                            const py::int_& factor) {
  check_squared(engine);
  const Elements operand(engine, x, rows, 0, 1);
  const Integer k(factor);
  const std::uint8_t minus = k.negative();
  py::array_t<Limb> out = element(engine);
  engine.multiply_principal(out.mutable_data(), *operand, *k, &minus, 0, 1);
  return out;
}

py::array_t<Limb> power_vartime_single(const Engine& engine, const py::object& x, const py::object& rows,
                                       const py::int_& exponent, unsigned window) {
  const Elements operand(engine, x, rows, 0, 1);
  const Integer e(exponent);
  if (e.negative()) throw InvalidArgument("an exponent is at least 0");
  entries(window);
  py::array_t<Limb> out = element(engine);
  Limb* const target = out.mutable_data();
  const py::gil_scoped_release release;  // a power is long enough for that
  engine.power_vartime(target, *operand, *e, window, 0, 1);
  return out;
}

// One number to a power, for callers that hold numbers: canonical integers in bytes, on the way in and out.
class Number {
 public:
  Number(const Engine& engine, const py::bytes& in, const py::object& factors)
      : engine_(engine), canonical_(engine, in, factors), memory_(acquire(2 * engine.width())) {}
  ~Number() { release(memory_, 2 * engine_.width()); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;

  template <class Power>
  void run(Word* out, const Power& power) const {
    static constexpr Row kFirst = 0;
    Limb *const base = memory_, *const made = memory_ + engine_.width();
    canonical_.load(engine_, base);
    power(made, Operand{base, &kFirst});
    engine_.store(out, {made, &kFirst}, 0, 1);
  }

 private:
  const Engine& engine_;
  const Canonical canonical_;
  Limb* const memory_;
};

template <bool vartime>
py::bytes number_power(const Engine& engine, const py::bytes& in, const py::object& factors, const py::int_& exponent,
                       unsigned window, bool scan) {
  const Number number(engine, in, factors);
  const Integer e(exponent);
  if (e.negative()) throw InvalidArgument("an exponent is at least 0");
  entries(window);
  py::bytes out(nullptr, engine.result_words() * sizeof(Word));
  Word* const words = reinterpret_cast<Word*>(PyBytes_AS_STRING(out.ptr()));
  const py::gil_scoped_release release;
  number.run(words, [&](Limb* to, Operand x) {
    if constexpr (vartime) {
      engine.power_vartime(to, x, *e, window, 0, 1);
    } else {
      engine.power(to, x, *e, window, scan, 0, 1);
    }
  });
  return out;
}

void repeated_squares(const Engine& engine, const py::object& out, const py::object& base, unsigned window,
                      std::size_t count) {
  const Array<Limb> to(out);
  const Array<const Limb> from(base);
  entries(window);
  Limb* const target = to.data(count * engine.width());
  const Limb* const source = from.data(engine.width());
  const py::gil_scoped_release release;
  engine.repeated_squares(target, source, window, count);
}

void fixed_base_table(const Engine& engine, const py::object& table, const py::object& first, unsigned window,
                      std::size_t start, std::size_t stop) {
  check_range(start, stop);
  const Array<Limb> to(table);
  const Array<const Limb> from(first);
  Limb* const target = to.data(stop * entries(window) * engine.width());
  const Limb* const source = from.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.fixed_base_table(target, source, window, start, stop);
}

void fixed_base_power(const Engine& engine, const py::object& out, const py::object& table, const py::object& exponents,
                      std::size_t width, unsigned bits, std::size_t positions, unsigned window, bool scan,
                      std::size_t start, std::size_t stop) {
  check_range(start, stop);
  const Array<Limb> to(out);
  const Array<const Limb> from(table);
  const Powers powers(exponents, width, bits, py::none(), stop);
  if (positions == 0) throw InvalidArgument("there is at least one position");
  Limb* const target = to.data(stop * engine.width());
  const Limb* const source = from.data(positions * entries(window) * engine.width());
  const py::gil_scoped_release release;
  engine.fixed_base_power(target, source, *powers, positions, window, scan, start, stop);
}

// Elements of segments [start, stop) of an operand, checked.
class Folded {
 public:
  Folded(const Engine& engine, const py::object& x, const py::object& rows, const py::object& offsets,
         std::size_t start, std::size_t stop)
      : segments(offsets, start, stop, Array<const Row>(rows).size()),
        first(stop > start ? segments.first(start) : 0),
        last(stop > start ? segments.first(stop) : 0),
        operand(engine, x, rows, first, last) {}

  const Segments segments;
  const std::size_t first, last;
  const Elements operand;
};

void segment_product(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                     const py::object& offsets, std::size_t start, std::size_t stop) {
  const Array<Limb> to(out);
  const Folded folded(engine, x, rows, offsets, start, stop);
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.segment_product(target, *folded.operand, folded.segments.data(), start, stop);
}

void prefix_product(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                    const py::object& offsets, bool resume, std::size_t start, std::size_t stop) {
  const Array<Limb> to(out);
  const Folded folded(engine, x, rows, offsets, start, stop);
  if (resume && stop > start && folded.first == 0) throw InvalidArgument("nothing stands before the first element");
  Limb* const target = to.data(folded.last * engine.width());
  const py::gil_scoped_release release;
  engine.prefix_product(target, *folded.operand, folded.segments.data(), resume, start, stop);
}

void block_inverse(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                   std::size_t block, const py::object& inverses, std::size_t start, std::size_t stop) {
  if (block == 0) throw InvalidArgument("a block has at least one element");
  check_range(start, stop);
  const Array<Limb> to(out);
  const Array<const Limb> from(inverses);
  const std::size_t count = Array<const Row>(rows).size(), last = std::min(stop * block, count);
  const Elements operand(engine, x, rows, std::min(start * block, last), last);
  Limb* const target = to.data(last * engine.width());
  const Limb* const source = from.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.block_inverse(target, *operand, count, block, source, start, stop);
}

void straus_tables(const Engine& engine, const py::object& tables, const py::object& x, const py::object& rows,
                   unsigned window, std::size_t start, std::size_t stop) {
  const Array<Limb> to(tables);
  const Elements operand(engine, x, rows, start, stop);
  entries(window);
  Limb* const target = to.data(stop * engine.straus_entries(window) * engine.width());
  const py::gil_scoped_release release;
  engine.straus_tables(target, *operand, window, start, stop);
}

// What products of powers take, checked.
class Columns {
 public:
  Columns(const py::object& exponents, std::size_t width, unsigned bits, const py::object& wanted, std::size_t terms,
          std::size_t columns, std::size_t spans, unsigned window)
      : powers_(exponents, width, bits, py::none(), terms * columns),
        wanted_(wanted),
        value_{*powers_, wanted_.data(terms * columns), terms, columns, spans, window} {
    if (terms == 0 || columns == 0 || spans == 0) throw InvalidArgument("there are no terms, columns or spans");
    entries(window);
  }
  const MultiPower& operator*() const { return value_; }

  // Terms of the rows to which results before `stop` belong.
  std::size_t terms_before(std::size_t stop) const {
    const std::size_t results = value_.spans * value_.columns;
    return (stop + results - 1) / results * value_.terms;
  }

 private:
  Powers powers_;
  Array<const std::uint8_t> wanted_;
  MultiPower value_;
};

void straus_vartime(const Engine& engine, const py::object& out, const py::object& tables, const py::object& exponents,
                    std::size_t width, unsigned bits, const py::object& wanted, std::size_t terms, std::size_t columns,
                    std::size_t spans, unsigned window, std::size_t start, std::size_t stop) {
  check_range(start, stop);
  const Array<Limb> to(out);
  const Array<const Limb> from(tables);
  const Columns shape(exponents, width, bits, wanted, terms, columns, spans, window);
  Limb* const target = to.data(stop * engine.width());
  const Limb* const source = from.data(shape.terms_before(stop) * engine.straus_entries(window) * engine.width());
  const py::gil_scoped_release release;
  engine.straus_vartime(target, source, *shape, start, stop);
}

void pippenger_vartime(const Engine& engine, const py::object& out, const py::object& x, const py::object& rows,
                       const py::object& exponents, std::size_t width, unsigned bits, const py::object& wanted,
                       std::size_t terms, std::size_t columns, std::size_t spans, unsigned window, std::size_t start,
                       std::size_t stop) {
  check_range(start, stop);
  const Array<Limb> to(out);
  const Columns shape(exponents, width, bits, wanted, terms, columns, spans, window);
  const std::size_t first = start / (spans * columns) * terms;
  const Elements operand(engine, x, rows, std::min(first, shape.terms_before(stop)), shape.terms_before(stop));
  Limb* const target = to.data(stop * engine.width());
  const py::gil_scoped_release release;
  engine.pippenger_vartime(target, *operand, *shape, start, stop);
}

std::unique_ptr<Sieve> make_sieve(const py::object& primes, std::size_t words) {
  const Array<const Word> list(primes);
  const Word* const p = list.data(0);
  if (words == 0) throw InvalidArgument("integers have at least one word");
  for (std::size_t k = 0; k < list.size(); ++k) {
    if (p[k] % 2 == 0 || p[k] < 3 || p[k] >> 16 != 0) throw InvalidArgument("a sieve takes odd primes below 65536");
  }
  return std::make_unique<Sieve>(p, list.size(), words);
}

void sieve(const Sieve& by, const py::object& kept, const py::object& numbers, const py::object& factors,
           const py::object& offsets, std::size_t forms, std::size_t start, std::size_t stop) {
  check_range(start, stop);
  const Array<std::uint8_t> to(kept);
  const Array<const Word> from(numbers);
  const Array<const Limb> times(factors), plus(offsets);
  const std::vector<Limb> products = by.products();
  for (const auto* each : {&times, &plus}) {
    const Limb* const residues = each->data(forms * products.size());
    for (std::size_t at = 0; at < forms * products.size(); ++at) {
      if (residues[at] >= products[at % products.size()]) throw InvalidArgument("forms are given by residues");
    }
  }
  std::uint8_t* const target = to.data(stop);
  const Word* const source = from.data(stop * by.words());
  const py::gil_scoped_release release;
  by.filter(target, source, times.data(0), plus.data(0), forms, start, stop);
}

void check_odd(const Word* number, std::size_t words) {
  const bool odd = words != 0 && number[0] % 2 == 1;
  if (!odd || (number[0] == 1 && std::all_of(number + 1, number + words, [](Word word) { return word == 0; }))) {
    throw InvalidArgument("what may be a prime is an odd integer above 2");
  }
}

bool strong_probable_prime(const std::string& engine, const py::object& n, const py::object& bases) {
  const Array<const Word> number(n), others(bases);
  const std::size_t words = number.size();
  const Word *const tested = number.data(words), *const base = others.data(0);
  check_odd(tested, words);
  const std::size_t count = others.size() / words;
  for (std::size_t i = 0; i < count; ++i) {
    const Word* const end = base + (i + 1) * words;
    if (!std::lexicographical_compare(std::make_reverse_iterator(end), std::make_reverse_iterator(end - words),
                                      std::make_reverse_iterator(tested + words), std::make_reverse_iterator(tested))) {
      throw InvalidArgument("bases of a strong test are below the number");
    }
  }
  const RowKernels& kernels = rows_beside(kind(engine));
  const py::gil_scoped_release release;
  return is_strong_probable_prime(tested, base, count, words, kernels);
}

// A search with the arrays that it reads.
class HeldSearch {
 public:
  HeldSearch(const std::string& engine, const std::vector<py::object>& columns, std::size_t count) {
    std::vector<PrimeSearch::Column> read;
    for (const py::object& column : columns) {
      held_.push_back(std::make_unique<Array<const Word>>(column));
      const std::size_t words = count == 0 ? 0 : held_.back()->size() / count;
      const Word* const numbers = held_.back()->data(count * words);
      for (std::size_t i = 0; i < count; ++i) check_odd(numbers + i * words, words);
      read.push_back({numbers, words});
    }
    search_ = std::make_unique<PrimeSearch>(std::move(read), count, rows_beside(kind(engine)));
  }

  void run() {
    const py::gil_scoped_release release;
    search_->run();
  }
  std::size_t first() const { return search_->first(); }

 private:
  std::vector<std::unique_ptr<Array<const Word>>> held_;
  std::unique_ptr<PrimeSearch> search_;
};

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const InvalidArgument& error) {
    py::set_error(py::module_::import("hepy.errors").attr("ParameterError"), error.what());
  }
}

}  // namespace

PYBIND11_MODULE(_cpu, module) {
  module.doc() = "Compiled engines for big integers on the host; contracts in cpu/engine.hpp.";
  py::register_local_exception_translator(&translate);
  module.def(
      "engines",
      [] {
        py::list found;
        for (const Kind& each : kinds()) found.append(py::make_tuple(each.name, each.missing, each.about));
        return found;
      },
      "(name, what the processor lacks for it, how it multiplies), the fastest first.");
  module.def("processor_features", &processor_features);
  module.def(
      "radix_bits",
      [](const std::string& name, std::size_t bits, bool squared) { return kind(name).radix_bits(bits, squared); },
      py::arg("name"), py::arg("bits"), py::arg("squared"),
      "log2 of R, for a modulus of so many bits, or for its root.");
  module.def("flatten", &flatten, py::arg("lists"),
             "Lists of integers as their lengths and one array; None of others.");
  module.def("instances", &instances, py::arg("kind"), py::arg("count"), py::arg("slots"),
             "Objects of a class with these slots, made without its __init__; a list has a value for each.");
  module.def("sort_by_bin", &sort_by_bin, py::arg("rows"), py::arg("bins"), py::arg("count"),
             "Rows in the order of their bins, offsets of the bins that occur, and each bin's place among these.");
  py::class_<Engine>(module, "Engine", py::module_local())
      .def(py::init(&make), py::arg("name"), py::arg("n"), py::arg("one"), py::arg("bits"), py::arg("squared") = false,
           py::arg("root") = false)
      .def_property_readonly("lanes", &Engine::lanes)
      .def_property_readonly("width", &Engine::width)
      .def_property_readonly("piece_words", &Engine::piece_words)
      .def_property_readonly("result_words", &Engine::result_words)
      .def_property_readonly("plain_words", &Engine::plain_words)
      .def("load", &load)
      .def("store", &store)
      .def("equal", &equal)
      .def("gather", &gather)
      .def("join_singles", &join_singles)
      .def("multiply", &binary<&Engine::multiply>)
      .def("square", &square)
      .def("add", &binary<&Engine::add>)
      .def("subtract", &binary<&Engine::subtract>)
      .def("multiply_principal", &multiply_principal)
      .def("load_bytes", &load_bytes)
      .def("quotient", &quotient)
      .def("load_single", &load_single)
      .def("store_raw_single", &store_raw_single)
      .def("multiply_single", &multiply_single)
      .def("multiply_principal_single", &multiply_principal_single)
      .def("power_vartime_single", &power_vartime_single)
      .def("number_power", &number_power<false>)
      .def("number_power_vartime", &number_power<true>)
      .def("power", &power)
      .def("power_vartime", &power_vartime)
      .def("repeated_squares", &repeated_squares)
      .def("fixed_base_table", &fixed_base_table)
      .def("fixed_base_power", &fixed_base_power)
      .def("segment_product", &segment_product)
      .def("prefix_product", &prefix_product)
      .def("block_inverse", &block_inverse)
      .def(
          "straus_entries",
          [](const Engine& engine, unsigned window) {
            entries(window);
            return engine.straus_entries(window);
          },
          "Powers of a base that a table holds.")
      .def("straus_tables", &straus_tables)
      .def("straus_vartime", &straus_vartime)
      .def("pippenger_vartime", &pippenger_vartime);
  module.def("is_strong_probable_prime", &strong_probable_prime, py::arg("engine"), py::arg("n"), py::arg("bases"));
  py::class_<Sieve>(module, "Sieve", py::module_local())
      .def(py::init(&make_sieve), py::arg("primes"), py::arg("words"))
      .def_property_readonly("products", &Sieve::products)
      .def("filter", &sieve);
  py::class_<HeldSearch>(module, "PrimeSearch", py::module_local())
      .def(py::init<const std::string&, const std::vector<py::object>&, std::size_t>(), py::arg("engine"),
           py::arg("columns"), py::arg("count"))
      .def("run", &HeldSearch::run)
      .def_property_readonly("first", &HeldSearch::first);
}

}  // namespace hepy::cpu
