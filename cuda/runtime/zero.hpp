// Zeroes memory that held a secret, in a way that the compiler keeps although nobody reads the zeros.
#pragma once
#include <cstddef>
#include <cstring>

namespace hepy::runtime {

inline void zero(void* memory, std::size_t bytes) {
  if (bytes == 0) return;
  std::memset(memory, 0, bytes);
  asm volatile("" : : "r"(memory) : "memory");  // for all that the compiler knows, this reads it
}

// An object that is zeroed when it goes out of scope.
template <class T>
struct Zeroed {
  T value{};

  Zeroed() = default;
  Zeroed(const Zeroed&) = delete;
  Zeroed& operator=(const Zeroed&) = delete;
  ~Zeroed() { zero(&value, sizeof(value)); }
};

}  // namespace hepy::runtime
