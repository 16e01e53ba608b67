"""A netlist in Yosys's JSON, between synthesis and placement."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["add_driver", "add_lut", "edited_netlist", "module_path", "unused_bit"]


@contextmanager
def edited_netlist(file: Path) -> Iterator[dict[str, Any]]:
    """Give what a file holds, flattened, to be changed in place; write it back afterwards."""
    design = json.loads(file.read_text(encoding="utf-8"))
    yield design
    file.write_text(json.dumps(design), encoding="utf-8")


def module_path(cell: str, depth: int) -> str:
    """Return the path of the module that a cell of a flattened netlist came from, its first names.
    """
    return ".".join(cell.split(".")[:-1][:depth])


def unused_bit(module: dict[str, Any]) -> int:
    """Return a number of a net that a module does not have, and no larger one either."""
    return 1 + max((bit for net in module["netnames"].values() for bit in net["bits"]
                    if isinstance(bit, int)), default=1)


def add_driver(module: dict[str, Any], name: str, cell: dict[str, Any], output: str,
               bit: int) -> None:
    """Add a cell whose output drives a net that is new, both of one name."""
    cell["connections"][output] = [bit]
    module["cells"][name] = cell
    module["netnames"][name] = {"hide_name": 0, "bits": [bit], "attributes": {}}


def add_lut(module: dict[str, Any], name: str, init: str, inputs: Sequence[int | str],
            bit: int) -> None:
    """Add a LUT4 of up to four inputs, the others zero; `init` is its output for 15 down to 0."""
    pins = dict(zip("ABCD", (*inputs, *"0000"), strict=False))
    add_driver(module, name, {
        "hide_name": 0, "type": "LUT4", "attributes": {}, "parameters": {"INIT": init},
        "port_directions": dict.fromkeys(pins, "input") | {"Z": "output"},
        "connections": {port: [pin] for port, pin in pins.items()},
    }, "Z", bit)
