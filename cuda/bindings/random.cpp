// cuda/random for Python.
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "bindings/secret.hpp"
#include "random/chacha20.hpp"
#include "runtime/zero.hpp"

namespace hepy::bindings {
namespace {

namespace py = pybind11;

constexpr std::uint64_t kCounters = std::uint64_t(1) << 32;

std::uint32_t little_endian(const unsigned char* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | std::uint32_t(bytes[3]) << 24;
}

// From 32 bytes of key and 12 of nonce.
void read_source(random::ChaChaStream& source, const Secret& key, const std::string& nonce) {
  if (key.bytes().size() != sizeof(source.key) || nonce.size() != sizeof(source.nonce)) {
    throw runtime::InvalidArgument("ChaCha20 takes a key of 32 bytes and a nonce of 12, not of " +
                                   std::to_string(key.bytes().size()) + " and " + std::to_string(nonce.size()));
  }
  for (unsigned w = 0; w < 8; ++w) source.key[w] = little_endian(key.bytes().data() + 4 * w);
  const auto* bytes = reinterpret_cast<const unsigned char*>(nonce.data());
  for (unsigned w = 0; w < 3; ++w) source.nonce[w] = little_endian(bytes + 4 * w);
}

void check_counters(std::uint64_t first, std::uint64_t blocks) {
  if (first > kCounters || blocks > kCounters - first) {
    throw runtime::InvalidArgument("a nonce has 2**32 blocks: draw less, or under another nonce");
  }
}

void chacha20(runtime::Stream stream, const py::object& out, const Secret& key, const py::bytes& nonce,
              std::uint64_t first, std::uint64_t blocks) {
  check_counters(first, blocks);
  runtime::Zeroed<random::ChaChaStream> source;
  read_source(source.value, key, nonce);
  auto* words = Array<std::uint32_t>(out).data(stream, 16 * blocks, kQuad);
  const py::gil_scoped_release release;
  random::chacha20(stream, words, source.value, std::uint32_t(first), blocks);
}

void uniform_below(runtime::Stream stream, const py::object& out, const py::object& largest, const Secret& key,
                   const py::bytes& nonce, std::uint64_t first, std::uint32_t stride, std::uint64_t count,
                   std::uint32_t bits) {
  const std::uint32_t words = bits / 32 + (bits % 32 != 0), top = bits % 32;
  if (bits == 0 || stride < (words + 15) / 16 || count > kCounters) {
    throw runtime::InvalidArgument("an element of " + std::to_string(bits) + " bits does not fit " +
                                   std::to_string(stride) + " blocks");
  }
  check_counters(first, count * stride);
  const random::UniformShape shape{count, std::uint32_t(first), stride, words, top ? (1u << top) - 1 : ~0u};
  runtime::Zeroed<random::ChaChaStream> source;
  read_source(source.value, key, nonce);
  auto* elements = Array<std::uint32_t>(out).data(stream, count * words);
  const auto* bound = Array<const std::uint32_t>(largest).data(stream, words);
  const py::gil_scoped_release release;
  random::uniform_below(stream, elements, bound, source.value, shape);
}

void words_below(runtime::Stream stream, const py::object& out, const py::object& bounds, const py::object& masks,
                 const Secret& key, const py::bytes& nonce, std::uint64_t first, std::uint64_t blocks,
                 std::uint32_t count, std::uint64_t run) {
  if (count == 0 || run == 0 || run % 8 != 0) {
    throw runtime::InvalidArgument("words have at least one bound, for runs of a multiple of eight, not " +
                                   std::to_string(count) + " for runs of " + std::to_string(run));
  }
  check_counters(first, blocks);
  const random::BelowShape shape{blocks, run, std::uint32_t(first), count};
  runtime::Zeroed<random::ChaChaStream> source;
  read_source(source.value, key, nonce);
  auto* words = Array<std::uint32_t>(out).data(stream, 16 * blocks, kQuad);
  const auto* below = Array<const std::uint32_t>(bounds).data(stream, count);
  const auto* bits = Array<const std::uint32_t>(masks).data(stream, count);
  const py::gil_scoped_release release;
  random::words_below(stream, words, below, bits, source.value, shape);
}

void selection_words(runtime::Stream stream, const py::object& out, const Secret& key, const py::bytes& nonce,
                     std::uint64_t first, std::uint64_t blocks, std::uint64_t run) {
  if (run == 0) throw runtime::InvalidArgument("selections are made from at least one place");
  check_counters(first, blocks);
  runtime::Zeroed<random::ChaChaStream> source;
  read_source(source.value, key, nonce);
  auto* words = Array<std::uint32_t>(out).data(stream, 16 * blocks, kQuad);
  const py::gil_scoped_release release;
  random::selection_words(stream, words, source.value, std::uint32_t(first), blocks, run);
}

}  // namespace

void bind_random(py::module_& module) {
  module.def("chacha20", &chacha20, py::arg("stream"), py::arg("out"), py::arg("key"), py::arg("nonce"),
             py::arg("first"), py::arg("blocks"),
             "Words of blocks [first, first + blocks) into out, uint32[16 blocks].");
  module.def("uniform_below", &uniform_below, py::arg("stream"), py::arg("out"), py::arg("largest"), py::arg("key"),
             py::arg("nonce"), py::arg("first"), py::arg("stride"), py::arg("count"), py::arg("bits"),
             "Integers in [0, largest] of so many bits into out, uint32[count, words]; element e takes blocks from "
             "first + e * stride on, and after a rejection those of the next attempt.");
  module.def("words_below", &words_below, py::arg("stream"), py::arg("out"), py::arg("bounds"), py::arg("masks"),
             py::arg("key"), py::arg("nonce"), py::arg("first"), py::arg("blocks"), py::arg("count"), py::arg("run"),
             "Words of blocks [first, first + blocks) into out, uint32[16 blocks], masked and below bound i / run of "
             "count; what is not takes the same place of the next attempt.");
  module.def(
      "selection_words", &selection_words, py::arg("stream"), py::arg("out"), py::arg("key"), py::arg("nonce"),
      py::arg("first"), py::arg("blocks"), py::arg("run"),
      "Words of blocks [first, first + blocks) into out, uint32[16 blocks]; the number that words 4 e and 4 e + 1 "
      "make gives one below run - e % run without bias, if need be in a later attempt.");
}

}  // namespace hepy::bindings
