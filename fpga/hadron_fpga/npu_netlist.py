"""What is changed in the netlist of an NPU, with or without a board, before it is placed."""

from pathlib import Path

from .carry_chains import trim_carry_chains
from .constant_copies import copy_constants
from .floorplan import floorplan
from .lone_resets import gate_lone_resets
from .module_resources import module_resources
from .netlist import edited_netlist
from .place_and_route import PLACERS
from .reset_copies import copy_reset

__all__ = ["prepare_netlist"]


def prepare_netlist(file: Path, device: str) -> dict[str, dict[str, int]]:
    """Change a netlist's file for placement; return its resources by module.

    Parameters
    ----------
    file : Path
        What Yosys's ``write_json`` wrote, flattened, for ECP5.
    device : str
        One of :data:`hadron_fpga.floorplan.DEVICE_SITES`.
    """
    with edited_netlist(file) as design:
        trim_carry_chains(design)
        copy_constants(design)
        copy_reset(design)
        if device not in PLACERS:
            gate_lone_resets(design)
        floorplan(design, device)
        return module_resources(design)
