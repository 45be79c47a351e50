// Memory of the emulator's two devices: host memory that is counted, limited and known by its owner.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace hepy::runtime::emulator {

constexpr int kDevices = 2;
constexpr std::size_t kDefaultMemoryBytes = std::size_t(4) << 30;

// Bytes on one device, aligned to 256 as CUDA's are and full of poison. Throws OutOfMemory beyond the device's limit.
// Those of a secret are zeroed before they are free again.
class Allocation {
 public:
  Allocation(int device, std::size_t bytes, bool secret = false);
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;
  ~Allocation();

  void* address() const { return address_; }
  std::size_t bytes() const { return bytes_; }
  int device() const { return device_; }

 private:
  int device_;
  std::size_t bytes_;
  bool secret_;
  void* address_;
};

// For tests of what is left behind: from now on, whether allocations leave a copy of what they held when they became
// free; and the copies since the last call, of all devices.
void keep_freed(bool keep);
std::vector<std::string> take_freed();

// What allocations on a device may take together, from now on. Throws InvalidArgument below what is in use.
void set_memory_limit(int device, std::size_t bytes);
std::size_t memory_limit(int device);
std::size_t memory_used(int device);

}  // namespace hepy::runtime::emulator
