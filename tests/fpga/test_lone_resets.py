from itertools import product

import pytest

from hadron_fpga.lone_resets import gate_lone_resets

CLOCK, DATA, RESET = 2, 3, 4


def register(reset: int | str, q: int, **parameters: str) -> dict:
    return {"type": "TRELLIS_FF", "attributes": {},
            "parameters": {"CEMUX": "1 ", "LSRMUX": "LSR", "REGSET": "RESET",
                           "SRMODE": "LSR_OVER_CE"} | parameters,
            "port_directions": {"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"},
            "connections": {"CLK": [CLOCK], "DI": [DATA], "LSR": [reset], "Q": [q]}}


def design(*registers: dict) -> dict:
    return {"modules": {"top": {
        "cells": {f"a.r{i}": cell for i, cell in enumerate(registers)},
        "netnames": {"last": {"bits": [99]}}}}}


@pytest.mark.parametrize("value", ["RESET", "SET"])
@pytest.mark.parametrize("polarity", ["LSR", "INV"])
def test_a_gate_makes_the_value_of_the_reset(value, polarity) -> None:
    netlist = design(register(RESET, 10, REGSET=value, LSRMUX=polarity), register(DATA, 11))
    assert gate_lone_resets(netlist) == 2
    cells = netlist["modules"]["top"]["cells"]
    assert "LSR" not in cells["a.r0"]["connections"] | cells["a.r0"]["port_directions"]
    assert cells["a.r0"]["parameters"]["REGSET"] == value
    assert cells["a.r0"]["connections"]["Q"] == [10]
    gate = cells["a.r0_reset"]
    assert gate["connections"] == {"A": [DATA], "B": [RESET], "C": ["0"], "D": ["0"],
                                   "Z": cells["a.r0"]["connections"]["DI"]}
    assert gate["connections"]["Z"] != cells["a.r1"]["connections"]["DI"]
    table = gate["parameters"]["INIT"][::-1]
    assert len(table) == 16
    for data, reset in product((0, 1), repeat=2):
        resets = reset == (polarity == "LSR")
        assert int(table[2 * reset + data]) == ((value == "SET") if resets else data)


def unconnected() -> dict:
    cell = register(RESET, 10)
    del cell["connections"]["LSR"]
    return cell


@pytest.mark.parametrize("registers", [
    [register(RESET, 10 + i) for i in range(3)], [register(RESET, 10, CEMUX="CE")],
    [register(RESET, 10, SRMODE="ASYNC")], [register("0", 10)], [unconnected()]],
    ids=["shared", "enabled", "asynchronous", "constant", "none"])
def test_other_resets_stay(registers) -> None:
    netlist, before = design(*registers), design(*registers)
    assert gate_lone_resets(netlist) == 0
    assert netlist == before
