"""Put the functions of ``bits.h`` in the places of the CXXRTL runtime's slow ones."""

import re

__all__ = ["rewrite"]

_SLICE = re.compile(r"\b(\w+(?:\.curr|\.next)?)\.slice<(\d+)(?:,(\d+))?>\(\)(?:\.val\(\))?")
_PUT = re.compile(r"(\s*)(\w+(?:\.next)?)\.slice<(\d+)(?:,(\d+))?>\(\)")
_UPDATE = re.compile(r"\b(memory_\w+)\.update\(")
_CONCAT = ".concat("
_GROUP = 16
"""Parts joined at a time: templates over hundreds of types compile slowly."""


def _close(text: str, start: int) -> int:
    """Return the index after the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] in "({":
            depth += 1
        elif text[index] in ")}":
            depth -= 1
            if depth == 0:
                return index + 1
    raise ValueError(f"unbalanced: {text[start : start + 100]!r}")


def _primary(text: str, end: int) -> int:
    """Return where the expression that ends before `end` begins.

    It is a chain of names, template arguments, calls and braces: anything but an operator.
    """
    index = end
    while index > 0:
        character = text[index - 1]
        if character in ")}>":
            depth = 0
            while True:
                index -= 1
                if text[index] in ")}>":
                    depth += 1
                elif text[index] in "({<":
                    depth -= 1
                    if depth == 0:
                        break
        elif character.isalnum() or character in "_.:":
            index -= 1
        else:
            break
    return index


def _join(parts: list[str]) -> str:
    while len(parts) > _GROUP:
        parts = [_join(parts[i : i + _GROUP]) for i in range(0, len(parts), _GROUP)]
    return f"hadron::join({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _expression(text: str) -> str:
    def cut(match: re.Match[str]) -> str:
        name, stop, start = match.groups()
        return f"hadron::cut<{stop},{start or stop}>({name})"

    text = _SLICE.sub(cut, text)
    while (at := text.find(_CONCAT)) >= 0:
        start = _primary(text, at)
        parts = [text[start:at]]
        end = at
        while text.startswith(_CONCAT, end):
            stop = _close(text, end + len(_CONCAT) - 1)
            parts.append(_expression(text[end + len(_CONCAT) : stop - 1]))
            end = stop
        if text.startswith(".val()", end):
            end += len(".val()")
        text = text[:start] + _join(parts) + text[end:]
    return text


def _assignment(line: str) -> int:
    """Return where `` = `` stands outside all brackets, or -1."""
    depth = 0
    for index, character in enumerate(line):
        if character in "({":
            depth += 1
        elif character in ")}":
            depth -= 1
        elif depth == 0 and line.startswith(" = ", index):
            return index
    return -1


def _line(line: str) -> str:
    at = _assignment(line)
    if at < 0:
        return _UPDATE.sub(r"hadron::write_masked(\1, ", _expression(line))
    target, value = line[:at], _expression(line[at + 3 :])
    if (match := _PUT.fullmatch(target)) and value.endswith(";"):
        indent, name, stop, start = match.groups()
        return f"{indent}hadron::put<{stop},{start or stop}>({name}, {value[:-1]});"
    return f"{target} = {value}"


def rewrite(statement: str) -> str:
    """Rewrite a statement, of one line or several, of the C++ that ``write_cxxrtl`` writes.

    Examples
    --------
    >>> rewrite("\\tp_a = p_b.slice<3>().concat(p_c.curr.slice<7,4>()).val();")
    '\\tp_a = hadron::join(hadron::cut<3,3>(p_b), hadron::cut<7,4>(p_c.curr));'
    >>> rewrite("\\tp_a.slice<7,0>() = p_b;")
    '\\thadron::put<7,0>(p_a, p_b);'
    """
    return "\n".join(_line(line) for line in statement.split("\n"))
