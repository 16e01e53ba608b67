"""Reports for the terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from hadron.report import NOMINAL_MHZ, OutputSummary, RunReport, numbered
from hadron_cosim.memory_model import FAST

__all__ = ["LANE_NAMES", "layer_table", "short_name", "summary"]

LANE_NAMES = {"golden": "golden model", "rtl": "RTL simulation", "none": "not run"}
_NAME_COLUMNS = 30
_MOST_SAMPLES = 20


def short_name(name: str) -> str:
    """Shorten a layer's name, which a converter has joined from those of all it fused."""
    short = "/".join(name.partition(";")[0].split("/")[-2:])
    return short if len(short) <= _NAME_COLUMNS else "…" + short[1 - _NAME_COLUMNS:]


def summary(report: RunReport) -> str:
    """Return what there is to say before the layers, one line each."""
    program = report.program
    lane = LANE_NAMES[report.on]
    if report.memory is not None:
        lane += f", memory {report.memory}"
    lines = [f"{program.model} on {program.config.name}: {lane}"]
    if report.source is not None:
        pixels = "" if report.pixels is None else f", pixels as {report.pixels}"
        samples = "" if report.samples == 1 else f", {report.samples} samples"
        lines.append(f"input   {report.source}{pixels}{samples}")
    for output in report.outputs:
        lines += _output_lines(output)
    lines += [f"host    {edge}" for edge in program.host]
    cycles = f"{report.cycles:,}"
    if report.measured:
        with_memory = "" if report.memory in (None, FAST.name) else f" with memory {FAST.name}"
        cycles += f" (predicted {program.cycles:,}{with_memory})"
    else:
        cycles += " (predicted)"
    lines.append(f"cycles  {cycles}; {program.macs:,} MACs; "
                 f"{report.utilization:.1%} of {program.config.macs_per_cycle} a cycle; "
                 f"{report.milliseconds:.3f} ms at {NOMINAL_MHZ:g} MHz")
    return "\n".join(lines)


def _output_lines(output: OutputSummary) -> list[str]:
    if not output.top:
        return [f"output  {output.binding.name} {list(output.shape)}"]
    lines = []
    for number, classes in enumerate(output.top[:_MOST_SAMPLES]):
        where = f"{number}: " if len(output.top) > 1 else ""
        values = ", ".join(f"{label} ({value:.3f})" for _, label, value in classes)
        lines.append(f"class   {where}{values}")
    if len(output.top) > _MOST_SAMPLES:
        lines.append(f"        and {len(output.top) - _MOST_SAMPLES} more samples")
    return lines


def layer_table(report: RunReport, *, traffic: bool = False) -> Table:
    """Return a table with a row a layer, fused ones bracketed; with `traffic`, also its precision
    and the bytes it moved, the part of its cycles in which the array was busy, and what most of
    its cycles went to."""
    config = report.program.config
    table = Table(box=None, pad_edge=False, header_style="bold")
    headers = ["", "layer", "operator", "MACs", "cycles"]
    if report.measured:
        headers += ["predicted", "waits"]
    headers.append("used")
    if traffic:
        headers += ["precision", "loaded", "stored"]
        headers += ["array", "mostly"] if report.measured else []
    for column, header in enumerate(headers):
        table.add_column(header, justify="left" if column in (1, 2) else "right", no_wrap=True)
    for number, layer in zip(numbered(report.layers), report.layers, strict=True):
        known = layer.predicted
        row = [number, short_name(known.name), known.op, f"{known.macs:,}",
               f"{layer.cycles:,}"]
        if layer.measured is not None:
            row += [f"{known.cycles:,}", f"{sum(layer.measured.stalls.values()):,}"]
        row.append(f"{layer.utilization(config):.1%}")
        if traffic:
            row += [known.precision, f"{known.bytes_loaded:,}", f"{known.bytes_stored:,}"]
            if layer.measured is not None:
                row += [f"{layer.measured.mac_active / max(1, layer.cycles):.1%}",
                        f"{layer.bound(config)}"]
        _add(table, row)
    return table


def _add(table: Table, row: Sequence[str]) -> None:
    # Text, because a name may hold what rich takes for markup.
    table.add_row(*(Text(cell) for cell in row))
