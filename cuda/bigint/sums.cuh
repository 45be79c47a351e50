// Sums and differences modulo n of values below R.
#pragma once
#include "bigint/group.cuh"

namespace hepy::bigint {

// x + y, or x - y. What leaves R comes back as R mod n, which is below R/2 for every n (R - n where n is above R/2):
// after a second time the value is below 2 (R mod n), so nothing leaves any more. A difference is the mirror: a borrow
// is R too much. `one`: this lane's limbs of R mod n, in shared memory.
template <bool subtracting, bool paired = false, class Shape>
HEPY_DEVICE void accumulate_lazy(const Group<Shape>& group, Limb* x, const Limb* y, const Limb* one) {
  Limb beyond = group.template accumulate_if<subtracting>(1, x, y);
  beyond = group.template accumulate_if<subtracting>(beyond, x, one);
  group.template accumulate_if<subtracting>(beyond, x, one);
}

// By their names, for numbers and for pairs (pairs.cuh).
template <class Lanes>
HEPY_DEVICE void add_lazy(const Lanes& group, Limb* x, const Limb* y, const Limb* one) {
  accumulate_lazy<false>(group, x, y, one);
}
template <class Lanes>
HEPY_DEVICE void subtract_lazy(const Lanes& group, Limb* x, const Limb* y, const Limb* one) {
  accumulate_lazy<true>(group, x, y, one);
}

// Where y is one number, also beside a pair x.
template <class Lanes>
HEPY_DEVICE void add_number_lazy(const Lanes& group, Limb* x, const Limb* y, const Limb* one) {
  accumulate_lazy<false, false>(group, x, y, one);
}

}  // namespace hepy::bigint
