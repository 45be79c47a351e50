// ChaCha20 (RFC 8439) as a source of words, on the device; src/hepy/random says what counters and nonces mean.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/device.hpp"

namespace hepy::random {

// Words 4 to 11 and 13 to 15 of ChaCha20's state, as RFC 8439 reads them from bytes.
struct ChaChaStream {
  std::uint32_t key[8];
  std::uint32_t nonce[3];  // purpose and attempt in the low and high half of the first word, then the call
};

// The words of blocks [first, first + count): uint32[16 count], 16-byte aligned. first + count <= 2^32.
void chacha20(runtime::Stream stream, std::uint32_t* out, const ChaChaStream& source, std::uint32_t first,
              std::size_t count);

struct UniformShape {
  std::size_t count;     // elements
  std::uint32_t first;   // counter of the first element's first block
  std::uint32_t stride;  // blocks from one element to the next; an element takes the first ceil(words / 16) of its own
  std::uint32_t words;   // of an element
  std::uint32_t top_mask;  // of an element's last word: the bits that `largest` has there
};

// Uniform integers in [0, largest], little-endian: uint32[count, words]. An element above `largest` takes the same
// position of the next attempt, in the same launch. `largest`: uint32[words], with the bits of top_mask only, and the
// highest of these set, so that less than half of all draws are rejected.
void uniform_below(runtime::Stream stream, std::uint32_t* out, const std::uint32_t* largest, const ChaChaStream& source,
                   const UniformShape& shape);

struct BelowShape {
  std::size_t blocks;    // to draw
  std::size_t run;       // words in a row that have one bound, a multiple of eight
  std::uint32_t first;   // counter of the first block
  std::uint32_t bounds;  // how many
};

// Words of blocks, uint32[16 blocks]: word i, masked, is below bound i / run % bounds. One that is not takes the same
// place of the next attempt, in the same launch. A bound is above 0 and at most its mask + 1, a power of two below
// twice it.
void words_below(runtime::Stream stream, std::uint32_t* out, const std::uint32_t* bounds, const std::uint32_t* masks,
                 const ChaChaStream& source, const BelowShape& shape);

// Words of blocks, uint32[16 blocks], for selection sampling: of element e, words 4 e to 4 e + 3, the first two make a
// number w (low word first) of which floor(w s / 2^64) is uniform below s = run - e % run. An element for which that
// would be biased takes the same place of the next attempt, in the same launch. run: at least 1.
void selection_words(runtime::Stream stream, std::uint32_t* out, const ChaChaStream& source, std::uint32_t first,
                     std::size_t blocks, std::uint64_t run);

}  // namespace hepy::random
