"""The answers of exercise 3.8.2 are written down in its module; here the tools are really asked."""

from __future__ import annotations

import pytest

from recsys_lab.course.exercises import e3_8
from recsys_lab.production import shipping

pytestmark = pytest.mark.skipif(
    not shipping.TOOLS.is_dir(), reason="needs the tools that check what is shipped: python3 .ci/install.py deploy"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shipping.new(tmp_path_factory.mktemp("ship") / "new")


@pytest.mark.parametrize("letter", e3_8.PLANTED)
def test_who_sees_a_planted_mistake(letter, folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    expected = [] if e3_8.SEEN[letter] == "none" else [e3_8.SEEN[letter]]
    assert e3_8.found_by(letter, folder) == expected
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_reader_of_a_file_is_asked():
    asked = {
        tool.command[0] for file, *_ in e3_8.PLANTED.values() for tool in shipping.CHECKS if e3_8._reads(tool, file)
    }
    assert asked == {tool.command[0] for tool in shipping.CHECKS}
