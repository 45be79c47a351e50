// The emulator's memory, and with it its devices; see allocations.hpp and device.hpp.
#include "runtime/emulator/allocations.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "runtime/device.hpp"
#include "runtime/emulator/cuda_names.hpp"
#include "runtime/error.hpp"
#include "runtime/zero.hpp"

namespace hepy::runtime {
namespace emulator {
namespace {

struct Owned {
  std::size_t bytes;
  int device;
};

struct Registry {
  std::mutex mutex;
  std::map<std::uintptr_t, Owned> owned;  // by first address
  std::array<std::size_t, kDevices> used{};
  std::array<std::size_t, kDevices> limit;
  bool keeps_freed = false;
  std::vector<std::string> freed;

  Registry() {
    limit.fill(kDefaultMemoryBytes);
    // A child forked while another thread held the lock would wait for it for ever.
    pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                   [] { registry().mutex.unlock(); });
  }
  static Registry& registry();
};

// Never destroyed: arrays may outlive it when the process ends.
Registry& Registry::registry() {
  static auto& all = *new Registry;
  return all;
}

std::string name(int device) { return device == 0 ? "emulator" : "emulator:" + std::to_string(device); }

void check_device(int device) {
  if (device < 0 || device >= kDevices) {
    throw InvalidArgument("there is no emulated device " + std::to_string(device) + ": they are 0 and 1");
  }
}

}  // namespace

Allocation::Allocation(int device, std::size_t bytes, bool secret)
    : device_(device), bytes_(bytes), secret_(secret), address_(nullptr) {
  check_device(device);
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  const std::size_t used = registry.used[device], limit = registry.limit[device];
  if (bytes > limit - used) {
    throw OutOfMemory(std::to_string(bytes) + " bytes were asked of device '" + name(device) + "', of whose " +
                      std::to_string(limit) + " bytes " + std::to_string(limit - used) +
                      " are free: work in smaller pieces");
  }
  if (posix_memalign(&address_, 256, std::max<std::size_t>(bytes, 1)) != 0) {
    throw OutOfMemory("the host has no " + std::to_string(bytes) + " bytes for device '" + name(device) + "'");
  }
  std::memset(address_, kPoison, bytes);
  registry.owned[reinterpret_cast<std::uintptr_t>(address_)] = {bytes, device};
  registry.used[device] += bytes;
}

Allocation::~Allocation() {
  if (secret_) zero(address_, bytes_);
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  if (registry.keeps_freed) registry.freed.emplace_back(static_cast<const char*>(address_), bytes_);
  registry.owned.erase(reinterpret_cast<std::uintptr_t>(address_));
  registry.used[device_] -= bytes_;
  std::free(address_);
}

void keep_freed(bool keep) {
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  registry.keeps_freed = keep;
}

std::vector<std::string> take_freed() {
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  return std::exchange(registry.freed, {});
}

void set_memory_limit(int device, std::size_t bytes) {
  check_device(device);
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  if (bytes < registry.used[device]) {
    throw InvalidArgument("device '" + name(device) + "' has " + std::to_string(registry.used[device]) +
                          " bytes in use: a limit of " + std::to_string(bytes) + " is below that");
  }
  registry.limit[device] = bytes;
}

std::size_t memory_limit(int device) {
  check_device(device);
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  return registry.limit[device];
}

std::size_t memory_used(int device) {
  check_device(device);
  Registry& registry = Registry::registry();
  const std::lock_guard lock(registry.mutex);
  return registry.used[device];
}

}  // namespace emulator

int device_count() { return emulator::kDevices; }

Properties properties(int device) { return {"emulator of CUDA on the host", emulator::memory_limit(device), 0, 0}; }

int architecture(int device) {
  emulator::check_device(device);
  return 0;
}

std::size_t free_bytes(int device) { return emulator::memory_limit(device) - emulator::memory_used(device); }

void synchronize(Stream stream) { emulator::check_device(stream.device); }  // a launch returns when the work is done

void check_resident(const void* address, std::size_t bytes, int device) {
  if (bytes == 0) return;
  emulator::Registry& registry = emulator::Registry::registry();
  const std::lock_guard lock(registry.mutex);
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  const auto after = registry.owned.upper_bound(first);
  const bool known =
      after != registry.owned.begin() && first + bytes <= std::prev(after)->first + std::prev(after)->second.bytes;
  if (!known) throw InvalidArgument("an array is not in device memory: copy it to '" + emulator::name(device) + "'");
  const int owner = std::prev(after)->second.device;
  if (owner != device) {
    throw InvalidArgument("an array is in the memory of '" + emulator::name(owner) + "', the work on '" +
                          emulator::name(device) + "': copy it there first");
  }
}

int toolkit_version() { return 0; }
int driver_version() { return 0; }

}  // namespace hepy::runtime
