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

#if defined(HEPY_EMULATOR)
constexpr char kInterface[] = "__hepy_emulator_array_interface__";
#else
constexpr char kInterface[] = "__cuda_array_interface__";
#endif

// A contiguous array of exactly this type; Array<const T> for what is only read. Bindings take py::object and make one,
// so that a wrong argument gives this message and not pybind11's, which would print the contents of all arguments.
template <class T>
class Array {
 public:
  explicit Array(const py::object& object);

  // The address, for `count` elements on the stream's device. Throws InvalidArgument where the array is shorter or
  // elsewhere.
  T* data(runtime::Stream stream, std::size_t count) const {
    if (count > size_) {
      throw runtime::InvalidArgument("an array of " + std::to_string(size_) + " elements was given where " +
                                     std::to_string(count) + " are read or written");
    }
    runtime::check_resident(const_cast<const void*>(static_cast<const volatile void*>(address_)), count * sizeof(T),
                            stream.device);
    return address_;
  }

  std::size_t size() const { return size_; }
  const std::vector<std::size_t>& shape() const { return shape_; }

 private:
  T* address_;
  std::size_t size_ = 1;
  std::vector<std::size_t> shape_;
};

template <class T>
std::string type_string() {
  const char kind = std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
  return (sizeof(T) == 1 ? "|" : "<") + std::string(1, kind) + std::to_string(sizeof(T));
}

template <class T>
Array<T>::Array(const py::object& object) {
  if (!py::hasattr(object, kInterface)) {
    throw runtime::InvalidArgument("an array in device memory was expected, not " +
                                   std::string(Py_TYPE(object.ptr())->tp_name));
  }
  const auto interface = py::dict(object.attr(kInterface));
  const auto type = interface["typestr"].cast<std::string>(), wanted = type_string<std::remove_const_t<T>>();
  if (type != wanted) throw runtime::InvalidArgument("an array of " + wanted + " was expected, not of " + type);
  for (const auto length : py::tuple(interface["shape"])) {
    shape_.push_back(length.cast<std::size_t>());
    size_ *= shape_.back();
  }
  const bool strided = interface.contains("strides") && !interface["strides"].is_none();
  if (strided && size_ > 0) {
    const auto strides = py::tuple(interface["strides"]);
    std::size_t step = sizeof(T);
    for (std::size_t axis = shape_.size(); axis-- > 0; step *= shape_[axis]) {
      if (shape_[axis] != 1 && strides[axis].cast<std::ptrdiff_t>() != std::ptrdiff_t(step)) {
        throw runtime::InvalidArgument("an array has to be contiguous: copy it first");
      }
    }
  }
  const auto data = py::tuple(interface["data"]);
  if (!std::is_const_v<T> && data[1].cast<bool>())
    throw runtime::InvalidArgument("a read-only array cannot be written");
  address_ = reinterpret_cast<T*>(data[0].cast<std::uintptr_t>());
}

}  // namespace hepy::bindings
