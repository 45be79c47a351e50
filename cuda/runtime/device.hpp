// Devices as the host sees them: how many, what they are, streams, and whose memory a pointer is.
//
// The same functions stand in device_cuda.cu and emulator/allocations.cpp; a build links one of the two.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace hepy::runtime {

// Where work is queued: a device and one of its streams (a cudaStream_t; 0 is the default stream).
struct Stream {
  int device = 0;
  std::uintptr_t handle = 0;
};

struct Properties {
  std::string name;
  std::size_t memory_bytes;
  int major, minor;  // compute capability; 0.0 for the emulator
};

// Devices that the driver offers. Throws Error with the driver's reason where there is none.
int device_count();

Properties properties(int device);

// Compute capability as 10 major + minor, 0 for the emulator; in microseconds, where properties may take milliseconds.
int architecture(int device);

// Bytes that an allocation could still get.
std::size_t free_bytes(int device);

// Waits until all work of the stream is done; throws what went wrong in it.
void synchronize(Stream stream);

// Throws InvalidArgument unless all of these bytes are memory of that device. Cheap beside a launch.
void check_resident(const void* address, std::size_t bytes, int device);

// CUDA's version that this was built with, as 1000 * major + 10 * minor; 0 for the emulator.
int toolkit_version();

// CUDA's latest version that the driver serves, likewise; 0 where there is no driver, and for the emulator.
int driver_version();

}  // namespace hepy::runtime
