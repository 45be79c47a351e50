// Switching stacks; see fiber.hpp.
#include "runtime/emulator/fiber.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace hepy::runtime::emulator {
namespace {

// Sanitized frames are several times larger. Pages that a kernel does not touch cost nothing.
constexpr std::size_t kStackBytes = 1 << 20;
constexpr std::size_t kGuardBytes = 1 << 16;

thread_local Fiber* arriving = nullptr;
thread_local Fiber* leaving = nullptr;

}  // namespace

#if defined(__x86_64__)
extern "C" void hepy_emulator_switch(void** from, void* to);
// The six registers that a call preserves, then the return address.
asm(R"(
.text
.hidden hepy_emulator_switch
.globl hepy_emulator_switch
.type hepy_emulator_switch, @function
hepy_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hepy_emulator_switch, .-hepy_emulator_switch
)");
#endif

Fiber::Fiber(Entry entry) : entry_(entry), bytes_(kStackBytes) {
  mapping_ = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(mapping_, kGuardBytes, PROT_NONE);  // an overflow ends the process instead of corrupting a neighbour
  bottom_ = static_cast<char*>(mapping_) + kGuardBytes;
  restart();
}

Fiber::~Fiber() {
  if (mapping_ == nullptr) return;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(bottom_, bytes_);
#endif
  munmap(mapping_, kGuardBytes + kStackBytes);
}

void Fiber::restart() {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(bottom_, bytes_);
#endif
#if defined(__x86_64__)
  // Six registers, the entry as return address, and a word that leaves the stack aligned as after a call.
  auto** top = reinterpret_cast<void**>(static_cast<char*>(mapping_) + kGuardBytes + kStackBytes) - 8;
  std::fill(top, top + 8, nullptr);
  top[6] = reinterpret_cast<void*>(&Fiber::start);
  stack_pointer_ = top;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = static_cast<char*>(mapping_) + kGuardBytes;
  context_.uc_stack.ss_size = bytes_;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::start, 0);
#endif
}

#if defined(__SANITIZE_ADDRESS__)
#define HEPY_LEAVE(fiber, next) __sanitizer_start_switch_fiber(&(fiber)->fake_stack_, (next).bottom_, (next).bytes_)
#define HEPY_ARRIVE(fake_stack) __sanitizer_finish_switch_fiber(fake_stack, &leaving->bottom_, &leaving->bytes_)
#else
#define HEPY_LEAVE(fiber, next)
#define HEPY_ARRIVE(fake_stack)
#endif

void Fiber::switch_to(Fiber& next) {
  arriving = &next;
  leaving = this;
  HEPY_LEAVE(this, next);
#if defined(__x86_64__)
  hepy_emulator_switch(&stack_pointer_, next.stack_pointer_);
#else
  swapcontext(&context_, &next.context_);
#endif
  HEPY_ARRIVE(fake_stack_);
}

void Fiber::start() {
  HEPY_ARRIVE(nullptr);
  arriving->entry_();
}

}  // namespace hepy::runtime::emulator
