"""Place the array's multipliers and weight memories before the placer begins.

They stand in a few rows of the device, and an analytical placer that finds them free, in a design
with few pins, spreads each group of columns over all of it: the array of `h256` then has half its
connections in each other's way and is not routed. So each group gets sites side by side, and its
weight memories the nearest ones below; groups follow one another as the systolic chain does, back
and forth. Everything else is left to the placer, which has something to hold on to.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DEVICE_SITES", "DeviceSites", "floorplan"]


@dataclass(frozen=True)
class DeviceSites:
    """Where a device has multipliers and block RAMs: rows of blocks of four.

    Attributes
    ----------
    multiplier_rows, ram_rows : tuple of int
        Y of each row of MULT18X18D and of DP16KD.
    blocks : tuple of int
        X of the first site of each block, the same in all rows.
    """

    multiplier_rows: tuple[int, ...]
    ram_rows: tuple[int, ...]
    blocks: tuple[int, ...]

    def multipliers(self, row: int, block: int) -> list[str]:
        """Return the sites of a block, named as nextpnr does, from left to right."""
        return [f"X{self.blocks[block] + i}/Y{row}/MULT18_{i}" for i in (0, 1, 4, 5)]

    def rams(self, row: int, block: int) -> list[str]:
        """Return the sites of a block, named as nextpnr does, from left to right."""
        return [f"X{self.blocks[block] + 2 * i}/Y{row}/EBR{i}" for i in range(4)]


DEVICE_SITES = {
    "25k": DeviceSites((13,), (25, 37), (4, 13, 22, 33, 42, 51, 60)),
    "45k": DeviceSites((22, 46), (10, 34, 58), (4, 13, 22, 31, 42, 51, 60, 69, 78)),
    "85k": DeviceSites((10, 34, 58), (22, 46, 70, 82),
                       (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)),
}
"""By nextpnr's name of the device. Source: the sites nextpnr gives a design that takes all."""

_MULTIPLIER = re.compile(r"(?:^|\.)group(\d+)\.columns\.lane(\d+)\.multiplier\.block$")
_RAM = re.compile(r"(?:^|\.)group(\d+)\.weights(?:\$\d+)?\.ram(\d+)\.block(\d+)$")
_BLOCK = 4


def floorplan(netlist: Path, device: str) -> int:
    """Give the array's multipliers and weight memories their sites in a netlist, in place.

    Groups that the device has no room for stay free.

    Parameters
    ----------
    netlist : Path
        What ``write_json`` wrote, flattened, names as :mod:`hadron_rtl.array` gives them.
    device : str
        One of :data:`DEVICE_SITES`.

    Returns
    -------
    int
        Cells with a site.

    Raises
    ------
    ValueError
        When there is no multiplier of a column group in the netlist.
    """
    design = json.loads(netlist.read_text(encoding="utf-8"))
    cells = {name: cell for module in design["modules"].values()
             for name, cell in module.get("cells", {}).items()}
    multipliers, rams = _by_group(cells, _MULTIPLIER), _by_group(cells, _RAM)
    if not multipliers:
        raise ValueError(f"{netlist}: no multiplier of a column group to place")
    placed = 0
    slots = _Slots(DEVICE_SITES[device])
    for group in sorted(rams):
        for name, site in slots.take(multipliers.get(group, []), rams[group]):
            cells[name].setdefault("attributes", {})["BEL"] = site
            placed += 1
    netlist.write_text(json.dumps(design), encoding="utf-8")
    return placed


def _by_group(cells: dict[str, Any], pattern: re.Pattern[str]) -> dict[int, list[str]]:
    """Return the names that match, by group, neighbours in lanes side by side."""
    groups: dict[int, list[tuple[list[int], str]]] = defaultdict(list)
    for name in cells:
        if match := pattern.search(name):
            group, *rest = map(int, match.groups())
            # A memory's columns share lanes: block first, then column.
            groups[group].append((rest[::-1], name))
    return {group: [name for _, name in sorted(members)] for group, members in groups.items()}


class _Slots:
    """Hands out runs of blocks, row by row, back and forth."""

    def __init__(self, sites: DeviceSites):
        self.sites = sites
        self.row = 0
        self.used = 0

    def take(self, multipliers: list[str], rams: list[str]) -> Iterator[tuple[str, str]]:
        """Yield names with their sites, or nothing when they find no room."""
        sites = self.sites
        width = -(-max(len(multipliers), len(rams)) // _BLOCK)
        if self.used + width > len(sites.blocks):
            self.row, self.used = self.row + 1, 0
        if self.row == len(sites.multiplier_rows) or width > len(sites.blocks):
            return
        first = self.used if self.row % 2 == 0 else len(sites.blocks) - self.used - width
        self.used += width
        blocks = range(first, first + width)
        row = sites.multiplier_rows[self.row]
        free = [site for block in blocks for site in sites.multipliers(row, block)]
        yield from zip(multipliers, free, strict=False)
        below = next(y for y in sites.ram_rows if y > row)
        free = [site for block in blocks for site in sites.rams(below, block)]
        for i, name in enumerate(rams):
            yield name, free[i * len(free) // len(rams)]
