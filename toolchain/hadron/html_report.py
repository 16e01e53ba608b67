"""A report as one HTML file that needs nothing else: no script, no style sheet, no image."""

from html import escape

from hadron.layers import STALLS
from hadron.plots import roofline, timeline
from hadron.report import NOMINAL_MHZ, SHARES, LayerResult, RunReport, numbered
from hadron.text_report import LANE_NAMES, short_name
from hadron_spec.config import NpuConfig

__all__ = ["html_report"]

_BAR_WIDTH = 420
_BAR_HEIGHT = 18
_PREDICTED = "#444"
_COLORS = {"macs": "#2a6fb0", "lanes": "#9dbfe0", "other": "#58a066", "load": "#e0a030",
           "store": "#b0652a", "command": "#a83f4e", "requantizer": "#8a5aa8"}
"""Of `hadron.report.SHARES`."""

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em;
  color: #222; background: #fff; }
table { border-collapse: collapse; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; }
th { border-bottom: 1px solid #888; }
tr:nth-child(even) td { background: #f5f5f5; }
td.text, th.text { text-align: left; }
dt { font-weight: bold; float: left; clear: left; width: 11em; }
svg { vertical-align: middle; }
.key { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; }
"""


def html_report(report: RunReport) -> str:
    """Return a page with the run's numbers and a bar for each layer."""
    program = report.program
    title = escape(f"{program.model} on {program.config.name}")
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n"
                    for name, value in _facts(report))
    longest = max((max(layer.cycles, layer.predicted.cycles) for layer in report.layers), default=1)
    headers = ["", "layer", "operator", "size", "MACs", "cycles", "predicted", "used",
               *(("array", *STALLS) if report.measured else ()), "precision", "loaded",
               "stored", "cycles of the layer"]
    text = {"layer", "operator", "size", "cycles of the layer"}
    head = "".join(f'<th class="text">{name}</th>' if name in text else f"<th>{name}</th>"
                   for name in headers)
    rows = "".join(_row(number, layer, report, max(1, longest))
                   for number, layer in zip(numbered(report.layers), report.layers, strict=True))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<dl>
{facts}</dl>
<h2>Layers</h2>
<p>{_legend(report)}</p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}</tbody>
</table>
{_plots(report)}</body>
</html>
"""


def _plots(report: RunReport) -> str:
    parts = ""
    if report.trace:
        parts += f"<h2>Timeline</h2>\n<p>Cycles after START.</p>\n{timeline(report)}\n"
    if report.measured and any(layer.predicted.macs and layer.cycles for layer in report.layers):
        parts += ("<h2>Roofline</h2>\n<p>Layers by number. What keeps a layer below the line is "
                  "neither the array nor the memory port; one above the slope had bytes loaded "
                  f"while the layers before it ran.</p>\n{roofline(report)}\n")
    return parts


def _facts(report: RunReport) -> list[tuple[str, str]]:
    program, config = report.program, report.program.config
    facts = [
        ("Run on", LANE_NAMES[report.on]),
        ("Cycles", f"{report.cycles:,}, {'measured' if report.measured else 'predicted'}"),
        ("Predicted", f"{program.cycles:,}"),
        ("Time", f"{report.milliseconds:.3f} ms at {NOMINAL_MHZ:g} MHz"),
        ("MACs", f"{program.macs:,}"),
        ("Utilization", f"{report.utilization:.1%} of {config.macs_per_cycle} MACs a cycle"),
        ("Scratchpad", f"{program.scratchpad_peak:,} of {config.act_bytes:,} bytes at most"),
        ("Memory region", f"{program.region_bytes:,} bytes, {len(program.memory):,} of them "
                          f"commands and constants"),
    ]
    facts += [("Left to the host", str(edge)) for edge in program.host]
    if report.memory is not None:
        facts.append(("Memory model", report.memory))
    if report.matches_golden is not None:
        facts.append(("RTL = golden", f"{'yes' if report.matches_golden else 'no'}, "
                                      f"{report.bytes_compared:,} bytes"))
    return facts + [(f"Counter {name}", f"{value:,}") for name, value in report.counters.items()]


def _legend(report: RunReport) -> str:
    if not report.measured:
        return "Predicted cycles of each layer."
    keys = "<br>".join(f"{_key(_COLORS[share])}{text}" for share, text in SHARES.items())
    return (f"{keys}<br>{_key(_PREDICTED)}cycles predicted. Array: part of the cycles in which it "
            "was busy; after it the cycles waited for LOAD, STORE, commands, the requantizer.")


def _key(color: str) -> str:
    return f'<span class="key" style="background:{color}"></span>'


def _row(number: str, layer: LayerResult, report: RunReport, longest: int) -> str:
    known = layer.predicted
    cells = [
        f"<td>{number}</td>",
        f'<td class="text" title="{escape(known.name)}">{escape(short_name(known.name))}</td>',
        f'<td class="text">{escape(known.op)}</td>',
        f'<td class="text">{escape(known.work)}</td>',
        *(f"<td>{cell}</td>" for cell in (
            f"{known.macs:,}", f"{layer.cycles:,}", f"{known.cycles:,}",
            f"{layer.utilization(report.program.config):.1%}", *_measured(layer),
            known.precision, f"{known.bytes_loaded:,}", f"{known.bytes_stored:,}")),
        f'<td class="text">{_bar(layer, report.program.config, longest)}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>\n"


def _measured(layer: LayerResult) -> list[str]:
    if layer.measured is None:
        return []
    share = layer.measured.mac_active / layer.cycles if layer.cycles else 0.0
    return [f"{share:.1%}", *(f"{layer.measured.stalls[cause]:,}" for cause in STALLS)]


def _bar(layer: LayerResult, config: NpuConfig, longest: int) -> str:
    def x(cycles: int) -> str:
        return f"{cycles / longest * _BAR_WIDTH:.1f}"

    shares = layer.breakdown(config) or {"macs": layer.cycles}
    parts, start = [], 0
    for share, cycles in shares.items():
        if cycles:
            parts.append(f'<rect x="{x(start)}" y="3" width="{x(cycles)}" '
                         f'height="{_BAR_HEIGHT - 6}" fill="{_COLORS[share]}"><title>'
                         f'{escape(SHARES[share])}: {cycles:,}</title></rect>')
        start += cycles
    if layer.measured is not None:
        parts.append(f'<rect x="{x(layer.predicted.cycles)}" y="0" width="2" '
                     f'height="{_BAR_HEIGHT}" fill="{_PREDICTED}"/>')
    return (f'<svg width="{_BAR_WIDTH + 2}" height="{_BAR_HEIGHT}" role="img" '
            f'aria-label="{layer.cycles} cycles">{"".join(parts)}</svg>')
