// CUDA's names for a kernel source that a plain C++ compiler reads, with CUDA's meaning and not its speed.
//
// Barriers and exchanges among a warp's lanes are points where another thread may run; between two of them a thread
// runs alone. So what one thread writes for another without a barrier shows as wrong bits under some schedule.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "runtime/error.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct alignas(8) uint2 {
  unsigned x, y;
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

struct alignas(16) double2 {
  double x, y;
};

// Of the thread that runs now on this thread of the operating system.
inline thread_local uint3 threadIdx{0, 0, 0}, blockIdx{0, 0, 0};
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace hepy::runtime::emulator {

enum class Exchange { kSync, kShuffle, kBallot };

// What the lanes of an exchange brought: values by lane, and which lanes there were.
struct Offers {
  const std::uint64_t* values;
  unsigned lanes;
};

void barrier(Site site);
Offers exchange(unsigned mask, std::uint64_t value, Exchange kind, Site site);
unsigned lane();
void* dynamic_shared();
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);

// Ends the launch with an Error that names the thread.
[[noreturn]] void fail(const char* what, Site site);

constexpr unsigned char kPoison = 0xCD;

// The value that lane `from` brought; of a lane that took no part CUDA promises nothing, here it is poison.
template <class T>
T shuffle(unsigned mask, T value, unsigned from, Site site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t), "lanes exchange up to 8 bytes");
  std::uint64_t mine = 0, taken;
  std::memcpy(&mine, &value, sizeof(T));
  const Offers offers = exchange(mask, mine, Exchange::kShuffle, site);
  std::memset(&taken, kPoison, sizeof(taken));
  if (offers.lanes >> from & 1) taken = offers.values[from];
  T result;
  std::memcpy(&result, &taken, sizeof(T));
  return result;
}

}  // namespace hepy::runtime::emulator

inline void __syncthreads(hepy::runtime::Site site = hepy::runtime::Site::here()) {
  hepy::runtime::emulator::barrier(site);
}

inline void __syncwarp(unsigned mask = ~0u, hepy::runtime::Site site = hepy::runtime::Site::here()) {
  hepy::runtime::emulator::exchange(mask, 0, hepy::runtime::emulator::Exchange::kSync, site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              hepy::runtime::Site site = hepy::runtime::Site::here()) {
  const unsigned lane = hepy::runtime::emulator::lane(), segment = unsigned(width) - 1;
  return hepy::runtime::emulator::shuffle(mask, value, (lane & ~segment) | (unsigned(source) & segment), site);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 hepy::runtime::Site site = hepy::runtime::Site::here()) {
  const unsigned lane = hepy::runtime::emulator::lane(), place = lane & (unsigned(width) - 1);
  return hepy::runtime::emulator::shuffle(mask, value, place < delta ? lane : lane - delta, site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   hepy::runtime::Site site = hepy::runtime::Site::here()) {
  const unsigned lane = hepy::runtime::emulator::lane(), place = lane & (unsigned(width) - 1);
  return hepy::runtime::emulator::shuffle(mask, value, place + delta >= unsigned(width) ? lane : lane + delta, site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize,
                  hepy::runtime::Site site = hepy::runtime::Site::here()) {
  const unsigned lane = hepy::runtime::emulator::lane(), from = lane ^ unsigned(bits);
  const bool reachable = from / unsigned(width) <= lane / unsigned(width);  // earlier segments may be read, later not
  return hepy::runtime::emulator::shuffle(mask, value, reachable ? from : lane, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, hepy::runtime::Site site = hepy::runtime::Site::here()) {
  using hepy::runtime::emulator::Exchange;
  const auto offers = hepy::runtime::emulator::exchange(mask, predicate != 0, Exchange::kBallot, site);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < unsigned(warpSize); ++lane) {
    if (offers.lanes >> lane & 1) bits |= unsigned(offers.values[lane]) << lane;
  }
  return bits;
}

inline int __any_sync(unsigned mask, int predicate, hepy::runtime::Site site = hepy::runtime::Site::here()) {
  return __ballot_sync(mask, predicate, site) != 0;
}

inline int __all_sync(unsigned mask, int predicate, hepy::runtime::Site site = hepy::runtime::Site::here()) {
  return __ballot_sync(mask, predicate == 0, site) == 0;
}

inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }

// One thread runs at a time, so a plain addition is atomic.
template <class T>
T atomicAdd(T* address, T value) {
  const T old = *address;
  *address = T(old + value);
  return old;
}
