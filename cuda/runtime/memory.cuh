// Shared memory, loads of 16 bytes, and loads through the read-only path.
#pragma once
#include "runtime/platform.cuh"

// Shared memory of this block, of a size known to the compiler and not initialized; a reference to the type in
// brackets, at a multiple of 16 bytes:
//   auto& tile = HEPY_SHARED(std::uint32_t[kGroups][kStride]);
// Each place in the source has memory of its own; a function that is called twice has it once.
#define HEPY_SHARED(...) (::hepy::runtime::shared<__VA_ARGS__>([] {}))

namespace hepy::runtime {

// Site: a closure type, which no other place in the source shares.
template <class T, class Site>
HEPY_DEVICE T& shared(Site) {
  constexpr std::size_t kAlignment = alignof(T) < 16 ? 16 : alignof(T);  // words are accessed four at a time
#if defined(__CUDACC__)
  __shared__ alignas(kAlignment) T memory;
  return memory;
#else
  static const char key = 0;
  return *static_cast<T*>(emulator::static_shared(&key, sizeof(T), kAlignment));
#endif
}

// Shared memory of the size that the launch gave, aligned to 16 bytes.
template <class T>
HEPY_DEVICE T* dynamic_shared() {
#if defined(__CUDACC__)
  extern __shared__ uint4 hepy_dynamic_shared[];
  return reinterpret_cast<T*>(hepy_dynamic_shared);
#else
  return static_cast<T*>(emulator::dynamic_shared());
#endif
}

// For memory that nobody writes while the kernel runs.
template <class T>
HEPY_DEVICE T load_readonly(const T* address) {
#if defined(__CUDACC__)
  return __ldg(address);
#else
  return *address;
#endif
}

// A GPU faults where such an address is not a multiple of 16; so does the emulator.
HEPY_DEVICE const uint4* as_quads(const std::uint32_t* words) {
#if !defined(__CUDACC__)
  if (reinterpret_cast<std::uintptr_t>(words) % sizeof(uint4) != 0) {
    emulator::fail("accessed 16 bytes at an address that is not a multiple of 16", {});
  }
#endif
  return reinterpret_cast<const uint4*>(words);
}

HEPY_DEVICE uint4 load4(const std::uint32_t* words) { return *as_quads(words); }
HEPY_DEVICE uint4 load4_readonly(const std::uint32_t* words) { return load_readonly(as_quads(words)); }
HEPY_DEVICE void store4(std::uint32_t* words, uint4 quad) { *const_cast<uint4*>(as_quads(words)) = quad; }

// For what cannot happen unless hepy is broken. On a GPU it ends the process's context: nothing wrong gets out.
HEPY_DEVICE void unreachable(const char* what) {
#if defined(__CUDACC__)
  __trap();
#else
  emulator::fail(what, {});
#endif
}

}  // namespace hepy::runtime
