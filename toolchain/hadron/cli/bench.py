"""``hadron bench``: networks on several configurations, beside Vela's estimates and a baseline."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from hadron.atomic import write_json, write_text
from hadron.bench.baseline import growth, merged, read_baseline
from hadron.bench.measure import measure, model_file, model_name
from hadron.bench.page import benchmark_page
from hadron.bench.vela import ACCELERATORS, vela_version
from hadron.cli.options import Memory, check_files, console
from hadron.errors import CheckFailedError, UsageError
from hadron.models import find_config
from hadron.progress_bar import ProgressBar
from hadron_spec.config import CONFIGS

__all__ = ["bench"]


def bench(
        models: Annotated[list[str], typer.Argument(
            metavar="MODEL...", show_default=False, help=".tflite files, or digits.")],
        config: Annotated[list[str] | None, typer.Option(
            "--config", metavar="NAME|FILE", show_default=False,
            help="A configuration; may be repeated. Default: all that come ready.")] = None,
        memory: Annotated[list[Memory] | None, typer.Option(
            "--memory", show_default=False,
            help="A memory model; may be repeated. Default: both.")] = None,
        vela: Annotated[bool | None, typer.Option(
            "--vela/--no-vela", show_default=False,
            help="Also estimate Ethos-U55 with Vela. Default: when the extra bench is "
                 "installed, except with --check.")] = None,
        check: Annotated[Path | None, typer.Option(
            "--check", metavar="FILE", show_default=False,
            help="Fail when a cycle count is larger than in this baseline.")] = None,
        json_file: Annotated[Path | None, typer.Option(
            "--json", metavar="FILE", show_default=False,
            help="Add the results to this file, a baseline for --check.")] = None,
        markdown: Annotated[Path | None, typer.Option(
            "--markdown", metavar="FILE", show_default=False,
            help="Write a page of all that --json holds.")] = None,
        targets: Annotated[Path | None, typer.Option(
            "--targets", metavar="FILE", show_default=False,
            help="JSON of cycles to reach, by network and configuration, for --markdown.")] = None,
) -> None:
    """Measure the cycles of networks on simulated RTL."""
    if vela and vela_version() is None:
        raise UsageError("--vela needs ethos-u-vela: pip install 'hadron-npu[bench]'")
    with_vela = vela_version() is not None and check is None if vela is None else vela
    configs = config or list(CONFIGS)
    memories = [one.value for one in memory or Memory]
    for name in configs:
        find_config(name)
    for model in models:
        model_file(model)
    check_files(json_file, markdown)
    known = {} if json_file is None else read_baseline(json_file, missing_ok=True)
    baseline = None if check is None else read_baseline(check)
    wanted = {} if targets is None else read_baseline(targets)
    results = {}
    terminal = console()
    for model in models:
        with ProgressBar() as progress:
            results[model_name(model)] = measure(model, configs, memories, vela=with_vela,
                                                 on_progress=progress)
        if json_file is not None:  # a later model may fail
            write_json(json_file, merged(known, results))
    terminal.print(_table(results))
    if markdown is not None:
        write_text(markdown, benchmark_page(merged(known, results), wanted))
    if baseline is not None:
        grown = growth(baseline, results)
        if grown:
            raise CheckFailedError("cycles have grown:\n" + "\n".join(grown))
        terminal.print(f"no more cycles than in {check}")


def _table(results: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("network", "on", "memory", "cycles", "used", "read", "written"):
        table.add_column(header, justify="left" if header in ("network", "on", "memory")
                         else "right", no_wrap=True)
    for name, entry in results.items():
        for config, memories in entry["rtl"].items():
            for memory, result in memories.items():
                table.add_row(name, config, memory, f"{result['cycles']:,}",
                              f"{result['utilization']:.1%}", f"{result['read_bytes']:,}",
                              f"{result['write_bytes']:,}")
        for accelerator in ACCELERATORS:
            if accelerator in entry.get("vela", {}):
                result = entry["vela"][accelerator]
                table.add_row(name, accelerator, "Vela", f"{result['cycles']:,}",
                              f"{result['utilization']:.1%}")
    return table
