"""Give each module a register of its own for the reset.

The reset of a clock domain is one register that cells all over the device read, many of them
through a LUT that adds a module's own condition: on an LFE5U-85F, 7 ns to the LUT and 4 ns from
there. So is a register that resets some modules besides, in each by a LUT of its own. A copy that
one module reads can be placed beside it.
"""

from collections import defaultdict
from copy import deepcopy
from typing import Any

from .netlist import module_path, unused_bit

__all__ = ["copy_reset"]

_READERS = 256
"""A register that resets others and that as many cells read is copied."""
_GATED_MODULES = 3
"""So is one that takes part in the resets of as many modules."""
_DEPTH = 5
"""Names of a module's path that tell one from another."""


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
    gated = _gated_modules(cells, registers, resets)
    candidates = resets & registers.keys() | gated.keys()
    readers: dict[int, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input" and bits and bits[0] in candidates:
                readers[bits[0]][module_path(name, _DEPTH)].append((name, port))

    unused = unused_bit(module)
    copies = 0
    for bit, by_module in readers.items():
        many = bit in resets and sum(map(len, by_module.values())) >= _READERS
        if not many and len(gated[bit]) < _GATED_MODULES:
            continue
        for path, pins in by_module.items():
            copy = deepcopy(cells[registers[bit]])
            copy["connections"]["Q"] = [unused]
            name = ".".join(filter(None, (path, f"reset_copy{bit}")))
            cells[name] = copy
            module["netnames"][name] = {"hide_name": 0, "bits": [unused], "attributes": {}}
            for reader, port in pins:
                cells[reader]["connections"][port] = [unused]
            unused += 1
            copies += 1
    return copies


def _gated_modules(cells: dict[str, Any], registers: dict[int, str],
                   resets: set[int]) -> dict[int, set[str]]:
    """Return the modules in which a LUT makes a reset of a register, by the register's output."""
    modules: dict[int, set[str]] = defaultdict(set)
    for name, cell in cells.items():
        if cell["type"] == "LUT4" and cell["connections"]["Z"][0] in resets:
            for port, direction in cell["port_directions"].items():
                bit = cell["connections"][port][0]
                if direction == "input" and bit in registers:
                    modules[bit].add(module_path(name, _DEPTH))
    return modules
