// Device arrays in bindings: an address that was checked, from CuPy's arrays or the emulator's.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/device.hpp"
#include "runtime/error.hpp"

namespace hepy::bindings {

namespace py = pybind11;

constexpr std::size_t kQuad = 16;  // bytes that kernels access at once; see runtime/memory.cuh

#if defined(HEPY_EMULATOR)
constexpr char kInterface[] = "__hepy_emulator_array_interface__";
constexpr char kModule[] = "hepy._devices.emulated_arrays", kClass[] = "EmulatedArray";
#else
constexpr char kInterface[] = "__cuda_array_interface__";
constexpr char kModule[] = "cupy", kClass[] = "ndarray";
#endif

// Throws InvalidArgument unless the bytes are on the device. `said`: where the array module says they are, -1 if it
// does not. CuPy is believed, because asking the driver takes longer; the emulator knows its allocations and looks.
inline void check_place(const volatile void* address, std::size_t bytes, int device, int said) {
#if !defined(HEPY_EMULATOR)
  if (said >= 0 && bytes > 0) {
    if (said == device) return;
    throw runtime::InvalidArgument("an array is in the memory of cuda:" + std::to_string(said) +
                                   ", the work on cuda:" + std::to_string(device) + ": copy it there first");
  }
#endif
  runtime::check_resident(const_cast<const void*>(address), bytes, device);
}

// Whether this is an array of the device's own array module. What such an array says of itself is asked by attributes:
// the dictionary of the interface is made anew each time, which takes as long as a launch, and an operation of CKKS has
// dozens of arrays.
inline bool is_own_array(const py::object& object) {
  static PyTypeObject* known = nullptr;  // the interpreter's lock keeps it
  PyTypeObject* const type = Py_TYPE(object.ptr());
  if (type == known) return true;
  const auto named = [type](const char* attribute, const char* name) {
    const py::object found = py::getattr(reinterpret_cast<PyObject*>(type), attribute, py::none());
    return py::isinstance<py::str>(found) && found.cast<std::string>() == name;
  };
  if (!named("__module__", kModule) || !named("__name__", kClass)) return false;
  Py_INCREF(type);
  known = type;
  return true;
}

template <class T>
std::string type_string() {
  const char kind = std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
  return (sizeof(T) == 1 ? "|" : "<") + std::string(1, kind) + std::to_string(sizeof(T));
}

// A kernel that met another address would end the process's context.
inline void check_alignment(const volatile void* address, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0) {
    throw runtime::InvalidArgument("an array has to begin at a multiple of " + std::to_string(alignment) +
                                   " bytes: copy it first");
  }
}

// An array of exactly this type, with its strides in elements; Strided<const T> for what is only read. Bindings take
// py::object and make one, so that a wrong argument gives this message and not pybind11's, which would print the
// contents of all arguments.
template <class T>
class Strided {
 public:
  explicit Strided(const py::object& object);

  // The address. Throws InvalidArgument unless all elements are on the stream's device.
  T* data(runtime::Stream stream) const;

  std::vector<std::size_t> shape;
  std::vector<std::int64_t> strides;
  std::size_t size = 1;
  bool contiguous = true;  // in C's order

 private:
  template <class>
  friend class Array;

  void read_attributes(const py::object& array);
  void read_interface(const py::object& array);
  void check_type(const std::string& type) const;
  void set_shape(const py::tuple& lengths);
  void set_strides(const py::tuple& bytes);

  T* address_;
  int said_ = -1;  // the device that the array module names
};

template <class T>
Strided<T>::Strided(const py::object& object) {
  is_own_array(object) ? read_attributes(object) : read_interface(object);
  if (size > 0) check_alignment(address_, alignof(T));
}

template <class T>
void Strided<T>::read_attributes(const py::object& array) {
  check_type(array.attr("dtype").attr("str").cast<std::string>());
  set_shape(array.attr("shape"));
  set_strides(array.attr("strides"));
  const py::object data = array.attr("data");
  address_ = reinterpret_cast<T*>(data.attr("ptr").cast<std::uintptr_t>());
  said_ = data.attr("device_id").cast<int>();
}

template <class T>
void Strided<T>::read_interface(const py::object& array) {
  const py::object described = py::getattr(array, kInterface, py::none());
  if (described.is_none()) {
    throw runtime::InvalidArgument("an array in device memory was expected, not " +
                                   std::string(Py_TYPE(array.ptr())->tp_name));
  }
  const auto interface = py::dict(described);
  check_type(interface["typestr"].cast<std::string>());
  set_shape(interface["shape"]);
  if (interface.contains("strides") && !interface["strides"].is_none()) set_strides(interface["strides"]);
  const auto data = py::tuple(interface["data"]);
  if (!std::is_const_v<T> && data[1].cast<bool>())
    throw runtime::InvalidArgument("a read-only array cannot be written");
  address_ = reinterpret_cast<T*>(data[0].cast<std::uintptr_t>());
}

template <class T>
void Strided<T>::check_type(const std::string& type) const {
  const auto wanted = type_string<std::remove_const_t<T>>();
  if (type != wanted) throw runtime::InvalidArgument("an array of " + wanted + " was expected, not of " + type);
}

// The strides become those of C's order.
template <class T>
void Strided<T>::set_shape(const py::tuple& lengths) {
  for (const auto length : lengths) {
    shape.push_back(length.cast<std::size_t>());
    size *= shape.back();
  }
  strides.resize(shape.size());
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; step *= std::int64_t(shape[axis])) strides[axis] = step;
}

template <class T>
void Strided<T>::set_strides(const py::tuple& bytes) {
  if (size == 0) return;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto distance = bytes[axis].cast<std::int64_t>();
    if (distance % std::int64_t(sizeof(T)) != 0) {
      throw runtime::InvalidArgument("strides have to be multiples of an element: copy the array first");
    }
    const std::int64_t stride = distance / std::int64_t(sizeof(T));
    contiguous = contiguous && (shape[axis] == 1 || stride == strides[axis]);
    strides[axis] = stride;
  }
}

template <class T>
T* Strided<T>::data(runtime::Stream stream) const {
  if (size == 0) return address_;
  std::int64_t first = 0, last = 0;  // of all elements, as distances from the address
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t reach = (std::int64_t(shape[axis]) - 1) * strides[axis];
    (reach < 0 ? first : last) += reach;
  }
  check_place(address_ + first, std::size_t(last - first + 1) * sizeof(T), stream.device, said_);
  return address_;
}

// A contiguous array of exactly this type.
template <class T>
class Array {
 public:
  explicit Array(const py::object& object) : array_(object) {
    if (!array_.contiguous) throw runtime::InvalidArgument("an array has to be contiguous: copy it first");
  }

  // The address, for `count` elements on the stream's device. Throws InvalidArgument where the array is shorter or
  // elsewhere, or begins at no multiple of `alignment` bytes.
  T* data(runtime::Stream stream, std::size_t count, std::size_t alignment = alignof(T)) const {
    if (count > size()) {
      throw runtime::InvalidArgument("an array of " + std::to_string(size()) + " elements was given where " +
                                     std::to_string(count) + " are read or written");
    }
    if (count > 0) check_alignment(array_.address_, alignment);
    check_place(array_.address_, count * sizeof(T), stream.device, array_.said_);
    return array_.address_;
  }

  std::size_t size() const { return array_.size; }
  const std::vector<std::size_t>& shape() const { return array_.shape; }

 private:
  Strided<T> array_;
};

}  // namespace hepy::bindings
