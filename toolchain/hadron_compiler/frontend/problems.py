"""Reasons why a model cannot be compiled, gathered so that the user hears all of them at once."""

from hadron_compiler.errors import UnsupportedError

__all__ = ["Problems"]


class Problems:
    """A list of one-line reasons, each told once."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._operators: dict[str, list[int]] = {}
        self._types: list[str] = []

    def add(self, line: str) -> None:
        """Note a reason."""
        if line not in self._lines:
            self._lines.append(line)

    def add_operator(self, kind: str, index: int) -> None:
        """Note an operator that is not supported; those of one kind are told in one line."""
        self._operators.setdefault(kind, []).append(index)

    def add_type(self, user: str, tensor: str, dtype: str) -> None:
        """Note a tensor that is not INT8: of all those, the first is told and the rest counted."""
        self._types.append(f"{user}: tensor {tensor} is {dtype}")

    def raise_if_any(self, source: str) -> None:
        """Raise `UnsupportedError` with all reasons, if there are any."""
        lines = []
        if self._types:
            others = len(self._types) - 1
            more = f" (and {others} more)" if others else ""
            lines.append(f"{self._types[0]}{more}; Hadron runs INT8: quantize it first, with "
                         "hadron quantize")
        for kind, indices in self._operators.items():
            where = ", ".join(f"#{index}" for index in indices)
            lines.append(f"{kind} {where}: operator not supported")
        lines += self._lines
        if lines:
            raise UnsupportedError(source, lines)
