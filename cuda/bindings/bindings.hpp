// What the module is put together from: one function for each folder of kernels.
#pragma once
#include <pybind11/pybind11.h>

namespace hepy::bindings {

void bind_errors(pybind11::module_& module);
void bind_runtime(pybind11::module_& module);
void bind_random(pybind11::module_& module);
void bind_bigint(pybind11::module_& module);
void bind_ring(pybind11::module_& module);
void bind_ring_conversion(pybind11::module_& module);

}  // namespace hepy::bindings
