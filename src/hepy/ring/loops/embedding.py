"""The canonical embedding's transform over complex doubles: the twin of transform.py, stage by stage.

Real and imaginary parts lie apart, float64[R, n] each, so that loops over a block are contiguous. Every complex
product is four multiplications and two additions in the order written; numba compiles without fastmath, and LLVM does
not fuse what it may not contract. roots: float64[2, n], as embedding.py makes them.
"""

from hepy.ring.loops.modular import loop, part


@loop
def forward(real, imaginary, roots, start, stop):
    """Rows [start, stop) in place: coefficients to values, in the order of the leaves."""
    for row in range(start, stop):
        x, y = real[row], imaginary[row]
        blocks, half = 1, x.size // 2
        while half:
            for block in range(blocks):
                c, s = roots[0, blocks + block], roots[1, blocks + block]
                first = 2 * half * block
                _forward_block(x[first : first + half], y[first : first + half],
                               x[first + half : first + 2 * half], y[first + half : first + 2 * half], c, s)  # fmt: skip
            blocks, half = 2 * blocks, half // 2


@loop
def inverse(real, imaginary, roots, start, stop):
    """Rows [start, stop) in place: values in the order of the leaves to coefficients, which n divides exactly."""
    for row in range(start, stop):
        x, y = real[row], imaginary[row]
        blocks, half = x.size // 2, 1
        while blocks:
            for block in range(blocks):
                c, s = roots[0, blocks + block], roots[1, blocks + block]
                first = 2 * half * block
                _inverse_block(x[first : first + half], y[first : first + half],
                               x[first + half : first + 2 * half], y[first + half : first + 2 * half], c, s)  # fmt: skip
            blocks, half = blocks // 2, 2 * half
        scale = 1.0 / x.size
        for k in range(x.size):
            x[k] *= scale
            y[k] *= scale


@part
def _forward_block(a, b, c, d, cosine, sine):
    """(a + ib) + w (c + id) and (a + ib) - w (c + id)."""
    for k in range(a.size):
        u = c[k] * cosine - d[k] * sine
        v = c[k] * sine + d[k] * cosine
        c[k] = a[k] - u
        d[k] = b[k] - v
        a[k] = a[k] + u
        b[k] = b[k] + v


@part
def _inverse_block(a, b, c, d, cosine, sine):
    """(a + ib) + (c + id) and the difference times the conjugate of w."""
    for k in range(a.size):
        u = a[k] - c[k]
        v = b[k] - d[k]
        a[k] = a[k] + c[k]
        b[k] = b[k] + d[k]
        c[k] = u * cosine + v * sine
        d[k] = v * cosine - u * sine
