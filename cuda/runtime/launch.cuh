// Starts a kernel: on a GPU in a stream, under the emulator at once.
#pragma once
#include <tuple>
#include <utility>

#include "runtime/launch.hpp"
#include "runtime/platform.cuh"

#if defined(__CUDACC__)
#include "runtime/cuda_error.hpp"
#else
#include "runtime/emulator/block.hpp"
#endif

namespace hepy::runtime {

constexpr unsigned kMaxGridYZ = 65535;

// Blocks of `size` that cover `count` items.
constexpr unsigned blocks(std::size_t count, unsigned size) { return unsigned((count + size - 1) / size); }

namespace detail {

#if defined(__CUDACC__)
template <class... Params>
void start(void (*kernel)(Params...), dim3 grid, dim3 threads, std::size_t shared_bytes, const LaunchSite& site,
           Params... params) {
  constexpr std::size_t kDefaultSharedBytes = 48 << 10;  // more has to be asked for
  const DeviceGuard guard(site.stream.device, site.site);
  const void* const function = reinterpret_cast<const void*>(kernel);
  if (shared_bytes > kDefaultSharedBytes) {
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)), site.launcher,
          site.site);
  }
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&params))...};
  check(cudaLaunchKernel(function, grid, threads, pointers, shared_bytes,
                         reinterpret_cast<cudaStream_t>(site.stream.handle)),
        site.launcher, site.site);
}
#else
template <class... Params>
void start(void (*kernel)(Params...), dim3 grid, dim3 threads, std::size_t shared_bytes, const LaunchSite& site,
           Params... params) {
  const auto call = [&] { kernel(params...); };
  emulator::run_grid(
      grid, threads, shared_bytes, [](const void* closure) { (*static_cast<const decltype(call)*>(closure))(); }, &call,
      site.site);
}
#endif

}  // namespace detail

// Queues kernel(args...) in the stream. Throws Error where the launch fails or, under the emulator, the kernel does;
// what fails later on a GPU is thrown by the next call that waits for the stream.
//
//   grid, threads: as in CUDA; none may be empty.
//   shared_bytes: of dynamic shared memory.
//   site: a Stream; the launch counts under the name of the calling function.
template <class... Params, class... Args>
void launch(void (*kernel)(Params...), dim3 grid, dim3 threads, std::size_t shared_bytes, LaunchSite site,
            Args&&... args) {
  static_assert(sizeof...(Params) == sizeof...(Args), "a kernel takes all of its arguments");
  detail::start<Params...>(kernel, grid, threads, shared_bytes, site, std::forward<Args>(args)...);
  count_launch(site.launcher);
}

}  // namespace hepy::runtime
