// Words of blocks by rejection: a thread draws its block again and again, and keeps of each attempt the words whose
// place has waited for one. A rule says what is accepted.
#include "random/chacha20.cuh"

namespace hepy::random {
namespace {

constexpr unsigned kThreads = 128;
constexpr std::uint32_t kAttempts = 1u << 16;
constexpr unsigned kHalf = kBlockWords / 2;  // runs are multiples of it, so that each half of a block has one bound
constexpr unsigned kElement = 4;             // words of an element of a selection

// Each word, masked, below a bound of its own.
struct Below {
  const std::uint32_t* bounds;
  const std::uint32_t* masks;
  BelowShape shape;

  struct Block {
    std::uint32_t bound[2], mask[2];

    // The words of this attempt that are accepted, a bit each.
    HEPY_DEVICE std::uint32_t accepted(std::uint32_t (&drawn)[kBlockWords]) const {
      std::uint32_t good = 0;
      HEPY_UNROLL
      for (unsigned w = 0; w < kBlockWords; ++w) {
        drawn[w] &= mask[w / kHalf];
        good |= std::uint32_t(drawn[w] < bound[w / kHalf]) << w;
      }
      return good;
    }
  };
  HEPY_DEVICE Block at(std::size_t block) const {
    Block here;
    HEPY_UNROLL
    for (unsigned half = 0; half < 2; ++half) {
      const std::size_t k = (block * kBlockWords + half * kHalf) / shape.run % shape.bounds;
      here.bound[half] = runtime::load_readonly(bounds + k);
      here.mask[half] = runtime::load_readonly(masks + k);
    }
    return here;
  }
};

// Elements of four words, the first two of which make a number that is uniform below s (Lemire, ACM TOMACS 29 (2019)):
// the lower half of number times s is at least 2^64 mod s. s counts down from `run` to 1, and again.
struct Selection {
  std::uint64_t run;

  struct Block {
    std::uint64_t run, first;  // s of its first element

    HEPY_DEVICE std::uint32_t accepted(const std::uint32_t (&drawn)[kBlockWords]) const {
      std::uint32_t good = 0;
      std::uint64_t s = first;
      HEPY_UNROLL
      for (unsigned w = 0; w < kBlockWords; w += kElement) {
        const std::uint64_t low = (std::uint64_t(drawn[w + 1]) << 32 | drawn[w]) * s;
        good |= (low >= (0 - s) % s ? 0xFu : 0u) << w;
        s = s == 1 ? run : s - 1;
      }
      return good;
    }
  };
  HEPY_DEVICE Block at(std::size_t block) const { return {run, run - block * (kBlockWords / kElement) % run}; }
};

template <class Rule>
__global__ void __launch_bounds__(kThreads)
    rejection_kernel(std::uint32_t* __restrict__ out, Rule rule, ChaChaStream source, std::uint32_t first,
                     std::size_t blocks) {
  const std::size_t b = std::size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (b >= blocks) return;
  const auto here = rule.at(b);
  std::uint32_t kept[kBlockWords], waiting = (1u << kBlockWords) - 1;
  for (std::uint32_t attempt = 0; waiting != 0; ++attempt) {
    if (attempt == kAttempts) {
      runtime::unreachable("drew 65536 words in a row that were rejected: the source of randomness is broken");
    }
    std::uint32_t drawn[kBlockWords];
    chacha20_block(drawn, source, first + std::uint32_t(b));
    const std::uint32_t good = here.accepted(drawn);
    HEPY_UNROLL
    for (unsigned w = 0; w < kBlockWords; ++w) {
      if (waiting >> w & 1) kept[w] = drawn[w];
    }
    waiting &= ~good;
    source.nonce[0] += 1u << 16;
  }
  HEPY_UNROLL
  for (unsigned w = 0; w < kBlockWords; w += 4) {
    runtime::store4(out + b * kBlockWords + w, {kept[w], kept[w + 1], kept[w + 2], kept[w + 3]});
  }
}

template <class Rule>
void reject(runtime::LaunchSite site, std::uint32_t* out, const Rule& rule, const ChaChaStream& source,
            std::uint32_t first, std::size_t blocks) {
  if (blocks == 0) return;
  runtime::launch(rejection_kernel<Rule>, runtime::blocks(blocks, kThreads), kThreads, 0, site, out, rule, source,
                  first, blocks);
}

}  // namespace

void words_below(runtime::Stream stream, std::uint32_t* out, const std::uint32_t* bounds, const std::uint32_t* masks,
                 const ChaChaStream& source, const BelowShape& shape) {
  reject(stream, out, Below{bounds, masks, shape}, source, shape.first, shape.blocks);
}

void selection_words(runtime::Stream stream, std::uint32_t* out, const ChaChaStream& source, std::uint32_t first,
                     std::size_t blocks, std::uint64_t run) {
  reject(stream, out, Selection{run}, source, first, blocks);
}

}  // namespace hepy::random
