"""The environment check: silent about versions while all is well, and clear about what is missing."""

from __future__ import annotations

import importlib.metadata
import shutil
from types import SimpleNamespace

import pytest

from recsys_lab import datasets
from recsys_lab.course import environment
from recsys_lab.errors import DataError, MissingExtraError


def failed() -> dict[str, str]:
    return {v.what: v.remedy for v in environment.verdicts() if not v.ok}


def test_all_is_well_here(capsys):
    environment.check()
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6] for line in lines[:5]] == ["OK    "] * 5
    assert lines[-1] == "Everything is ready."


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 9, 1))
    assert "this is 3.9.1" in failed()["Python 3.11 or newer"]


def test_missing_and_old_packages_are_named(monkeypatch):
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "duckdb":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "pandas" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    remedy = failed()["the packages that phases 1 and 2 need"]
    assert "duckdb is missing" in remedy
    assert "pandas is 0.1, needed >=2.3" in remedy
    assert "make lab" in remedy


def test_damaged_data_is_told_in_the_data_sets_own_words(monkeypatch, capsys):
    def damaged(name: str) -> str:
        raise DataError(f"{name} is damaged: fetch it again.")

    monkeypatch.setattr(datasets, "verify", damaged)
    environment.check()
    out = capsys.readouterr().out
    assert "FAIL  MovieLens 100K, complete and verified: ml-100k is damaged: fetch it again." in out
    assert "1 of 5 checks failed" in out


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    def broken() -> object:
        raise OSError("no such device")

    monkeypatch.setattr(datasets, "toy", broken)
    assert failed()["the compiled loops of the library run"] == "OSError: no such device"


def test_a_full_disk_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5 * 2**20))
    (remedy,) = failed().values()
    assert "only 5 MB are free" in remedy


def without(monkeypatch, *names: str) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_a_lesson_with_all_its_packages_says_nothing(capsys):
    environment.needs("phase3")
    assert capsys.readouterr() == ("", "")


def test_a_lesson_without_its_packages_names_them_and_the_command(monkeypatch):
    without(monkeypatch, "statsmodels", "feast")  # feast is brought by an extra of the extra
    with pytest.raises(MissingExtraError) as caught:
        environment.needs("phase3")
    said = str(caught.value)
    assert "feast is missing; statsmodels is missing" in said
    assert "`make lab PHASE=3`" in said
    assert "python3 .ci/install.py course phase3`" in said
    assert "\n" not in said


def test_packages_of_another_phase_are_not_asked_for(monkeypatch):
    without(monkeypatch, "feast")
    assert not failed()
    environment.needs("course")
