"""What goes to a cluster: code, one configuration, a name that says what it would do."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from command_line import REPOSITORY, SEED, environment, run
from jobs import shipped_code
from jobs.arrival import require_environment, wrong_packages
from jobs.config import load_config
from jobs.ray_jobs import JobState, attempt_name, attempt_number, require_same_ray
from jobs.shipped_code import Shipment, local_sources, ship
from jobs.submit import how_it_ended, split_words
from jobs.versions import git_revision
from pipeline.errors import AnuvadError, ConfigError

SHARED = "storage=/mnt/anuvad"
RETRAIN = ["retrain"]


def unpacked(shipment: Shipment) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(shipment.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_archive_has_the_packages_of_the_repository_and_nothing_that_is_no_code() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "pipeline", "model", "jobs"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    files = unpacked(ship(str(SEED), [SHARED], RETRAIN))
    metadata = next(name for name in files if name.endswith(".dist-info/METADATA"))
    assert sorted(files) == sorted([*listed, metadata, "run", "seed.yaml", "shipped.json"])
    assert files["jobs/cli.py"] == (REPOSITORY / "jobs" / "cli.py").read_bytes()
    assert b"Requires-Dist: torch>=2.13\n" in files[metadata]


def test_the_shipped_configuration_says_what_file_and_overrides_say(tmp_path: Path) -> None:
    for config in sorted((REPOSITORY / "configs").glob("*.yaml")):
        overrides = [SHARED, "train.seed=7", "corpus.licence=CC # 0", r"gate.command=tell \${HOME}"]
        files = unpacked(ship(str(config), overrides, RETRAIN))
        arrived = tmp_path / config.name
        arrived.write_bytes(files[config.name])
        assert load_config(str(arrived)) == load_config(str(config), overrides)


def test_the_same_job_is_the_same_bytes_and_has_the_same_identity(tmp_path: Path) -> None:
    first = ship(str(SEED), [SHARED, "train.seed=7"], RETRAIN)
    assert first == ship(str(SEED), ["train.seed=7", SHARED], RETRAIN)
    # A default that is written out changes nothing of what would be done.
    written = ship(str(SEED), [SHARED, "train.seed=7", "gate.webhook=null"], RETRAIN)
    assert first.identity == written.identity
    assert len(first.archive) < 1 << 20


def test_another_setting_job_option_or_code_is_another_identity(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "__init__.py").write_text("")
    import added  # type: ignore[import-not-found]

    seen = [
        ship(str(SEED), [SHARED], RETRAIN).identity,
        ship(str(SEED), [SHARED, "train.seed=2"], RETRAIN).identity,
        ship(str(SEED), [SHARED], ["prepare"]).identity,
        ship(str(SEED), [SHARED], ["retrain", "--force"]).identity,
    ]
    monkeypatch.setattr(shipped_code, "_PACKAGES", (*shipped_code._PACKAGES, added))
    seen.append(ship(str(SEED), [SHARED], RETRAIN).identity)
    assert len(set(seen)) == 5


def test_what_editors_leave_among_the_code_is_not_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "edited"
    for name in ("__init__.py", "templates/page.html", ".ipynb_checkpoints/clean-checkpoint.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    for name in ("#clean.py#", "clean.py~", "templates/.page.html.swp", "templates/page.html~"):
        (folder / name).write_text("half of it")
    # Emacs' lock of a file that is being edited: a link to nothing.
    (folder / ".#clean.py").symlink_to("anu@host.4711:1795356175")
    (folder / "templates" / ".#page.html").symlink_to("anu@host.4711:1795356175")
    monkeypatch.syspath_prepend(tmp_path)
    import edited  # type: ignore[import-not-found]

    monkeypatch.setattr(shipped_code, "_PACKAGES", (edited,))
    shipped = [name for name, _ in shipped_code._code() if not name.startswith("anuvad-")]
    assert sorted(shipped) == ["edited/__init__.py", "edited/templates/page.html"]


def test_a_configuration_that_is_called_like_an_option_is_none(tmp_path: Path) -> None:
    (tmp_path / "-v.yaml").write_bytes(SEED.read_bytes())
    shipment = ship(str(tmp_path / "-v.yaml"), [SHARED], ["retrain", "--force"])
    assert shipment.command == "exec sh run retrain ./-v.yaml --force"
    assert "-v.yaml" in unpacked(shipment)


def test_no_value_of_the_environment_is_in_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_URI", "ANUVAD_CACHE"):
        monkeypatch.setenv(name, f"http://u:p7f3a9c@{name}")
    everything = b"".join(unpacked(ship(str(SEED), [SHARED], RETRAIN)).values())
    assert b"p7f3a9c" not in everything


def test_an_option_with_a_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="the command of a job on a cluster must hold no secrets"):
        ship(str(SEED), [SHARED], ["promote", "--model", "http://u:p7f3a9c@mlflow"])


def test_code_that_is_no_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_code, "MAX_BYTES", 1 << 10)
    with pytest.raises(AnuvadError, match=r"must have at most 0 MiB, but has 0\.\d"):
        ship(str(SEED), [SHARED], RETRAIN)


def a_corpus(folder: Path, source: str) -> str:
    config = folder / "web.yaml"
    config.write_text(
        f"storage: /mnt/anuvad\ncorpus: {{source: '{source}'}}\nregistry: {{name: web}}\n"
    )
    return str(config)


def test_a_corpus_of_this_machine_is_refused_and_one_at_an_absolute_path_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web").mkdir()
    with pytest.raises(ConfigError, match="an absolute path that every node sees, a URI or a hub"):
        ship(a_corpus(tmp_path, "web"), [], RETRAIN)
    absolute = a_corpus(tmp_path, "/mnt/web/*.tsv")
    ship(absolute, [], RETRAIN)
    assert local_sources(load_config(absolute)) == ["/mnt/web/*.tsv"]
    bucket = a_corpus(tmp_path, "s3://bucket/web")
    ship(bucket, [], RETRAIN)
    assert local_sources(load_config(bucket)) == []


def test_a_storage_of_this_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"storage must be an absolute path or a URI .*, not 'h'"):
        ship(str(SEED), ["storage=h"], RETRAIN)


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "sqlite:///./runs/mlflow.db"])
def test_a_database_of_mlflow_in_the_folder_of_a_job_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="must be a server, or a database at an abs"):
        ship(str(SEED), [SHARED, f"tracking.uri={uri}"], RETRAIN)
    ship(str(SEED), [SHARED, "tracking.uri=sqlite:////mnt/anuvad/mlflow.db"], RETRAIN)
    ship(str(SEED), [SHARED, "tracking.uri=http://mlflow:5000"], RETRAIN)


def test_a_node_of_another_python_is_refused_in_a_sentence(tmp_path: Path) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    shipped = tmp_path / "shipped.json"
    shipped.write_text(json.dumps({"python": here, "revision": "unknown"}))
    require_environment(shipped)
    shipped.write_text(json.dumps({"python": "3.9", "revision": "unknown"}))
    with pytest.raises(ConfigError, match=rf"must have Python 3\.9, .* but its head has {here}"):
        require_environment(shipped)


def test_packages_that_a_node_lacks_or_has_otherwise_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong_packages() == []
    metadata = tmp_path / "anuvad-0.1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.1\nName: anuvad\nVersion: 0.1.0\nRequires-Dist: nosuch-package>=1\n"
        "Requires-Dist: numpy<1\nRequires-Dist: pydantic>=2\n"
        'Requires-Dist: nosuch-extra; extra == "s3"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    lacks, other = wrong_packages()
    assert lacks == "no nosuch-package"
    assert other.startswith("numpy 2.")
    assert other.endswith(", not <1")


@pytest.mark.integration
def test_what_was_shipped_runs_where_it_arrives_and_knows_its_commit(tmp_path: Path) -> None:
    for name, content in unpacked(ship(str(SEED), [SHARED], RETRAIN)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    asks = "import jobs.versions as v; print(v.__file__, v.git_revision())"
    ours = environment(PYTHONPATH=str(tmp_path))
    done = run([sys.executable, "-c", asks], tmp_path, env=ours)
    assert done.out.split() == [str(tmp_path / "jobs" / "versions.py"), git_revision()]
    # Not under Ray, the Python is that of the PATH.
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sed", "tr"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    shell = str(shutil.which("sh"))
    none = run([shell, "run", "plan", "-h"], tmp_path, env=ours | {"PATH": str(tools)})
    assert none.code == 2
    assert none.err == "error: the head of the cluster must have python3 on the PATH of its Ray\n"
    (tools / "python3").write_text(f'#!{shell}\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    there = run([shell, "run", "plan", "-h"], tmp_path, env=ours | {"PATH": str(tools)})
    assert (there.code, there.err) == (0, "")
    assert there.out.startswith("Usage: anuvad plan")


def test_another_ray_is_refused_in_a_sentence() -> None:
    import ray

    require_same_ray("http://head:8265", ray.__version__)
    with pytest.raises(AnuvadError, match=r"http://head:8265 must have Ray .* but has 2\.9\.0"):
        require_same_ray("http://head:8265", "2.9.0")


def test_overrides_end_where_options_of_the_job_begin() -> None:
    assert split_words(["a=1", "b=2", "--model", "models:/en-hi/3"]) == (
        ["a=1", "b=2"],
        ["--model", "models:/en-hi/3"],
    )
    assert split_words([]) == ([], [])


def test_attempts_of_a_job_are_numbered_from_its_own_name_on() -> None:
    name = "anuvad-en-hi-retrain-1f2e3d"
    assert [attempt_name(name, number) for number in (1, 2)] == [name, f"{name}-2"]
    assert attempt_number(name, name) == 1
    assert attempt_number(name, f"{name}-12") == 12
    for other in ("anuvad-en-hi-retrain-9f2e3d", f"{name}-x", f"{name}x-2", "", f"{name}-"):
        assert attempt_number(name, other) is None


@pytest.mark.parametrize(
    ("status", "code", "shell", "words"),
    [
        ("SUCCEEDED", 0, 0, "ended with exit code 0"),
        ("FAILED", 3, 3, "ended with exit code 3"),
        ("FAILED", None, 1, "failed: no room for it"),
        ("STOPPED", None, 143, "was stopped"),
    ],
)
def test_a_job_ends_as_its_driver_did_and_else_by_its_status(
    status: str, code: int | None, shell: int, words: str
) -> None:
    from datetime import UTC, datetime

    state = JobState("a", status, datetime(2026, 1, 1, tzinfo=UTC), code, "no room for it")
    assert (state.code, how_it_ended(state)) == (shell, words)
