// How many multiplies a GPU does a second, by kind: the limit of kernels of big integers.
//
//   nvcc -arch=native -O3 bench/multiply_rates.cu -o multiply_rates && ./multiply_rates
//
// One instruction each in SASS: IMAD, IMAD.WIDE, the same with a carry out, DFMA. Sixteen accumulators a
// thread and eight blocks a multiprocessor hide the latencies; a sample is long enough that launching does not count.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace {

constexpr int kAccumulators = 16, kThreads = 256, kBlocks = 8, kTurns = 80000, kUnrolled = 8, kSamples = 3;

enum class Kind { kLow, kWide, kWideCarry };

// x y, or its low half, added to a sum of 64 bits.
template <Kind kind>
__device__ __forceinline__ void multiply_add(std::uint64_t& sum, std::uint32_t& carry, std::uint32_t x,
                                             std::uint32_t y) {
  std::uint32_t low = std::uint32_t(sum), high = std::uint32_t(sum >> 32);
  if constexpr (kind == Kind::kLow) asm volatile("mad.lo.u32 %0, %1, %2, %0;" : "+r"(low) : "r"(x), "r"(y));
  if constexpr (kind == Kind::kWide) {
    asm volatile("mad.lo.cc.u32 %0, %2, %3, %0; madc.hi.u32 %1, %2, %3, %1;" : "+r"(low), "+r"(high) : "r"(x), "r"(y));
  }
  if constexpr (kind == Kind::kWideCarry) {
    asm volatile("mad.lo.cc.u32 %0, %3, %4, %0; madc.hi.cc.u32 %1, %3, %4, %1; addc.u32 %2, %2, 0;"
                 : "+r"(low), "+r"(high), "+r"(carry)
                 : "r"(x), "r"(y));
  }
  sum = std::uint64_t(high) << 32 | low;
}

template <Kind kind>
__global__ void __launch_bounds__(kThreads) multiply(std::uint32_t* out, std::uint32_t seed, int turns) {
  std::uint64_t sum[kAccumulators];
  std::uint32_t x[kAccumulators], y = threadIdx.x * 3 + seed, carry = 0;
#pragma unroll
  for (int i = 0; i < kAccumulators; ++i) sum[i] = i, x[i] = seed * i + threadIdx.x;
#pragma unroll 1
  for (int turn = 0; turn < turns; turn += kUnrolled) {
    y = y * 5 + 1;
#pragma unroll
    for (int k = 0; k < kUnrolled; ++k) {
#pragma unroll
      for (int i = 0; i < kAccumulators; ++i) multiply_add<kind>(sum[i], carry, x[i], y);
    }
  }
#pragma unroll
  for (int i = 0; i < kAccumulators; ++i) carry ^= std::uint32_t(sum[i]) ^ std::uint32_t(sum[i] >> 32);
  out[blockIdx.x * kThreads + threadIdx.x] = carry;
}

__global__ void __launch_bounds__(kThreads) multiply_doubles(double* out, double factor, int turns) {
  double sum[kAccumulators];
#pragma unroll
  for (int i = 0; i < kAccumulators; ++i) sum[i] = i;
#pragma unroll 1
  for (int turn = 0; turn < turns; turn += kUnrolled) {
#pragma unroll
    for (int k = 0; k < kUnrolled; ++k) {
#pragma unroll
      for (int i = 0; i < kAccumulators; ++i) sum[i] = __fma_rn(sum[i], factor, 1.5);
    }
  }
#pragma unroll
  for (int i = 1; i < kAccumulators; ++i) sum[0] += sum[i];
  out[blockIdx.x * kThreads + threadIdx.x] = sum[0];
}

template <class Work>
void report(const char* name, int blocks, Work work) {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin), cudaEventCreate(&end);
  float least = 1e9F;
  for (int sample = 0; sample <= kSamples; ++sample) {
    cudaEventRecord(begin);
    work();
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    float taken = 0;
    cudaEventElapsedTime(&taken, begin, end);
    if (sample > 0) least = std::min(least, taken);
  }
  const double count = double(blocks) * kThreads * kAccumulators * kTurns;
  std::printf("%-22s %6.2f T/s   %s\n", name, count / least * 1e-9, cudaGetErrorString(cudaGetLastError()));
}

}  // namespace

int main() {
  cudaDeviceProp device;
  if (cudaGetDeviceProperties(&device, 0) != cudaSuccess) return std::puts("no GPU"), 1;
  const int blocks = kBlocks * device.multiProcessorCount;
  void* out = nullptr;
  cudaMalloc(&out, std::size_t(blocks) * kThreads * sizeof(double));
  auto* const words = static_cast<std::uint32_t*>(out);
  auto* const doubles = static_cast<double*>(out);
  std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
  report("IMAD", blocks, [&] { multiply<Kind::kLow><<<blocks, kThreads>>>(words, 7, kTurns); });
  report("IMAD.WIDE", blocks, [&] { multiply<Kind::kWide><<<blocks, kThreads>>>(words, 7, kTurns); });
  report("IMAD.WIDE, carry out", blocks, [&] { multiply<Kind::kWideCarry><<<blocks, kThreads>>>(words, 7, kTurns); });
  report("DFMA", blocks, [&] { multiply_doubles<<<blocks, kThreads>>>(doubles, 1.0000001, kTurns); });
}
