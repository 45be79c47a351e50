// The counts behind launch.hpp.
#include "runtime/launch.hpp"

#include <cstring>
#include <mutex>

namespace hepy::runtime {
namespace {

struct Counts {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> by_launcher;
};

Counts& counts() {
  static Counts all;
  return all;
}

}  // namespace

void count_launch(const char* launcher) {
  const std::lock_guard lock(counts().mutex);
  ++counts().by_launcher[std::string(launcher, std::strcspn(launcher, "<"))];  // a template's instances count as one
}

std::map<std::string, std::uint64_t> launch_counts() {
  const std::lock_guard lock(counts().mutex);
  return counts().by_launcher;
}

}  // namespace hepy::runtime
