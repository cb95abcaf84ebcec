"""The Dockerfile keeps what it promises, as far as its text can tell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from dockerfile import Stage, as_script, lineage, needed, read_stages

REPOSITORY = Path(__file__).resolve().parents[3]
DOCKERFILE = REPOSITORY / "docker" / "Dockerfile"
TARGETS = ("cpu", "cuda", "mlflow")


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_stages(DOCKERFILE)


def hadolint() -> str:
    """The linter, beside this Python or on the path."""
    beside = Path(sys.executable).with_name("hadolint")
    found = str(beside) if beside.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("no hadolint here; `make install` has it")
    return found


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [hadolint(), "--disable-ignore-pragma", "--failure-threshold=style", DOCKERFILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_hadolint_would_see_a_package_of_any_version(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILE.read_text().replace("-c constraints.txt mlflow", "mlflow"))
    done = subprocess.run([hadolint(), file], capture_output=True, text=True, check=False)
    assert "DL3013" in done.stdout
    assert done.returncode == 1


def test_the_only_base_is_pinned_by_a_digest_that_has_no_default(stages: dict[str, Stage]) -> None:
    outside = {stage.base for stage in stages.values() if stage.base not in stages}
    assert outside == {"python:${PYTHON_TAG}@${PYTHON_DIGEST}"}
    arguments = stages[""].all("ARG")
    assert "PYTHON_DIGEST" in arguments
    # The slim images of Python have no compiler; the others bring gcc into every stage.
    (tag,) = [a.removeprefix("PYTHON_TAG=") for a in arguments if a.startswith("PYTHON_TAG=")]
    assert "-slim-" in tag


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_numbered_user_of_group_0(stages: dict[str, Stage], target: str) -> None:
    users = [user for stage in lineage(stages, target) for user in stage.all("USER")]
    assert users == ["10001:0"]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_installs_nothing_in_its_final_stages(
    stages: dict[str, Stage], target: str
) -> None:
    steps = [text for stage in lineage(stages, target) for text in stage.all("RUN")]
    assert steps == ["install -d -m 0775 -g 0 /data"]


def test_no_stage_installs_a_package_that_would_have_to_be_compiled(
    stages: dict[str, Stage],
) -> None:
    steps = [text for stage in stages.values() for text in stage.all("RUN")]
    installs = [text for text in steps if "pip install" in text]
    assert len(installs) == 4
    assert all("--only-binary :all:" in text for text in installs)
    assert not any("apt" in text for text in steps)


def test_the_build_sees_what_is_copied_and_not_the_secrets(stages: dict[str, Stage]) -> None:
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split("\n")
    seen = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copies = [text.split() for stage in stages.values() for text in stage.all("COPY")]
    copied = {word for words in copies if "--from" not in words[0] for word in words[:-1]}
    assert "*" in ignored
    assert seen == copied
    assert all((REPOSITORY / name).exists() for name in copied)


def test_all_targets_take_their_packages_from_the_constraints(stages: dict[str, Stage]) -> None:
    pinned = [
        line.partition("==")[0] for line in (REPOSITORY / "constraints.txt").read_text().split("\n")
    ]
    assert {"torch", "mlflow", "psycopg-binary"} <= set(pinned)
    for target in TARGETS:
        steps = [text for stage in needed(stages, target) for text in stage.all("RUN")]
        assert all("-c constraints.txt" in text for text in steps if "pip install" in text)


def test_a_script_of_the_steps_follows_stages_arguments_and_folders(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(
        "ARG TAG\n"
        "FROM image:${TAG} AS base\n"
        "ENV A=1\n"
        "FROM base AS unused\n"
        "RUN false\n"
        "FROM base AS build\n"
        "ARG INDEX=https://example.org/simple\n"
        "WORKDIR /src\n"
        "COPY a b ./\n"
        'RUN make --prefix=/opt/x \\\n    --index "${INDEX}"\n'
        "FROM base AS final\n"
        "COPY --from=build /opt/x /opt/x\n"
        "COPY --from=build /src/a /srv/a\n"
    )
    script = as_script(
        read_stages(file), "final", Path("/context"), Path("/root/dir"), {"INDEX": "file:///here"}
    )
    assert script == (
        "set -eu\n"
        "( # base\n"
        "cd /root/dir\n"
        "export A=1\n"
        ")\n"
        "( # build\n"
        "cd /root/dir\n"
        "export A=1\n"
        "INDEX=file:///here\n"
        "mkdir -p /root/dir/src; cd /root/dir/src\n"
        "cp -r /context/a /context/b ./\n"
        'make --prefix=/root/dir/opt/x --index "${INDEX}"\n'
        ")\n"
        "( # final\n"
        "cd /root/dir\n"
        "export A=1\n"
        "test -e /root/dir/opt/x\n"
        "cp -r /root/dir/src/a /root/dir/srv/a\n"
        ")\n"
    )


def test_mlflow_has_the_driver_that_its_database_uri_asks_for(stages: dict[str, Stage]) -> None:
    # Which one `postgresql://` means has changed with SQLAlchemy 2.1.
    driver = make_url("postgresql://mlflow@db:5432/mlflow").get_dialect().driver
    assert driver == "psycopg"
    (install,) = (text for text in stages["environment-mlflow"].all("RUN") if " mlflow " in text)
    assert f'"{driver}[binary]"' in install
