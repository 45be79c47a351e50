// The runtime's exceptions as those of hepy.errors.
#include "bindings/bindings.hpp"
#include "runtime/error.hpp"

namespace hepy::bindings {
namespace {

namespace py = pybind11;

void raise(const char* name, const std::exception& error) {
  py::set_error(py::module_::import("hepy.errors").attr(name), error.what());
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const runtime::OutOfMemory& error) {
    raise("DeviceOutOfMemoryError", error);
  } catch (const runtime::Error& error) {
    raise("DeviceError", error);
  } catch (const runtime::InvalidArgument& error) {
    raise("ParameterError", error);
  }
}

}  // namespace

void bind_errors(pybind11::module_&) { py::register_local_exception_translator(&translate); }

}  // namespace hepy::bindings
