"""Demonstrations that `hepy demo` runs; examples/ shows how to call them."""
