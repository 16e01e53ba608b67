"""Reasons why a model cannot be compiled, gathered so that the user hears all of them at once."""

from hadron_compiler.errors import UnsupportedError

__all__ = ["Problems"]


class Problems:
    """A list of one-line reasons, each told once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Note a reason."""
        if line not in self._lines:
            self._lines.append(line)

    def raise_if_any(self, source: str) -> None:
        """Raise `UnsupportedError` with all reasons, if there are any."""
        if self._lines:
            raise UnsupportedError(source, self._lines)
