"""The bank as one HTML file to read or print: no server, no script, no request; answers can be hidden on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from recsys_lab.course.bank.entries import LEVELS, SUBJECTS, Entry, Sql
from recsys_lab.production.pages import document

_STYLE = """
nav { display: flex; flex-wrap: wrap; gap: 0 1rem; }
a { color: inherit; }
section ol { padding-left: 2.2rem; } section li { margin: 0 0 1.1rem; break-inside: avoid; }
.question { font-weight: 600; margin: 0; } .answer { margin: .2rem 0; }
.source { font-size: .8em; color: var(--ink); opacity: .75; margin: .2rem 0; }
pre { background: var(--soft); border: 1px solid var(--line); padding: .5rem; overflow-x: auto; font-size: .85rem; }
code { background: var(--soft); padding: 0 .2rem; font-size: .9em; }
#hide:checked ~ main .behind { visibility: hidden; }
#hide:checked ~ main li:hover .behind { visibility: visible; }
@media print {
  :root { color-scheme: light; --ink: #000; --page: #fff; --soft: #fff; --line: #999; }
  body { max-width: none; padding: 0; font-size: 9.5pt; } .screen { display: none; }
  section { break-before: page; } section:first-of-type { break-before: auto; } pre { white-space: pre-wrap; }
  #hide:checked ~ main .behind { visibility: hidden; }
  @page { margin: 16mm; @bottom-right { content: counter(page); } }
}
"""


def page(entries: Iterable[Entry]) -> str:
    """The file's text: the questions by subject, each with its answer and source."""
    by_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        by_subject.setdefault(entry.subject, []).append(entry)
    total = sum(map(len, by_subject.values()))
    links = "".join(f'<a href="#{subject}">{SUBJECTS[subject]}</a>' for subject in by_subject)
    sections = "".join(_section(subject, part) for subject, part in by_subject.items())
    hide = (
        '<input type="checkbox" id="hide" class="screen"> '
        '<label for="hide" class="screen">Hide the answers: one shows under the pointer.</label>'
    )
    heading = f"<h1>RecSys Lab: {total} questions</h1>"
    return document(
        "RecSys Lab: question bank", f'{heading}<nav class="screen">{links}</nav>{hide}<main>{sections}</main>', _STYLE
    )


def prose(text: str) -> str:
    """Text as HTML; what stands in backticks becomes code.

    >>> prose("is `a < b` so?")
    'is <code>a &lt; b</code> so?'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def worked(sql: Sql) -> str:
    """The tables, the query, and its rows as HTML."""
    return f"<pre>{escape(sql.setup)}</pre><pre>{escape(sql.query)}</pre>{_table(sql.rows)}"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    return (
        "<table>"
        + "".join(f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in row)}</tr>" for row in rows)
        + "</table>"
    )


def _section(subject: str, entries: Sequence[Entry]) -> str:
    items = "".join(_item(entry) for entry in entries)
    return f'<section><h2 id="{subject}">{SUBJECTS[subject]}</h2><ol>{items}</ol></section>'


def _item(entry: Entry) -> str:
    sql = worked(entry.sql) if entry.sql else ""
    source = f"{escape(entry.source)} · in the course: {', '.join(entry.lessons)} · {LEVELS[entry.level]}"
    return (
        f'<li id="{entry.id}"><p class="question">{prose(entry.question)}</p><div class="behind"><p class="answer">'
        f'{prose(entry.answer)}</p>{sql}<p class="source">{source}</p></div></li>'
    )
