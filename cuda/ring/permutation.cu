// Automorphisms: X to X^g, of coefficients and of values. Both permute a row.
#include "ring/modular.cuh"
#include "ring/order.cuh"
#include "ring/rows.cuh"

namespace hepy::ring {
namespace {

constexpr unsigned kThreads = 256, kWords = 4;  // of a thread, kThreads apart

struct OfValues {
  ValueOrder order;

  HEPY_DEVICE Word operator()(const Word* row, unsigned k, Word) const {
    return runtime::load_readonly(row + order(k));
  }
};

// Coefficient k is that of X^n, n = k / g mod 2N; X^N is -1.
struct OfCoefficients {
  unsigned inverse, log_degree;

  HEPY_DEVICE Word operator()(const Word* row, unsigned k, Word q) const {
    const unsigned degree = 1u << log_degree, n = k * inverse & (2 * degree - 1);
    const Word word = runtime::load_readonly(row + (n & (degree - 1)));
    return n < degree ? word : negate(word, q);
  }
};

template <class Order>
__global__ void __launch_bounds__(kThreads)
    permute_kernel(Word* __restrict__ out, Operand x, Order order, Basis basis, Batch batch) {
  const unsigned limb = blockIdx.y, degree = 1u << basis.log_degree;
  const Word q = basis.primes[limb].q;
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const Word* const from = row_of(x, batch, entry, limb);
    Word* const to = out + ((std::size_t(entry) * basis.limbs + limb) << basis.log_degree);
    HEPY_UNROLL
    for (unsigned w = 0; w < kWords; ++w) {
      const unsigned k = blockIdx.x * kThreads * kWords + w * kThreads + threadIdx.x;
      if (k < degree) to[k] = order(from, k, q);
    }
  }
}

template <class Order>
void permute(runtime::LaunchSite site, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
             Order order) {
  if (batch.count == 0) return;
  const dim3 grid = grid_of(runtime::blocks(basis.degree(), kThreads * kWords), basis.limbs, batch.count);
  runtime::launch(permute_kernel<Order>, grid, kThreads, 0, site, out, x, order, basis, batch);
}

}  // namespace

void automorphism_ntt(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& x,
                      unsigned element) {
  permute({stream, "ring.automorphism_ntt"}, basis, batch, out, x, OfValues{{element, basis.log_degree}});
}

void automorphism_coefficients(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out,
                               const Operand& x, unsigned element) {
  permute({stream, "ring.automorphism_coefficients"}, basis, batch, out, x,
          OfCoefficients{inverse_of(element), basis.log_degree});
}

}  // namespace hepy::ring
