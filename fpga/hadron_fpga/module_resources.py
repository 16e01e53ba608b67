"""What each module of a design takes of a device, from the synthesized netlist."""

from collections import Counter, defaultdict
from typing import Any

__all__ = ["KINDS", "LEAST_LUT4", "module_resources"]

KINDS = ("lut4", "ff", "ebr", "mult18")
"""The resources that reports tell, as :data:`hadron_fpga.place_and_route.RESOURCES` has them."""

LEAST_LUT4 = 200
"""How many LUTs a module takes that is in reports."""

_TAKES = {
    "LUT4": ("lut4", 1),
    "CCU2C": ("lut4", 2),
    # Sixteen words of four bits; two more LUTs are spent on writing them.
    "TRELLIS_DPR16X4": ("lut4", 6),
    "TRELLIS_FF": ("ff", 1),
    "DP16KD": ("ebr", 1),
    "MULT18X18D": ("mult18", 1),
}
"""Cells of the netlist: kind of resource, and how many of it."""


def module_resources(design: dict[str, Any], *, least_lut4: int = LEAST_LUT4,
                     ) -> dict[str, dict[str, int]]:
    """Count resources by module, each with all that is inside it.

    Cells count where their names put them: logic that synthesis moved across a border counts where
    it went, and what placement adds (feeding carry chains, LUTs it leaves unused) is not in it.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened; a name says its modules, separated by dots.
    least_lut4 : int
        Modules with fewer LUTs are left out.

    Returns
    -------
    dict of str to dict of str to int
        For each module's path ("" is the whole), lut4, ff, ebr and mult18; by path.
    """
    modules: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for module in design["modules"].values():
        for name, cell in module.get("cells", {}).items():
            if cell["type"] not in _TAKES:
                continue
            kind, count = _TAKES[cell["type"]]
            path = name.split(".")[:-1]
            for depth in range(len(path) + 1):
                modules[".".join(path[:depth])][kind] += count
    return {
        path: {kind: count[kind] for kind in KINDS}
        for path, count in sorted(modules.items())
        if count["lut4"] >= least_lut4 or not path
    }
