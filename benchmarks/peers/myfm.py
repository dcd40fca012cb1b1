"""myFM: Bayesian matrix factorization by Gibbs sampling, rank 16, 200 iterations; plain, and with implicit features.

"flipped": each user's items and each item's users, of the training part only, as features (Rendle, Zhang, Koren 2019).
"""

from __future__ import annotations

from typing import Any

import myfm
import numpy as np
from scipy import sparse

from benchmarks.peers.serve import serve


def prepare(job: Any) -> Any:
    """Feature rows of each user and each item; the last row is for those who are not in training."""
    sizes = job.user.max() + 1, job.item.max() + 1
    ones = sparse.csr_matrix((np.ones(len(job.user)), (job.user, job.item)), shape=sizes)
    job.plain = [_with_empty_row(sparse.eye(n, format="csr")) for n in sizes]
    job.flipped = [
        _with_empty_row(sparse.hstack([sparse.eye(m.shape[0]), _scaled(m)], format="csr"))
        for m in (ones, ones.T.tocsr())
    ]
    job.groups = {
        "plain": [sizes[0], sizes[1]],
        "flipped": [sizes[0], sizes[1], sizes[1], sizes[0]],
    }
    job.test_rows = [
        np.where(job.test_user < 0, sizes[0], job.test_user),
        np.where(job.test_item < 0, sizes[1], job.test_item),
    ]
    return job


def _scaled(m: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.diags(1 / np.sqrt(np.maximum(m.sum(axis=1).A1, 1))) @ m


def _with_empty_row(m: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.vstack([m, sparse.csr_matrix((1, m.shape[1]))], format="csr")


def blocks(features: list, rows: list) -> list:
    return [myfm.RelationBlock(r.tolist(), f) for r, f in zip(rows, features)]


def plain(job: Any) -> Any:
    return _fitted(job, "plain")


def flipped(job: Any) -> Any:
    return _fitted(job, "flipped")


def _fitted(job: Any, kind: str) -> Any:
    model = myfm.MyFMRegressor(rank=16, random_seed=0)
    job.features = getattr(job, kind)
    rows = blocks(job.features, [job.user, job.item])
    return model.fit(None, job.rating, X_rel=rows, n_iter=200, group_shapes=job.groups[kind])


def ratings(model: Any, job: Any) -> np.ndarray:
    return model.predict(None, blocks(job.features, job.test_rows))


MODELS = {"Bayesian MF": plain, "Bayesian MF, flipped": flipped}

if __name__ == "__main__":
    serve("myfm", prepare, MODELS, {"ratings": ratings})
