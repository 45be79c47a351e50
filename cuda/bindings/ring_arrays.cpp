#include "bindings/ring_arrays.hpp"

#include <algorithm>

namespace hepy::bindings {
namespace {

std::string to_string(const Lengths& lengths) {
  std::string text;
  for (const auto length : lengths) {
    text += (text.empty() ? "" : ", ") + (length == kAny ? "any" : std::to_string(length));
  }
  return "(" + text + ")";
}

// Cuts a shape into batch axes and those that `wanted` describes; throws where it does not fit.
void split(const Lengths& shape, const Lengths& wanted, Lengths& batch, Lengths& inner) {
  const auto fits = [](std::size_t want, std::size_t length) { return want == kAny || want == length; };
  const auto cut = shape.end() - std::ptrdiff_t(std::min(shape.size(), wanted.size()));
  if (shape.size() < wanted.size() || !std::equal(wanted.begin(), wanted.end(), cut, fits)) {
    throw runtime::InvalidArgument("an array of shape (..., " + to_string(wanted).substr(1) + " was expected, not of " +
                                   to_string(shape));
  }
  batch.assign(shape.begin(), cut);
  inner.assign(cut, shape.end());
}

}  // namespace

unsigned log_degree_of(std::size_t degree) {
  unsigned bits = 0;
  while (degree >> bits > 1) ++bits;
  if (degree < 8 || degree > 1u << 17 || degree != std::size_t(1) << bits) {
    throw runtime::InvalidArgument("degrees are powers of two from 8 to 2^17, not " + std::to_string(degree));
  }
  return bits;
}

RingBasis::RingBasis(runtime::Stream stream, const py::object& constants, const py::list& tables, std::size_t degree)
    : constants(constants), tables(tables) {
  constexpr std::size_t kWords = sizeof(ring::Prime) / sizeof(std::uint32_t);
  for (const auto table : tables) Array<const std::uint32_t>(py::cast<py::object>(table)).data(stream, 2 * degree);
  const auto* const words = Array<const std::uint32_t>(constants).data(stream, kWords * tables.size());
  value = {reinterpret_cast<const ring::Prime*>(words), unsigned(tables.size()), log_degree_of(degree)};
}

View::View(runtime::Stream stream, const py::object& object, const Lengths& wanted) {
  const Strided<const std::uint32_t> array(object);
  split(array.shape, wanted, batch, inner);
  words = array.data(stream);
  const auto cut = array.strides.begin() + std::ptrdiff_t(batch.size());
  batch_strides.assign(array.strides.begin(), cut);
  inner_strides.assign(cut, array.strides.end());
  if (inner.back() != 1 && inner_strides.back() != 1) {
    throw runtime::InvalidArgument("rows of words have to be contiguous: copy the array first");
  }
  const auto unaligned = [](std::int64_t stride) { return stride % 4 != 0; };
  if (inner.back() >= 4 && (reinterpret_cast<std::uintptr_t>(words) % 16 != 0 ||
                            std::any_of(array.strides.begin(), array.strides.end() - 1, unaligned))) {
    throw runtime::InvalidArgument("rows of words have to begin on 16 bytes: copy the array first");
  }
}

std::int64_t View::take_last_axis() {
  if (batch.empty()) return 0;
  const std::int64_t stride = batch.back() == 1 ? 0 : batch_strides.back();
  batch.pop_back();
  batch_strides.pop_back();
  return stride;
}

Result::Result(runtime::Stream stream, const py::object& object, const Lengths& wanted) {
  const Array<std::uint32_t> array(object);
  split(array.shape(), wanted, batch, inner);
  words = array.data(stream, array.size());
}

ring::Batch share_axes(const Lengths& batch, const std::vector<const View*>& views,
                       const std::vector<ring::Operand*>& operands) {
  // Innermost axis first: lengths, and strides of each view.
  Lengths lengths;
  std::vector<std::vector<std::int64_t>> strides;
  std::size_t count = 1;
  for (const auto* const view : views) {
    if (view->batch.size() > batch.size()) {
      throw runtime::InvalidArgument("an operand of batch shape " + to_string(view->batch) + " does not broadcast to " +
                                     to_string(batch));
    }
  }
  for (std::size_t back = 1; back <= batch.size(); ++back) {
    const std::size_t length = batch[batch.size() - back];
    std::vector<std::int64_t> here;
    for (const auto* const view : views) {
      const std::size_t axes = view->batch.size(), own = back <= axes ? view->batch[axes - back] : 1;
      if (own != 1 && own != length) {
        throw runtime::InvalidArgument("an operand of batch shape " + to_string(view->batch) +
                                       " does not broadcast to " + to_string(batch));
      }
      here.push_back(own == 1 ? 0 : view->batch_strides[axes - back]);
    }
    count *= length;
    if (length == 1) continue;
    const auto continues = [&] {
      for (std::size_t v = 0; v < views.size(); ++v) {
        if (here[v] != strides.back()[v] * std::int64_t(lengths.back())) return false;
      }
      return true;
    };
    if (!lengths.empty() && continues()) {
      lengths.back() *= length;
    } else {
      lengths.push_back(length);
      strides.push_back(here);
    }
  }
  if (lengths.size() > std::size_t(ring::kAxes)) {
    throw runtime::InvalidArgument("operands share " + std::to_string(lengths.size()) +
                                   " batch axes and kernels take " + std::to_string(ring::kAxes) +
                                   ": copy them to arrays of the whole batch first");
  }
  if (count > 0x7FFFFFFFu) throw runtime::InvalidArgument("a batch has fewer than 2^31 entries");
  ring::Batch shared{unsigned(count), {}};
  for (std::size_t axis = 0; axis < std::size_t(ring::kAxes); ++axis) {
    const std::size_t place = std::size_t(ring::kAxes) - 1 - axis;
    const bool used = axis < lengths.size();
    shared.lengths[place] = ring::Length::of(used ? std::max(1u, unsigned(lengths[axis])) : 1);
    for (std::size_t v = 0; v < views.size(); ++v) operands[v]->strides[place] = used ? strides[axis][v] : 0;
  }
  for (std::size_t v = 0; v < views.size(); ++v) {
    const auto& inner = views[v]->inner_strides;
    operands[v]->words = views[v]->words;
    operands[v]->limb_stride = inner.size() > 1 ? inner[inner.size() - 2] : 0;
  }
  return shared;
}

}  // namespace hepy::bindings
