// CUDA's return codes as exceptions, and the device that a call is about.
#pragma once
#include <cuda_runtime.h>

#include "runtime/error.hpp"

namespace hepy::runtime {

// Throws OutOfMemory or Error unless the call succeeded. `what` is the work it was part of.
void check(cudaError_t code, const char* what, Site site = Site::here());

// Makes a device the current one of this thread until it goes out of scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device, Site site = Site::here());
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  ~DeviceGuard();

 private:
  int previous_ = 0, device_;
};

}  // namespace hepy::runtime
