"""Give each module drivers of its own for constants.

nextpnr ties most constant inputs where they are. For others (a multiplier's enables, resets and
modes, the address of a small memory, the start of a carry chain) it has one LUT that drives all
zeros of the device and one for all ones. In a full device its router tears up these nets again and
again, a thousand connections at a time: of the last 6,000 connections that it routed for `h256`, a
fifth were theirs, and some seeds did not end.
"""

import re
from collections import defaultdict
from typing import Any

from .netlist import add_lut, module_path, unused_bit

__all__ = ["copy_constants"]

_ROUTED = {
    "MULT18X18D": re.compile(r"CE|RST|SIGNED|SOURCE"),
    "TRELLIS_DPR16X4": re.compile(r"DI|RAD|WAD"),
    "CCU2C": re.compile(r"CIN"),
}
"""Inputs that nextpnr drives from a LUT when they are constant, by type of cell. Source: its
``ecp5/pack.cc``."""
_DEPTH = 4
"""Names of a module's path that tell one from another."""
_PINS = 8
"""As many pins of a module get a driver: few are no trouble."""


def copy_constants(design: dict[str, Any]) -> int:
    """Drive constants of a module's cells by LUTs of its own, in place.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened, for ECP5.

    Returns
    -------
    int
        LUTs added.
    """
    return sum(map(_copy_in_module, design["modules"].values()))


def _copy_in_module(module: dict[str, Any]) -> int:
    cells = module.get("cells", {})
    pins: dict[tuple[str, str], list[tuple[list[int | str], int]]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            for i, bit in enumerate(bits):
                if bit in ("0", "1") and _is_routed(cell, port, bit):
                    pins[module_path(name, _DEPTH), bit].append((bits, i))

    bit = unused_bit(module)
    copies = 0
    for (path, value), places in pins.items():
        if len(places) < _PINS:
            continue
        add_lut(module, f"{path}.constant{value}", 16 * value, (), bit)
        for bits, i in places:
            bits[i] = bit
        bit += 1
        copies += 1
    return copies


def _is_routed(cell: dict[str, Any], port: str, value: str) -> bool:
    """Tell whether nextpnr drives an input that is constant from a LUT."""
    kind = cell["type"]
    if kind == "CCU2C" and value == "0" and re.match(r"[CD][01]", port):
        # It makes a one of this zero, but for the gate that C and D may share.
        partner = {"C": "D", "D": "C"}[port[0]] + port[1]
        return cell["connections"][partner] != ["1"]
    return kind in _ROUTED and _ROUTED[kind].match(port) is not None
