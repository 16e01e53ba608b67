"""Give each module a register of its own for the reset.

The reset of a clock domain is one register that cells all over the device read, many of them
through a LUT that adds a module's own condition: on an LFE5U-85F, 7 ns to the LUT and 4 ns from
there. A copy that one module reads can be placed beside it.
"""

from collections import defaultdict
from copy import deepcopy
from typing import Any

__all__ = ["copy_reset"]

_READERS = 256
"""A register that resets others and that as many cells read is copied."""
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
              for bit in cell["connections"].get("LSR", ()) if bit in registers}
    readers: dict[int, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input" and bits and bits[0] in resets:
                readers[bits[0]][_module(name)].append((name, port))

    unused = 1 + max((bit for net in module["netnames"].values() for bit in net["bits"]
                      if isinstance(bit, int)), default=1)
    copies = 0
    for bit, by_module in readers.items():
        if sum(map(len, by_module.values())) < _READERS:
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


def _module(cell: str) -> str:
    """Return the path of the module that a cell of a flattened netlist came from."""
    return ".".join(cell.split(".")[:-1][:_DEPTH])
