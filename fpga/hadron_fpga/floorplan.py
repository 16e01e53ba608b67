"""Place multipliers and block RAMs before the placer begins.

They stand in a few rows of the device, and an analytical placer that finds them free, in a design
with few pins, spreads each group of columns over all of it: the array of `h256` then has half its
connections in each other's way and is not routed. So each group gets sites side by side, and its
weight memories the nearest ones below; groups follow one another as the systolic chain does, back
and forth. The requantizer stands behind the last group, the scratchpad around it, softmax's
memories around its multipliers, and what memory there is besides in the rest. LUTs and registers
are left to the placer, which has something to hold on to.
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
    sites = _FreeSites(DEVICE_SITES[device])
    placed: dict[str, str] = {}
    for group in sorted(rams):
        placed |= sites.side_by_side(multipliers.get(group, []), rams[group])
    for multiplier_part, ram_part in (
            (_REQUANTIZER, _SCRATCHPAD), (_SOFTMAX, _SOFTMAX), (None, _MEMORY)):
        placed |= sites.behind(_matching(cells, "MULT18X18D", multiplier_part),
                               _matching(cells, "DP16KD", ram_part))
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
    """Hands out runs of blocks, row by row, back and forth; then what is left, nearest first."""

    def __init__(self, sites: DeviceSites):
        self.sites = sites
        self.row = 0
        self.used = 0
        self.middle: tuple[float, ...] = (0.0, 0.0)
        blocks = range(len(sites.blocks))
        self.multipliers = [site for row in sites.multiplier_rows for block in blocks
                            for site in sites.multipliers(row, block)]
        self.rams = [site for row in sites.ram_rows for block in blocks
                     for site in sites.rams(row, block)]

    def side_by_side(self, multipliers: list[str], rams: list[str]) -> dict[str, str]:
        """Return sites by name for a group, or none when there is no room."""
        sites = self.sites
        width = -(-max(len(multipliers), len(rams)) // _BLOCK)
        if self.used + width > len(sites.blocks):
            self.row, self.used = self.row + 1, 0
        if self.row == len(sites.multiplier_rows) or width > len(sites.blocks):
            return {}
        first = self.used if self.row % 2 == 0 else len(sites.blocks) - self.used - width
        self.used += width
        blocks = range(first, first + width)
        row = sites.multiplier_rows[self.row]
        below = next(y for y in sites.ram_rows if y > row)
        free = [site for block in blocks for site in sites.rams(below, block)]
        spread = [free[i * len(free) // len(rams)] for i in range(len(rams))]
        adjacent = [site for block in blocks for site in sites.multipliers(row, block)]
        return self._take([*zip(multipliers, adjacent, strict=False),
                           *zip(rams, spread, strict=True)])

    def behind(self, multipliers: list[str], rams: list[str]) -> dict[str, str]:
        """Return sites by name for what follows the last group, memories around the multipliers, or
        around what came before when there are none; some get none."""
        rows = self.sites.multiplier_rows
        last = rows[min(self.row, len(rows) - 1)]
        free = sorted(self.multipliers, key=lambda site: abs(_position(site)[1] - last))
        placed = self._take(zip(multipliers, free, strict=False))
        if placed:
            places = [_position(site) for site in placed.values()]
            self.middle = tuple(sum(along) / len(places) for along in zip(*places, strict=True))

        def distance(site: str) -> float:
            return sum(abs(at - middle) for at, middle in zip(
                _position(site), self.middle, strict=True))

        around = sorted(self.rams, key=distance)[:len(rams)]
        return placed | self._take(zip(rams, sorted(around, key=_position), strict=False))

    def _take(self, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
        taken = dict(pairs)
        gone = set(taken.values())
        self.multipliers = [site for site in self.multipliers if site not in gone]
        self.rams = [site for site in self.rams if site not in gone]
        return taken
