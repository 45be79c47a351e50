// The module of kernels that exercise the runtime: hepy._runtime_test, or hepy._runtime_test_cuda.
#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "runtime_kernels.hpp"

namespace hepy::runtime_test {
namespace {

namespace py = pybind11;
using Out = bindings::Array<std::uint32_t>;
using In = bindings::Array<const std::uint32_t>;

void bind(py::module_& module) {
  module.attr("THREADS") = kThreads;
#if defined(__SANITIZE_ADDRESS__)
  module.attr("SANITIZED") = true;
#else
  module.attr("SANITIZED") = false;
#endif
  module.def("reverse", [](Stream s, const py::object& out, const py::object& in, bool barrier) {
    reverse(s, Out(out).data(s, kThreads), In(in).data(s, kThreads), barrier);
  });
  module.def("swap_warps", [](Stream s, const py::object& out, const py::object& in, bool barrier) {
    swap_warps(s, Out(out).data(s, kThreads), In(in).data(s, kThreads), barrier);
  });
  module.def("shared_as_found", [](Stream s, const py::object& out, unsigned blocks) {
    shared_as_found(s, Out(out).data(s, 2 * blocks), blocks);
  });
  module.def("shared_places", [](Stream s, const py::object& out) { shared_places(s, Out(out).data(s, 6)); });
  module.def("indices",
             [](Stream s, const py::object& out, std::array<unsigned, 3> grid, std::array<unsigned, 3> threads) {
               indices(s, Out(out).data(s, grid[0] * grid[1] * grid[2]), grid[0], grid[1], grid[2], threads[0],
                       threads[1], threads[2]);
             });
  module.def("exchanges",
             [](Stream s, const py::object& out, const py::object& in, unsigned threads, int argument, int width) {
               exchanges(s, Out(out).data(s, 8 * threads), In(in).data(s, threads), threads, argument, width);
             });
  module.def("carries", [](Stream s, const py::object& out, const py::object& a, const py::object& b) {
    carries(s, Out(out).data(s, 27), In(a).data(s, 8), In(b).data(s, 8));
  });
  module.def("words", [](Stream s, const py::object& out, const py::object& in) {
    words(s, Out(out).data(s, 9), In(in).data(s, 6));
  });
  module.def("quad", [](Stream s, const py::object& out, const py::object& in, unsigned offset) {
    quad(s, Out(out).data(s, 8), In(in).data(s, 4 + offset), offset);
  });
  module.def("count", [](Stream s, const py::object& out, unsigned blocks) {
    auto* word = Out(out).data(s, 1);
    const py::gil_scoped_release release;
    count(s, word, blocks);
  });
  py::enum_<Mistake>(module, "Mistake", py::module_local())
      .value("TWO_BARRIERS", Mistake::kTwoBarriers)
      .value("EARLY_EXIT", Mistake::kEarlyExit)
      .value("LATE_EXIT", Mistake::kLateExit)
      .value("FOREIGN_MASK", Mistake::kForeignMask)
      .value("TWO_EXCHANGES", Mistake::kTwoExchanges)
      .value("MISSING_LANE", Mistake::kMissingLane)
      .value("BEYOND_THE_END", Mistake::kBeyondTheEnd)
      .value("LARGE_SHARED", Mistake::kLargeShared)
      .value("UNREACHABLE", Mistake::kUnreachable);
  module.def("mistake",
             [](Stream s, const py::object& out, Mistake kind) { mistake(s, Out(out).data(s, kThreads), kind); });
  module.def("launch_sizes", &launch_sizes);
}

}  // namespace
}  // namespace hepy::runtime_test

PYBIND11_MODULE(HEPY_MODULE, module) {
  hepy::bindings::bind_errors(module);
  hepy::bindings::bind_runtime(module);
  hepy::runtime_test::bind(module);
}
