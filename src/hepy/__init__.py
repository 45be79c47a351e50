"""hepy: batched Paillier homomorphic encryption, on the CPU and on GPUs."""

from hepy.options import options as options
