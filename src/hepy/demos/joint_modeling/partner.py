"""The partner: has socio-demographic columns, adds up gradients that it cannot read, and names no column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import hepy
from hepy import paillier
from hepy.demos.joint_modeling.binning import Binned, bin_columns
from hepy.demos.joint_modeling.boosting import Rows, goes_left
from hepy.demos.joint_modeling.channel import Channel
from hepy.demos.joint_modeling.messages import MAX_NODE, Kind, dump_bits, load_control, read_bits
from hepy.demos.joint_modeling.squeezing import Slots
from hepy.demos.joint_modeling.timing import Timer
from hepy.errors import WireFormatError


@dataclass(frozen=True)
class OwnSplit:
    """A split that the bank asked for, in the partner's own words: rows with column <= threshold go left."""

    tree: int
    node: int
    column: str
    threshold: int


def column_order(columns: int, seed: int) -> list[int]:
    """In which order the partner numbers its columns, so that a number tells nothing."""
    # Not the seed of the folds itself, or both would draw the same numbers.
    return [int(f) for f in np.random.default_rng([seed, columns]).permutation(columns)]


def run(channel: Channel, names: list[str], values: npt.NDArray[np.int64], seed: int, timer: Timer) -> list[OwnSplit]:
    """Serve the bank at the other end of the channel until it says that it has finished.

    Args:
        names, values: the columns, int64[rows, columns].
        seed: draws the order of columns; the bank does not know it.

    Returns: the splits on columns of this party, in the order in which they were made.
    """
    public_key = _checked_key(channel, timer)
    fields = channel.receive_control(Kind.START)
    rows = fields.integer("rows", len(values), len(values))
    train_rows = read_bits(fields, "train", rows)
    fields.end()
    order = column_order(values.shape[1], seed)
    with timer.step("own columns"):
        binned = bin_columns(values, train_rows, order)
    server = _Server(channel, public_key, binned, train_rows, timer)
    server.serve()
    return [_in_words(split, binned, [names[f] for f in order]) for split in server.splits]


def _checked_key(channel: Channel, timer: Timer) -> paillier.PublicKey:
    """The bank's key. What the partner sends hides behind it, so it has to be fit for that, not just well-formed."""
    _, message = channel.receive(Kind.PUBLIC_KEY)
    _, proof = channel.receive(Kind.KEY_PROOF)
    with timer.step("check the key"):
        public_key = hepy.loads(message)
        if not isinstance(public_key, paillier.PublicKey):
            raise WireFormatError("a public key message holds something else")
        public_key.validate()
        public_key.verify(hepy.loads(proof), channel.session)
    return public_key


class _Server:
    """Answers the bank's questions about one set of trees."""

    def __init__(
        self,
        channel: Channel,
        public_key: paillier.PublicKey,
        binned: Binned,
        train_rows: npt.NDArray[np.bool_],
        timer: Timer,
    ) -> None:
        self._channel = channel
        self._key = public_key
        self._binned = binned
        self._train = train_rows
        self._timer = timer
        self._slots = Slots.choose(public_key.bits, int(train_rows.sum()))
        self._place = np.cumsum(train_rows) - 1  # of a training row among the gradients
        self._local = binned.bins - binned.offsets[:-1]  # int64[rows, columns], each column's bins from 0
        self._fullest = _fullest(binned, train_rows)
        self._gradients: paillier.CiphertextArray | None = None
        self._rows: dict[int, Rows] = {}
        self._tree = 0
        self.splits: list[tuple[int, int, int]] = []

    def serve(self) -> None:
        bins = np.diff(self._binned.offsets).tolist()
        self._channel.send_control(Kind.LAYOUT, bins=bins, fullest=self._fullest.tolist())
        answers = {
            Kind.GRADIENTS: self._gradients_came,
            Kind.ASK: self._asked,
            Kind.SPLIT: self._split,
            Kind.FOLLOW: self._follow,
        }
        while True:
            kind, body = self._channel.receive(*answers, Kind.FINISH)
            if kind is Kind.FINISH:
                load_control(kind, body).end()
                return
            answers[kind](body)

    def _gradients_came(self, body: bytes) -> None:
        with self._timer.step("write and read messages"):
            gradients = hepy.loads(body, key=self._key)
        if not isinstance(gradients, paillier.CiphertextArray) or gradients.shape != (int(self._train.sum()),):
            raise WireFormatError(
                f"a gradients message does not hold a ciphertext for each of {self._train.sum()} rows"
            )
        if gradients.account != self._slots.fields:
            raise WireFormatError("a gradients message's ciphertexts are not packed as agreed")
        self._gradients = gradients
        self._rows = {1: np.arange(len(self._train))}
        self._tree += 1

    def _asked(self, body: bytes) -> None:
        fields = load_control(Kind.ASK, body)
        nodes = fields.integers("nodes", MAX_NODE, 1, MAX_NODE)
        fields.end()
        for node in nodes:
            squeezed = self._histogram(self._node(node))
            with self._timer.step("write and read messages"):
                out = hepy.dumps(squeezed)  # rerandomized: sums tell their rows to whoever has the key
            self._channel.send(Kind.HISTOGRAM, out)

    def _histogram(self, rows: Rows) -> paillier.CiphertextArray:
        """Sums of gradients by bin, squeezed; the fullest bin of each column, most of the work, is left out."""
        assert self._gradients is not None  # there are no nodes before gradients came
        rows = rows[self._train[rows]]
        bins = self._local[rows].T
        widest = int(np.diff(self._binned.offsets).max())
        with self._timer.step("add up histograms"):
            sums = self._gradients[self._place[rows]].segment_sum(bins, widest, mask=bins != self._fullest[:, None])
        with self._timer.step("squeeze histograms"):
            return self._slots.squeeze(sums.ravel()[self._wanted(widest)])

    def _wanted(self, widest: int) -> npt.NDArray[np.int64]:
        """int64[bins]: positions in the table of sums."""
        counts = np.diff(self._binned.offsets)
        column, bin = np.nonzero(np.arange(widest) < counts[:, None])
        return np.asarray((column * widest + bin)[bin != self._fullest[column]], dtype=np.int64)

    def _split(self, body: bytes) -> None:
        fields = load_control(Kind.SPLIT, body)
        node = fields.integer("node", 1, MAX_NODE)
        bin = fields.integer("bin", 0, self._binned.total - 1)
        fields.end()
        left = goes_left(self._binned, self._node(node), bin)
        self._divide(node, left)
        self.splits.append((self._tree, node, bin))
        self._channel.send_control(Kind.PARTITION, left=dump_bits(left))

    def _follow(self, body: bytes) -> None:
        fields = load_control(Kind.FOLLOW, body)
        node = fields.integer("node", 1, MAX_NODE)
        left = read_bits(fields, "left", len(self._node(node)))
        fields.end()
        self._divide(node, left)

    def _divide(self, node: int, left: npt.NDArray[np.bool_]) -> None:
        rows = self._rows.pop(node)
        self._rows[2 * node], self._rows[2 * node + 1] = rows[left], rows[~left]

    def _node(self, node: int) -> Rows:
        try:
            return self._rows[node]
        except KeyError:
            raise WireFormatError(f"the bank speaks of node {node}, which is no open node of this tree") from None


def _fullest(binned: Binned, train_rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """int64[columns]: the bin of each column that has most training rows, counted from the column's first bin."""
    counts = np.bincount(binned.bins[train_rows].ravel(), minlength=binned.total)
    starts, stops = binned.offsets[:-1], binned.offsets[1:]
    return np.array([int(np.argmax(counts[a:b])) for a, b in zip(starts, stops, strict=True)], dtype=np.int64)


def _in_words(split: tuple[int, int, int], binned: Binned, names: list[str]) -> OwnSplit:
    tree, node, bin = split
    column = int(np.searchsorted(binned.offsets, bin, side="right")) - 1
    return OwnSplit(tree, node, names[column], int(binned.thresholds[column][bin - binned.offsets[column]]))
