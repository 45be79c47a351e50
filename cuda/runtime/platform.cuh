// Which compiler reads a kernel source: nvcc, or a plain C++ compiler that builds it for the emulator.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define HEPY_DEVICE __device__ __forceinline__
#define HEPY_HOST_DEVICE __host__ __device__ __forceinline__
#define HEPY_UNROLL _Pragma("unroll")
#define HEPY_ROLLED _Pragma("unroll 1")
#else
#include "runtime/emulator/cuda_names.hpp"
#define HEPY_DEVICE inline
#define HEPY_HOST_DEVICE inline
#define HEPY_UNROLL
#define HEPY_ROLLED
#endif
