// Devices, streams, counts of launches; and for the emulator its memory and schedule.
#include <pybind11/stl.h>

#include "bindings/bindings.hpp"
#include "bindings/secret.hpp"
#include "runtime/device.hpp"
#include "runtime/launch.hpp"

#if defined(HEPY_EMULATOR)
#include "runtime/emulator/allocations.hpp"
#include "runtime/emulator/schedule.hpp"
#endif

namespace hepy::bindings {
namespace {

namespace py = pybind11;

#if defined(HEPY_EMULATOR)
void bind_emulator(py::module_& module) {
  using runtime::emulator::Allocation;
  py::class_<Allocation>(
      module, "Memory", py::buffer_protocol(), py::module_local(),
      "Bytes in the memory of an emulated device, freed with the last array that uses them, those of a "
      "secret zeroed before.")
      .def(py::init<int, std::size_t, bool>(), py::arg("device"), py::arg("bytes"), py::arg("secret") = false)
      .def_property_readonly("device", &Allocation::device)
      .def_buffer([](Allocation& memory) {
        return py::buffer_info(static_cast<unsigned char*>(memory.address()), py::ssize_t(memory.bytes()));
      });
  module.def("set_memory_limit", &runtime::emulator::set_memory_limit, py::arg("device"), py::arg("bytes"));
  module.def("memory_limit", &runtime::emulator::memory_limit, py::arg("device"));
  module.def("memory_used", &runtime::emulator::memory_used, py::arg("device"));
  module.def("keep_freed", &runtime::emulator::keep_freed, py::arg("keep"),
             "Whether memory leaves a copy of what it held when it became free.");
  module.def(
      "take_freed",
      [] {
        py::list copies;
        for (const auto& copy : runtime::emulator::take_freed()) copies.append(py::bytes(copy));
        return copies;
      },
      "The copies since the last call, of both devices.");
  module.def(
      "set_schedule",
      [](const std::string& text) { runtime::emulator::set_schedule(runtime::emulator::Schedule::parse(text)); },
      py::arg("schedule"), "'in-order', 'reversed', 'shuffled:SEED' or 'ahead:SEED', for all launches from now on.");
  module.def("schedule", [] { return runtime::emulator::schedule().text(); });
}
#endif

}  // namespace

void bind_runtime(py::module_& module) {
  py::class_<runtime::Stream>(module, "Stream", py::module_local(),
                              "Where work is queued: a device, and a cudaStream_t.")
      .def(py::init([](int device, std::uintptr_t handle) { return runtime::Stream{device, handle}; }),
           py::arg("device"), py::arg("handle") = 0)
      .def_readonly("device", &runtime::Stream::device)
      .def_readonly("handle", &runtime::Stream::handle)
      .def("synchronize", &runtime::synchronize, py::call_guard<py::gil_scoped_release>());
  py::class_<runtime::Properties>(module, "Properties", py::module_local())
      .def_readonly("name", &runtime::Properties::name)
      .def_readonly("memory_bytes", &runtime::Properties::memory_bytes)
      .def_property_readonly("compute_capability",
                             [](const runtime::Properties& p) { return py::make_tuple(p.major, p.minor); });
  py::class_<Secret>(module, "Secret", py::module_local(), "Bytes that are zeroed when dropped and never shown.")
      .def(py::init<const py::object&>(), py::arg("bytes"));
  module.def("device_count", &runtime::device_count);
  module.def("properties", &runtime::properties, py::arg("device"));
  module.def("free_bytes", &runtime::free_bytes, py::arg("device"));
  module.def("launch_counts", &runtime::launch_counts, "Launches since the start of the process, by launcher.");
  module.def("driver_version", &runtime::driver_version);
  module.attr("toolkit_version") = runtime::toolkit_version();
  module.attr("architectures") = HEPY_ARCHITECTURES;
#if defined(HEPY_EMULATOR)
  bind_emulator(module);
#endif
}

}  // namespace hepy::bindings
