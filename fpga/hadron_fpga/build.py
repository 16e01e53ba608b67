"""Build a board's bitstream: synthesis once, place and route a seed each, the best one packed."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hadron_spec.config import NpuConfig, load_config

from .boards import BOARDS, BoardTop
from .hierarchy import JOIN, NPU_APART, keep
from .npu_netlist import prepare_netlist
from .place_and_route import RoutedDesign, place_and_route, place_and_route_seeds
from .tools import run_tool, tool_versions

__all__ = ["UnknownBoardError", "build"]

_NAME = "top"


class UnknownBoardError(ValueError):
    """There is no board of that name; the message lists those there are."""


def build(board_name: str, *, config: NpuConfig | None = None, seeds: Sequence[int] = (1,),
          folder: Path, jobs: int | None = None,
          on_progress: Callable[[str, float], None] = lambda stage, fraction: None,
          ) -> dict[str, Any]:
    """Build `board_name` with `config` (default: the board's own) in `folder`.

    Parameters
    ----------
    seeds : sequence of int
        Placer seeds; the bitstream is that of the fastest.
    jobs : int
        Seeds placed side by side; default: as many as there are processors.
    on_progress : callable
        Called with a stage ("synthesis", "seed 1", ...) and its fraction done, 0 to 1.

    Returns
    -------
    dict
        board, config, device, seeds that were routed, unrouted (the others, each with the
        reason), clocks (name, target_mhz, fmax_mhz a routed seed), resources (used and available
        of each), modules (as :func:`module_resources` counts them), critical_path of
        the slowest seed, seconds, bitstream, tools.

    Raises
    ------
    UnknownBoardError
        When there is no such board.
    ToolError
        When a tool is missing or fails, of place and route with all seeds; the log's name is in
        the message.
    """
    if board_name not in BOARDS:
        raise UnknownBoardError(f"unknown board {board_name!r}; known: {', '.join(BOARDS)}")
    board = BOARDS[board_name]
    config = config or load_config(board.config)
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()

    # The platform checks for tools by their plain names; they run from wheels here, so give it
    # names it can find and take from it the files alone.
    saved = {name: os.environ.get(name) for name in _TOOL_VARIABLES}
    os.environ.update(dict.fromkeys(_TOOL_VARIABLES, "true"))
    try:
        platform = board.platform()
        top = BoardTop(board=board, config=config)
        plan = platform.prepare(top, name=_NAME, script_after_read=keep(*NPU_APART),
                                script_after_synth=JOIN)
    finally:
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    for name in (f"{_NAME}.il", f"{_NAME}.ys", f"{_NAME}.lpf"):
        content = plan.files[name]
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    on_progress("synthesis", 0.0)
    run_tool("yosys", [f"{_NAME}.ys"], folder=folder, log="yosys.log")
    device_option = platform._nextpnr_device_options[platform.device]
    modules = prepare_netlist(folder / f"{_NAME}.json", device_option.lstrip("-"))
    on_progress("synthesis", 1.0)

    def route(seed: int) -> RoutedDesign:
        return place_and_route(
            folder=folder, netlist=f"{_NAME}.json", seed=seed,
            device_options=[
                device_option,
                "--package", platform._nextpnr_package_options[platform.package].upper(),
                "--speed", platform.speed],
            lpf=f"{_NAME}.lpf", config=f"seed{seed}.config",
            on_progress=lambda fraction: on_progress(f"seed {seed}", fraction))

    *_, (routed, unrouted) = place_and_route_seeds(route, seeds, jobs)

    def system_clock(design: RoutedDesign) -> float:
        return max(design.fmax_mhz.items(), key=lambda item: item[0].endswith("clk"))[1]

    best = max(routed, key=system_clock)
    worst = min(routed, key=system_clock)
    bitstream = folder / f"{board_name}-{config.name}.bit"
    run_tool("ecppack", ["--compress", "--input", f"seed{best.seed}.config",
                         "--bit", bitstream.name], folder=folder, log="ecppack.log")
    target = top.clock.settings.output_hz / 1e6
    return {
        "board": board_name,
        "config": config.name,
        "device": board.device,
        "clocks": [
            {"name": name, "target_mhz": target,
             "fmax_mhz": [design.fmax_mhz.get(name) for design in routed]}
            for name in worst.fmax_mhz
        ],
        "seeds": [design.seed for design in routed],
        "unrouted": unrouted,
        "resources": worst.resources,
        "modules": modules,
        "critical_path": worst.critical_path,
        "seconds": round(time.monotonic() - begin, 1),
        "bitstream": str(bitstream),
        "tools": tool_versions(),
    }


_TOOL_VARIABLES = ("YOSYS", "NEXTPNR_ECP5", "ECPPACK", "OPENFPGALOADER")
