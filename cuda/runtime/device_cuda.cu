// Devices through CUDA's runtime; see device.hpp.
#include "runtime/cuda_error.hpp"
#include "runtime/device.hpp"

namespace hepy::runtime {

void check(cudaError_t code, const char* what, Site site) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // an error that is not sticky would be reported once more by a later call
  const std::string message = std::string(what) + ": " + cudaGetErrorString(code) + " [" + cudaGetErrorName(code) + "]";
  if (code == cudaErrorMemoryAllocation) throw OutOfMemory(message, site, code);
  throw Error(message, site, code);
}

DeviceGuard::DeviceGuard(int device, Site site) : device_(device) {
  check(cudaGetDevice(&previous_), "choosing a device", site);
  if (previous_ != device_) check(cudaSetDevice(device_), "choosing a device", site);
}

DeviceGuard::~DeviceGuard() {
  if (previous_ != device_) cudaSetDevice(previous_);
}

int device_count() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "looking for GPUs");
  return count;
}

Properties properties(int device) {
  cudaDeviceProp found;
  check(cudaGetDeviceProperties(&found, device), "reading a GPU's properties");
  return {found.name, found.totalGlobalMem, found.major, found.minor};
}

int architecture(int device) {
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking what a GPU is");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking what a GPU is");
  return 10 * major + minor;
}

std::size_t free_bytes(int device) {
  const DeviceGuard guard(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return free;
}

void synchronize(Stream stream) {
  const DeviceGuard guard(stream.device);
  check(cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(stream.handle)), "waiting for a stream");
}

void check_resident(const void* address, std::size_t bytes, int device) {
  if (bytes == 0) return;
  const DeviceGuard guard(device);  // or the question makes a context on another device, for which nobody asked
  cudaPointerAttributes found;
  check(cudaPointerGetAttributes(&found, address), "looking up an array");
  const bool on_device = found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
  if (!on_device) throw InvalidArgument("an array is not in device memory: copy it to cuda:" + std::to_string(device));
  if (found.device != device) {
    throw InvalidArgument("an array is in the memory of cuda:" + std::to_string(found.device) +
                          ", the work on cuda:" + std::to_string(device) + ": copy it there first");
  }
}

int toolkit_version() { return CUDART_VERSION; }

int driver_version() {
  int version = 0;
  check(cudaDriverGetVersion(&version), "asking for the driver's version");
  return version;
}

}  // namespace hepy::runtime
