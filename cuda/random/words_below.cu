// Words of blocks, each below a bound of its own, by masking and rejection: a thread a block.
#include "random/chacha20.cuh"

namespace hepy::random {
namespace {

constexpr unsigned kThreads = 128;
constexpr std::uint32_t kAttempts = 1u << 16;
constexpr unsigned kHalf = kBlockWords / 2;  // runs are multiples of it, so that each half of a block has one bound

__global__ void __launch_bounds__(kThreads)
    words_below_kernel(std::uint32_t* __restrict__ out, const std::uint32_t* __restrict__ bounds,
                       const std::uint32_t* __restrict__ masks, ChaChaStream source, BelowShape shape) {
  const std::size_t b = std::size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (b >= shape.blocks) return;
  std::uint32_t bound[2], mask[2], kept[kBlockWords], waiting = (1u << kBlockWords) - 1;
  HEPY_UNROLL
  for (unsigned half = 0; half < 2; ++half) {
    const std::size_t k = (b * kBlockWords + half * kHalf) / shape.run % shape.bounds;
    bound[half] = runtime::load_readonly(bounds + k);
    mask[half] = runtime::load_readonly(masks + k);
  }
  for (std::uint32_t attempt = 0; waiting != 0; ++attempt) {
    if (attempt == kAttempts) {
      runtime::unreachable("drew 65536 words in a row above their bound: the source of randomness is broken");
    }
    std::uint32_t drawn[kBlockWords];
    chacha20_block(drawn, source, shape.first + std::uint32_t(b));
    HEPY_UNROLL
    for (unsigned w = 0; w < kBlockWords; ++w) {
      const std::uint32_t word = drawn[w] & mask[w / kHalf];
      if (waiting >> w & 1) kept[w] = word;
      if (word < bound[w / kHalf]) waiting &= ~(1u << w);
    }
    source.nonce[0] += 1u << 16;
  }
  HEPY_UNROLL
  for (unsigned w = 0; w < kBlockWords; w += 4) {
    runtime::store4(out + b * kBlockWords + w, {kept[w], kept[w + 1], kept[w + 2], kept[w + 3]});
  }
}

}  // namespace

void words_below(runtime::Stream stream, std::uint32_t* out, const std::uint32_t* bounds, const std::uint32_t* masks,
                 const ChaChaStream& source, const BelowShape& shape) {
  if (shape.blocks == 0) return;
  runtime::launch(words_below_kernel, runtime::blocks(shape.blocks, kThreads), kThreads, 0, stream, out, bounds, masks,
                  source, shape);
}

}  // namespace hepy::random
