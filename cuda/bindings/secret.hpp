// Bytes that are zeroed when dropped and never shown.
#pragma once
#include <pybind11/pybind11.h>

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/error.hpp"
#include "runtime/zero.hpp"

namespace hepy::bindings {

class Secret {
 public:
  explicit Secret(const pybind11::object& source) {
    if (!PyBytes_Check(source.ptr())) {
      throw runtime::InvalidArgument(std::string("a secret is made from bytes, not ") + Py_TYPE(source.ptr())->tp_name);
    }
    const auto* first = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(source.ptr()));
    bytes_.assign(first, first + PyBytes_GET_SIZE(source.ptr()));
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { runtime::zero(bytes_.data(), bytes_.size()); }

  const std::vector<unsigned char>& bytes() const { return bytes_; }

 private:
  std::vector<unsigned char> bytes_;
};

}  // namespace hepy::bindings
