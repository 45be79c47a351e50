"""The canonical embedding's transform over complex doubles: the twin of transform.py, stage by stage.

Real and imaginary parts lie apart while they are transformed, so that loops over a block are contiguous. Every complex
product is four multiplications and two additions in the order written; numba compiles without fastmath, and LLVM does
not fuse what it may not contract. roots: float64[2, n], as embedding.py makes them.
"""

from hepy.ring.loops.modular import loop, part

_SHORT = 4  # values of a block that two stages transform in registers


@loop
def forward(out, values, order, x, y, roots, start, stop):
    """out[r, j] is the value at leaf order[j] of the coefficients values[r], complex128[R, n], r in [start, stop).

    x, y: float64[n], scratch.
    """
    for row in range(start, stop):
        for k in range(x.size):
            x[k], y[k] = values[row, k].real, values[row, k].imag
        _forward(x, y, roots)
        for j in range(x.size):
            leaf = order[j]
            out[row, j] = complex(x[leaf], y[leaf])


@loop
def inverse(out, values, order, x, y, roots, start, stop):
    """out[r] are the coefficients that have the values values[r, j] at the leaves order[j]; arguments as of forward."""
    for row in range(start, stop):
        for j in range(x.size):
            leaf = order[j]
            x[leaf], y[leaf] = values[row, j].real, values[row, j].imag
        _inverse(x, y, roots)
        scale = 1.0 / x.size
        for k in range(x.size):
            out[row, k] = complex(x[k] * scale, y[k] * scale)


@part
def _forward(x, y, roots):
    """In place: coefficients to values, in the order of the leaves."""
    n = x.size
    blocks, half = 1, n // 2
    last = _SHORT if n >= 2 * _SHORT else 1
    while half >= last:
        for block in range(blocks):
            c, s = roots[0, blocks + block], roots[1, blocks + block]
            first = 2 * half * block
            _forward_block(x[first : first + half], y[first : first + half],
                           x[first + half : first + 2 * half], y[first + half : first + 2 * half], c, s)  # fmt: skip
        blocks, half = 2 * blocks, half // 2
    if half:
        for block in range(n // _SHORT):
            _forward_four(x, y, _SHORT * block, n // _SHORT + block, roots)


@part
def _inverse(x, y, roots):
    """In place: values in the order of the leaves to n times the coefficients."""
    n = x.size
    blocks, half = n // 2, 1
    if n >= 2 * _SHORT:
        for block in range(n // _SHORT):
            _inverse_four(x, y, _SHORT * block, n // _SHORT + block, roots)
        blocks, half = blocks // _SHORT, _SHORT
    while blocks:
        for block in range(blocks):
            c, s = roots[0, blocks + block], roots[1, blocks + block]
            first = 2 * half * block
            _inverse_block(x[first : first + half], y[first : first + half],
                           x[first + half : first + 2 * half], y[first + half : first + 2 * half], c, s)  # fmt: skip
        blocks, half = blocks // 2, 2 * half


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


# The two stages whose blocks are too short for a loop of their own, for four values at once.


@part
def _forward_four(x, y, k, block, roots):
    """Values [k, k + 4): a block of the last stage but one, `block` its place among the roots."""
    c, s = roots[0, block], roots[1, block]
    a, b, d, e = _forward_pair(x[k], y[k], x[k + 2], y[k + 2], c, s)
    f, g, h, i = _forward_pair(x[k + 1], y[k + 1], x[k + 3], y[k + 3], c, s)
    c, s = roots[0, 2 * block], roots[1, 2 * block]
    x[k], y[k], x[k + 1], y[k + 1] = _forward_pair(a, b, f, g, c, s)
    c, s = roots[0, 2 * block + 1], roots[1, 2 * block + 1]
    x[k + 2], y[k + 2], x[k + 3], y[k + 3] = _forward_pair(d, e, h, i, c, s)


@part
def _inverse_four(x, y, k, block, roots):
    c, s = roots[0, 2 * block], roots[1, 2 * block]
    a, b, f, g = _inverse_pair(x[k], y[k], x[k + 1], y[k + 1], c, s)
    c, s = roots[0, 2 * block + 1], roots[1, 2 * block + 1]
    d, e, h, i = _inverse_pair(x[k + 2], y[k + 2], x[k + 3], y[k + 3], c, s)
    c, s = roots[0, block], roots[1, block]
    x[k], y[k], x[k + 2], y[k + 2] = _inverse_pair(a, b, d, e, c, s)
    x[k + 1], y[k + 1], x[k + 3], y[k + 3] = _inverse_pair(f, g, h, i, c, s)


@part
def _forward_pair(a, b, c, d, cosine, sine):
    """As _forward_block: the sum, then the difference."""
    u = c * cosine - d * sine
    v = c * sine + d * cosine
    return a + u, b + v, a - u, b - v


@part
def _inverse_pair(a, b, c, d, cosine, sine):
    """As _inverse_block."""
    u, v = a - c, b - d
    return a + c, b + d, u * cosine + v * sine, v * cosine - u * sine
