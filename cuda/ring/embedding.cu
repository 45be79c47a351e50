// The canonical embedding's transform over complex doubles: the twin of the number-theoretic one, in the CPU's order.
//
// Stage m = 1, 2, 4 ... n/2 of the forward transform has m blocks of n/m numbers, and multiplies by entry m + i of the
// roots in block i. A pass does some stages in a row: numbers that meet in them are 2^stages apart by n / 2^(first +
// stages), form a group, and a block of threads keeps some groups in shared memory. Up to n = 2^11 one pass does, above
// two. Every complex product is four multiplications and two additions in the order written; nothing is fused (the
// build's flags), so that all devices give the same bits.
#include <algorithm>

#include "ring/conversion.hpp"
#include "ring/rows.cuh"

namespace hepy::ring {
namespace {

constexpr unsigned kThreads = 256, kLogTile = 11;  // numbers in shared memory: 32 KiB

struct Root {
  double cosine, sine;
};

// (a + w c, a - w c).
HEPY_DEVICE void butterfly(double2& a, double2& c, Root w) {
  const double u = c.x * w.cosine - c.y * w.sine, v = c.x * w.sine + c.y * w.cosine;
  c = {a.x - u, a.y - v};
  a = {a.x + u, a.y + v};
}

// (a + c, (a - c) times the conjugate of w).
HEPY_DEVICE void inverse_butterfly(double2& a, double2& c, Root w) {
  const double u = a.x - c.x, v = a.y - c.y;
  a = {a.x + c.x, a.y + c.y};
  c = {u * w.cosine + v * w.sine, v * w.cosine - u * w.sine};
}

// Which stages, and how groups lie: number e of group g is at block (n >> first) + e 2^log_gap + rest, where block and
// rest are g / 2^log_gap and what is left.
struct Pass {
  unsigned log_n, first, stages, log_groups;  // groups of a block of threads

  HEPY_HOST_DEVICE unsigned log_gap() const { return log_n - first - stages; }
  HEPY_HOST_DEVICE unsigned log_tile() const { return stages + log_groups; }
};

// The tile of one block of threads: its groups lie side by side in memory (rows) where the gap is 1, else its numbers.
struct Tile {
  double2* numbers;
  Pass pass;
  unsigned first_group;

  HEPY_DEVICE bool rows() const { return pass.log_gap() == 0; }
  // What index i of `stages` bits of numbers (or fewer, of butterflies) and log_groups of groups means.
  HEPY_DEVICE unsigned group(unsigned i, unsigned bits) const {
    return rows() ? i >> bits : i & ((1u << pass.log_groups) - 1);
  }
  HEPY_DEVICE unsigned number(unsigned i, unsigned bits) const {
    return rows() ? i & ((1u << bits) - 1) : i >> pass.log_groups;
  }
  HEPY_DEVICE double2& at(unsigned group, unsigned number) const {
    return numbers[rows() ? group << pass.stages | number : number << pass.log_groups | group];
  }
  HEPY_DEVICE unsigned block(unsigned group) const { return (first_group + group) >> pass.log_gap(); }
  HEPY_DEVICE std::size_t place(unsigned group, unsigned number) const {
    const unsigned rest = (first_group + group) & ((1u << pass.log_gap()) - 1);
    return (std::size_t(block(group)) << (pass.log_n - pass.first)) + (std::size_t(number) << pass.log_gap()) + rest;
  }
};

HEPY_DEVICE Root root_at(const double* roots, unsigned log_n, unsigned index) {
  return {runtime::load_readonly(roots + index), runtime::load_readonly(roots + (std::size_t(1) << log_n) + index)};
}

// Stage `stage` of the pass.
template <bool forward>
HEPY_DEVICE void one_stage(const Tile& tile, unsigned stage, const double* roots) {
  const Pass& pass = tile.pass;
  const unsigned bits = pass.stages - 1, log_half = bits - stage;
  for (unsigned i = threadIdx.x; i < 1u << (bits + pass.log_groups); i += blockDim.x) {
    const unsigned g = tile.group(i, bits), h = tile.number(i, bits), block = h >> log_half;
    const unsigned e = block << (log_half + 1) | (h & ((1u << log_half) - 1));
    const Root w = root_at(roots, pass.log_n, (1u << (pass.first + stage)) + (tile.block(g) << stage) + block);
    double2 a = tile.at(g, e), c = tile.at(g, e + (1u << log_half));
    forward ? butterfly(a, c, w) : inverse_butterfly(a, c, w);
    tile.at(g, e) = a;
    tile.at(g, e + (1u << log_half)) = c;
  }
}

// Stages `stage` and the next one (backward: the other way round), four numbers in registers.
template <bool forward>
HEPY_DEVICE void two_stages(const Tile& tile, unsigned stage, const double* roots) {
  const Pass& pass = tile.pass;
  const unsigned bits = pass.stages - 2, log_quarter = bits - stage;
  for (unsigned i = threadIdx.x; i < 1u << (bits + pass.log_groups); i += blockDim.x) {
    const unsigned g = tile.group(i, bits), h = tile.number(i, bits), block = h >> log_quarter;
    const unsigned e = block << (log_quarter + 2) | (h & ((1u << log_quarter) - 1)), step = 1u << log_quarter;
    const unsigned upper = (1u << (pass.first + stage)) + (tile.block(g) << stage) + block;
    double2 a = tile.at(g, e), b = tile.at(g, e + step), c = tile.at(g, e + 2 * step), d = tile.at(g, e + 3 * step);
    const Root w = root_at(roots, pass.log_n, upper), w_0 = root_at(roots, pass.log_n, 2 * upper),
               w_1 = root_at(roots, pass.log_n, 2 * upper + 1);
    if constexpr (forward) {
      butterfly(a, c, w);
      butterfly(b, d, w);
      butterfly(a, b, w_0);
      butterfly(c, d, w_1);
    } else {
      inverse_butterfly(a, b, w_0);
      inverse_butterfly(c, d, w_1);
      inverse_butterfly(a, c, w);
      inverse_butterfly(b, d, w);
    }
    tile.at(g, e) = a;
    tile.at(g, e + step) = b;
    tile.at(g, e + 2 * step) = c;
    tile.at(g, e + 3 * step) = d;
  }
}

// slot_of: where the number at a place stands in out (forward) or x; null in passes that leave the order as it is.
// scale: of what is stored, 1 for none.
//
// Grid: tiles of an entry; entries.
template <bool forward>
__global__ void __launch_bounds__(kThreads)
    embedding_kernel(double2* __restrict__ out, const double2* __restrict__ x, const double* __restrict__ roots,
                     const std::uint32_t* __restrict__ slot_of, Pass pass, double scale, unsigned entries) {
  auto& numbers = HEPY_SHARED(double2[1 << kLogTile]);
  const Tile tile{numbers, pass, blockIdx.x << pass.log_groups};
  const unsigned size = 1u << pass.log_tile();
  for (unsigned entry = blockIdx.y; entry < entries; entry += gridDim.y) {
    const std::size_t base = std::size_t(entry) << pass.log_n;
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
      const std::size_t place = tile.place(tile.group(i, pass.stages), tile.number(i, pass.stages));
      const bool moved = !forward && slot_of != nullptr;
      numbers[i] = runtime::load_readonly(x + base + (moved ? runtime::load_readonly(slot_of + place) : place));
    }
    __syncthreads();
    // An odd number of stages: the first of them alone.
    const unsigned single = pass.stages & 1;
    if (forward && single) {
      one_stage<forward>(tile, 0, roots);
      __syncthreads();
    }
    for (unsigned done = single; done < pass.stages; done += 2) {
      two_stages<forward>(tile, forward ? done : pass.stages - 2 - (done - single), roots);
      __syncthreads();
    }
    if (!forward && single) {
      one_stage<forward>(tile, 0, roots);
      __syncthreads();
    }
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
      const std::size_t place = tile.place(tile.group(i, pass.stages), tile.number(i, pass.stages));
      const bool moved = forward && slot_of != nullptr;
      double2 number = numbers[i];
      if (!forward) number = {number.x * scale, number.y * scale};
      out[base + (moved ? runtime::load_readonly(slot_of + place) : place)] = number;
    }
    __syncthreads();  // before the next entry comes
  }
}

// The passes: all stages, or the first half of them and the rest.
unsigned stages_of_first_pass(unsigned log_n) { return log_n <= kLogTile ? log_n : log_n / 2; }

template <bool forward>
void launch(runtime::LaunchSite site, double* out, const double* x, const double* roots, const std::uint32_t* slot_of,
            unsigned log_n, unsigned first, unsigned stages, double scale, std::size_t count) {
  const Pass pass{log_n, first, stages, std::min(kLogTile - stages, log_n - stages)};
  const unsigned tiles = 1u << (log_n - pass.log_tile()),
                 threads = std::clamp(1u << pass.log_tile() >> 2, 32u, kThreads);
  runtime::launch(embedding_kernel<forward>, dim3(tiles, std::min(unsigned(count), runtime::kMaxGridYZ)), threads, 0,
                  site, reinterpret_cast<double2*>(out), reinterpret_cast<const double2*>(x), roots, slot_of, pass,
                  scale, unsigned(count));
}

}  // namespace

bool embedding_scratch(unsigned log_slots) { return stages_of_first_pass(log_slots) < log_slots; }

void embed(runtime::Stream stream, double* out, double* scratch, const double* x, const double* roots,
           const std::uint32_t* slot_of, unsigned log_slots, std::size_t count) {
  if (count == 0) return;
  const runtime::LaunchSite site(stream, "ring.embed");
  const unsigned first = stages_of_first_pass(log_slots), rest = log_slots - first;
  if (rest == 0) return launch<true>(site, out, x, roots, slot_of, log_slots, 0, first, 1, count);
  launch<true>(site, scratch, x, roots, nullptr, log_slots, 0, first, 1, count);
  launch<true>(site, out, scratch, roots, slot_of, log_slots, first, rest, 1, count);
}

void unembed(runtime::Stream stream, double* out, double* scratch, const double* x, const double* roots,
             const std::uint32_t* slot_of, unsigned log_slots, std::size_t count) {
  if (count == 0) return;
  const runtime::LaunchSite site(stream, "ring.unembed");
  const unsigned first = stages_of_first_pass(log_slots), rest = log_slots - first;
  const double scale = 1.0 / double(1u << log_slots);
  if (rest == 0) return launch<false>(site, out, x, roots, slot_of, log_slots, 0, first, scale, count);
  launch<false>(site, scratch, x, roots, slot_of, log_slots, first, rest, 1, count);
  launch<false>(site, out, scratch, roots, nullptr, log_slots, 0, first, scale, count);
}

}  // namespace hepy::ring
