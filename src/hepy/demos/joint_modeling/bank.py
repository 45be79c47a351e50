"""The bank: has the labels and the key, grows the trees, and sees the partner's columns as numbered bins only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

import hepy
from hepy import paillier
from hepy.demos.joint_modeling.binning import MAX_BINS, Binned, bin_columns
from hepy.demos.joint_modeling.boosting import Integers, LocalColumns, Parameters, Rows, Tree, train
from hepy.demos.joint_modeling.channel import Channel
from hepy.demos.joint_modeling.messages import Kind, dump_bits, read_bits
from hepy.demos.joint_modeling.squeezing import Slots
from hepy.demos.joint_modeling.timing import Timer
from hepy.errors import WireFormatError

MAX_COLUMNS = 1 << 10


def run(
    channel: Channel,
    labels: npt.NDArray[np.bool_],
    values: npt.NDArray[np.int64],
    train_rows: npt.NDArray[np.bool_],
    parameters: Parameters,
    key_bits: int,
    timer: Timer,
    after_tree: Callable[[int], None],
) -> tuple[tuple[Tree, ...], npt.NDArray[np.float64]]:
    """Train with the partner at the other end of the channel; arguments and results as boosting.train has them."""
    with timer.step("generate key"):
        key = paillier.generate_key(bits=key_bits, insecure=key_bits < 2048)
        proof = key.prove(channel.session)
    channel.send(Kind.PUBLIC_KEY, hepy.dumps(key.public_key))
    channel.send(Kind.KEY_PROOF, hepy.dumps(proof))
    channel.send_control(Kind.START, rows=len(labels), train=dump_bits(train_rows))
    with timer.step("own columns"):
        own = _Timed(bin_columns(values, train_rows), timer)
    partner = RemoteColumns(channel, key, train_rows, timer)
    trees, scores = train(labels, train_rows, (own, partner), parameters, after_tree)
    channel.send_control(Kind.FINISH)
    return trees, scores


class RemoteColumns:
    """A boosting.Holder whose columns are the partner's, and whose sums come encrypted."""

    def __init__(
        self, channel: Channel, key: paillier.PrivateKey, train_rows: npt.NDArray[np.bool_], timer: Timer
    ) -> None:
        self._channel = channel
        self._key = key
        self._train = train_rows
        self._timer = timer
        self._gradients: Integers = np.zeros((2, 0), dtype=np.int64)
        self._slots = Slots.choose(key.bits, int(train_rows.sum()))
        fields = channel.receive_control(Kind.LAYOUT)
        bins = fields.integers("bins", MAX_COLUMNS, 1, MAX_BINS)
        fullest = fields.integers("fullest", MAX_COLUMNS, 0, MAX_BINS - 1)
        fields.end()
        if len(bins) != len(fullest) or any(bin >= count for bin, count in zip(fullest, bins, strict=True)):
            raise fields.refuse("fullest", "does not name one bin of each column")
        self.offsets = np.concatenate([[0], np.cumsum(bins)]).astype(np.int64)
        self._fullest = self.offsets[:-1] + np.array(fullest, dtype=np.int64)
        self._sent = np.delete(np.arange(self.offsets[-1]), self._fullest)

    def begin(self, gradients: Integers, train: npt.NDArray[np.bool_]) -> None:
        self._gradients = gradients
        with self._timer.step("encrypt gradients"):
            encrypted = self._key.encrypt(self._slots.pack(gradients[:, train]))
        with self._timer.step("write and read messages"):
            body = hepy.dumps(encrypted)
        self._channel.send(Kind.GRADIENTS, body)

    def histograms(self, nodes: Sequence[tuple[int, Rows]]) -> Iterator[Integers]:
        self._channel.send_control(Kind.ASK, nodes=[node for node, _ in nodes])
        return (self._histogram(rows) for _, rows in nodes)

    def split(self, node: int, rows: Rows, bin: int) -> npt.NDArray[np.bool_]:
        self._channel.send_control(Kind.SPLIT, node=node, bin=bin)
        fields = self._channel.receive_control(Kind.PARTITION)
        left = read_bits(fields, "left", len(rows))
        fields.end()
        return left

    def follow(self, node: int, left: npt.NDArray[np.bool_]) -> None:
        self._channel.send_control(Kind.FOLLOW, node=node, left=dump_bits(left))

    def _histogram(self, rows: Rows) -> Integers:
        _, body = self._channel.receive(Kind.HISTOGRAM)
        with self._timer.step("write and read messages"):
            squeezed = hepy.loads(body, key=self._key.public_key)
        ciphertexts = -(-len(self._sent) // self._slots.count)
        if not isinstance(squeezed, paillier.CiphertextArray) or squeezed.shape != (ciphertexts,):
            raise WireFormatError(f"a histogram message does not hold {ciphertexts} ciphertexts")
        if squeezed.account != self._slots.squeezed(max(int(self._train[rows].sum()), 1)):
            raise WireFormatError("a histogram message's ciphertexts are not squeezed as agreed")
        with self._timer.step("decrypt histograms"):
            sums = self._slots.unpack(self._key.decrypt(squeezed))
        return self._completed(sums[:, : len(self._sent)], rows)

    def _completed(self, sums: Integers, rows: Rows) -> Integers:
        """All bins: the fullest of each column was not sent, because it is what the others leave of the node's total."""
        out = np.zeros((2, int(self.offsets[-1])), dtype=np.int64)
        out[:, self._sent] = sums
        total = self._gradients[:, rows].sum(axis=1)
        out[:, self._fullest] = total[:, None] - np.add.reduceat(out, self.offsets[:-1], axis=1)
        return out


class _Timed(LocalColumns):
    """The bank's own columns, on the clock."""

    def __init__(self, binned: Binned, timer: Timer) -> None:
        super().__init__(binned)
        self._timer = timer

    def histograms(self, nodes: Sequence[tuple[int, Rows]]) -> Iterator[Integers]:
        found = super().histograms(nodes)
        for _ in nodes:
            with self._timer.step("own columns"):
                sums = next(found)
            yield sums
