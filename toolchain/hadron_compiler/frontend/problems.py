"""Reasons why a model cannot be compiled, gathered so that the user hears all of them at once."""

from hadron_compiler.errors import UnsupportedError

__all__ = ["Problems"]


class Problems:
    """A list of one-line reasons, each told once."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._not_int8: list[str] = []

    def add_type(self, user: str, tensor: str, dtype: str) -> None:
        """Note a tensor that is not INT8: of all those, the first is told and the rest counted."""
        self._not_int8.append(f"{user}: tensor {tensor} is {dtype}")

    def add(self, line: str) -> None:
        """Note a reason."""
        if line not in self._lines:
            self._lines.append(line)

    def raise_if_any(self, source: str) -> None:
        """Raise `UnsupportedError` with all reasons, if there are any."""
        lines = list(self._lines)
        if self._not_int8:
            others = len(self._not_int8) - 1
            more = f" (and {others} more)" if others else ""
            lines.insert(0, f"{self._not_int8[0]}{more}; Hadron runs INT8: quantize the model first")
        if lines:
            raise UnsupportedError(source, lines)
