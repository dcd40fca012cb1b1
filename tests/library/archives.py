"""Archives in the originals' formats, built from the fetched set on the fly: no data is committed."""

from __future__ import annotations

import hashlib
import io
import zipfile

from recsys_lab import datasets, formats


def grouplens_zip(data: datasets.Dataset) -> bytes:
    """ml-100k.zip as GroupLens publishes it: bars and tabs, Latin-1, years in titles, genres as flags."""
    ratings = data.ratings.sort_values("timestamp")[["user", "item", "rating", "timestamp"]].astype(int)
    lines = []
    for film in data.items.itertuples():
        title = film.title if film.title == "unknown" else f"{film.title} ({film.year})"
        if film.item == 1412:
            title += " (V)"  # as in the original
        found = set(film.genres.split("|")) if film.genres else {"unknown"}
        flags = "|".join("1" if g in found else "0" for g in formats.ML_100K_GENRES)
        lines.append(f"{film.item}|{title}|01-Jan-1995||http://example.org/{film.item}|{flags}")
    assert data.users is not None
    return zipped(
        {
            "ml-100k/u.data": ratings.to_csv(sep="\t", header=False, index=False, lineterminator="\n").encode(),
            "ml-100k/u.item": ("\n".join(lines) + "\n").encode("latin-1"),
            "ml-100k/u.user": data.users.to_csv(sep="|", header=False, index=False, lineterminator="\n").encode(),
        }
    )


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
