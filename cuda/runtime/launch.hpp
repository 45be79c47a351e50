// Which kernels ran, and how often: tests ask, so that no fallback passes for a kernel.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "runtime/device.hpp"
#include "runtime/error.hpp"

namespace hepy::runtime {

// A stream and who launches on it. Made from a Stream where runtime::launch is called, it takes down the name of the
// calling function, which is the kernel's stem, and its place.
struct LaunchSite {
  LaunchSite(Stream stream, const char* launcher = __builtin_FUNCTION(), const char* file = __builtin_FILE(),
             int line = __builtin_LINE())
      : stream(stream), launcher(launcher), site{file, line} {}

  Stream stream;
  const char* launcher;
  Site site;
};

void count_launch(const char* launcher);

// Launches since the start of the process, by the launcher's name.
std::map<std::string, std::uint64_t> launch_counts();

}  // namespace hepy::runtime
