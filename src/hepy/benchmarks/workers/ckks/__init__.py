"""CKKS: what a library offers, the work of each row, and one module for each library."""
