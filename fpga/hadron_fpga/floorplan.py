"""Place multipliers and block RAMs before the placer begins.

They stand in a few rows of the device, and an analytical placer that finds them free, in a design
with few pins, spreads each group of columns over all of it: the array of `h256` then has half its
connections in each other's way and is not routed. So each group gets sites side by side, and its
weight memories the nearest ones below. Groups follow one another as the systolic chain does, around
the requantizer, which takes all their results and stands at the end of the middle row; a group
without multipliers stands by the one before. The scratchpad stands around the requantizer, the
memories of softmax around its multipliers, and what memory there is besides in the rest. LUTs and
registers are left to the placer, which has something to hold on to.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
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
_REQUANTIZER, _SOFTMAX, _SCRATCHPAD, _MEMORY = (
    re.compile(rf"(?:^|\.){part}\.")
    for part in ("requantizer", "softmax", "scratchpad", "memory"))
_BLOCK = 4


def floorplan(design: dict[str, Any], device: str) -> int:
    """Give multipliers and block RAMs of the NPU and its memory their sites in a netlist, in place.

    What the device has no room for stays free, and so does what is not known here.

    Parameters
    ----------
    design : dict
        What Yosys's ``write_json`` wrote, flattened, names as :mod:`hadron_rtl` gives them.
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
    cells = {name: cell for module in design["modules"].values()
             for name, cell in module.get("cells", {}).items()}
    multipliers, rams = _by_group(cells, _MULTIPLIER), _by_group(cells, _RAM)
    if not multipliers:
        raise ValueError("no multiplier of a column group to place")
    parts = [(_matching(cells, "MULT18X18D", of_multipliers), _matching(cells, "DP16KD", of_rams))
             for of_multipliers, of_rams in (
                 (_REQUANTIZER, _SCRATCHPAD), (_SOFTMAX, _SOFTMAX), (None, _MEMORY))]
    sites = _FreeSites(DEVICE_SITES[device], apart=sum(len(part) for part, _ in parts))
    placed: dict[str, str] = {}
    for group in sorted(rams):
        placed |= sites.next_in_chain(multipliers.get(group, []), rams[group])
    for part in parts:
        placed |= sites.in_the_middle(*part)
    for name, site in placed.items():
        cells[name].setdefault("attributes", {})["BEL"] = site
    return len(placed)


def _by_group(cells: dict[str, Any], pattern: re.Pattern[str]) -> dict[int, list[str]]:
    """Return the names that match, by group, neighbours in lanes side by side."""
    groups: dict[int, list[tuple[list[int], str]]] = defaultdict(list)
    for name in cells:
        if match := pattern.search(name):
            group, *rest = map(int, match.groups())
            # A memory's columns share lanes: block first, then column.
            groups[group].append((rest[::-1], name))
    return {group: [name for _, name in sorted(members)] for group, members in groups.items()}


def _matching(cells: dict[str, Any], kind: str, pattern: re.Pattern[str] | None) -> list[str]:
    """Return the cells of a kind that match, in the order of numbers."""
    def natural(name: str) -> list[tuple[int, str]]:
        return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", name)]

    return sorted((name for name, cell in cells.items()
                   if pattern and pattern.search(name) and cell["type"] == kind), key=natural)


def _position(site: str) -> tuple[int, int]:
    """Return column and row of a site."""
    x, y = re.findall(r"[XY](\d+)", site)
    return int(x), int(y)


class _FreeSites:
    """Hands out sites: runs of blocks, row by row, back and forth. At the end of the middle row
    `apart` multipliers are kept for those that are no group's."""

    def __init__(self, sites: DeviceSites, *, apart: int):
        self.sites = sites
        self.middle_row = len(sites.multiplier_rows) // 2
        self.kept = -(-apart // _BLOCK)
        self.row = 0
        self.used = 0
        self.leftwards = True
        # Where the last that were handed out are, in the middle of them.
        self.place: tuple[float, ...] = (sites.blocks[-1], sites.multiplier_rows[0])
        blocks = range(len(sites.blocks))
        self.multipliers = [site for row in sites.multiplier_rows for block in blocks
                            for site in sites.multipliers(row, block)]
        self.rams = [site for row in sites.ram_rows for block in blocks
                     for site in sites.rams(row, block)]

    def next_in_chain(self, multipliers: list[str], rams: list[str]) -> dict[str, str]:
        """Return sites by name for a group, or none when there is no room."""
        if not multipliers:
            return self._take(zip(rams, self._rams_around(len(rams)), strict=False))
        sites = self.sites
        width = -(-max(len(multipliers), len(rams)) // _BLOCK)
        while self.used + width > self._blocks_of_row():
            self.row, self.used = self.row + 1, 0
            # On from where the last group is.
            self.leftwards = self.place[0] > sum(sites.blocks) / len(sites.blocks)
            if self.row >= len(sites.multiplier_rows):
                return {}
        first = self._blocks_of_row() - self.used - width if self.leftwards else self.used
        self.used += width
        blocks = range(first, first + width)
        row = sites.multiplier_rows[self.row]
        below = next(y for y in sites.ram_rows if y > row)
        free = [site for block in blocks for site in sites.rams(below, block)]
        spread = [free[i * len(free) // len(rams)] for i in range(len(rams))]
        adjacent = [site for block in blocks for site in sites.multipliers(row, block)]
        return (self._take(zip(multipliers, adjacent, strict=False))
                | self._take(zip(rams, spread, strict=True)))

    def in_the_middle(self, multipliers: list[str], rams: list[str]) -> dict[str, str]:
        """Return sites by name for what is no group's: multipliers in the middle row, memories
        around them, or around what came before when there are none; some get none."""
        middle = self.sites.multiplier_rows[self.middle_row]
        free = sorted(self.multipliers, key=lambda site: abs(_position(site)[1] - middle))
        placed = self._take(zip(multipliers, free, strict=False))
        return placed | self._take(zip(rams, self._rams_around(len(rams)), strict=False))

    def _blocks_of_row(self) -> int:
        if self.row >= len(self.sites.multiplier_rows):
            return 0
        return len(self.sites.blocks) - (self.kept if self.row == self.middle_row else 0)

    def _rams_around(self, count: int) -> list[str]:
        """Return the free sites that are nearest to what was placed last, from left to right."""
        def distance(site: str) -> float:
            return sum(abs(at - middle) for at, middle in zip(
                _position(site), self.place, strict=True))

        return sorted(sorted(self.rams, key=distance)[:count], key=_position)

    def _take(self, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
        taken = dict(pairs)
        gone = set(taken.values())
        self.multipliers = [site for site in self.multipliers if site not in gone]
        self.rams = [site for site in self.rams if site not in gone]
        if taken:
            places = [_position(site) for site in gone]
            self.place = tuple(sum(along) / len(places) for along in zip(*places, strict=True))
        return taken
