"""Every device grows the trees that the CPU grows."""

import pytest

from hepy.demos.joint_modeling import boosting, data, encrypted


@pytest.mark.parametrize("device", ["emulator", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def test_trees_are_the_cpus(tmp_path, device):
    customers = data.load(100)
    train_rows = data.stratified_folds(customers.labels, 5, 0) != 0
    parameters = boosting.Parameters(trees=1, depth=2, least_hessian=0.5)
    digests = {
        encrypted.train_encrypted(
            customers, train_rows, parameters, tmp_path / name, seed=0, key_bits=512, device=name
        ).digest
        for name in ("cpu", device)
    }
    assert len(digests) == 1
