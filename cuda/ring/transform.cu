// Launches of the transform: which passes a degree takes, and what its first and last pass do besides.
#include "ring/transform.cuh"

namespace hepy::ring {
namespace {

struct Launch {
  runtime::LaunchSite site;
  const Basis& basis;
  const Batch& batch;
  const Rows& rows;
  Word* out;

  bool nothing() const { return batch.count == 0 || rows.count == 0; }
  bool one_pass() const { return basis.log_degree <= kBlockLog; }

  template <class T>
  dim3 grid() const {
    return grid_of(unsigned(basis.degree() / (T::kLength * T::kLines)), rows.count, batch.count);
  }

  template <class T, class Source, class Sink>
  void forward(Source source, Sink sink) const {
    runtime::launch(forward_kernel<T, Source, Sink>, grid<T>(), T::kThreads, 0, site, out, source, sink, rows, basis,
                    batch.count);
  }

  template <class T, bool end, class Source>
  void inverse(Source source, const Word* factors) const {
    runtime::launch(inverse_kernel<T, end, Source>, grid<T>(), T::kThreads, 0, site, out, source, factors, rows, basis,
                    batch.count);
  }
};

// Calls function(tile) with the Tile of a length 2^log, log in [low, high].
template <template <unsigned> class Tile, unsigned low, unsigned high, class Function>
void with_tile(unsigned log, Function function) {
  if constexpr (low < high) {
    if (log != low) return with_tile<Tile, low + 1, high>(log, function);
  }
  function(Tile<low>());
}
template <class Function>
void with_whole(const Launch& launch, Function function) {
  with_tile<Whole, kSmallestLog, kBlockLog>(launch.basis.log_degree, function);
}
template <class Function>
void with_columns(const Launch& launch, Function function) {
  with_tile<Columns, kBlockLog + 1 - kRowLog, kLargestLog - kRowLog>(launch.basis.log_degree - kRowLog, function);
}

template <class Source, class Sink>
void forward(const Launch& launch, Source source, Sink sink) {
  if (launch.nothing()) return;
  if (launch.one_pass()) {
    with_whole(launch, [&](auto tile) { launch.forward<decltype(tile)>(source, sink); });
  } else {
    with_columns(launch, [&](auto tile) { launch.forward<decltype(tile)>(source, Plain{}); });
    launch.forward<Rows256>(FromResult{}, sink);
  }
}

// From x, which `same` describes, to another array: for sinks that write elsewhere than the block has read. The first
// of two passes is in place.
template <class Sink>
void forward_apart(const Launch& launch, Word* x, const Operand& same, Sink sink) {
  if (launch.nothing()) return;
  const FromOperand source{same, launch.batch};
  if (launch.one_pass()) {
    with_whole(launch, [&](auto tile) { launch.forward<decltype(tile)>(source, sink); });
  } else {
    const Launch first{launch.site, launch.basis, launch.batch, launch.rows, x};
    with_columns(launch, [&](auto tile) { first.forward<decltype(tile)>(FromResult{}, Plain{}); });
    launch.forward<Rows256>(source, sink);
  }
}

template <class Source>
void inverse(const Launch& launch, Source source, const Word* factors) {
  if (launch.nothing()) return;
  if (launch.one_pass()) {
    with_whole(launch, [&](auto tile) { launch.inverse<decltype(tile), true>(source, factors); });
  } else {
    launch.inverse<Rows256, false>(source, nullptr);
    with_columns(launch, [&](auto tile) { launch.inverse<decltype(tile), true>(FromResult{}, factors); });
  }
}

}  // namespace

void ntt(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
         const Operand& x) {
  forward({{stream, "ring.ntt"}, basis, batch, rows, out}, FromOperand{x, batch}, Plain{});
}

void ntt_plus_scaled(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
                     const Operand& x, const Operand& y, const Word* factors) {
  forward({{stream, "ring.ntt_plus_scaled"}, basis, batch, rows, out}, FromOperand{x, batch},
          PlusScaled{y, batch, factors});
}

void ntt_plus_scaled_turned(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
                            Word* x, const Operand& y, const Word* factors, unsigned element) {
  Operand same{x, std::int64_t(basis.degree()), {}};
  std::int64_t stride = std::int64_t(rows.out_rows) << basis.log_degree;
  for (int axis = kAxes - 1; axis >= 0; --axis) {
    same.strides[axis] = stride;
    stride *= batch.lengths[axis].length;
  }
  forward_apart({{stream, "ring.ntt_plus_scaled_turned"}, basis, batch, rows, out}, x, same,
                PlusScaledTurned{{y, batch, factors}, inverse_of(element), basis.log_degree});
}

void intt(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
          const Operand& x) {
  inverse({{stream, "ring.intt"}, basis, batch, rows, out}, FromOperand{x, batch}, nullptr);
}

void intt_scaled(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
                 const Operand& x, const Word* factors) {
  inverse({{stream, "ring.intt_scaled"}, basis, batch, rows, out}, FromOperand{x, batch}, factors);
}

void intt_scaled_keeping(runtime::Stream stream, const Basis& basis, const Batch& batch, const Rows& rows, Word* out,
                         const Operand& x, const Word* factors, Word* kept, unsigned kept_rows) {
  inverse({{stream, "ring.intt_scaled_keeping"}, basis, batch, rows, out},
          FromOperandKept{{x, batch}, kept, kept_rows, basis.log_degree}, factors);
}

}  // namespace hepy::ring
