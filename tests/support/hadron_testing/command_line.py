"""Run `hadron` in this process, and look at what it printed and how it ended."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from hadron.cli import app

__all__ = ["Outcome", "fails", "read", "succeeds"]


class Outcome:
    """What a command line printed and how it ended."""

    def __init__(self, *arguments: object) -> None:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), \
            repr(result.exception)
        self.status, self.out, self.err = result.exit_code, result.stdout, result.stderr


def succeeds(*arguments: object) -> str:
    outcome = Outcome(*arguments)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out


def fails(*arguments: object, status: int = 2) -> str:
    """Return the message of a command that must fail, which is one line on stderr."""
    outcome = Outcome(*arguments)
    assert outcome.status == status, outcome.err
    lines = [line for line in outcome.err.splitlines() if line.startswith("hadron: error: ")]
    assert len(lines) == 1, outcome.err
    assert outcome.err.endswith(lines[0] + "\n")
    return lines[0].removeprefix("hadron: error: ")


def read(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))
