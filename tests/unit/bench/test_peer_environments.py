"""A peer's environment, made by a real venv and a real pip that finds no package."""

from __future__ import annotations

from pathlib import Path

import pytest
from peer_environments import PEERS, PeerError, measure_peer, python_of

pytestmark = pytest.mark.integration


@pytest.mark.slow
def test_without_its_packages_a_peer_is_refused_in_one_sentence_and_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "joeynmt.txt").write_text("joeynmt==2.3.0\n")
    with pytest.raises(PeerError) as refused:
        python_of("joeynmt", folder=tmp_path / "made", pins=tmp_path)
    message = str(refused.value)
    assert message.startswith("joeynmt must be installed from PyPI to be measured, but: ")
    assert "joeynmt==2.3.0" in message
    assert "\n" not in message
    # Nothing to install is no reason to fail: the half-made environment was not taken for whole.
    (tmp_path / "joeynmt.txt").write_text("")
    python = python_of("joeynmt", folder=tmp_path / "made", pins=tmp_path)
    made = python.stat().st_ctime_ns
    assert python_of("joeynmt", folder=tmp_path / "made", pins=tmp_path) == python
    assert python.stat().st_ctime_ns == made


@pytest.mark.slow
def test_a_part_that_its_environment_can_not_run_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "eole.txt").write_text("")
    python = python_of("eole", folder=tmp_path, pins=tmp_path)
    with pytest.raises(PeerError, match=r"^eole_train.py must print what it measured, but: .*eole"):
        measure_peer(python, "eole_train.py", [], threads=1)


@pytest.mark.parametrize("peer", ["joeynmt", "eole"])
def test_every_package_of_a_peer_is_pinned(peer: str) -> None:
    lines = (PEERS / f"{peer}.txt").read_text().splitlines()
    assert [line for line in lines if "==" not in line] == []
    assert {"torch==2.13.0"} <= {*lines}
