"""Reset registers by a gate that share their reset with hardly any others.

The registers of a slice of the ECP5 have one reset, and those of a tile two. A register that is
reset by one of its own, as a copy of a reset mostly is, leaves room that hardly any other can take.
In a full device nextpnr's HeAP may then look for a place without end: with the whole of `h64` on an
LFE5U-25F it stood in the third iteration, which takes four seconds otherwise, for five minutes.
With a gate in front the register fits beside any other.
"""

from collections import defaultdict
from typing import Any

from .netlist import add_lut, unused_bit

__all__ = ["gate_lone_resets"]

_FEW = 2
"""As many registers of a slice, which would have it for themselves."""


def gate_lone_resets(design: dict[str, Any]) -> int:
    """Reset registers by a LUT in front of them, in place, where few share clock and reset.

    Only registers without an enable, which would need the LUT as well.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened, for ECP5.

    Returns
    -------
    int
        LUTs added.
    """
    return sum(map(_gate_in_module, design["modules"].values()))


def _gate_in_module(module: dict[str, Any]) -> int:
    sharing: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name, cell in module.get("cells", {}).items():
        if cell["type"] == "TRELLIS_FF" and _is_reset_alone(cell):
            pins = cell["connections"]
            sharing[pins["CLK"][0], pins["LSR"][0], cell["parameters"]["LSRMUX"]].append(name)
    lone = [name for names in sharing.values() if len(names) <= _FEW for name in names]
    bit = unused_bit(module)
    for i, name in enumerate(lone):
        _gate(module, name, bit + i)
    return len(lone)


def _is_reset_alone(cell: dict[str, Any]) -> bool:
    """Tell whether a register has a synchronous reset and no enable."""
    parameters = cell["parameters"]
    return (isinstance(cell["connections"].get("LSR", [None])[0], int)
            and parameters["SRMODE"] == "LSR_OVER_CE" and parameters["CEMUX"].strip() == "1")


def _gate(module: dict[str, Any], name: str, bit: int) -> None:
    """Give a register, instead of its reset, an input that has its value of the reset then."""
    register = module["cells"][name]
    pins, parameters = register["connections"], register["parameters"]
    active = int(parameters["LSRMUX"] != "INV")
    value = int(parameters["REGSET"] == "SET")
    table = [value if i >> 1 & 1 == active else i & 1 for i in range(16)]
    (data,), (reset,) = pins["DI"], pins.pop("LSR")
    add_lut(module, f"{name}_reset", "".join(map(str, reversed(table))), (data, reset), bit)
    pins["DI"] = [bit]
    del register["port_directions"]["LSR"]
    parameters["LSRMUX"] = "LSR"
