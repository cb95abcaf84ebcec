"""A Dockerfile read as what it is, and its steps as a shell script for where no engine runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Folders of the base image, which are this machine's; every other absolute path is the image's own.
_BASE = ("/bin/", "/usr/", "/dev/", "/proc/")


@dataclass(frozen=True)
class Step:
    """One instruction: ``RUN``, ``COPY``, …, and what follows it, continuation lines joined."""

    keyword: str
    text: str


@dataclass
class Stage:
    """``FROM base AS name`` and the instructions up to the next ``FROM``."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        """What follows each ``keyword``."""
        return [step.text for step in self.steps if step.keyword == keyword]


def read_stages(path: Path) -> dict[str, Stage]:
    """The stages by name; what stands before the first ``FROM`` is the stage ``""``."""
    stages = {"": Stage("", "")}
    current = stages[""]
    for step in _steps(path):
        if step.keyword == "FROM":
            base, _, name = step.text.partition(" AS ")
            current = stages[name] = Stage(base, name)
        else:
            current.steps.append(step)
    return stages


def lineage(stages: Mapping[str, Stage], name: str) -> list[Stage]:
    """The stage ``name`` after those that it is built on, first the one on the base image."""
    stage = stages[name]
    return [*(lineage(stages, stage.base) if stage.base in stages else []), stage]


def needed(stages: Mapping[str, Stage], name: str) -> list[Stage]:
    """All stages that ``name`` needs, in an order in which they can be built."""
    order: list[Stage] = []
    for stage in lineage(stages, name):
        for copied in stage.all("COPY"):
            if found := re.match(r"--from=(\S+)", copied):
                order += [s for s in needed(stages, found[1]) if s not in order]
        order += [stage] if stage not in order else []
    return order


def environment(stages: Mapping[str, Stage], name: str, root: Path) -> dict[str, str]:
    """What ``ENV`` sets in the stage ``name``, with the image's paths below ``root``."""
    found: dict[str, str] = {}
    for stage in lineage(stages, name):
        for text in stage.all("ENV"):
            for word in shlex.split(text):
                key, _, value = word.partition("=")
                found[key] = below(value, root)
    return found


def as_script(
    stages: Mapping[str, Stage], name: str, context: Path, root: Path, arguments: Mapping[str, str]
) -> str:
    """A shell script that does under ``root`` what a build of ``name`` does under ``/``.

    Each stage is a shell of its own, but all share that one folder: a file that is copied from a
    stage to where it lay there stays where it is. The script needs ``python`` and ``pip``, the
    base image's, on its path.

    Args:
        context: the folder that a build is given.
        arguments: in place of the defaults of ``ARG``.
    """
    lines = ["set -eu"]
    for stage in needed(stages, name):
        lines += [f"( # {stage.name}", f"cd {root}"]
        for inherited in lineage(stages, stage.name)[:-1]:
            kept = [step for step in inherited.steps if step.keyword in ("WORKDIR", "ENV")]
            lines += [_line(step, context, root) for step in kept]
        for step in stage.steps:
            if step.keyword == "ARG":
                key, _, default = step.text.partition("=")
                lines.append(f"{key}={shlex.quote(arguments.get(key, default))}")
            elif step.keyword in ("WORKDIR", "COPY", "RUN", "ENV"):
                lines.append(_line(step, context, root))
        lines.append(")")
    return "\n".join(lines) + "\n"


def below(text: str, root: Path) -> str:
    """``text`` with the image's absolute paths below ``root``."""

    def moved(found: re.Match[str]) -> str:
        path = found[0]
        return path if f"{path}/".startswith(_BASE) else f"{root}{path}"

    return re.sub(r"(?<![^\s=:'\"])/[A-Za-z][\w./-]*", moved, text)


def _line(step: Step, context: Path, root: Path) -> str:
    if step.keyword == "WORKDIR":
        place = below(step.text, root)
        return f"mkdir -p {place}; cd {place}"
    if step.keyword == "ENV":
        return f"export {below(step.text, root)}"
    if step.keyword == "RUN":
        return below(step.text, root)
    words = step.text.split()
    if words[0].startswith("--from="):
        source, target = below(words[1], root), below(words[2], root)
        return f"test -e {source}" if source == target else f"cp -r {source} {target}"
    *sources, target = words
    place = " ".join(str(context / source) for source in sources)
    return f"cp -r {place} {below(target, root)}"


def _steps(path: Path) -> Iterator[Step]:
    whole = ""
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        keyword, _, text = whole.partition(" ")
        yield Step(keyword, " ".join(text.split()))
        whole = ""
