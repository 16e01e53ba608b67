"""Resources by module, counted in a flattened netlist."""

from hadron_fpga.module_resources import module_resources

CELLS = {
    "npu.array.group0.sum_CCU2C": "CCU2C",
    "npu.array.group0.block": "MULT18X18D",
    "npu.array.queue.0": "TRELLIS_DPR16X4",
    "npu.array.queue.level_TRELLIS_FF_Q": "TRELLIS_FF",
    "npu.scratchpad.ram": "DP16KD",
    "npu.scratchpad.select_LUT4_Z": "LUT4",
    "buffer": "TRELLIS_IO",
}


def test_a_module_counts_all_inside_it():
    design = {"modules": {
        "top": {"cells": {name: {"type": kind} for name, kind in CELLS.items()}},
        "LUT4": {}}}
    assert module_resources(design, least_lut4=2) == {
        "": {"lut4": 9, "ff": 1, "ebr": 1, "mult18": 1},
        "npu": {"lut4": 9, "ff": 1, "ebr": 1, "mult18": 1},
        "npu.array": {"lut4": 8, "ff": 1, "ebr": 0, "mult18": 1},
        "npu.array.group0": {"lut4": 2, "ff": 0, "ebr": 0, "mult18": 1},
        "npu.array.queue": {"lut4": 6, "ff": 1, "ebr": 0, "mult18": 0},
    }
