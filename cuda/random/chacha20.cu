// ChaCha20 words, a thread a block.
#include "random/chacha20.cuh"

namespace hepy::random {
namespace {

constexpr unsigned kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    chacha20_kernel(std::uint32_t* __restrict__ out, ChaChaStream source, std::uint32_t first, std::size_t count) {
  const std::size_t block = std::size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (block >= count) return;
  std::uint32_t words[kBlockWords];
  chacha20_block(words, source, first + std::uint32_t(block));
  HEPY_UNROLL
  for (unsigned w = 0; w < kBlockWords; w += 4) {
    runtime::store4(out + block * kBlockWords + w, {words[w], words[w + 1], words[w + 2], words[w + 3]});
  }
}

}  // namespace

void chacha20(runtime::Stream stream, std::uint32_t* out, const ChaChaStream& source, std::uint32_t first,
              std::size_t count) {
  if (count == 0) return;
  runtime::launch(chacha20_kernel, runtime::blocks(count, kThreads), kThreads, 0, stream, out, source, first, count);
}

}  // namespace hepy::random
