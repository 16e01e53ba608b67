from hadron_fpga.reset_copies import copy_reset

CLOCK, EARLIER, RESET, REQUEST, HALT = 2, 3, 4, 5, 6
MODULES = ("soc.npu.controller.registers", "soc.npu.execute.softmax")


def register(d: int, q: int, **others: int) -> dict:
    directions = {"CLK": "input", "DI": "input", "Q": "output"} | dict.fromkeys(others, "input")
    return {"type": "TRELLIS_FF", "parameters": {"REGSET": "SET"}, "attributes": {},
            "port_directions": directions,
            "connections": {"CLK": [CLOCK], "DI": [d], "Q": [q]}
            | {port: [bit] for port, bit in others.items()}}


def lut(a: int, b: int, z: int) -> dict:
    return {"type": "LUT4", "parameters": {}, "attributes": {},
            "port_directions": {"A": "input", "B": "input", "Z": "output"},
            "connections": {"A": [a], "B": [b], "Z": [z]}}


def design(readers: int) -> dict:
    """Half of the registers are reset by the reset, half of them by a LUT that reads it."""
    cells = {"clock.reset": register(EARLIER, RESET)}
    for i in range(readers):
        cells[f"{MODULES[0]}.r{i}"] = register(REQUEST, 100 + i, LSR=RESET)
        cells[f"{MODULES[1]}.l{i}"] = lut(RESET, REQUEST, 1000 + i)
    return {"modules": {"top": {"cells": cells, "netnames": {
        "rst": {"bits": [RESET]}, "last": {"bits": [999 + readers + 1]}}}}}


def test_each_module_reads_a_copy_of_its_own_with_the_same_input() -> None:
    netlist = design(200)
    assert copy_reset(netlist) == 2
    cells = netlist["modules"]["top"]["cells"]
    copies = {module: cells[f"{module}.reset_copy{RESET}"] for module in MODULES}
    outputs = {module: copy["connections"]["Q"][0] for module, copy in copies.items()}
    assert len({RESET, *outputs.values(), *range(100, 300), *range(1000, 1200)}) == 403
    for copy in copies.values():
        assert copy["parameters"] == {"REGSET": "SET"}
        assert copy["connections"]["DI"] == [EARLIER]
    assert all(cells[f"{MODULES[0]}.r{i}"]["connections"]["LSR"] == [outputs[MODULES[0]]]
               for i in range(200))
    assert all(cells[f"{MODULES[1]}.l{i}"]["connections"]["A"] == [outputs[MODULES[1]]]
               and cells[f"{MODULES[1]}.l{i}"]["connections"]["B"] == [REQUEST]
               for i in range(200))


def gated(modules: int) -> dict:
    """One LUT a module adds a second reset; a cell reads it as data."""
    cells = {"clock.reset": register(EARLIER, RESET), "control.halt": register(REQUEST, HALT),
             "control.reader": lut(HALT, REQUEST, 7)}
    for i in range(modules):
        cells[f"module{i}.gate"] = lut(RESET, HALT, 100 + i)
        cells[f"module{i}.r"] = register(REQUEST, 200 + i, LSR=100 + i)
    return {"modules": {"top": {"cells": cells, "netnames": {"last": {"bits": [999]}}}}}


def test_modules_that_two_registers_reset_read_copies_of_both() -> None:
    netlist = gated(3)
    assert copy_reset(netlist) == 6
    cells = netlist["modules"]["top"]["cells"]
    for i in range(3):
        for port, bit, earlier in (("A", RESET, EARLIER), ("B", HALT, REQUEST)):
            copy = cells[f"module{i}.reset_copy{bit}"]
            assert copy["connections"]["DI"] == [earlier]
            assert cells[f"module{i}.gate"]["connections"][port] == copy["connections"]["Q"]
    assert cells["control.reader"]["connections"]["A"] == [HALT]


def test_a_gate_of_such_registers_is_copied_for_the_modules_that_it_resets() -> None:
    netlist = gated(3)
    cells = netlist["modules"]["top"]["cells"]
    cells["module3.r"] = register(REQUEST, 300, LSR=100)
    assert copy_reset(netlist) == 1 + 8
    gate = cells["module3.reset_copy100"]
    assert gate["connections"]["A"] == cells[f"module3.reset_copy{RESET}"]["connections"]["Q"]
    assert gate["connections"]["B"] == cells[f"module3.reset_copy{HALT}"]["connections"]["Q"]
    assert cells["module3.r"]["connections"]["LSR"] == gate["connections"]["Z"] != [100]
    assert cells["module0.r"]["connections"]["LSR"] == [100]


def test_a_copy_is_reset_by_its_own_module_s_reset() -> None:
    netlist = gated(3)
    cells = netlist["modules"]["top"]["cells"]
    cells["control.halt"] = register(REQUEST, HALT, LSR=RESET)
    assert copy_reset(netlist) == 3 + 4
    for module, halt in (("control", "control.halt"), ("module0", f"module0.reset_copy{HALT}")):
        assert (cells[halt]["connections"]["LSR"]
                == cells[f"{module}.reset_copy{RESET}"]["connections"]["Q"])


def test_a_gate_of_few_modules_is_left_alone() -> None:
    netlist = gated(2)
    assert copy_reset(netlist) == 0
    assert netlist == gated(2)


def test_what_few_cells_read_is_not_copied() -> None:
    netlist = design(20)
    assert copy_reset(netlist) == 0
    assert netlist == design(20)
