"""Find a C++ compiler: the system's, or the one in the ``ziglang`` wheel.

Nothing here needs make, perl or cmake: a build is a list of translation units, compiled side by
side on the machine's cores and linked by one more call.
"""

import concurrent.futures
import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Compiler", "CompilerError", "find_compiler"]


class CompilerError(RuntimeError):
    """No C++ compiler was found, or one failed; the message holds the end of its output."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler.

    Parameters
    ----------
    command : tuple of str
        What to run, before any argument.
    version : str
        First line of its ``--version``; part of every build's key.
    """

    command: tuple[str, ...]
    version: str

    @property
    def is_zig(self) -> bool:
        """Whether this is the compiler of the ``ziglang`` wheel."""
        return "ziglang" in self.command

    def run(self, arguments: Sequence[str], cwd: Path) -> None:
        """Run the compiler in `cwd`.

        Raises
        ------
        CompilerError
            When it fails.
        """
        done = subprocess.run([*self.command, *arguments], cwd=cwd, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise CompilerError(f"{shlex.join(self.command)} failed in {cwd}:\n{tail}")

    def compile_objects(self, sources: Sequence[Path], flags: Sequence[str], output: Path,
                        on_done: Callable[[], None] = lambda: None) -> list[Path]:
        """Compile `sources` side by side into `output`; return the object files in order.

        Parameters
        ----------
        sources : sequence of Path
            Translation units with different stems.
        flags : sequence of str
            Flags of each call.
        output : Path
            Folder of the objects.
        on_done : callable
            Called once for each finished unit, from this thread.
        """
        objects = [output / f"{source.stem}.o" for source in sources]
        # Largest first, so that the last core does not start on the longest unit.
        order = sorted(range(len(sources)), key=lambda i: -sources[i].stat().st_size)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            jobs = [pool.submit(self.run, [*flags, "-c", str(sources[i]), "-o", str(objects[i])],
                                output) for i in order]
            for job in concurrent.futures.as_completed(jobs):
                job.result()
                on_done()
        return objects


def _version(command: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False,
                              timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else None


@functools.cache
def _find(override: str) -> Compiler:
    candidates: list[tuple[str, ...]] = []
    if override:
        candidates.append(tuple(shlex.split(override)))
    else:
        candidates += [(path,) for name in ("g++", "clang++") if (path := shutil.which(name))]
        if importlib.util.find_spec("ziglang") is not None:
            candidates.append((sys.executable, "-m", "ziglang", "c++"))
    for command in candidates:
        version = _version(command)
        if version is not None:
            return Compiler(command, version)
    if override:
        raise CompilerError(f"HADRON_CXX={override}: not a C++ compiler")
    raise CompilerError("no C++ compiler: install g++ or clang++, or `pip install ziglang`")


def find_compiler() -> Compiler:
    """Return ``HADRON_CXX`` if set, else g++, clang++ or ziglang, the first that runs.

    Raises
    ------
    CompilerError
        When none does.
    """
    return _find(os.environ.get("HADRON_CXX", ""))
