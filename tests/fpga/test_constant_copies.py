from hadron_fpga.constant_copies import copy_constants

LANES = "npu.execute.array.group0.columns"


def cell(kind: str, **connections: list) -> dict:
    directions = {port: "output" if port in ("P0", "COUT", "DO") else "input"
                  for port in connections}
    return {"type": kind, "parameters": {}, "attributes": {}, "port_directions": directions,
            "connections": connections}


def design(**cells: dict) -> dict:
    return {"modules": {"top": {"cells": cells, "netnames": {"last": {"bits": [99]}}}}}


def multipliers(count: int) -> dict:
    return {f"{LANES}.lane{i}.block": cell(
        "MULT18X18D", A0=["0"], A1=[7], CE0=["1"], RST0=["0"], SOURCEA=["0"], P0=[10 + i])
        for i in range(count)}


def test_the_constants_of_a_module_have_one_lut_each() -> None:
    netlist = design(**multipliers(8))
    assert copy_constants(netlist) == 2
    cells = netlist["modules"]["top"]["cells"]
    zero, one = (cells[f"npu.execute.array.group0.constant{value}"] for value in "01")
    assert [zero["parameters"]["INIT"], one["parameters"]["INIT"]] == ["0" * 16, "1" * 16]
    assert {zero["connections"]["Z"][0], one["connections"]["Z"][0]} == {100, 101}
    for i in range(8):
        pins = cells[f"{LANES}.lane{i}.block"]["connections"]
        assert pins["RST0"] == pins["SOURCEA"] == zero["connections"]["Z"]
        assert pins["CE0"] == one["connections"]["Z"]
        assert (pins["A0"], pins["A1"]) == (["0"], [7])


def test_few_pins_are_left_to_the_device_s_drivers() -> None:
    netlist = design(**multipliers(3))
    assert copy_constants(netlist) == 0
    assert netlist == design(**multipliers(3))


def test_single_bits_of_a_small_memory_s_address_are_replaced() -> None:
    netlist = design(**{f"npu.queue.ram{i}": cell(
        "TRELLIS_DPR16X4", RAD=[3, 4, 5, "0"], DI=[6, 7, 8, "x"], DO=[10 + i]) for i in range(8)})
    assert copy_constants(netlist) == 1
    pins = netlist["modules"]["top"]["cells"]["npu.queue.ram0"]["connections"]
    assert pins["RAD"] == [3, 4, 5, 100]
    assert pins["DI"] == [6, 7, 8, "x"]


def test_zeros_that_a_carry_cell_takes_itself_stay() -> None:
    netlist = design(**{f"npu.adder.cell{i}": cell(
        "CCU2C", A0=["0"], B0=["0"], C0=["0"], D0=["1"], A1=[3], B1=[4], C1=["0"], D1=[5],
        CIN=["1"], COUT=[10 + i]) for i in range(8)})
    assert copy_constants(netlist) == 2
    pins = netlist["modules"]["top"]["cells"]["npu.adder.cell0"]["connections"]
    assert (pins["A0"], pins["C0"], pins["D0"]) == (["0"], ["0"], ["1"])
    assert pins["C1"] != ["0"]
    assert pins["CIN"] != ["1"]
