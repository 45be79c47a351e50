// Lanes by AVX-512 IFMA: compiled for processors that have it, and called on no others.
#include "lanes/lanes.hpp"
#include "lanes/ring.hpp"

namespace hepy::cpu::lanes {

Engine* make_ifma(const Modulus& modulus) {
  if (modulus.squared) return new EngineOf<PairLaneRing>(modulus);
  if (modulus.root) return new EngineOf<RootLaneRing>(modulus);
  return new EngineOf<LaneRing>(modulus);
}

}  // namespace hepy::cpu::lanes
