// Runs the blocks of a launch on the host, one after the other, on the calling thread.
//
// Threads run as a plain loop until one of them waits. That one then keeps the stack, and the loop goes on upon
// another: a kernel without barriers costs no switch, and one with barriers a stack for each thread that waits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/emulator/cuda_names.hpp"
#include "runtime/emulator/fiber.hpp"
#include "runtime/emulator/schedule.hpp"

namespace hepy::runtime::emulator {

using Body = void (*)(const void* closure);

// What CUDA refuses is refused here: sizes out of range throw Error, and nothing runs. A kernel that breaks a rule
// (a barrier that not all threads reach, an exchange that not all lanes of its mask join) ends with an Error.
void run_grid(dim3 grid, dim3 threads, std::size_t dynamic_bytes, Body body, const void* closure, Site site);

// Memory of an exact size, so that AddressSanitizer sees what lies beyond it.
class SharedMemory {
 public:
  SharedMemory(std::size_t bytes, std::size_t alignment);
  void poison();
  void* address() const { return memory_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  std::size_t bytes_;
  std::unique_ptr<void, Free> memory_;
};

class Block {
 public:
  static Block& current();  // of this thread of the operating system

  void prepare(dim3 threads, std::size_t dynamic_bytes, Body body, const void* closure, const Orders& orders);
  void run(uint3 index);
  void release();

  // Called by the kernel's threads.
  void barrier(Site site);
  Offers exchange(unsigned mask, std::uint64_t value, Exchange kind, Site site);
  void* dynamic_shared() const { return dynamic_->address(); }
  void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);
  unsigned lane() const { return thread_ % kLanes; }
  [[noreturn]] void fail(const std::string& what, Site site);

 private:
  enum class State : std::uint8_t { kUnstarted, kReady, kAtBarrier, kInExchange, kDone };

  struct Thread {
    State state = State::kUnstarted;
    Fiber* fiber = nullptr;
    unsigned mask = 0;  // of the exchange it waits in
    Site site;          // where it waits
  };

  // Exchanges of the lanes of one mask. What was offered stays for two of them: nobody enters the next but one before
  // all have read this one.
  struct Meeting {
    unsigned mask, arrived = 0;
    std::uint64_t number = 0;
    Exchange kind = Exchange::kSync;
    Site site;
    unsigned present[2] = {0, 0};
    std::uint64_t offered[2][kLanes] = {};
  };

  struct Warp {
    unsigned live = 0;
    std::deque<Meeting> meetings;  // references stay valid when another mask joins
  };

  struct Static {
    const void* key;
    SharedMemory memory;
  };

  static void carrier();
  void carry();
  bool start_next();
  void enter(unsigned thread);
  void leave();
  void wait(State state, Site site);
  void yield_to_others(Site site);
  void resume(Fiber& fiber);
  Fiber& free_fiber();
  void complete_if_all_came(Warp& warp, unsigned first_thread, Meeting& meeting);
  void check_barrier(Site site);
  [[noreturn]] void deadlock();
  [[noreturn]] void abandon();
  std::string name(unsigned thread) const;

  dim3 dim_;
  Body body_ = nullptr;
  const void* closure_ = nullptr;
  std::optional<Orders> orders_;
  std::optional<SharedMemory> dynamic_;
  std::deque<Static> static_;
  std::size_t static_bytes_ = 0;

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> order_;
  unsigned position_ = 0;  // in order_: the thread that runs
  unsigned thread_ = 0;    // its number
  unsigned done_ = 0, waiting_ = 0;
  bool released_ = false;  // threads that waited can go on, since the scheduler looked
  Site barrier_site_;

  Fiber scheduler_;
  Fiber* running_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
  std::exception_ptr failure_;
};

}  // namespace hepy::runtime::emulator
