// Launchers of kernels that exercise the runtime; some break its rules on purpose.
#pragma once
#include <cstdint>

#include "runtime/device.hpp"

namespace hepy::runtime_test {

using runtime::Stream;

constexpr unsigned kThreads = 64;

// out[i] = in[kThreads - 1 - i] through shared memory, a block of kThreads; without the barrier it is wrong.
void reverse(Stream stream, std::uint32_t* out, const std::uint32_t* in, bool barrier);

// out[i] = in[(i + 32) % kThreads]: a warp reads what the other has written before it met itself twice. Without the
// barrier that is right only where warps keep in step.
void swap_warps(Stream stream, std::uint32_t* out, const std::uint32_t* in, bool barrier);

// Static and dynamic shared memory as a block finds it, then filled: out[2 b], out[2 b + 1] for each block b.
void shared_as_found(Stream stream, std::uint32_t* out, unsigned blocks);

// Where four static arrays of odd sizes and dynamic shared memory begin, modulo 256; then the sum of what was written
// to the four: 1 + 2 + 3 + 4.
void shared_places(Stream stream, std::uint32_t* out);

// out[block] = linear index of the block + 1000 * linear index of its last thread.
void indices(Stream stream, std::uint32_t* out, unsigned x, unsigned y, unsigned z, unsigned threads_x,
             unsigned threads_y, unsigned threads_z);

// One row of `threads` words for each kind of exchange: shuffle, up, down, xor, ballot, any, all, synchronized sum.
void exchanges(Stream stream, std::uint32_t* out, const std::uint32_t* in, unsigned threads, int argument, int width);

// Operands of 8 words. out: a + b and its carry (9 words), a - b and its borrow (9), a * b[0] + b (9 words: the chains
// over even and odd words joined).
void carries(Stream stream, std::uint32_t* out, const std::uint32_t* a, const std::uint32_t* b);

// out: mul_hi of 32 bits, mul_hi of 64 bits (2 words), mad_wide (2 words), rotate_left, clz, ffs, popc. in: 6 words.
void words(Stream stream, std::uint32_t* out, const std::uint32_t* in);

// Copies 4 words at in + offset by one access.
void quad(Stream stream, std::uint32_t* out, const std::uint32_t* in, unsigned offset);

// Counts all threads of all blocks with atomicAdd.
void count(Stream stream, std::uint32_t* out, unsigned blocks);

enum class Mistake {
  kTwoBarriers,   // half of the threads at one, half at another
  kEarlyExit,     // half of the threads leave before the barrier
  kLateExit,      // half of the threads leave after others have come to the barrier
  kForeignMask,   // a lane joins an exchange that leaves it out
  kTwoExchanges,  // lanes of one mask in different places
  kMissingLane,   // a lane waits at a barrier while others wait for it
  kBeyondTheEnd,  // a write behind an array
  kLargeShared,   // more static shared memory than a block has
  kUnreachable,
};
void mistake(Stream stream, std::uint32_t* out, Mistake kind);

void launch_sizes(Stream stream, unsigned grid_x, unsigned grid_y, unsigned threads, unsigned shared_bytes);

}  // namespace hepy::runtime_test
