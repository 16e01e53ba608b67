"""Sites of the array's multipliers and weight memories."""

import re

import pytest

from hadron_fpga.floorplan import DEVICE_SITES, floorplan


def names(groups, lanes, multiplied):
    """Return the cells of an array whose first `multiplied` groups have multipliers."""
    rams = [f"top.array.group{group}.weights$12.ram{column}.block{byte}"
            for group in range(groups) for column in range(2) for byte in range(0, lanes, 4)]
    multipliers = [f"top.array.group{group}.columns.lane{lane}.multiplier.block"
                   for group in range(multiplied) for lane in range(lanes)]
    return [*multipliers, *rams]


REST = [
    *(f"top.requantizer.lane{lane}.multiplier.{half}.block"
      for lane in range(4) for half in ("low", "high")),
    "top.softmax.divider.block",
    *(f"top.scratchpad.bank{bank}.block0" for bank in range(16)),
    "top.softmax.table.block0",
]
UNKNOWN = ["top.filter.product.block", "top.frame.line0.block0"]


def kind(name):
    """Return the type of the cell of that name."""
    ram = re.search(r"\.ram\d|scratchpad|table|line", name)
    return "DP16KD" if ram else "MULT18X18D"


def sites(device, names_of_cells):
    cells = {name: {"type": kind(name)} for name in names_of_cells}
    placed = floorplan({"modules": {"top": {"cells": cells}}}, device)
    result = {name: cell["attributes"]["BEL"] for name, cell in cells.items()
              if "attributes" in cell}
    assert placed == len(result) == len(set(result.values()))
    return result


def position(site):
    x, y = re.match(r"X(\d+)/Y(\d+)/", site).groups()
    return int(x), int(y)


@pytest.mark.parametrize(("device", "groups", "multiplied"), [
    ("25k", 2, 1), ("45k", 4, 3), ("85k", 8, 7), ("85k", 8, 8)])
def test_gives_all_of_a_configuration_a_site_of_its_own(device, groups, multiplied):
    cells = [*names(groups, 16, multiplied), *REST]
    assert set(sites(device, [*cells, *UNKNOWN])) == set(cells)


def test_sites_are_those_of_the_device():
    plan = DEVICE_SITES["85k"]
    for name, site in sites("85k", [*names(8, 16, 7), *REST]).items():
        x, y = position(site)
        block = max(i for i, first in enumerate(plan.blocks) if first <= x)
        if kind(name) == "MULT18X18D":
            assert site in plan.multipliers(y, block)
            assert y in plan.multiplier_rows
        else:
            assert site in plan.rams(y, block)
            assert y in plan.ram_rows


def test_neighbours_in_the_chain_are_neighbours_on_the_device():
    result = sites("85k", names(8, 16, 7))
    middle = {}
    for group in range(7):
        lanes = [position(result[f"top.array.group{group}.columns.lane{lane}.multiplier.block"])
                 for lane in range(16)]
        assert len({y for _, y in lanes}) == 1
        middle[group] = sum(x for x, _ in lanes) / 16, lanes[0][1]
    for group in range(6):
        (x0, y0), (x1, y1) = middle[group], middle[group + 1]
        assert abs(x1 - x0) < 40
        assert abs(y1 - y0) <= 24


def distance(one, other):
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def test_the_requantizer_stands_in_the_middle_row_and_the_scratchpad_around_it():
    result = {name: position(site) for name, site in sites(
        "85k", [*names(8, 16, 7), *REST]).items()}
    lanes = [place for name, place in result.items() if "requantizer" in name]
    assert {y for _, y in lanes} == {DEVICE_SITES["85k"].multiplier_rows[1]}
    middle = [sum(along) / len(lanes) for along in zip(*lanes, strict=True)]
    banks = [place for name, place in result.items() if "scratchpad" in name]
    assert all(distance(place, middle) < 30 for place in banks)


def test_the_memories_of_softmax_stand_around_its_multipliers():
    result = sites("85k", [*names(8, 16, 7), *REST])
    assert distance(position(result["top.softmax.table.block0"]),
                    position(result["top.softmax.divider.block"])) < 40


def test_leaves_free_what_has_no_room():
    result = sites("25k", names(4, 16, 4))
    assert {re.search(r"group\d+", name).group() for name in result} == {"group0"}


def test_refuses_a_netlist_without_an_array():
    with pytest.raises(ValueError, match="no multiplier of a column group"):
        sites("85k", ["top.requantizer.multiplier.block"])
