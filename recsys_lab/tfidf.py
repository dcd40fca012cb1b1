"""From descriptions to vectors: the terms of an item, and what each term weighs.

documents   a row of the table of items -> its terms: title words, genres, actors
tfidf       the terms of all items -> one vector of length 1 for each; rare terms weigh more
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.errors import DataError


def words(text: str) -> list[str]:
    """The words of a title: lower case, without accents; digits are words ("Apollo 13"), an apostrophe belongs to its word.

    Accents go because tables are not consistent: ml-small-2016 spells 60 words both ways. No word is left out as too
    common: that is what idf is for.

    >>> words("Pokémon 2000: Schindler's List")
    ['pokemon', '2000', "schindler's", 'list']
    """
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", unicodedata.normalize("NFC", letters).replace("’", "'").lower())


def documents(items: pd.DataFrame, fields: str | None = None) -> list[list[str]]:
    """The terms of each row of a table of items, in the order of its columns.

    Column title is cut into `words`. Any other column holds tags, whole, joined by "|" ("Comedy|Romance"). Each term
    says which column it is from, so that the year 1984 is not the title 1984. A missing value has no terms.

    Parameters
    ----------
    fields : names of columns joined by "|", such as "title|genres"; None takes each column that holds text.

    >>> from recsys_lab import datasets
    >>> documents(datasets.toy().items)[0]
    ['title: star', 'title: harbour', 'genres: Adventure', 'genres: Sci-Fi']
    """
    text = [
        column
        for column in items.columns
        if column != "item"
        and pd.api.types.infer_dtype(items[column].astype(object), skipna=True) in ("string", "empty")
    ]
    chosen = text if fields is None else fields.split("|")
    if wrong := [field for field in chosen if field not in text]:
        raise DataError(
            f"fields={fields!r}: the table of items has no text column {wrong[0]!r}; it has {', '.join(text) or 'none'}."
        )
    out: list[list[str]] = [[] for _ in range(len(items))]
    for field in chosen:
        for terms, value in zip(out, items[field].astype(object).where(items[field].notna(), "")):
            parts = words(value) if field == "title" else [tag.strip() for tag in value.split("|")]
            terms += [f"{field}: {part}" for part in parts if part]
    return out


def tfidf(
    documents: Sequence[Sequence[str]], *, sublinear: bool = False, smooth: bool = True, min_df: int = 1
) -> tuple[sparse.csr_array, np.ndarray]:
    """Weigh the terms of documents: x (n_documents, n_terms), CSR, rows of length 1; and the terms, sorted.

        x_it = tf_it idf_t / |that row|     tf_it = count of t in i            or 1 + ln(count)      if sublinear
                                            idf_t = ln((1 + n) / (1 + df_t)) + 1   or ln(n / df_t) + 1   if not smooth

    with n documents, df_t of which have the term. A term that is everywhere gets weight 1, not 0; smoothing acts as if
    one more document had every term. A document without terms has a row of zeros. O(number of terms, with repeats).

    Parameters
    ----------
    min_df : terms in fewer documents are left out.

    Raises DataError where no term is left. Equal to scikit-learn's TfidfVectorizer. Source: Spärck Jones 1972;
    Salton and Buckley 1988.

    >>> x, terms = tfidf([["space", "robot"], ["space", "opera", "opera"], ["cake"]])
    >>> terms.tolist(), x.toarray().round(2)[0].tolist()
    (['cake', 'opera', 'robot', 'space'], [0.0, 0.0, 0.8, 0.61])
    """
    terms = np.array(sorted({term for document in documents for term in document}), dtype=object)
    column = {term: t for t, term in enumerate(terms)}
    rows = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    columns = np.array([column[term] for document in documents for term in document], dtype=int)
    tf = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(documents), len(terms)))  # repeats add up
    df = np.bincount(tf.indices, minlength=len(terms))
    keep = df >= min_df
    if not keep.any():
        raise DataError(
            f"an empty vocabulary: no term is in min_df={min_df} of the {len(documents):,} items; lower min_df."
            if len(terms)
            else "an empty vocabulary: no item has a word or a tag. Give a table with text, such as columns title and genres."
        )
    tf, df, terms = tf[:, keep], df[keep], terms[keep]
    if sublinear:
        tf.data = 1 + np.log(tf.data)
    idf = np.log((1 + len(documents)) / (1 + df)) + 1 if smooth else np.log(len(documents) / df) + 1
    x = sparse.csr_array(tf * idf)
    x.data /= np.repeat(lengths(x), np.diff(x.indptr))
    return x, terms


def lengths(vectors: sparse.csr_array) -> np.ndarray:
    """|row| for each row."""
    return np.sqrt((vectors * vectors).sum(axis=1))
