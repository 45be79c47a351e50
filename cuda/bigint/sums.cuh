// Sums and differences modulo n of values below R.
#pragma once
#include "bigint/group.cuh"

namespace hepy::bigint {

// What leaves R comes back as R mod n, which is below R/2 for every n (R - n where n is above R/2): after a second time
// the value is below 2 (R mod n), so nothing leaves any more. `one`: this lane's limbs of R mod n, in shared memory.
template <class Shape>
HEPY_DEVICE void add_lazy(const Group<Shape>& group, Limb* x, const Limb* y, const Limb* one) {
  Limb above = group.add_if(1, x, y);
  above = group.add_if(above, x, one);
  group.add_if(above, x, one);
}

// The mirror: a borrow is R too much.
template <class Shape>
HEPY_DEVICE void subtract_lazy(const Group<Shape>& group, Limb* x, const Limb* y, const Limb* one) {
  Limb below = group.subtract_if(1, x, y);
  below = group.subtract_if(below, x, one);
  group.subtract_if(below, x, one);
}

}  // namespace hepy::bigint
