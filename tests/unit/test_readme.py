"""README.md beside what it speaks of."""

from __future__ import annotations

import re

import pytest

from command_line import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operations.md"]


@pytest.mark.parametrize("package", ["pipeline", "model", "jobs"])
def test_the_tree_names_every_module(package: str) -> None:
    section = re.search(rf"^{package}/ .*\n((?:  .*\n)+)", README, re.MULTILINE)
    assert section is not None
    named = re.findall(r"\b\w+\.py\b", section[1])
    modules = {path.name for path in (REPOSITORY / package).glob("*.py")} - {"__init__.py"}
    assert sorted(named) == sorted(modules)


def test_the_end_of_a_retraining_is_that_of_one_run() -> None:
    [heading] = re.findall(r"^    (phrasebook-\w+) ─", README, re.MULTILINE)
    [report] = re.findall(r"^    report .*/reports/(\S+)\.html$", README, re.MULTILINE)
    assert report == heading


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    path = REPOSITORY / page
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
