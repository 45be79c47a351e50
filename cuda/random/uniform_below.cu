// Uniform integers below a bound, a thread an element, by masking and rejection.
#include "random/chacha20.cuh"

namespace hepy::random {
namespace {

constexpr unsigned kThreads = 128;
constexpr std::uint32_t kAttempts = 1u << 16;

// Draws one element; whether it is at most `largest`. Words come from the lowest up, so the last that differs decides.
HEPY_DEVICE bool draw(std::uint32_t* element, const std::uint32_t* largest, const ChaChaStream& source,
                      std::uint32_t counter, const UniformShape& shape) {
  bool at_most = true;
  std::uint32_t drawn[kBlockWords];
  for (unsigned start = 0; start < shape.words; start += kBlockWords) {
    chacha20_block(drawn, source, counter++);
    HEPY_UNROLL
    for (unsigned w = 0; w < kBlockWords; ++w) {
      const unsigned at = start + w;
      if (at < shape.words) {
        const std::uint32_t word = at + 1 == shape.words ? drawn[w] & shape.top_mask : drawn[w];
        const std::uint32_t bound = runtime::load_readonly(largest + at);
        at_most = word == bound ? at_most : word < bound;
        element[at] = word;
      }
    }
  }
  return at_most;
}

__global__ void __launch_bounds__(kThreads)
    uniform_below_kernel(std::uint32_t* __restrict__ out, const std::uint32_t* __restrict__ largest,
                         ChaChaStream source, UniformShape shape) {
  const std::size_t e = std::size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= shape.count) return;
  const std::uint32_t counter = shape.first + std::uint32_t(e) * shape.stride;
  for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    if (draw(out + e * shape.words, largest, source, counter, shape)) return;
    source.nonce[0] += 1u << 16;
  }
  runtime::unreachable("drew 65536 elements in a row above the bound: the source of randomness is broken");
}

}  // namespace

void uniform_below(runtime::Stream stream, std::uint32_t* out, const std::uint32_t* largest, const ChaChaStream& source,
                   const UniformShape& shape) {
  if (shape.count == 0) return;
  runtime::launch(uniform_below_kernel, runtime::blocks(shape.count, kThreads), kThreads, 0, stream, out, largest,
                  source, shape);
}

}  // namespace hepy::random
