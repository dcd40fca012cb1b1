"""Indexes of vectors: the k vectors with the largest inner product with a query, exactly or nearly, over faiss.

A model of factors scores an item by p . q_i, so its best items are the nearest of the q_i by inner product. With a
million items, computing all of them for every request is the cost; an index computes a few and misses a few.

| kind  | looks at                                                | `effort`                       | bytes a vector |
|-------|---------------------------------------------------------|--------------------------------|----------------|
| exact | every vector                                            | none                           | 4 d            |
| hnsw  | neighbours of neighbours in a graph, from far to near   | efSearch, the queue's length   | 4 d + 8 links  |
| ivf   | the vectors of the cells whose centres are nearest      | nprobe, how many cells         | 4 d + 8        |
| pq    | as ivf, but a vector is a code of `code` bytes          | nprobe                         | code + 8       |

More effort finds more of the exact answer and takes longer: recall against latency, the curve of lesson 4.5.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from recsys_lab import checks
from recsys_lab.errors import DataError, MissingExtraError, NotFittedError

KINDS = ("exact", "hnsw", "ivf", "pq")


class Found(NamedTuple):
    """Rows of the vectors (m, k), best first, -1 where fewer were found; their scores; distances computed, in all."""

    rows: np.ndarray
    scores: np.ndarray
    work: int


class VectorIndex:
    """An index of one of four kinds; one thread, so that the same vectors give the same index.

    Parameters
    ----------
    kind : "exact", "hnsw", "ivf" or "pq"; see the top of this file.
    links : of hnsw, M: each vector is linked to so many, 2 links on the lowest level; 16 to 64 is usual.
    care : of hnsw, efConstruction: how many candidates are weighed for the links; 40 to 400 is usual.
    cells : of ivf and pq, how many; None: 4 sqrt(n). Their centres come from k-means on at most 64 vectors a cell.
    code : of pq, bytes a vector; each byte codes d / code of the numbers, so it must divide d.
    seed : of k-means.

    Raises MissingExtraError without faiss, DataError for a parameter out of range.

    Sources: Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search" (ivf, pq); Malkov and
    Yashunin 2018, "Efficient and robust approximate nearest neighbor search using HNSW graphs"; Bachrach et al. 2014,
    "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces" (vectors of one
    length); Johnson, Douze and Jégou 2017, "Billion-scale similarity search with GPUs" (faiss).

    >>> vectors = np.eye(3, dtype=np.float32)
    >>> VectorIndex(kind="exact").build(vectors).search([[0.1, 0.9, 0.2]], k=2).rows.tolist()
    [[1, 2]]
    """

    def __init__(
        self,
        *,
        kind: str = "hnsw",
        links: int = 32,
        care: int = 100,
        cells: int | None = None,
        code: int = 16,
        seed: int = 0,
    ):
        self.kind = kind
        self.links = links
        self.care = care
        self.cells = cells
        self.code = code
        self.seed = seed

    def build(self, vectors: np.ndarray) -> Self:
        """Index these vectors, (n, d), kept as float32. Row numbers are the ids that `search` gives."""
        checks.choice("kind", self.kind, KINDS)
        x = _matrix("vectors", vectors)
        n, d = x.shape
        checks.whole("links", self.links, 2, "each vector of the graph is linked to so many")
        checks.whole("care", self.care, 1, "so many candidates are weighed for the links")
        if self.kind == "pq" and d % self.code:
            raise DataError(f"code={self.code}: it must divide the {d} numbers of a vector, such as {_divisor(d)}.")
        cells = min(n, round(4 * n**0.5)) if self.cells is None else self.cells
        checks.whole("cells", cells, 1, "the vectors are dealt into cells", high=n)
        faiss = _faiss()
        metric = faiss.METRIC_INNER_PRODUCT
        if self.kind == "exact":
            index = faiss.IndexFlatIP(d)
        elif self.kind == "hnsw":
            # By inner product the longest vectors are everybody's neighbours, and a walk gets stuck among them. One more
            # number gives all vectors the same length; then the nearest by distance has the largest inner product.
            squared = np.einsum("nd,nd->n", x, x)
            self.length_ = float(squared.max())
            x = np.column_stack([x, np.sqrt(np.maximum(self.length_ - squared, 0))])
            index = faiss.IndexHNSWFlat(d + 1, self.links)
            index.hnsw.efConstruction = self.care
        else:
            # faiss keeps the centres at length 1: by inner product, a long one would draw all vectors to it.
            centres = faiss.IndexFlatIP(d)
            index = (
                faiss.IndexIVFFlat(centres, d, cells, metric)
                if self.kind == "ivf"
                else faiss.IndexIVFPQ(centres, d, cells, self.code, 8, metric)
            )
            index.cp.seed, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = self.seed, 64, 1
            if self.kind == "pq":  # 8 bits: 256 pieces to choose from for each byte
                tables = index.pq.cp
                tables.seed, tables.niter = self.seed, 15
                tables.max_points_per_centroid, tables.min_points_per_centroid = 32, 1
            index.train(x)
        index.add(x)
        self.index_, self.shape_, self.cells_ = index, (n, d), cells
        return self

    def search(self, queries: np.ndarray, k: int = 10, effort: int | None = None) -> Found:
        """The k vectors with the largest inner product with each query, (m, d), as far as they are found.

        effort : efSearch of hnsw (None: 64), nprobe of ivf and pq (None: 8); exact has none.
        """
        if not hasattr(self, "index_"):
            raise NotFittedError("this VectorIndex holds no vectors: call build(vectors) first.")
        q = _matrix("queries", queries)
        n, d = self.shape_
        if q.shape[1] != d:
            raise DataError(f"queries have {q.shape[1]} numbers each, the vectors {d}.")
        checks.whole("k", k, 1, "so many vectors are wanted", high=n)
        faiss, index = _faiss(), self.index_
        hnsw, ivf = faiss.cvar.hnsw_stats, faiss.cvar.indexIVF_stats
        hnsw.reset(), ivf.reset()
        if self.kind == "hnsw":
            index.hnsw.efSearch = self._effort(effort, 64)
            apart, rows = index.search(np.column_stack([q, np.zeros(len(q), dtype=np.float32)]), k)
            scores = (
                np.einsum("md,md->m", q, q)[:, None] + self.length_ - apart
            ) / 2  # |q - x|^2 = |q|^2 + |x|^2 - 2 q . x
            return Found(rows, np.where(rows < 0, -np.inf, scores), int(hnsw.ndis))
        if self.kind in ("ivf", "pq"):
            index.nprobe = min(self._effort(effort, 8), self.cells_)
        scores, rows = index.search(q, k)
        work = len(q) * n if self.kind == "exact" else ivf.ndis + len(q) * self.cells_
        return Found(rows, scores, int(work))

    @property
    def bytes_per_vector(self) -> float:
        """Of the index as it would be saved, everything counted: links, ids, centres."""
        return len(_faiss().serialize_index(self.index_)) / self.shape_[0]

    @staticmethod
    def _effort(effort: int | None, usual: int) -> int:
        checks.whole("effort", usual if effort is None else effort, 1, "more of it finds more")
        return usual if effort is None else int(effort)


def recall(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The share of the exact rows (m, k) that are among the rows found (m, any), one value a query.

    >>> recall(np.array([[3, 7, -1]]), np.array([[7, 9, 3]])).round(3)
    array([0.667])
    """
    return (np.asarray(found)[:, None, :] == np.asarray(exact)[:, :, None]).any(axis=2).mean(axis=1)


def grow(vectors: np.ndarray, n: int, seed: int = 0, spread: float = 0.5) -> np.ndarray:
    """A catalogue of n vectors that looks like this one from afar, (n, d) float32: real vectors and their relatives.

    Each new vector is a real one, drawn at random, plus normal noise with `spread` squared times the covariance of all. So
    the cloud keeps its shape and its long vectors. With a small spread the relatives form tight clusters, which flatters
    indexes of cells; with a large one the catalogue is a single cloud. For tests of size only: they are nobody's films.
    """
    x = _matrix("vectors", vectors)
    checks.whole("n", n, 1, "the size of the catalogue")
    checks.number("spread", spread, 0, "how far a relative lies from its film, in standard deviations of all")
    rng = np.random.default_rng(seed)
    half = np.linalg.cholesky(np.cov(x.T) + 1e-9 * np.eye(x.shape[1])).T.astype(np.float32)
    out = x[rng.integers(len(x), size=n)]
    for start in range(0, n, 100_000):  # a second table of this size at most
        part = out[start : start + 100_000]
        part += np.float32(spread) * (rng.standard_normal(part.shape, dtype=np.float32) @ half)
    return out


def _matrix(name: str, values: Any) -> np.ndarray:
    x = np.ascontiguousarray(values, dtype=np.float32)
    if x.ndim != 2 or 0 in x.shape:
        raise DataError(f"{name} have the shape {x.shape}: a table (n, d) with at least one row is needed.")
    if not np.isfinite(x).all():
        raise DataError(f"{name} hold NaN or infinity: such a vector is near to nothing.")
    return x


def _divisor(d: int) -> int:
    """The largest divisor of d up to 16."""
    return max(c for c in range(1, 17) if d % c == 0)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("an index of vectors needs faiss: pip install 'recsys-lab[ann]'.") from error
    faiss.omp_set_num_threads(1)  # with more, the graph of hnsw depends on which thread was first
    return faiss
