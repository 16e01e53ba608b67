"""The step fields undo the inner loops: walking them visits what nested loops would."""

from itertools import product

import numpy as np

from hadron_compiler.codegen.loops import Loop, coordinates_fit, loop_fields, out_of_range
from hadron_spec.commands import LEVELS, Opcode


def walk(fields: dict[str, int]) -> list[tuple[int, int, int]]:
    """Return address, y and x of every step, as the hardware counts."""
    counters = dict.fromkeys(LEVELS, 0)
    address = y = x = 0
    visited = [(0, 0, 0)]
    while True:
        for level in reversed(LEVELS):
            if counters[level] + 1 < fields[f"count_{level}"]:
                counters[level] += 1
                address += fields.get(f"{level}_address", 0)
                y += fields.get(f"{level}_y", 0)
                x += fields.get(f"{level}_x", 0)
                break
            counters[level] = 0
        else:
            return visited
        visited.append((address, y, x))


def test_steps_visit_what_nested_loops_visit(rng: np.random.Generator) -> None:
    for _ in range(40):
        loops = {level: Loop(int(rng.integers(1, 4)), *(int(n) for n in rng.integers(-50, 50, 3)))
                 for level in LEVELS}
        expected = []
        for passes in product(*(range(loops[level].count) for level in LEVELS)):
            pairs = list(zip(passes, loops.values(), strict=True))
            expected.append((sum(n * loop.address for n, loop in pairs),
                             sum(n * loop.y for n, loop in pairs),
                             sum(n * loop.x for n, loop in pairs)))
        assert walk(loop_fields(loops, bounded=True)) == expected


def test_unbounded_commands_have_no_coordinates() -> None:
    fields = loop_fields({"oy": Loop(3, 100, 1, 2), "ox": Loop(4, 10, 0, 10)}, bounded=False)
    assert not [name for name in fields if name.endswith(("_y", "_x")) and "count" not in name
                and "destination" not in name]


def test_out_of_range_names_the_field() -> None:
    assert out_of_range(Opcode.MATRIX, {"count_ox": 65535}) == ""
    assert out_of_range(Opcode.MATRIX, {"count_ox": 65536}) == "count_ox"
    assert out_of_range(Opcode.MATRIX, {"width_bytes": 32768}) == "width_bytes"
    assert out_of_range(Opcode.MATRIX, {"oy_x": -32769}) == "oy_x"


def test_coordinates_stay_within_sixteen_bits() -> None:
    loops = {"ox": Loop(100, 0, 0, 320), "seg": Loop(3, 0, 0, 16)}
    assert coordinates_fit(loops, 0, 0, 16)
    assert not coordinates_fit(loops, 0, 1100, 16)
    assert not coordinates_fit(loops, 0, -40000, 16)
