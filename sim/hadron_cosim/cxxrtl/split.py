"""Cut the C++ that Yosys writes into parts that compile side by side.

``write_cxxrtl`` puts the whole logic of a flattened design into one function of some 20,000
statements, on which compilers spend many minutes, and one core. Here it becomes a list of small
functions in several files. Values that cross from one function to another become members; the rest
stay local, where the compiler keeps them in registers.

Two more things that only hold for a design of one clock make it faster: every evaluation is
a rising edge, so the tests for it go away, and moving the registers copies them without comparing.
Designs with feedback between wires keep both, because their logic must settle before the edge.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from hadron_cosim.cxxrtl.rewrite import rewrite

__all__ = ["split_design"]

_DECLARATION = re.compile(r"^\tvalue<(\d+)> (\w+);$")
_DEFINITION = re.compile(r"^\tvalue<(\d+)> (\w+) = (.*)$", re.DOTALL)
_COMMIT = re.compile(r"^\t\tif \((\w+)\.commit\(observer\)\) changed = true;$")
_MEMORY = re.compile(r"^\tmemory<\d+> (\w+)", re.MULTILINE)
_PREVIOUS = re.compile(r"^\t\tprev_(\w+) = (\w+);$")
_WORD = re.compile(r"\b[ip]_\w+")

_MEMORY_INDEX = "\tauto "

_CHUNK_CHARACTERS = 30_000


def _statements(body: list[str]) -> Iterator[str]:
    """Group lines into statements: each ends on one tab's level with ``;`` or ``}``.

    A memory access is one statement: its index, the test whether it is valid, and what it does.
    """
    lines: list[str] = []
    for line in body:
        if line.lstrip().startswith("//"):
            continue
        lines.append(line)
        closes = line.startswith("\t}") and not line.rstrip().endswith("{")
        simple = (not line.startswith("\t\t") and line.endswith(";")
                  and not lines[0].startswith(_MEMORY_INDEX))
        if line.startswith("\t") and not line.startswith("\t\t") and (closes or simple):
            yield "\n".join(lines)
            lines = []
    if lines:
        raise ValueError(f"cannot split the C++ of the design at: {lines[0]!r}")


def _chunks(statements: list[str], size: int) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    length = 0
    for statement in statements:
        if length > size:
            chunks.append([])
            length = 0
        chunks[-1].append(statement)
        length += len(statement)
    return chunks


def _between(text: str, start: str, end: str) -> tuple[str, str, str]:
    first = text.index(start)
    last = text.index(end, first)
    return text[:first], text[first:last], text[last:]


def split_design(source: Path, folder: Path, *, parts: int, feedback: bool) -> list[Path]:
    """Cut ``source`` into ``design.h`` and files of functions.

    Parameters
    ----------
    source : Path
        What ``write_cxxrtl -g0`` wrote for a flattened design called ``dut``.
    folder : Path
        Where to write.
    parts : int
        Files to spread the logic over, 1 or more.
    feedback : bool
        Whether Yosys found feedback between wires.

    Returns
    -------
    list of Path
        The translation units, without the harness.

    Raises
    ------
    ValueError
        When the C++ does not look as expected.
    """
    text = source.read_text(encoding="utf-8")
    header, evaluate, _ = _between(text, "bool p_dut::eval(", "\n}\n")
    header, reset, _ = _between(header, "void p_dut::reset()", "\n}\n")
    header, commit, rest = _between(header, "\ttemplate<class ObserverT>\n\tbool commit(",
                                    "}; // struct p_dut")

    widths: dict[str, int] = {}
    statements = []
    for statement in _statements(evaluate.splitlines()[1:-1]):
        if statement.startswith(("\tbool converged", "\tbool posedge_p_clk")):
            continue
        if match := _DECLARATION.match(statement):
            widths[match[2]] = int(match[1])
            continue
        if match := _DEFINITION.match(statement):
            widths[match[2]] = int(match[1])
            statement = f"\t{match[2]} = {match[3]}"
        statements.append(rewrite(statement))

    chunks = _chunks(statements, _CHUNK_CHARACTERS)
    used = [{word for statement in chunk for word in _WORD.findall(statement)} & widths.keys()
            for chunk in chunks]
    count: dict[str, int] = {}
    for names in used:
        for name in names:
            count[name] = count.get(name, 0) + 1
    functions = []
    for index, (chunk, names) in enumerate(zip(chunks, used, strict=True)):
        local = sorted(name for name in names if count[name] == 1)
        functions.append("\n".join([
            f"void p_dut::evaluate{index}() {{",
            *(f"\tvalue<{widths[name]}> {name};" for name in local),
            "\tperformer *const performer = nullptr;", *chunk, "}"]))

    memories = set(_MEMORY.findall(header))
    moves = []
    for line in commit.splitlines():
        if match := _COMMIT.match(line):
            name = match[1]
            plain = name not in memories and not feedback
            moves.append(f"\t{name}.curr = {name}.next;" if plain
                         else f"\tchanged |= {name}.commit(observer);")
        elif match := _PREVIOUS.match(line):
            moves.append(f"\tprev_{match[1]} = {match[2]};")
    move_chunks = _chunks(moves, _CHUNK_CHARACTERS)
    for index, chunk in enumerate(move_chunks):
        functions.append("\n".join([
            f"void p_dut::advance{index}(bool &changed) {{",
            "\tcxxrtl::observer observer;", *chunk, "}"]))

    members = [
        "\tbool edge = true;",
        "\tvoid evaluate();",
        "\tbool advance();",
        "\tbool commit() override { return advance(); }",
        *(f"\tvalue<{widths[name]}> {name};" for name in sorted(n for n in count if count[n] > 1)),
        *(f"\tvoid evaluate{index}();" for index in range(len(chunks))),
        *(f"\tvoid advance{index}(bool &changed);" for index in range(len(move_chunks))),
    ]
    (folder / "design.h").write_text(
        "\n".join(["#pragma once", '#include "bits.h"', header, *members, rest,
                   "} // namespace cxxrtl_design", ""]),
        encoding="utf-8")

    functions.append(reset + "\n}")
    functions.append("\n".join([
        "void p_dut::evaluate() {", *(f"\tevaluate{i}();" for i in range(len(chunks))), "}",
        "bool p_dut::advance() {", "\tbool changed = false;",
        *(f"\tadvance{i}(changed);" for i in range(len(move_chunks))), "\treturn changed;", "}",
        "bool p_dut::eval(performer *) {", "\tevaluate();", "\treturn !edge;", "}"]))
    edge = "edge" if feedback else "true"
    files = []
    functions.sort(key=len, reverse=True)
    for part in range(parts):
        path = folder / f"part{part}.cc"
        path.write_text("\n".join([
            '#include "design.h"', f"#define posedge_p_clk ({edge})", "namespace cxxrtl_design {",
            *functions[part::parts], "}", ""]), encoding="utf-8")
        files.append(path)
    return files
