"""Files in, files out, in one process: order, what stands, what is refused, what is left behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.lock import hold
from jobs.models import Search
from jobs.translate import search_with
from jobs.translate_files import FilesJob, order_of
from nonsense_model import write_nonsense_model
from pipeline.artifacts import Part
from pipeline.errors import AnuvadError, ArtifactError, BusyError, ConfigError, CorpusError
from pipeline.runner import Runner, Task, run_here
from pipeline.storage import Storage, sha256_of

SOURCES = ["hello", "", "my name", "thank you", "hello my name", "thank you " * 12, "name"]

HALF_PACKED = gzip.compress(b"hello\n", mtime=0)[:-9]


class Told:
    """Remembers what it is told of."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.progress: list[tuple[int, int]] = []

    def say(self, name: str, text: str) -> None:
        self.lines.append(f"{name} {text}")

    def warn(self, text: str) -> None:
        self.lines.append(f"warning {text}")

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        self.progress.append((done, total))

    def bar_ended(self, name: str) -> None:
        """Nothing."""


class Stopping:
    """A runner that is interrupted after some tasks, like a user's patience."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.ran: list[str] = []

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            self.ran.append(task.name)
            on_done(task, task())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nonsense_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def search(model: Path) -> Search:
    return search_with([str(model)], None, None, [])


@pytest.fixture(scope="module")
def expected(search: Search) -> list[str]:
    """The translation of each of the sources."""
    translator = search.models.load()
    return [translator.translate([source])[0].text for source in SOURCES]


def translate(
    where: Path | str,
    output: Path | str,
    search: Search,
    column: str | None = None,
    rows: int = 2,
    runner: Runner = run_here,
) -> Told:
    told = Told()
    order = order_of(str(where), str(output), column, rows)
    FilesJob(order, search).run(lambda _: runner, told)
    return told


def write_text(path: Path, lines: Sequence[str] = SOURCES) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_text_is_translated_in_order_whatever_its_pieces(
    rows: int, search: Search, expected: list[str], tmp_path: Path
) -> None:
    told = translate(write_text(tmp_path / "in.txt"), tmp_path / "out.txt", search, rows=rows)
    assert lines_of(tmp_path / "out.txt") == expected
    pieces = -(-7 // rows)
    assert told.progress == [(done, pieces) for done in range(pieces + 1)]
    assert told.lines == ["translate done: 1 file (1 new), 7 sentences"]
    assert names(tmp_path) == ["in.txt", "out.txt", "out.txt.manifest.json"]


def test_each_file_of_a_folder_has_one_of_its_kind_and_name(
    search: Search, expected: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    write_text(folder / "a.txt")
    text = "".join(f"{number}\t{line}\n" for number, line in enumerate(SOURCES))
    (folder / "b.tsv.gz").write_bytes(gzip.compress(f"id\ten\n{text}".encode()))
    pairs = [{"en": source, "hi": "x"} for source in SOURCES]
    pq.write_table(pa.table({"translation": pairs, "en": SOURCES}), folder / "c.parquet")
    (folder / "README.md").write_text("hello\n")
    told = translate(folder, tmp_path / "out", search, column="en", rows=3)
    assert names(tmp_path / "out") == ["a.txt", "b.tsv.gz", "c.parquet"]
    assert lines_of(tmp_path / "out" / "a.txt") == expected
    unpacked = gzip.decompress((tmp_path / "out" / "b.tsv.gz").read_bytes()).decode()
    assert unpacked.split("\n")[:2] == ["id\ten\ttranslation", f"0\thello\t{expected[0]}"]
    table = pq.read_table(tmp_path / "out" / "c.parquet").to_pydict()
    assert table["anuvad_translation"] == expected
    assert table["translation"] == pairs
    assert [score < 0 for score in table["score"]] == [source != "" for source in SOURCES]
    assert told.lines == [
        "warning left out, by their names: README.md",
        "translate done: 3 files (3 new), 21 sentences",
    ]
    assert names(tmp_path) == ["in", "out", "out.manifest.json"]


def test_what_was_translated_before_an_interruption_is_not_translated_again(
    search: Search, expected: list[str], tmp_path: Path
) -> None:
    source = write_text(tmp_path / "in.txt")
    first, second = Stopping(2), Stopping(99)
    with pytest.raises(KeyboardInterrupt):
        translate(source, tmp_path / "out.txt", search, runner=first)
    assert names(tmp_path) == ["in.txt", "out.txt.work"]
    translate(source, tmp_path / "out.txt", search, runner=second)
    assert (len(first.ran), len(second.ran)) == (2, 2)
    assert not set(first.ran) & set(second.ran)
    assert lines_of(tmp_path / "out.txt") == expected
    assert "out.txt.work" not in names(tmp_path)


def test_pieces_that_are_all_there_need_only_be_joined(
    search: Search, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_text(tmp_path / "in.txt")
    with monkeypatch.context() as patch:
        patch.setattr(FilesJob, "_publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            translate(source, tmp_path / "out.txt", search)
    again = Stopping(0)
    translate(source, tmp_path / "out.txt", search, runner=again)
    assert again.ran == []
    assert lines_of(tmp_path / "out.txt") == expected


def test_only_new_and_changed_files_and_those_that_went_are_translated_again(
    search: Search, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b", "c"):
        write_text(folder / f"{name}.txt", ["hello", name])
    translate(folder, out, search)
    inodes = {path.name: path.stat().st_ino for path in out.iterdir()}
    told = translate(folder, out, search, runner=Stopping(0))
    assert told.lines == ["translate done: 3 files (stood already), 6 sentences"]
    write_text(folder / "b.txt", ["hello", "name"])
    (out / "c.txt").unlink()
    write_text(folder / "d.txt", ["my name"])
    again = Stopping(9)
    told = translate(folder, out, search, runner=again)
    assert len(again.ran) == 3
    assert told.lines == ["translate done: 4 files (3 new), 7 sentences"]
    assert {p.name: p.stat().st_ino for p in out.iterdir()}["a.txt"] == inodes["a.txt"]


def test_another_model_or_search_translates_anew(
    search: Search, model: Path, tmp_path: Path
) -> None:
    source = write_text(tmp_path / "in.txt")
    translate(source, tmp_path / "out.txt", search)
    greedy = search_with([str(model)], None, None, ["beam_size=1"])
    again = Stopping(9)
    translate(source, tmp_path / "out.txt", greedy, runner=again)
    assert len(again.ran) == 4


def test_the_manifest_vouches_for_the_bytes(search: Search, tmp_path: Path) -> None:
    translate(write_text(tmp_path / "in.txt"), tmp_path / "out.txt", search)
    manifest = json.loads((tmp_path / "out.txt.manifest.json").read_bytes())
    (entry,) = manifest["files"].values()
    assert entry["sha256"] == sha256_of(tmp_path / "out.txt")
    # Letter by letter, as this model spells most of them, two have more than twelve tokens.
    assert entry["counts"] == {"rows": 7, "in_pieces": 2, "unforced": 0}
    assert manifest["models"] == list(search.models.contents)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"files": [1]}', b'{"files": {"out.txt": {}}}'])
def test_a_manifest_that_says_nothing_is_written_anew(
    damage: bytes, search: Search, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "out.txt.manifest.json").write_bytes(damage)
    translate(write_text(tmp_path / "in.txt"), tmp_path / "out.txt", search)
    assert lines_of(tmp_path / "out.txt") == expected
    assert json.loads((tmp_path / "out.txt.manifest.json").read_bytes())["files"]


def test_a_damaged_line_is_named_before_any_is_translated(search: Search, tmp_path: Path) -> None:
    source = write_text(tmp_path / "in.txt", ["hello"] * 5)
    with source.open("ab") as file:
        file.write(b"\xff\n")
    none = Stopping(0)
    with pytest.raises(CorpusError, match=r"in\.txt has the byte 0xff at byte 30, in line 6"):
        translate(source, tmp_path / "out.txt", search, runner=none)
    assert names(tmp_path) == ["in.txt"]
    write_text(source, ["hello"] * 6)
    translate(source, tmp_path / "out.txt", search)
    assert names(tmp_path) == ["in.txt", "out.txt", "out.txt.manifest.json"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.tsv", b"", r"in\.tsv must have at least one line, but is empty"),
        (
            "in.txt.gz",
            gzip.compress(b"hello\n", mtime=0)[:-9],
            r"in\.txt\.gz must be a whole gzip file",
        ),
        ("in.parquet", b"PAR1", r"in\.parquet must be a whole parquet file, but: "),
        ("in.tsv", b"a\tb\n", "'en' stands 0 times"),
    ],
)
def test_a_damaged_file_is_refused_and_nothing_is_left(
    name: str, content: bytes, message: str, search: Search, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    output = tmp_path / f"out.{name.partition('.')[2]}"
    column = None if ".txt" in name else "en"
    with pytest.raises((ConfigError, CorpusError), match=message) as refusal:
        translate(tmp_path / name, output, search, column)
    assert "\n" not in str(refusal.value)
    assert names(tmp_path) == [name]


def test_an_empty_file_of_a_folder_has_an_empty_one(
    search: Search, expected: list[str], tmp_path: Path
) -> None:
    folder = write_text(tmp_path / "in" / "a.txt").parent
    (folder / "b.txt").touch()
    (folder / "c.txt.gz").write_bytes(gzip.compress(b""))
    pq.write_table(pa.table({"en": pa.array([], pa.string())}), folder / "d.parquet")
    told = translate(folder, tmp_path / "out", search)
    assert told.lines == ["translate done: 4 files (4 new), 7 sentences"]
    assert lines_of(tmp_path / "out" / "a.txt") == expected
    assert (tmp_path / "out" / "b.txt").read_bytes() == b""
    assert gzip.decompress((tmp_path / "out" / "c.txt.gz").read_bytes()) == b""
    assert pq.read_metadata(tmp_path / "out" / "d.parquet").num_rows == 0


def test_one_damaged_file_of_a_folder_is_found_before_any_is_translated(
    search: Search, tmp_path: Path
) -> None:
    write_text(tmp_path / "in" / "a.txt")
    (tmp_path / "in" / "b.parquet").write_bytes(b"PAR1")
    none = Stopping(0)
    with pytest.raises(CorpusError, match=r"b\.parquet must be a whole parquet file"):
        translate(tmp_path / "in", tmp_path / "out", search, runner=none)
    assert names(tmp_path) == ["in"]


def test_what_others_put_in_the_work_folder_stays(search: Search, tmp_path: Path) -> None:
    source = write_text(tmp_path / "in.txt")
    (tmp_path / "out.txt.work").mkdir()
    (tmp_path / "out.txt.work" / "notes.md").write_text("मेरी टिप्पणियाँ")
    translate(source, tmp_path / "out.txt", search)
    assert names(tmp_path / "out.txt.work") == ["notes.md"]


def test_an_output_that_cannot_be_is_refused(tmp_path: Path) -> None:
    source = str(write_text(tmp_path / "in.txt"))
    (tmp_path / "folder").mkdir()

    def refused(where: str, output: str, message: str, column: str | None = None) -> None:
        with pytest.raises(AnuvadError, match=message) as refusal:
            order_of(where, output, column, None)
        assert "\n" not in str(refusal.value)

    refused(source, source, r"^--output must not be --input, but .*in\.txt is both$")
    refused(str(tmp_path / "*.txt"), str(tmp_path), r"^--output must not be --input")
    refused(source, str(tmp_path / "folder"), r"must be a file, but .*/folder is a folder$")
    refused(str(tmp_path / "*.txt"), source, r"must be a folder for .*in\.txt is a file$")
    refused(source, f"{tmp_path}/a.parquet", r"which is text, but .*a\.parquet ends as parquet")
    refused(source, "s3://bucket", "^--output must name a file or a folder, but is s3://bucket$")
    refused(source, f"{tmp_path}/o.txt", "^--column is for TSV and parquet, but .* is text", "en")


def test_two_at_a_time_are_refused_and_the_first_is_left_alone(
    search: Search, tmp_path: Path
) -> None:
    source = write_text(tmp_path / "in.txt")
    work = Storage(str(tmp_path / "out.txt.work"))
    with hold(work, "translate"):
        with pytest.raises(BusyError, match="is being worked on by process"):
            translate(source, tmp_path / "out.txt", search)
        assert names(tmp_path) == ["in.txt", "out.txt.work"]


def test_a_model_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    folder = write_nonsense_model(tmp_path)
    models = search_with([str(folder)], None, None, []).models
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match="must stay as it is while it translates"):
        models.load()
