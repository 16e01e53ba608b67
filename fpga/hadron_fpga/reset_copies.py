"""Give each module a register of its own for the reset.

The reset of a clock domain is one register that cells all over the device read, many of them
through a LUT that adds a module's own condition: on an LFE5U-85F, 7 ns to the LUT and 4 ns from
there. So is a register that resets some modules besides, and synthesis makes one LUT of the two for
all modules that it maps together. A copy that one module reads can be placed beside it.
"""

from collections import Counter, defaultdict
from copy import deepcopy
from typing import Any

from .netlist import add_driver, module_path, unused_bit

__all__ = ["copy_reset"]

_READERS = 256
"""A register that resets others and that as many cells read is copied."""
_GATED_MODULES = 3
"""So is one that takes part in the resets of as many modules."""
_DEPTH = 5
"""Names of a module's path that tell one from another."""
_GATE_DEPTH = 4
"""The same for gates, which cost a LUT and a copy of each register that they read."""


def copy_reset(design: dict[str, Any]) -> int:
    """Copy reset registers for the modules that read them, in place.

    A copy takes the same input in the same cycle, so all leave reset together.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened, for ECP5.

    Returns
    -------
    int
        Copies made.
    """
    return sum(map(_copy_in_module, design["modules"].values()))


def _copy_in_module(module: dict[str, Any]) -> int:
    cells = module.get("cells", {})
    registers = {cell["connections"]["Q"][0]: name for name, cell in cells.items()
                 if cell["type"] == "TRELLIS_FF"}
    resets = {bit for cell in cells.values() if cell["type"] == "TRELLIS_FF"
              for bit in cell["connections"].get("LSR", ())}
    gates = {cell["connections"]["Z"][0]: name for name, cell in cells.items()
             if cell["type"] == "LUT4" and cell["connections"]["Z"][0] in resets}
    spread = _spread_registers(cells, registers, resets, gates)
    gates_of_spread = {bit: name for bit, name in gates.items()
                       if _inputs(cells[name]) <= spread.keys()}
    # What reads others comes before them, so that a copy reads those of its own module.
    reset_themselves = {bit: name for bit, name in spread.items()
                        if _inputs(cells[name]) & (spread.keys() - {bit})}
    return sum(_copy_for_modules(module, drivers, output, depth) for drivers, output, depth in (
        (gates_of_spread, "Z", _GATE_DEPTH),
        (reset_themselves, "Q", _DEPTH),
        (dict(spread.items() - reset_themselves.items()), "Q", _DEPTH)))


def _spread_registers(cells: dict[str, Any], registers: dict[int, str], resets: set[int],
                      gates: dict[int, str]) -> dict[int, str]:
    """Return the registers, by output, that reset much of the device or many of its modules."""
    readers: Counter[int] = Counter()
    for cell in cells.values():
        readers.update(_inputs(cell))
    gated: dict[int, set[str]] = defaultdict(set)
    for gate in gates.values():
        for bit in _inputs(cells[gate]):
            gated[bit].add(module_path(gate, _DEPTH))
    return {bit: name for bit, name in registers.items()
            if (bit in resets and readers[bit] >= _READERS) or len(gated[bit]) >= _GATED_MODULES}


def _copy_for_modules(module: dict[str, Any], drivers: dict[int, str], output: str,
                      depth: int) -> int:
    """Copy cells that drive bits, for each module, but their own, that reads them."""
    cells = module["cells"]
    readers: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input" and bits and bits[0] in drivers:
                readers[bits[0], module_path(name, depth)].append((name, port))
    unused = first = unused_bit(module)
    for (bit, path), pins in readers.items():
        if path == module_path(drivers[bit], depth):
            continue
        name = ".".join(filter(None, (path, f"reset_copy{bit}")))
        add_driver(module, name, deepcopy(cells[drivers[bit]]), output, unused)
        for reader, port in pins:
            cells[reader]["connections"][port] = [unused]
        unused += 1
    return unused - first


def _inputs(cell: dict[str, Any]) -> set[int]:
    """Return the bits that a cell reads, but constants."""
    return {bits[0] for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" and bits and isinstance(bits[0], int)}
