"""Arrays of ciphertexts joined to one, along batch axes."""

from __future__ import annotations

from collections.abc import Sequence

from hepy._arguments import axis_of
from hepy.ckks.ciphertexts import CiphertextArray, ciphertexts
from hepy.errors import ParameterError


def concatenate(arrays: Sequence[CiphertextArray], axis: int = 0) -> CiphertextArray:
    """Join arrays along a batch axis, as numpy.concatenate; levels are aligned to the lowest.

    Raises:
        ParameterError: there are none, or they do not fit together; single ciphertexts have no batch axis, and are stacked.
    """
    return _join("concatenate", arrays, axis)


def stack(arrays: Sequence[CiphertextArray], axis: int = 0) -> CiphertextArray:
    """Join arrays of one shape along a new batch axis, as numpy.stack; levels are aligned to the lowest."""
    return _join("stack", arrays, axis)


def _join(how: str, arrays: Sequence[CiphertextArray], axis: int) -> CiphertextArray:
    arrays = [array._settled() for array in ciphertexts(arrays)]
    if not arrays:
        raise ParameterError("nothing to join: give at least one array")
    first = arrays[0]
    for array in arrays[1:]:
        if array.context.fingerprint != first.context.fingerprint:
            first._check_pair(array)
        if array.shape[-1] != first.shape[-1] or array.in_coefficients != first.in_coefficients:
            raise ParameterError(
                f"arrays with last axes of {first.shape[-1]} and {array.shape[-1]} values are not joined"
            )
    axes = first.ndim + (how == "stack")
    place = axis_of(axis, axes)
    if place == axes - 1:
        raise ParameterError(
            f"ciphertexts are joined along batch axes, not along the last, which is the slots of each: {how} of shapes "
            f"{first.shape} along axis {axis}" + (": ckks.stack makes a batch of them" if axes == 1 else "")
        )
    level = min(array.level for array in arrays)
    arrays = [array.to_level(level) for array in arrays]
    models = zip(*(array._state.accounts for array in arrays), strict=False)
    accounts = tuple(
        group[0]._replace(
            bound=max(a.bound for a in group),
            error=max(a.error for a in group),
            declared=all(a.declared for a in group),
            spread=min(a.spread for a in group),
        )
        for group in models
    )
    state = arrays[0]._state._replace(
        slots=max(array.slots for array in arrays),
        is_complex=any(array.is_complex for array in arrays),
        filled=any(array._state.filled for array in arrays),
        accounts=accounts,
    )
    parts = first._do.join(how, [array._parts for array in arrays], place)
    return first._with(parts, state, *arrays)
