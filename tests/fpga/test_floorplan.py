"""Sites of the array's multipliers and weight memories."""

import json
import re

import pytest

from hadron_fpga.floorplan import DEVICE_SITES, floorplan


def names(groups, lanes, multiplied):
    """Return the cells of an array whose first `multiplied` groups have multipliers."""
    rams = [f"top.array.group{group}.weights$12.ram{column}.block{byte}"
            for group in range(groups) for column in range(2) for byte in range(0, lanes, 4)]
    multipliers = [f"top.array.group{group}.columns.lane{lane}.multiplier.block"
                   for group in range(multiplied) for lane in range(lanes)]
    return [*multipliers, *rams, "top.requantizer.multiplier.block", "top.scratchpad.ram0.block0"]


def sites(folder, device, cells):
    netlist = folder / "top.json"
    netlist.write_text(json.dumps({"modules": {"top": {"cells": {name: {} for name in cells}}}}))
    placed = floorplan(netlist, device)
    result = {
        name: cell["attributes"]["BEL"]
        for name, cell in json.loads(netlist.read_text())["modules"]["top"]["cells"].items()
        if cell}
    assert placed == len(result) == len(set(result.values()))
    return result


def position(site):
    x, y = re.match(r"X(\d+)/Y(\d+)/", site).groups()
    return int(x), int(y)


@pytest.mark.parametrize(("device", "groups", "multiplied"), [
    ("25k", 2, 1), ("45k", 4, 3), ("85k", 8, 7), ("85k", 8, 8)])
def test_gives_all_of_a_configuration_a_site_of_its_own(device, groups, multiplied, tmp_path):
    cells = names(groups, 16, multiplied)
    assert set(sites(tmp_path, device, cells)) == set(cells[:-2])


def test_sites_are_those_of_the_device(tmp_path):
    plan = DEVICE_SITES["85k"]
    for name, site in sites(tmp_path, "85k", names(8, 16, 7)).items():
        x, y = position(site)
        block = max(i for i, first in enumerate(plan.blocks) if first <= x)
        if "multiplier" in name:
            assert site in plan.multipliers(y, block)
            assert y in plan.multiplier_rows
        else:
            assert site in plan.rams(y, block)
            assert y in plan.ram_rows


def test_neighbours_in_the_chain_are_neighbours_on_the_device(tmp_path):
    result = sites(tmp_path, "85k", names(8, 16, 7))
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


def test_leaves_free_what_has_no_room(tmp_path):
    result = sites(tmp_path, "25k", names(4, 16, 4))
    assert {re.search(r"group\d+", name).group() for name in result} == {"group0"}


def test_refuses_a_netlist_without_an_array(tmp_path):
    with pytest.raises(ValueError, match="no multiplier of a column group"):
        sites(tmp_path, "85k", ["top.requantizer.multiplier.block"])
