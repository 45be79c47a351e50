// The emulator's scheduler; see block.hpp.
#include "runtime/emulator/block.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace hepy::runtime::emulator {
namespace {

// Limits of every GPU that hepy is built for.
constexpr unsigned kMaxThreads = 1024, kMaxThreadsZ = 64;
constexpr unsigned kMaxBlocksX = 0x7FFFFFFF, kMaxBlocksYZ = 65535;
constexpr std::size_t kMaxStaticBytes = 48 << 10, kMaxDynamicBytes = 227 << 10;

void check_sizes(dim3 grid, dim3 threads, std::size_t dynamic_bytes, Site site) {
  const std::uint64_t count = std::uint64_t(threads.x) * threads.y * threads.z;
  if (count == 0 || count > kMaxThreads || threads.z > kMaxThreadsZ) {
    throw Error("a block of " + std::to_string(count) + " threads cannot be launched: it has 1 to 1024", site);
  }
  const bool empty = grid.x == 0 || grid.y == 0 || grid.z == 0;
  if (empty || grid.x > kMaxBlocksX || grid.y > kMaxBlocksYZ || grid.z > kMaxBlocksYZ) {
    throw Error("a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
                    std::to_string(grid.z) + " blocks cannot be launched: y and z end at 65535, and none is 0",
                site);
  }
  if (dynamic_bytes > kMaxDynamicBytes) {
    throw Error(std::to_string(dynamic_bytes) + " bytes of dynamic shared memory were asked for: a block has 227 KiB",
                site);
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 threads, std::size_t dynamic_bytes, Body body, const void* closure, Site site) {
  check_sizes(grid, threads, dynamic_bytes, site);
  const std::uint64_t rows = grid.y, columns = grid.x, blocks = columns * rows * grid.z;
  const Orders orders(schedule(), blocks);
  Block& block = Block::current();
  blockDim = threads;
  gridDim = grid;
  struct Release {
    Block& block;
    ~Release() { block.release(); }
  } const release{block};
  block.prepare(threads, dynamic_bytes, body, closure, orders);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t at = orders.block(i);
    block.run({unsigned(at % columns), unsigned(at / columns % rows), unsigned(at / columns / rows)});
  }
}

void barrier(Site site) { Block::current().barrier(site); }
Offers exchange(unsigned mask, std::uint64_t value, Exchange kind, Site site) {
  return Block::current().exchange(mask, value, kind, site);
}
unsigned lane() { return Block::current().lane(); }
void* dynamic_shared() { return Block::current().dynamic_shared(); }
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  return Block::current().static_shared(key, bytes, alignment);
}
void fail(const char* what, Site site) { Block::current().fail(what, site); }

SharedMemory::SharedMemory(std::size_t bytes, std::size_t alignment) : bytes_(bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, std::max(alignment, sizeof(void*)), std::max<std::size_t>(bytes, 1)) != 0) {
    throw std::bad_alloc();
  }
  memory_.reset(memory);
}

void SharedMemory::Free::operator()(void* memory) const { std::free(memory); }

void SharedMemory::poison() { std::memset(memory_.get(), kPoison, bytes_); }

Block& Block::current() {
  static thread_local Block block;
  return block;
}

void Block::prepare(dim3 threads, std::size_t dynamic_bytes, Body body, const void* closure, const Orders& orders) {
  const unsigned count = threads.x * threads.y * threads.z;
  dim_ = threads;
  body_ = body;
  closure_ = closure;
  orders_ = orders;
  dynamic_.emplace(dynamic_bytes, 16);
  static_.clear();
  static_bytes_ = 0;
  threads_.resize(count);
  warps_.resize((count + kLanes - 1) / kLanes);
  order_ = orders.threads(count);
}

void Block::release() {
  dynamic_.reset();
  static_.clear();
  if (!failure_) return;
  // What stood on the stacks of a failed launch is dropped, not unwound: kernels own nothing.
  failure_ = nullptr;
  free_.clear();
  for (auto& fiber : fibers_) {
    fiber->restart();
    free_.push_back(fiber.get());
  }
}

void Block::run(uint3 index) {
  blockIdx = index;
  dynamic_->poison();
  for (Static& one : static_) one.memory.poison();
  std::fill(threads_.begin(), threads_.end(), Thread());
  const unsigned count = unsigned(threads_.size());
  for (unsigned w = 0; w < warps_.size(); ++w) {
    warps_[w].live = count - w * kLanes >= kLanes ? ~0u : (1u << (count - w * kLanes)) - 1;
    warps_[w].meetings.clear();
  }
  done_ = waiting_ = 0;
  orders_->next_block(order_);
  while (done_ < count) {
    orders_->next_round(order_);
    bool progress = released_ = false;
    // Where threads run ahead, those that were released may stand before the one that ran last.
    for (position_ = 0; position_ < count && !(orders_->ahead() && released_); ++position_) {
      const Thread& thread = threads_[order_[position_]];
      if (thread.state != State::kUnstarted && thread.state != State::kReady) continue;
      progress = true;
      if (thread.state == State::kReady) enter(order_[position_]);
      resume(thread.state == State::kReady ? *thread.fiber : free_fiber());
    }
    if (!progress) deadlock();
  }
}

void Block::resume(Fiber& fiber) {
  running_ = &fiber;
  scheduler_.switch_to(fiber);
  if (failure_) std::rethrow_exception(failure_);
}

Fiber& Block::free_fiber() {
  if (free_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(&Block::carrier));
    return *fibers_.back();
  }
  Fiber* fiber = free_.back();
  free_.pop_back();
  return *fiber;
}

void Block::carrier() { Block::current().carry(); }

// The loop over threads. When the thread at hand waits, this stack is its own until it is done; by then the other
// threads have been started by others.
void Block::carry() {
  for (;;) {
    Fiber& here = *running_;
    do {
      enter(order_[position_]);
      threads_[thread_].state = State::kReady;
      try {
        body_(closure_);
        leave();
      } catch (...) {
        failure_ = std::current_exception();
        abandon();
      }
    } while (start_next());
    free_.push_back(&here);
    here.switch_to(scheduler_);
  }
}

bool Block::start_next() {
  if (orders_->ahead() && released_) return false;
  if (position_ + 1 == order_.size() || threads_[order_[position_ + 1]].state != State::kUnstarted) return false;
  ++position_;
  return true;
}

void Block::enter(unsigned thread) {
  thread_ = thread;
  threadIdx = {thread % dim_.x, thread / dim_.x % dim_.y, thread / (dim_.x * dim_.y)};
}

void Block::leave() {
  threads_[thread_].state = State::kDone;
  ++done_;
  if (waiting_ > 0) fail("left the kernel while others wait at a barrier", barrier_site_);
  Warp& warp = warps_[thread_ / kLanes];
  warp.live &= ~(1u << lane());
  for (Meeting& meeting : warp.meetings) complete_if_all_came(warp, thread_ - lane(), meeting);
}

void Block::wait(State state, Site site) {
  Thread& me = threads_[thread_];
  Fiber& here = *running_;
  me.state = state;
  me.fiber = &here;
  me.site = site;
  here.switch_to(scheduler_);
}

// The last to arrive, who would go on first, lets those before it do so where threads run ahead.
void Block::yield_to_others(Site site) {
  if (orders_->ahead()) wait(State::kReady, site);
}

void Block::barrier(Site site) {
  if (waiting_ == 0) barrier_site_ = site;
  check_barrier(site);
  if (++waiting_ < threads_.size()) return wait(State::kAtBarrier, site);
  waiting_ = 0;
  for (Thread& thread : threads_) {
    if (thread.state == State::kAtBarrier) thread.state = State::kReady;
  }
  released_ = true;
  yield_to_others(site);
}

void Block::check_barrier(Site site) {
  if (done_ > 0) fail("reached a barrier that others never will: they left the kernel", site);
  if (site != barrier_site_) fail("reached a barrier while others wait at " + to_string(barrier_site_), site);
}

Offers Block::exchange(unsigned mask, std::uint64_t value, Exchange kind, Site site) {
  const unsigned here = lane();
  if (!(mask >> here & 1)) fail("joined an exchange whose mask leaves it out", site);
  Warp& warp = warps_[thread_ / kLanes];
  auto found = std::find_if(warp.meetings.begin(), warp.meetings.end(), [&](auto& m) { return m.mask == mask; });
  if (found == warp.meetings.end()) {
    warp.meetings.emplace_back();
    found = std::prev(warp.meetings.end());
    found->mask = mask;
  }
  Meeting& meeting = *found;
  if (meeting.arrived == 0) {
    meeting.kind = kind;
    meeting.site = site;
  } else if (meeting.kind != kind || meeting.site != site) {
    fail("joined an exchange while other lanes of its mask are in one at " + to_string(meeting.site), site);
  }
  const unsigned side = meeting.number & 1;
  meeting.offered[side][here] = value;
  meeting.arrived |= 1u << here;
  threads_[thread_].mask = mask;
  threads_[thread_].state = State::kInExchange;
  complete_if_all_came(warp, thread_ - here, meeting);
  if (threads_[thread_].state == State::kInExchange) {
    wait(State::kInExchange, site);
  } else {
    yield_to_others(site);
  }
  return {meeting.offered[side], meeting.present[side]};
}

void Block::complete_if_all_came(Warp& warp, unsigned first_thread, Meeting& meeting) {
  const unsigned wanted = meeting.mask & warp.live;
  if (meeting.arrived == 0 || (meeting.arrived & wanted) != wanted) return;
  meeting.present[meeting.number++ & 1] = meeting.arrived;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (meeting.arrived >> lane & 1) threads_[first_thread + lane].state = State::kReady;
  }
  meeting.arrived = 0;
  released_ = true;
}

void* Block::static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  for (const Static& one : static_) {
    if (one.key == key) return one.memory.address();
  }
  static_bytes_ += bytes;
  if (static_bytes_ > kMaxStaticBytes) fail("declares more than 48 KiB of static shared memory", {});
  static_.push_back({key, SharedMemory(bytes, alignment)});
  static_.back().memory.poison();
  return static_.back().memory.address();
}

void Block::fail(const std::string& what, Site site) {
  failure_ = std::make_exception_ptr(Error(name(thread_) + " " + what, site));
  abandon();
}

void Block::abandon() {
  running_->switch_to(scheduler_);
  std::abort();  // not reached: nobody resumes a thread of a failed launch
}

void Block::deadlock() {
  const auto stuck = std::find_if(threads_.begin(), threads_.end(), [](auto& t) { return t.state != State::kDone; });
  const bool barrier = stuck->state == State::kAtBarrier;
  failure_ = std::make_exception_ptr(Error(
      name(unsigned(stuck - threads_.begin())) + " waits for ever " +
          (barrier ? "at a barrier that not all threads reach" : "in an exchange that not all lanes of its mask join"),
      stuck->site));
  std::rethrow_exception(failure_);
}

std::string Block::name(unsigned thread) const {
  const auto triple = [](unsigned x, unsigned y, unsigned z) {
    return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")";
  };
  return "thread " + triple(thread % dim_.x, thread / dim_.x % dim_.y, thread / (dim_.x * dim_.y)) + " of block " +
         triple(blockIdx.x, blockIdx.y, blockIdx.z);
}

}  // namespace hepy::runtime::emulator
