"""The checklist: what somebody who opens the repository would stumble over, and what must not be published.

Each check takes the folder and gives what it found, one line a problem. A number in the learner's own words has a proof if a
number of measured.json, rounded to as many digits, equals it; whether it is the right one, a reader must judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

from recsys_lab.course.capstone.checks.papers import unanswered
from recsys_lab.course.portfolio import build, texts
from recsys_lab.course.portfolio.gather import why_not

_TEXTS = (".md", ".html", ".py", ".toml", ".yaml", ".yml", ".json", ".txt", ".cfg", ".ini", ".sh", ".ipynb", "")
LEVEL = 95.0  # per cent, of all intervals
_CODE = re.compile(r"```.*?```|`[^`\n]*`|<!--.*?-->|<(style|script)\b.*?</\1>", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![\w./,])(?<![A-Za-z]-)"
    r"(?:\d+\.\d+(?![\w.]*\d)|\d+(?:\.\d+)?(?=\s?(?:%|per ?cent))|\d{1,3}(?:,\d{3})+(?![\w,]*\d)"
    r"|(?!(?:19|20)\d\d\b)\d{3,}\b(?![-.,]?\w))(\s?(?:%|per ?cent))?"
)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
_LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)|(?:href|src)=\"([^\"]+)\"")
_SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{20,}|xox[abpr]-[\w-]{10,}|\bsk-[\w-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\w+://[^\s/:@\"']+:[^\s/@\"'$<{]+@|(?i:password|passwd|secret|api_?key|access_?token)[\"']?\s*[:=]\s*[\"'][^\"'\s]{6,}[\"']"
)
_PATHS = re.compile(r"(?<![\w.:/])/(?:home|Users|root|mnt|media)/\w[^\s\"'`)]*|\b[A-Za-z]:\\\\?\w[^\s\"'`)]*")


def check(folder: Path) -> list[str]:
    """All problems of a portfolio, [] if there is none. Raises MissingDataError where the folder holds no portfolio."""
    measured = build.read(folder)
    checks: tuple[Callable[[Path, dict[str, Any]], Iterator[str]], ...] = (
        unchanged, _blocks, _proofs, _own_words, _links, _pictures, _page, _licence, _card, _content,
    )  # fmt: skip
    return [problem for one in checks for problem in one(folder, measured)]


# ---------------------------------------------------------------------- numbers
def unchanged(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    """Are measured values, figures, page and project what the last build wrote?"""
    made = build.hashes(folder)
    if build.MEASURED not in made:
        yield f"{build.HASHES} does not name {build.MEASURED}: build the portfolio again."
    for path, digest in made.items():
        if not (folder / path).is_file():
            yield f"{path} is gone: build the portfolio again."
        elif build.hash_of((folder / path).read_bytes()) != digest:
            where = "change it in the capstone" if path.startswith("project/") else "remove it"
            yield f"{path} is not what the last build wrote: {where}, and build again."


def _blocks(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    """Do the generated blocks say what was measured?"""
    for name, blocks in (("README.md", texts.readme(measured)), ("DEMO.md", texts.demo(measured))):
        text = _read(folder / name)
        if name == "README.md" and not text:
            yield "there is no README.md."
        for found in texts.MARKED.finditer(text):
            want, got = blocks.get(found[2]), found[3].strip()
            if want is None or want.strip() == got:
                continue
            wrong = sorted(set(numbers(got)) - set(numbers(want)))
            what = f"it says {wrong[0]}, which was not measured" if wrong else f"it is not what {build.MEASURED} makes"
            yield f"{name}, block {found[2]!r}: {what}; build again, and write your own words outside the markers."


def _proofs(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    """Has each number in the learner's own words a measured one behind it?"""
    known = [*values(measured), LEVEL]
    for name in ("README.md", "DEMO.md"):
        own = texts.MARKED.sub("", _read(folder / name))
        for number in numbers(own):
            if not proven(number, known):
                yield f"{name}: {number} stands in no measured value; measure it, or leave it out."


def numbers(text: str) -> list[str]:
    """Numbers that claim a measurement: with a decimal point, per cent, or from 100 on, but no year. None in code and links.

    >>> numbers("-0.31 of `0.5`, 12 % and 3 films; version 1.2.3 of ml-0.4, 0.35-0.38")
    ['0.31', '12 %', '0.35', '0.38']
    >>> numbers("In 2026 it served 12,000 users of MovieLens 100K in 24 hours, 843 of them twice; https://x.org/500")
    ['12,000', '843']
    """
    plain = re.sub(r"\]\([^)]*\)", "]", _CODE.sub(" ", text))
    return [found[0] for found in _NUMBER.finditer(plain)]


def proven(number: str, known: list[float]) -> bool:
    """
    >>> proven("0.31", [0.3098]), proven("31 %", [0.3098]), proven("0.32", [0.3098]), proven("1,682", [1682])
    (True, True, False, True)
    """
    digits = re.match(r"[\d.]+", number.replace(",", ""))[0]  # type: ignore[index]
    places = len(digits.partition(".")[2])
    times = (1, 100) if number.endswith(("%", "cent")) else (1,)
    return any(f"{abs(value) * factor:.{places}f}" == digits for value in known for factor in times)


def values(measured: Any) -> Iterator[float]:
    """All numbers, those in texts too."""
    if isinstance(measured, dict):
        for value in measured.values():
            yield from values(value)
    elif isinstance(measured, list):
        for value in measured:
            yield from values(value)
    elif isinstance(measured, (int, float)):
        yield float(measured)
    elif isinstance(measured, str):
        yield from (float(number) for number in re.findall(r"\d+(?:\.\d+)?", measured.replace(",", "")))


# ---------------------------------------------------------------------- words and figures
def _own_words(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    for name in ("README.md", "DEMO.md"):
        if texts.WAITING in _read(folder / name):
            yield f"{name}: {texts.WAITING.strip('*')!r} still waits for them."


def _links(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    for path in _files(folder):
        if path.suffix not in (".md", ".html"):
            continue
        for found in _LINK.finditer(_CODE.sub(" ", _read(path))):
            target = (found[1] or found[2]).partition("#")[0]
            if target and not re.match(r"[a-z]+:|//", target) and not (path.parent / target).exists():
                yield f"{_name(folder, path)}: the link to {target} leads nowhere."


def _pictures(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    for path in _files(folder):
        text = _read(path)
        if path.suffix == ".md":
            bare = [target for alt, target in _IMAGE.findall(text) if not alt.strip()]
        elif path.suffix == ".html":
            tags = re.findall(r"<img\b[^>]*>", text)
            bare = [f"picture {i}" for i, tag in enumerate(tags, 1) if not re.search(r"\balt=\"[^\"]*\S[^\"]*\"", tag)]
        else:
            continue
        yield from (f"{_name(folder, path)}: {target} has no alternative text." for target in bare)


def _page(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    """The page is of the same numbers, and asks nobody for anything."""
    text = _read(folder / "index.html")
    if not text:
        yield "there is no index.html: build the portfolio again."
        return
    if foreign := re.search(
        r"(?:src=\"|<link\b[^>]*href=\"|@import\s+[\"']?|url\([\"']?)(?:https?:)?//[^\"')\s]+", text
    ):
        yield f"index.html: it asks another server for something ({foreign[0][:80]})."
    known, words = [*values(measured), LEVEL], unescape(re.sub(r"<[^>]*>", " ", _CODE.sub(" ", text)))
    yield from (f"index.html: {n} stands in no measured value." for n in numbers(words) if not proven(n, known))
    missing = [
        paragraph
        for paragraph in texts.about(_read(folder / "README.md"))
        if paragraph not in " ".join(unescape(text).split())
    ]
    if missing:
        yield "index.html: your words at the top of README.md have changed since; build again."


# ---------------------------------------------------------------------- to be published, or not
def _licence(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    if not _read(folder / "LICENSE").strip():
        yield "there is no LICENSE: without one nobody may use what you show."


def _card(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    if not measured["capstone"]:
        return
    text = _read(folder / "project/MODEL_CARD.md")
    if not text:
        yield "project/MODEL_CARD.md: there is no model card."
        return
    yield from (f"project/MODEL_CARD.md: {name!r} waits for a person's answer." for name in unanswered(text))
    if "Not measured yet" in text:
        yield "project/MODEL_CARD.md: its numbers are not measured yet; run the capstone's `report`, and build again."


def _content(folder: Path, measured: dict[str, Any]) -> Iterator[str]:
    """Ratings, large files, secrets, paths of a machine."""
    for path in _files(folder):
        name = _name(folder, path)
        if why := why_not(path):
            yield f"{name}: {why}."
        if path.suffix in _TEXTS:
            text = _read(path)
            if _SECRETS.search(text):
                yield f"{name}: it holds what looks like a secret ({_SECRETS.search(text)[0][:12]}...)."  # type: ignore[index]
            if found := _PATHS.search(text):
                yield f"{name}: {found[0][:60]} is a path of one machine."


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and ".git" not in p.relative_to(folder).parts]


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
