"""The image's steps, read from the Dockerfile and run here: no engine can, but a shell can."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerfile import as_script, environment, read_stages

REPOSITORY = Path(__file__).resolve().parents[2]
BUILDER, ANYBODY, GROUP = 10001, 12345, 0
NETWORK = ("PIP_", "SSL_", "REQUESTS_", "HTTP", "NO_PROXY", "http", "no_proxy")

pytestmark = [
    pytest.mark.slow,
    # 2.1 GB are installed.
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become one user and then another"),
]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """An image's root folder, built by user 10001; below /tmp, where Ray's sockets fit."""
    folder = Path(tempfile.mkdtemp(prefix="i-", dir="/tmp"))
    try:
        for part in (".", "home", "context", "base"):
            (folder / part).mkdir(exist_ok=True)
            (folder / part).chmod(0o755)
            os.chown(folder / part, BUILDER, GROUP)
        build(folder)
        yield folder
    finally:
        # Agents of Ray's that outlive their command may still write there, or take away.
        for _ in range(60):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(1)
        else:
            shutil.rmtree(folder)


def build(folder: Path) -> None:
    """Do what ``docker build --target cpu`` would do."""
    dockerfile = REPOSITORY / "docker" / "Dockerfile"
    allowed = dockerfile.with_name("Dockerfile.dockerignore").read_text().split("\n")
    for name in (line[1:] for line in allowed if line.startswith("!")):
        source, target = REPOSITORY / name, folder / "context" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    settings = {name: value for name, value in os.environ.items() if name.startswith(NETWORK)}
    variables = settings | {"HOME": str(folder / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    # The base image is a Python with pip that nothing else was installed into.
    run([python_for_all(), "-m", "venv", folder / "base"], BUILDER, folder, variables)
    variables["PATH"] = f"{folder / 'base' / 'bin'}:{variables['PATH']}"
    index = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    )
    here = os.environ.get("PIP_INDEX_URL") or index.stdout.strip() or "https://pypi.org/simple"
    script = folder / "build.sh"
    script.write_text(
        as_script(
            read_stages(dockerfile),
            "cpu",
            folder / "context",
            folder,
            {"TORCH_CPU_INDEX": here},
        )
    )
    run(["sh", script], BUILDER, folder, variables)


def python_for_all() -> Path:
    """A Python that is new enough, can make environments, and lies where others may go."""
    asks = "import ensurepip, ssl, sys; sys.exit(sys.version_info < (3, 11))"
    for folder in (Path(sys.base_prefix) / "bin", Path("/usr/local/bin"), Path("/usr/bin")):
        # What another user can't reach raises.
        with contextlib.suppress(OSError):
            command = [str(folder / "python3"), "-c", asks]
            if (
                subprocess.run(command, user=BUILDER, group=GROUP, cwd="/", check=False).returncode
                == 0
            ):
                return folder / "python3"
    pytest.skip("no Python 3.11 with ensurepip here that other users than root can start")


def run(
    command: list[str | Path], user: int, folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run as a user of group 0 that no password file knows; a failure shows what was printed."""
    done = subprocess.run(
        command,
        user=user,
        group=GROUP,
        extra_groups=[],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def test_the_image_trains_and_translates_for_any_user_of_group_0(root: Path) -> None:
    temporary = root / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    variables = environment(read_stages(REPOSITORY / "docker" / "Dockerfile"), "cpu", root)
    variables["PATH"] = variables["PATH"].replace("$PATH", "/usr/bin:/bin")
    # In an image this is /tmp already.
    variables |= {"TMPDIR": str(temporary), "RAY_TMPDIR": str(temporary)}
    assert variables["HOME"] == str(temporary)

    def anuvad(*arguments: str) -> str:
        return run(["anuvad", *arguments], ANYBODY, root / "app", variables).stdout

    assert "retrain" in anuvad("--help")
    storage = str(root / "data")
    anuvad("retrain", "configs/seed.yaml", f"storage={storage}")
    said = anuvad("translate", "--model", "models:/seed@champion", "--storage", storage, "hello")
    assert said == "नमस्ते\n"

    # A read-only root filesystem would have refused anything else.
    assert {path.relative_to(root).parts[0] for path in written_by(ANYBODY, root)} == {
        "data",
        "tmp",
    }


def written_by(user: int, folder: Path) -> Iterator[Path]:
    """All below a folder that is a user's; what agents of Ray's take away meanwhile is left out."""
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_uid == user:
                    yield path
