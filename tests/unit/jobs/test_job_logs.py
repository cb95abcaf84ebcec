"""A job's log, as it comes to a person."""

from __future__ import annotations

import io

from jobs.job_logs import LogTail


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_moves_no_cursor_of_a_terminal_and_goes_to_a_file_as_it_is() -> None:
    log = "आप\x1b[2Jकैसे\tहैं\n"
    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        LogTail(None, "job", out).finish(log)
    assert terminal.getvalue() == "आप⟨U+001B⟩[2Jकैसे\tहैं\n"
    assert file.getvalue() == log
