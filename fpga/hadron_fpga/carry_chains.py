"""Leave the unused ends of carry chains unconnected, as the hardware allows.

Synthesis ties the carry into the first cell of every chain to a constant and gives the carry out
of the last one a net that nobody reads. nextpnr spends two LUTs on each: one cell to feed the
constant in, one to lead the carry out. Both can go where they carry nothing.
"""

from collections import Counter
from typing import Any

__all__ = ["trim_carry_chains"]


def _ignores_carry(cell: dict) -> bool:
    """Tell whether the lower half makes its own carry: f(A, B, 1, 1) is 0 whatever A and B are."""
    init = cell["parameters"]["INIT0"]
    connections = cell["connections"]
    return (init[:4] == "0000" and connections.get("C0") == ["1"]
            and connections.get("D0") == ["1"])


def trim_carry_chains(design: dict[str, Any]) -> int:
    """Disconnect what nobody reads in a netlist, in place.

    The ports stay, connected to "x": nextpnr expects them.

    The carry out of a cell goes if its net has no other user. The carry in goes if it is constant
    and the lower half of the cell does not propagate it, as in
    :class:`hadron_rtl.vendor.masked_adder.MaskedAdder`.

    Source: yosys techlibs/lattice/ccu2c_sim.vh.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened.

    Returns
    -------
    int
        Ends disconnected; each saves two LUTs.
    """
    removed = 0
    for module in design["modules"].values():
        users: Counter[object] = Counter()
        for port in module["ports"].values():
            users.update(port["bits"])
        for cell in module["cells"].values():
            for bits in cell["connections"].values():
                users.update(bits)
        for cell in module["cells"].values():
            if cell["type"] != "CCU2C":
                continue
            connections = cell["connections"]
            if users[connections["COUT"][0]] == 1:
                connections["COUT"] = ["x"]
                removed += 1
            if connections["CIN"] in (["0"], ["1"]) and _ignores_carry(cell):
                connections["CIN"] = ["x"]
                removed += 1
    return removed
