"""The clear learner against one that looks at every threshold of every column, row by row."""

import numpy as np
import pytest

from hepy.demos.joint_modeling import binning, boosting, data

ONE = 1 << boosting.SCALE_BITS


def customers(rows=300, columns=5, seed=1):
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 6, (rows, columns))
    labels = generator.random(rows) < 1 / (1 + np.exp(3 - values[:, 0] + 0.8 * (values[:, 3] > 2)))
    return values, labels, generator.random(rows) < 0.8


def slow_best_split(values, gradients, rows, parameters):
    """(gain, column, threshold), the first of the best, by summing rows for every threshold."""
    best = (0.0, None, None)
    g, h = (sum(int(v) for v in part[rows]) / ONE for part in gradients)
    for column in range(values.shape[1]):
        for threshold in sorted(set(values[:, column]))[:-1]:
            left = [row for row in rows if values[row, column] <= threshold]
            gl, hl = (sum(int(part[row]) for row in left) / ONE for part in gradients)
            gr, hr = (
                (sum(int(v) for v in part[rows]) - sum(int(part[row]) for row in left)) / ONE for part in gradients
            )
            if hl < parameters.least_hessian or hr < parameters.least_hessian:
                continue
            ridge = parameters.ridge
            gain = gl * gl / (hl + ridge) + gr * gr / (hr + ridge) - g * g / (h + ridge)
            if gain > best[0]:
                best = (gain, column, threshold)
    return best


def test_every_split_of_a_tree_is_the_best_by_brute_force():
    values, labels, train_rows = customers()
    parameters = boosting.Parameters(trees=1, depth=3)
    half = (binning.bin_columns(values[:, :2], train_rows), binning.bin_columns(values[:, 2:], train_rows))
    (tree,), _ = boosting.train(labels, train_rows, [boosting.LocalColumns(b) for b in half], parameters)
    share = labels[train_rows].mean()
    margins = np.full(len(labels), np.log(share / (1 - share)))
    gradients = np.where(train_rows, boosting.gradients_of(margins, labels), 0)
    rows = {1: np.arange(len(labels))}
    splits = {split.node: split for split in tree.splits}
    assert len(splits) > 3
    for node in range(1, 8):
        if node not in rows:
            continue
        here = rows[node][train_rows[rows[node]]]
        gain, column, threshold = slow_best_split(values, gradients, here, parameters)
        if column is None:
            assert node not in splits
            continue
        split = splits[node]
        assert split.gain == gain
        assert split.holder == (0 if column < 2 else 1)
        left = values[rows[node], column] <= threshold
        found = boosting.goes_left(half[split.holder], rows[node], split.bin)
        assert np.array_equal(left, found)
        rows[2 * node], rows[2 * node + 1] = rows[node][left], rows[node][~left]
    assert {node for node, _ in tree.leaves} == {n for n in rows if 2 * n not in rows}


def test_leaves_take_newton_steps():
    values, labels, train_rows = customers()
    parameters = boosting.Parameters(trees=1, depth=1, learning_rate=0.5, ridge=2.0)
    binned = binning.bin_columns(values, train_rows)
    (tree,), scores = boosting.train(labels, train_rows, [boosting.LocalColumns(binned)], parameters)
    p = labels[train_rows].mean()
    start = np.log(p / (1 - p))
    left = boosting.goes_left(binned, np.arange(len(labels)), tree.splits[0].bin)
    for side in (left, ~left):
        inside = side & train_rows
        step = 0.5 * (labels[inside] - p).sum() / (inside.sum() * p * (1 - p) + 2.0)
        assert scores[side] == pytest.approx(start + step, abs=1e-5)


def test_more_trees_fit_the_training_rows_better_and_begin_alike():
    values, labels, train_rows = customers()
    holders = [boosting.LocalColumns(binning.bin_columns(values, train_rows))]
    few, at_three = boosting.train(labels, train_rows, holders, boosting.Parameters(trees=3))
    many, at_nine = boosting.train(labels, train_rows, holders, boosting.Parameters(trees=9))
    assert many[:3] == few
    signs = np.where(labels[train_rows], 1, -1)
    loss = [np.log1p(np.exp(-signs * scores[train_rows])).mean() for scores in (at_three, at_nine)]
    assert loss[1] < loss[0]


def test_digest_tells_trees_apart_by_the_last_bit():
    leaves = ((1, 0.25),)
    split = boosting.Split(1, 0, 3, 1.5)
    tree = boosting.Tree((split,), leaves)
    near = boosting.Tree((boosting.Split(1, 0, 3, float(np.nextafter(1.5, 2.0))),), leaves)
    assert boosting.digest([tree]) == boosting.digest([boosting.Tree((split,), leaves)])
    assert boosting.digest([tree]) != boosting.digest([near])


def test_gradients_are_bounded_at_both_ends():
    margins = np.array([-800.0, 800.0, 0.0])
    with np.errstate(over="ignore"):
        out = boosting.gradients_of(margins, np.array([True, False, True]))
    assert out.tolist() == [[-(ONE - 1), ONE - 1, -ONE // 2], [0, 0, ONE // 4]]


def test_bins_keep_order_and_are_cut_by_training_rows_only():
    generator = np.random.default_rng(5)
    values = np.stack([generator.integers(0, 1000, 400), generator.integers(0, 4, 400), np.full(400, 7)], axis=1)
    train_rows = np.arange(400) < 300
    binned = binning.bin_columns(values, train_rows)
    counts = np.diff(binned.offsets)
    assert counts[0] == binning.MAX_BINS
    assert counts[1:].tolist() == [4, 1]
    for f in range(3):
        bins = binned.bins[:, f] - binned.offsets[f]
        assert bins.min() >= 0
        assert bins.max() < counts[f]
        order = np.argsort(values[:, f], kind="stable")
        assert (np.diff(bins[order]) >= 0).all()
        for b, threshold in enumerate(binned.thresholds[f]):
            assert np.array_equal(bins <= b, values[:, f] <= threshold)
    changed = values.copy()
    changed[300:] = -1
    assert np.array_equal(binning.bin_columns(changed, train_rows).bins[:300], binned.bins[:300])


def test_caravan_is_what_the_papers_say():
    customers = data.load()
    assert (len(customers.labels), int(customers.labels.sum())) == (5822, 348)
    assert (len(customers.partner.names), len(customers.bank.names)) == (43, 42)
    assert customers.partner.names[0] == "MOSTYPE"
    assert customers.bank.names[0] == "PWAPART"
    assert data.LABEL not in customers.bank.names + customers.partner.names


def test_samples_and_folds_keep_the_share_of_buyers():
    customers = data.load(500, seed=3)
    assert len(customers.labels) == 500
    assert int(customers.labels.sum()) == 30
    folds = data.stratified_folds(customers.labels, 5, 3)
    assert [int(customers.labels[folds == k].sum()) for k in range(5)] == [6] * 5
    assert [int((folds == k).sum()) for k in range(5)] == [100] * 5
    assert np.array_equal(folds, data.stratified_folds(customers.labels, 5, 3))
    assert not np.array_equal(folds, data.stratified_folds(customers.labels, 5, 4))
