// One block of ChaCha20: RFC 8439, section 2.3.
#pragma once
#include "random/chacha20.hpp"
#include "runtime/runtime.cuh"

namespace hepy::random {

constexpr unsigned kBlockWords = 16;

// Section 2.1.
HEPY_DEVICE void quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
  a += b, d = runtime::rotate_left(d ^ a, 16);
  c += d, b = runtime::rotate_left(b ^ c, 12);
  a += b, d = runtime::rotate_left(d ^ a, 8);
  c += d, b = runtime::rotate_left(b ^ c, 7);
}

HEPY_DEVICE void chacha20_block(std::uint32_t (&out)[kBlockWords], const ChaChaStream& source, std::uint32_t counter) {
  const std::uint32_t state[kBlockWords] = {
      0x61707865,    0x3320646e,      0x79622d32,      0x6b206574,     // "expand 32-byte k"
      source.key[0], source.key[1],   source.key[2],   source.key[3],  //
      source.key[4], source.key[5],   source.key[6],   source.key[7],  //
      counter,       source.nonce[0], source.nonce[1], source.nonce[2],
  };
  HEPY_UNROLL
  for (unsigned w = 0; w < kBlockWords; ++w) out[w] = state[w];
  for (unsigned rounds = 0; rounds < 20; rounds += 2) {
    quarter_round(out[0], out[4], out[8], out[12]);
    quarter_round(out[1], out[5], out[9], out[13]);
    quarter_round(out[2], out[6], out[10], out[14]);
    quarter_round(out[3], out[7], out[11], out[15]);
    quarter_round(out[0], out[5], out[10], out[15]);
    quarter_round(out[1], out[6], out[11], out[12]);
    quarter_round(out[2], out[7], out[8], out[13]);
    quarter_round(out[3], out[4], out[9], out[14]);
  }
  HEPY_UNROLL
  for (unsigned w = 0; w < kBlockWords; ++w) out[w] += state[w];
}

}  // namespace hepy::random
