// The kernels of rows in plain C++.
#include <cstring>

#include "rows/kernels.hpp"

namespace hepy::cpu {
namespace {

using Limb = std::uint64_t;
using Wide = unsigned __int128;
constexpr std::size_t kBlock = 8;

// to[0 .. length) += x * y; returns the carry limb.
Limb add_product(Limb* to, const Limb* x, Limb y, std::size_t length) {
  Limb carry = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const Wide sum = Wide(x[i]) * y + to[i] + carry;
    to[i] = Limb(sum);
    carry = Limb(sum >> 64);
  }
  return carry;
}

void multiply(Limb* t, const Limb* a, const Limb* b, std::size_t blocks, Limb*) {
  const std::size_t length = kBlock * blocks;
  std::memset(t, 0, length * sizeof(Limb));
  for (std::size_t i = 0; i < length; ++i) t[i + length] = add_product(t + i, a, b[i], length);
}

void square(Limb* t, const Limb* a, std::size_t blocks, Limb*) {
  const std::size_t length = kBlock * blocks;
  std::memset(t, 0, length * sizeof(Limb));
  for (std::size_t i = 0; i < length; ++i) t[i + length] = add_product(t + 2 * i + 1, a + i + 1, a[i], length - i - 1);
  Limb top = 0;  // the bit that doubling moves into the next limb
  Wide sum = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const Wide own = Wide(a[i]) * a[i];
    for (std::size_t half = 0; half < 2; ++half) {
      Limb& limb = t[2 * i + half];
      sum += Wide(limb << 1 | top) + Limb(own >> 64 * half);
      top = limb >> 63;
      limb = Limb(sum);
      sum >>= 64;
    }
  }
}

Limb reduce(Limb* out, Limb* t, const Limb* n, std::size_t blocks, Limb inverse) {
  const std::size_t length = kBlock * blocks;
  Limb over = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const Limb q = t[i] * inverse;
    const Wide sum = Wide(add_product(t + i, n, q, length)) + t[i + length] + over;
    t[i] = q;  // where the limb stood that it cleared
    t[i + length] = Limb(sum);
    over = Limb(sum >> 64);
  }
  const Limb* const quotient = t + length;
  Limb borrow = 0;
  for (std::size_t i = 0; i < length; ++i) {
    const Wide difference = Wide(quotient[i]) - n[i] - borrow;
    out[i] = Limb(difference);
    borrow = Limb(difference >> 64) & 1;
  }
  const Limb keep = 0 - (borrow & ~over);
  for (std::size_t i = 0; i < length; ++i) out[i] ^= (out[i] ^ quotient[i]) & keep;
  return keep + 1;
}

Limb add(Limb* out, const Limb* a, const Limb* b, Limb keep, Limb flip, Limb carry, std::size_t blocks) {
  for (std::size_t i = 0; i < kBlock * blocks; ++i) {
    const Wide sum = Wide(a[i]) + ((b[i] & keep) ^ flip) + carry;
    out[i] = Limb(sum);
    carry = Limb(sum >> 64);
  }
  return carry;
}

}  // namespace

const RowKernels kPortableRows{&multiply, &square, &reduce, &add};

}  // namespace hepy::cpu
