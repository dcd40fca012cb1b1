"""A case as Markdown: with diagrams in Mermaid, which GitHub draws, and the same as plain text, which any terminal shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recsys_lab.course import lessons
from recsys_lab.course.interview.arithmetic import stated
from recsys_lab.course.interview.case import Case, Criterion, Design


def mermaid(design: Design) -> str:
    """The design as a flow chart in Mermaid's language."""
    parts = [f'    {part.id}["{part.label}"]' for part in design.part]
    flows = [f'    {flow.source} -->|"{_quiet(flow.carries)}"| {flow.target}' for flow in design.flow]
    return "\n".join(["flowchart LR", *parts, *flows])


def _quiet(text: str) -> str:
    return text.replace('"', "'").replace("|", "/")


def plain(design: Design) -> str:
    """The design as text: each component with what it does, and what it gives to whom."""
    from recsys_lab.course.questionnaire import wrapped  # it imports pandas

    blocks = []
    for part in design.part:
        lines = [wrapped(part.does, f"[{part.label}] ")]
        lines += [
            wrapped(f"{flow.carries} --> [{design.label(flow.target)}]", "    ")
            for flow in design.flow
            if flow.source == part.id
        ]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def titled(ids: Iterable[str]) -> str:
    """Lessons by id and title, in one line."""
    known = lessons.entries()
    return ", ".join(f"{id} {known[id].title}" for id in ids)


def rubric(criteria: Iterable[Criterion]) -> str:
    """The criteria as a Markdown table: a row each, a column for each level."""
    rows = [f"| **{c.title}** (weight {c.weight:g}) | {' | '.join(map(_cell, c.levels))} |" for c in criteria]
    return "\n".join(["| criterion | 0 | 1 | 2 | 3 | 4 |", "|---|---|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def markdown(case: Case) -> str:
    """The whole case, with all its answers."""
    return "\n\n".join(_blocks(case)) + "\n"


def _blocks(case: Case) -> Iterator[str]:
    yield f"# {case.title}\n\n> {case.prompt}"
    yield f"**What decides here.** {case.decides}"
    yield "## Questions to ask"
    for question in case.clarifying:
        yield f"**{question.ask}** {question.answer} *{question.turns}*"
    yield "## Requirements"
    yield "\n".join(f"- {text}" for text in (*case.functional, *case.quality))
    yield numbers(case)
    yield f"## A reference design\n\n{case.design.idea}"
    yield f"```mermaid\n{mermaid(case.design)}\n```"
    yield f"```text\n{plain(case.design)}\n```"
    yield "## Deep dives"
    for dive in case.dive:
        yield f"**{dive.ask}** {dive.answer} (Lessons: {titled(dive.lessons)}.)"
    yield "## Trade-off cards"
    for card in case.card:
        yield f"**{card.title}** Ask: {card.decides}\n\n- {card.a}: {card.a_when}\n- {card.b}: {card.b_when}"
    yield f"## Find the flaw\n\n{case.flawed.idea}"
    yield f"```mermaid\n{mermaid(case.flawed)}\n```"
    yield f"```text\n{plain(case.flawed)}\n```"
    yield "<details><summary>The flaws</summary>"
    for flaw in case.flawed.flaw:
        yield f"- **{case.flawed.label(flaw.place)}: {flaw.name}.** {flaw.why} *Remedy:* {flaw.remedy}"
    yield "</details>"
    yield "## Post-mortems"
    for one in case.postmortem:
        yield (
            f"**{one.title}** ({one.source}). {one.happened}\n\n- *Why no test saw it:* {one.unseen}\n"
            f"- *What would have:* {one.would}"
        )
    yield f"## Rubric\n\n{rubric(case.criterion)}"
    yield "## Published\n\n" + "\n".join(f"- {text}" for text in case.source)


def numbers(case: Case) -> str:
    """Assumptions, and what follows from them with its expression, as Markdown."""
    known = case.numbers()
    assumed = [f"| {one.says} | `{one.name}` | {stated(one.name, one.value)} |" for one in case.given]
    follows = [
        f"| {one.says} | `{one.name} = {one.expression}` | {stated(one.name, known[one.name])} |" for one in case.number
    ]
    heads = ["| what | name | value |", "|---|---|---|"]
    worked = ["| what follows | how | value |", "|---|---|---|"]
    return "\n".join(["## Numbers", "", *heads, *assumed, "", *worked, *follows])
