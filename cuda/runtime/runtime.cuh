// All that a kernel source includes; docs/kernels.md shows how to write one.
#pragma once
#include "runtime/arithmetic.cuh"
#include "runtime/launch.cuh"
#include "runtime/memory.cuh"
