"""What is generated from the specification: C header, register and command reference, SVD.

``python -m hadron_spec.emit`` writes the files, ``--check`` says which are stale. Output depends
on the specification alone: no date, no path, no version of a tool.
"""

from collections.abc import Callable, Mapping

from .c_header import c_header
from .commands_page import commands_page
from .configurations_page import configurations_page
from .isp_c_header import isp_c_header
from .isp_registers_page import isp_registers_page
from .registers_page import registers_page
from .svd import svd

__all__ = [
    "OUTPUTS",
    "c_header",
    "commands_page",
    "configurations_page",
    "isp_c_header",
    "isp_registers_page",
    "registers_page",
    "svd",
]

OUTPUTS: Mapping[str, Callable[[], str]] = {
    "firmware/include/hadron_registers.h": c_header,
    "firmware/include/hadron_isp_registers.h": isp_c_header,
    "firmware/hadron.svd": svd,
    "docs/reference/registers.md": registers_page,
    "docs/reference/isp_registers.md": isp_registers_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/configurations.md": configurations_page,
}
"""Each committed file, relative to the project's root, and what writes it."""
