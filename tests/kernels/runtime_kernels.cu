// Kernels that exercise the runtime; see runtime_kernels.hpp.
#include "runtime/runtime.cuh"
#include "runtime_kernels.hpp"

namespace hepy::runtime_test {
namespace {

constexpr unsigned kAll = ~0u;

template <bool barrier>
__global__ void reverse_kernel(std::uint32_t* out, const std::uint32_t* in) {
  auto& tile = HEPY_SHARED(std::uint32_t[kThreads]);
  tile[threadIdx.x] = in[threadIdx.x];
  if (barrier) __syncthreads();
  out[threadIdx.x] = tile[kThreads - 1 - threadIdx.x];
}

template <bool barrier>
__global__ void swap_warps_kernel(std::uint32_t* out, const std::uint32_t* in) {
  auto& tile = HEPY_SHARED(std::uint32_t[kThreads]);
  tile[threadIdx.x] = in[threadIdx.x];
  __syncwarp();
  __syncwarp();
  if (barrier) __syncthreads();
  out[threadIdx.x] = tile[(threadIdx.x + 32) % kThreads];
}

__global__ void shared_as_found_kernel(std::uint32_t* out) {
  auto& fixed = HEPY_SHARED(std::uint32_t[1]);
  auto* sized = runtime::dynamic_shared<std::uint32_t>();
  out[2 * blockIdx.x] = fixed[0];
  out[2 * blockIdx.x + 1] = sized[0];
  fixed[0] = sized[0] = blockIdx.x;
}

// An address modulo 256, which is a multiple of 16 where it has to be.
template <class T>
HEPY_DEVICE std::uint32_t place(const T& memory) {
  return std::uint32_t(reinterpret_cast<std::uintptr_t>(&memory) % 256);
}

__global__ void shared_places_kernel(std::uint32_t* out) {
  auto& byte = HEPY_SHARED(unsigned char);
  auto& words = HEPY_SHARED(std::uint32_t[5]);
  auto& halves = HEPY_SHARED(std::uint16_t[3]);
  auto& more = HEPY_SHARED(std::uint32_t[4]);
  byte = 1, words[4] = 2, halves[2] = 3, more[3] = 4;
  out[0] = place(byte), out[1] = place(words), out[2] = place(halves), out[3] = place(more);
  out[4] = place(*runtime::dynamic_shared<std::uint32_t>());
  out[5] = byte + words[4] + halves[2] + more[3];
}

__global__ void indices_kernel(std::uint32_t* out) {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  if (thread + 1 == blockDim.x * blockDim.y * blockDim.z) out[block] = block + 1000 * thread;
}

__global__ void exchanges_kernel(std::uint32_t* out, const std::uint32_t* in, int argument, int width) {
  auto& shared = HEPY_SHARED(std::uint32_t[1024]);
  const unsigned threads = blockDim.x, t = threadIdx.x;
  const std::uint32_t mine = in[t];
  out[t] = __shfl_sync(kAll, mine, argument, width);
  out[threads + t] = __shfl_up_sync(kAll, mine, unsigned(argument), width);
  out[2 * threads + t] = __shfl_down_sync(kAll, mine, unsigned(argument), width);
  out[3 * threads + t] = __shfl_xor_sync(kAll, mine, argument, width);
  out[4 * threads + t] = __ballot_sync(kAll, mine & 1);
  out[5 * threads + t] = std::uint32_t(__any_sync(kAll, mine == 7));
  out[6 * threads + t] = std::uint32_t(__all_sync(kAll, mine < 100));
  // A running sum by one lane after the other, each with the one before it.
  shared[t] = mine;
  __syncwarp();
  std::uint32_t sum = 0;
  for (unsigned lane = 0; lane <= t % 32; ++lane) sum += shared[t / 32 * 32 + lane];
  out[7 * threads + t] = sum;
}

constexpr int kWords = 8;

__global__ void carries_kernel(std::uint32_t* out, const std::uint32_t* a, const std::uint32_t* b) {
  runtime::Carry carry;
  out[0] = runtime::add_cc(a[0], b[0], carry);
  HEPY_UNROLL
  for (int i = 1; i < kWords; ++i) out[i] = runtime::addc_cc(a[i], b[i], carry);
  out[kWords] = runtime::addc(0, 0, carry);
  out += kWords + 1;
  out[0] = runtime::sub_cc(a[0], b[0], carry);
  HEPY_UNROLL
  for (int i = 1; i < kWords; ++i) out[i] = runtime::subc_cc(a[i], b[i], carry);
  out[kWords] = runtime::subc(0, 0, carry);
  out += kWords + 1;

  std::uint32_t even[kWords + 2] = {}, odd[kWords + 2] = {};
  runtime::mad_wide_cc(even[0], even[1], a[0], b[0], b[0], b[1], carry);
  HEPY_UNROLL
  for (int i = 2; i < kWords; i += 2) runtime::madc_wide_cc(even[i], even[i + 1], a[i], b[0], b[i], b[i + 1], carry);
  even[kWords] = runtime::addc(0, 0, carry);
  runtime::mad_wide_cc(odd[1], odd[2], a[1], b[0], 0, 0, carry);
  HEPY_UNROLL
  for (int i = 3; i < kWords; i += 2) runtime::madc_wide_cc(odd[i], odd[i + 1], a[i], b[0], 0, 0, carry);
  out[0] = runtime::add_cc(even[0], odd[0], carry);
  HEPY_UNROLL
  for (int i = 1; i <= kWords; ++i) out[i] = runtime::addc_cc(even[i], odd[i], carry);
}

__global__ void words_kernel(std::uint32_t* out, const std::uint32_t* in) {
  const std::uint64_t x = std::uint64_t(in[1]) << 32 | in[0], y = std::uint64_t(in[3]) << 32 | in[2];
  const std::uint64_t high = runtime::mul_hi(x, y), sum = runtime::mad_wide(in[4], in[5], x);
  out[0] = runtime::mul_hi(in[4], in[5]);
  out[1] = std::uint32_t(high);
  out[2] = std::uint32_t(high >> 32);
  out[3] = std::uint32_t(sum);
  out[4] = std::uint32_t(sum >> 32);
  out[5] = runtime::rotate_left(in[0], 7);
  out[6] = std::uint32_t(__clz(int(in[0])));
  out[7] = std::uint32_t(__ffs(int(in[0])));
  out[8] = std::uint32_t(__popc(in[0]));
}

__global__ void quad_kernel(std::uint32_t* out, const std::uint32_t* in) {
  runtime::store4(out, runtime::load4(in));
  runtime::store4(out + 4, runtime::load4_readonly(in));
}

__global__ void count_kernel(std::uint32_t* out) { atomicAdd(out, 1u); }

__global__ void mistake_kernel(std::uint32_t* out, Mistake kind) {
  const bool first_half = threadIdx.x < kThreads / 2;
  switch (kind) {
    case Mistake::kTwoBarriers:
      if (first_half) {
        __syncthreads();
      } else {
        __syncthreads();
      }
      break;
    case Mistake::kEarlyExit:
      if (first_half) return;
      __syncthreads();
      break;
    case Mistake::kLateExit:
      if (!first_half) return;
      __syncthreads();
      break;
    case Mistake::kForeignMask:
      out[threadIdx.x] = __shfl_sync(1u, threadIdx.x, 0);
      break;
    case Mistake::kTwoExchanges:
      if (threadIdx.x % 32 < 16) {
        out[threadIdx.x] = __shfl_sync(kAll, threadIdx.x, 0);
      } else {
        out[threadIdx.x] = __shfl_sync(kAll, threadIdx.x, 1);
      }
      break;
    case Mistake::kMissingLane:
      if (threadIdx.x == 5) __syncthreads();
      __syncwarp();
      break;
    case Mistake::kBeyondTheEnd:
      out[kThreads + threadIdx.x] = 1;
      break;
    case Mistake::kUnreachable:
      runtime::unreachable("came to where nothing comes");
      break;
    case Mistake::kLargeShared:
      break;
  }
}

#if !defined(__CUDACC__)  // nvcc refuses to compile it
__global__ void large_shared_kernel(std::uint32_t* out) { out[0] = HEPY_SHARED(std::uint32_t[(48 << 8) + 1])[0]; }
#endif

__global__ void empty_kernel() {}

}  // namespace

void swap_warps(Stream stream, std::uint32_t* out, const std::uint32_t* in, bool barrier) {
  runtime::launch(barrier ? swap_warps_kernel<true> : swap_warps_kernel<false>, 1, kThreads, 0, stream, out, in);
}

void reverse(Stream stream, std::uint32_t* out, const std::uint32_t* in, bool barrier) {
  runtime::launch(barrier ? reverse_kernel<true> : reverse_kernel<false>, 1, kThreads, 0, stream, out, in);
}

void shared_as_found(Stream stream, std::uint32_t* out, unsigned blocks) {
  runtime::launch(shared_as_found_kernel, blocks, 1, sizeof(std::uint32_t), stream, out);
}

void shared_places(Stream stream, std::uint32_t* out) {
  runtime::launch(shared_places_kernel, 1, 1, sizeof(std::uint32_t), stream, out);
}

void indices(Stream stream, std::uint32_t* out, unsigned x, unsigned y, unsigned z, unsigned threads_x,
             unsigned threads_y, unsigned threads_z) {
  runtime::launch(indices_kernel, dim3(x, y, z), dim3(threads_x, threads_y, threads_z), 0, stream, out);
}

void exchanges(Stream stream, std::uint32_t* out, const std::uint32_t* in, unsigned threads, int argument, int width) {
  runtime::launch(exchanges_kernel, 1, threads, 0, stream, out, in, argument, width);
}

void carries(Stream stream, std::uint32_t* out, const std::uint32_t* a, const std::uint32_t* b) {
  runtime::launch(carries_kernel, 1, 1, 0, stream, out, a, b);
}

void words(Stream stream, std::uint32_t* out, const std::uint32_t* in) {
  runtime::launch(words_kernel, 1, 1, 0, stream, out, in);
}

void quad(Stream stream, std::uint32_t* out, const std::uint32_t* in, unsigned offset) {
  runtime::launch(quad_kernel, 1, 1, 0, stream, out, in + offset);
}

void count(Stream stream, std::uint32_t* out, unsigned blocks) {
  runtime::launch(count_kernel, blocks, kThreads, 0, stream, out);
}

void mistake(Stream stream, std::uint32_t* out, Mistake kind) {
#if !defined(__CUDACC__)
  if (kind == Mistake::kLargeShared) return runtime::launch(large_shared_kernel, 1, 1, 0, stream, out);
#endif
  runtime::launch(mistake_kernel, 1, kThreads, 0, stream, out, kind);
}

void launch_sizes(Stream stream, unsigned grid_x, unsigned grid_y, unsigned threads, unsigned shared_bytes) {
  runtime::launch(empty_kernel, dim3(grid_x, grid_y), threads, shared_bytes, stream);
}

}  // namespace hepy::runtime_test
