// Which integers could be primes: a sieve by small primes, and a search by strong tests that threads share.
//
// Filters for the generation of keys: of what passes a small part is composite still. Integers are little-endian words.
// Time and addresses tell why an integer was refused, and about where in its order a search ended; of an integer that
// passes they depend on its length only.
#pragma once
#include <atomic>
#include <cstddef>
#include <vector>

#include "engine.hpp"
#include "rows/kernels.hpp"

namespace hepy::cpu {

// Trial division of integers a k + b, k < 2^(32 words), by a list of primes.
//
// Primes are multiplied together as far as 62 bits hold them. Of k there is one remainder for each product, and all the
// integers that are made of it are judged by that.
class Sieve {
 public:
  // primes: distinct, odd, below 2^16.
  Sieve(const Word* primes, std::size_t count, std::size_t words);

  std::size_t words() const { return words_; }
  std::vector<Limb> products() const;
  // kept[i] = whether no prime divides a k + b, for k = numbers[i] and every one of `forms` pairs (a, b), given by
  // their residues modulo each of products(): [forms, products]. numbers: [stop, words].
  void filter(std::uint8_t* kept, const Word* numbers, const Limb* factors, const Limb* offsets, std::size_t forms,
              std::size_t start, std::size_t stop) const;

 private:
  struct Prime {
    Limb inverse, most;  // it divides x exactly where x inverse mod 2^64 is at most `most`
  };
  struct Group {
    Limb product, minus_inverse;
    std::size_t first, last;  // its primes
  };

  bool keeps(const Limb* number, const Limb* factors, const Limb* offsets, std::size_t forms) const;

  std::size_t words_, limbs_;
  std::vector<Prime> primes_;
  std::vector<Group> groups_;
  std::vector<Limb> powers_;  // [groups, limbs]
};

// The first of a list of tuples whose integers all are strong probable primes to base 2 (Handbook of Applied
// Cryptography, 4.20). Any number of threads run() it; each takes the next tuple in the order of the list.
class PrimeSearch {
 public:
  // One integer of each tuple: [count, words], odd, above 2.
  struct Column {
    const Word* numbers;
    std::size_t words;
  };

  PrimeSearch(std::vector<Column> columns, std::size_t count, const RowKernels& kernels);
  // Ends where there is nothing left before the first that passed.
  void run();
  // When all have returned: its position, or `count`.
  std::size_t first() const { return first_; }

 private:
  const std::vector<Column> columns_;
  const RowKernels& kernels_;
  std::atomic<std::size_t> next_{0}, first_;
};

// Whether an odd n above 2 is a strong probable prime to each of these bases (the same, 4.24). n: [words]; bases:
// [count, words], below n.
bool is_strong_probable_prime(const Word* n, const Word* bases, std::size_t count, std::size_t words,
                              const RowKernels& kernels);

// The rows that go with an engine: portable ones with a portable engine, else the fastest that run here.
const RowKernels& rows_beside(const Kind& engine);

}  // namespace hepy::cpu
