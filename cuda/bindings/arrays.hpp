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
#else
constexpr char kInterface[] = "__cuda_array_interface__";
#endif

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
  T* address_;
};

template <class T>
Strided<T>::Strided(const py::object& object) {
  // Asked for once: CuPy makes this dictionary anew each time, and a multiplication of CKKS has thirty arrays.
  const py::object described = py::getattr(object, kInterface, py::none());
  if (described.is_none()) {
    throw runtime::InvalidArgument("an array in device memory was expected, not " +
                                   std::string(Py_TYPE(object.ptr())->tp_name));
  }
  const auto interface = py::dict(described);
  const auto type = interface["typestr"].cast<std::string>(), wanted = type_string<std::remove_const_t<T>>();
  if (type != wanted) throw runtime::InvalidArgument("an array of " + wanted + " was expected, not of " + type);
  for (const auto length : py::tuple(interface["shape"])) {
    shape.push_back(length.cast<std::size_t>());
    size *= shape.back();
  }
  strides.resize(shape.size());
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; step *= std::int64_t(shape[axis])) strides[axis] = step;
  if (interface.contains("strides") && !interface["strides"].is_none() && size > 0) {
    const auto given = py::tuple(interface["strides"]);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto bytes = given[axis].cast<std::int64_t>();
      if (bytes % std::int64_t(sizeof(T)) != 0) {
        throw runtime::InvalidArgument("strides have to be multiples of an element: copy the array first");
      }
      const std::int64_t stride = bytes / std::int64_t(sizeof(T));
      contiguous = contiguous && (shape[axis] == 1 || stride == strides[axis]);
      strides[axis] = stride;
    }
  }
  const auto data = py::tuple(interface["data"]);
  if (!std::is_const_v<T> && data[1].cast<bool>())
    throw runtime::InvalidArgument("a read-only array cannot be written");
  address_ = reinterpret_cast<T*>(data[0].cast<std::uintptr_t>());
  if (size > 0) check_alignment(address_, alignof(T));
}

template <class T>
T* Strided<T>::data(runtime::Stream stream) const {
  if (size == 0) return address_;
  std::int64_t first = 0, last = 0;  // of all elements, as distances from the address
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t reach = (std::int64_t(shape[axis]) - 1) * strides[axis];
    (reach < 0 ? first : last) += reach;
  }
  runtime::check_resident(const_cast<std::remove_const_t<T>*>(address_) + first,
                          std::size_t(last - first + 1) * sizeof(T), stream.device);
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
    runtime::check_resident(const_cast<const void*>(static_cast<const volatile void*>(array_.address_)),
                            count * sizeof(T), stream.device);
    return array_.address_;
  }

  std::size_t size() const { return array_.size; }
  const std::vector<std::size_t>& shape() const { return array_.shape; }

 private:
  Strided<T> array_;
};

}  // namespace hepy::bindings
