// Residue by residue: sums, differences, products. All are bound by memory.
//
// A thread owns four neighbouring words of a row and walks over entries of the batch with them.
#include "ring/modular.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {
namespace {

constexpr unsigned kThreads = 256, kVector = 4;

// Four words of a row of a result, and what belongs to them in operands.
struct Place {
  const Batch& batch;
  unsigned entry, limb, at;

  HEPY_DEVICE uint4 vector(const Operand& x) const {
    return runtime::load4_readonly(row_of(x, batch, entry, limb) + at);
  }
  // Of an operand that has one word for each entry and limb.
  HEPY_DEVICE Word word(const Operand& x) const { return runtime::load_readonly(row_of(x, batch, entry, limb)); }
};

template <class Function>
__global__ void __launch_bounds__(kThreads)
    elementwise_kernel(Word* __restrict__ out, Function function, Basis basis, Batch batch) {
  const unsigned at = (blockIdx.x * blockDim.x + threadIdx.x) * kVector, limb = blockIdx.y;
  if (at >> basis.log_degree != 0) return;
  const Prime p = basis.primes[limb];
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const std::size_t row = std::size_t(entry) * basis.limbs + limb;
    runtime::store4(out + (row << basis.log_degree) + at, function(Place{batch, entry, limb, at}, p));
  }
}

template <class Function>
HEPY_DEVICE uint4 each(uint4 x, Function function) {
  return {function(x.x), function(x.y), function(x.z), function(x.w)};
}
template <class Function>
HEPY_DEVICE uint4 each(uint4 x, uint4 y, Function function) {
  return {function(x.x, y.x), function(x.y, y.y), function(x.z, y.z), function(x.w, y.w)};
}

struct Add {
  Operand x, y;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    return each(place.vector(x), place.vector(y), [&](Word a, Word b) { return ring::add(a, b, p.q); });
  }
};

struct Subtract {
  Operand x, y;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    return each(place.vector(x), place.vector(y), [&](Word a, Word b) { return ring::subtract(a, b, p.q); });
  }
};

struct Negate {
  Operand x;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    return each(place.vector(x), [&](Word a) { return ring::negate(a, p.q); });
  }
};

struct Multiply {
  Operand x, y;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    return each(place.vector(x), place.vector(y), [&](Word a, Word b) { return ring::multiply(a, b, p); });
  }
};

struct Scale {
  Operand x, factors;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    const Word factor = to_montgomery(place.word(factors), p);
    return each(place.vector(x), [&](Word a) { return product(a, factor, p); });
  }
};

struct SubtractScaled {
  Operand x, y;
  const Word* factors;
  unsigned limbs;
  HEPY_DEVICE uint4 operator()(const Place& place, const Prime& p) const {
    const Word f = to_montgomery(runtime::load_readonly(factors + place.limb), p);
    const Word g = to_montgomery(runtime::load_readonly(factors + limbs + place.limb), p);
    return each(place.vector(x), place.vector(y),
                [&](Word a, Word b) { return ring::subtract(product(a, f, p), product(b, g, p), p.q); });
  }
};

template <class Function>
void elementwise(runtime::LaunchSite site, const Basis& basis, const Batch& batch, Word* out, Function function) {
  if (batch.count == 0) return;
  const unsigned vectors = unsigned(basis.degree() / kVector), threads = std::clamp(vectors, 32u, kThreads);
  runtime::launch(elementwise_kernel<Function>, grid_of(runtime::blocks(vectors, threads), basis.limbs, batch.count),
                  threads, 0, site, out, function, basis, batch);
}

}  // namespace

void add(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
         const Operand& y) {
  elementwise({stream, "ring.add"}, basis, batch, out, Add{x, y});
}

void subtract(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
              const Operand& y) {
  elementwise({stream, "ring.subtract"}, basis, batch, out, Subtract{x, y});
}

void negate(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x) {
  elementwise({stream, "ring.negate"}, basis, batch, out, Negate{x});
}

void multiply(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
              const Operand& y) {
  elementwise({stream, "ring.multiply"}, basis, batch, out, Multiply{x, y});
}

void scale(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
           const Operand& factors) {
  elementwise({stream, "ring.scale"}, basis, batch, out, Scale{x, factors});
}

void subtract_scaled(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
                     const Operand& y, const Word* factors) {
  elementwise({stream, "ring.subtract_scaled"}, basis, batch, out, SubtractScaled{x, y, factors, basis.limbs});
}

}  // namespace hepy::ring
