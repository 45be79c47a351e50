// The module of kernels for one kind of device: hepy._emulator, or hepy._cuda.
#include "bindings/bindings.hpp"

PYBIND11_MODULE(HEPY_MODULE, module) {
  module.doc() = "Compiled kernels; hepy._devices chooses the module, and arithmetic layers call it.";
  hepy::bindings::bind_errors(module);
  hepy::bindings::bind_runtime(module);
  hepy::bindings::bind_random(module);
  hepy::bindings::bind_bigint(module);
  hepy::bindings::bind_ring(module);
  hepy::bindings::bind_ring_conversion(module);
}
