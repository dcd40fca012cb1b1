"""What a project's pyproject.toml says that it needs."""

from __future__ import annotations

import re
from importlib.metadata import entry_points

from recsys_lab.course.capstone.bench import Bench


def declared(bench: Bench, optional: bool) -> set[str]:
    """Names of the distributions that it depends on; optional : with those of its extras and groups."""
    project = bench.declared["project"]
    found = set(map(plain, project.get("dependencies", [])))
    if optional:
        groups = [*project.get("optional-dependencies", {}).values()]
        groups += bench.declared.get("dependency-groups", {}).values()
        found |= {plain(one) for group in groups for one in group if isinstance(one, str)}
    return found


def plugins(bench: Bench) -> list[str]:
    """Options that load pytest's plugins of these distributions. The others, which the course's own tests use, cost a second."""
    ours = declared(bench, optional=True)
    return [f"-p{one.name}" for one in entry_points(group="pytest11") if one.dist and plain(one.dist.name) in ours]


def plain(requirement: str) -> str:
    """A distribution's name as indexes compare them.

    >>> plain("Recsys_Lab[serve]>=0.1; python_version > '3'")
    'recsys-lab'
    """
    name = re.match(r"\s*[A-Za-z0-9._-]*", requirement)
    return re.sub(r"[-_.]+", "-", name[0].strip() if name else "").lower()
