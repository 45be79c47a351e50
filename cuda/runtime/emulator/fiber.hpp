// Stacks of their own for the emulator's threads, and the switch from one to another.
//
// On x86-64 a switch is a dozen instructions; ucontext, which makes two system calls, serves other processors.
// AddressSanitizer is told of every switch.
#pragma once
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace hepy::runtime::emulator {

class Fiber {
 public:
  using Entry = void (*)();

  // The stack that runs already.
  Fiber() = default;

  // A new stack, on which the first switch calls `entry`, which never returns.
  explicit Fiber(Entry entry);

  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // Leaves this fiber, which runs, for `next`; returns when something switches back.
  void switch_to(Fiber& next);

  // Forgets what stands on the stack: the next switch calls `entry` again.
  void restart();

 private:
  static void start();

  Entry entry_ = nullptr;
  void* mapping_ = nullptr;  // guard page, then the stack
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
};

}  // namespace hepy::runtime::emulator
