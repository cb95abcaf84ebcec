"""What a terminal must not be told to do, whoever wrote the text."""

from __future__ import annotations

import pytest

from jobs import cli
from jobs.console import JobConsole
from jobs.terminal import harmless

CLEARS = "आप\x1b[2Jकैसे\x9b31m हैं\r\x7f"
SHOWN = "आप⟨U+001B⟩[2Jकैसे⟨U+009B⟩31m हैं⟨U+000D⟩⟨U+007F⟩"


class Terminal:
    """Standard output as a terminal, and what was written to it."""

    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal
        self.written = ""

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> None:
        self.written += text

    def flush(self) -> None:
        pass


def test_control_characters_are_written_out_and_joiners_stay() -> None:
    assert harmless(CLEARS) == SHOWN
    kept = "क्\u200dष\u200cक़\tदो\n\u00a0"
    assert harmless(kept) == kept


@pytest.mark.parametrize(("is_terminal", "expected"), [(True, SHOWN), (False, CLEARS)])
def test_a_terminal_is_told_nothing_and_a_pipe_everything(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, expected: str
) -> None:
    terminal = Terminal(is_terminal)
    monkeypatch.setattr("sys.stdout", terminal)
    cli.print_line(CLEARS)
    assert terminal.written == f"{expected}\n"


def test_neither_lines_nor_tables_nor_samples_for_people_hold_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = JobConsole()
    console.say("gate", CLEARS)
    console.warn(CLEARS)
    cli._print_table(("why",), [(CLEARS,)])
    captured = capsys.readouterr()
    assert captured.err.count(SHOWN) == 2
    assert SHOWN in captured.out
    assert "\x1b" not in captured.err + captured.out
