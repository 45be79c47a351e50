"""Loops of the `cpu` device: serial, without the GIL, compiled by numba and kept in its cache."""
