"""Plots of a run as SVG: what the units did when, and the layers under the roofs."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from hadron.report import LayerResult, RunReport
from hadron.text_report import short_name
from hadron_cosim.memory_model import memory_model
from hadron_spec.commands import Unit

__all__ = ["roofline", "timeline"]

_WIDTH = 1080
_LEFT = 80
_LANE = 26
_COLORS = ("#2a6fb0", "#58a066", "#b0652a", "#8a5aa8", "#a83f4e", "#3f98a8")
"""Neighbouring layers differ."""
_TICKS = 10
_FINEST = 0.4
"""Pixels: what is shorter is joined with what follows it."""

_ROOF_WIDTH = 720
_ROOF_HEIGHT = 360
_MARGIN = 60

_Scale = Callable[[float], float]


def timeline(report: RunReport) -> str:
    """Return a lane for each unit with a bar for what it did, in the colour of the layer."""
    layers = {layer.predicted.index: layer for layer in report.layers}
    end = max([report.cycles, *(event.end for event in report.trace)])
    scale = (_WIDTH - _LEFT) / max(1, end)
    height = _LANE * len(Unit) + 24
    parts = []
    for unit in Unit:
        y = _LANE * int(unit)
        parts.append(f'<text x="0" y="{y + 18}">{unit.name}</text>')
        for layer, start, stop in _bars(report, unit, _FINEST / scale):
            known = layers.get(layer)
            name = f"layer {layer}" if known is None else (
                f"{layer} {known.predicted.op} {short_name(known.predicted.name)}")
            parts.append(
                f'<rect x="{_LEFT + start * scale:.1f}" y="{y + 3}" '
                f'width="{max(_FINEST, (stop - start) * scale):.1f}" height="{_LANE - 6}" '
                f'fill="{_COLORS[layer % len(_COLORS)]}"><title>{escape(name)}: {start:,} to '
                f'{stop:,}</title></rect>')
    step = _nice(end / _TICKS)
    for cycle in range(0, end + 1, step):
        x = _LEFT + cycle * scale
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - 20}" stroke="#bbb" '
                     f'stroke-width="0.5"/><text x="{x:.1f}" y="{height - 6}" '
                     f'text-anchor="middle">{cycle:,}</text>')
    return _svg(_WIDTH + 40, height, "what the units did in which cycle", parts)


def _bars(report: RunReport, unit: Unit, finest: float) -> Iterator[tuple[int, int, int]]:
    """Yield (layer, start, end); pieces of one layer that are too near to tell apart are joined."""
    last: tuple[int, int, int] | None = None
    for event in report.trace:
        if event.unit != unit:
            continue
        if last is not None and event.layer == last[0] and event.start - last[2] < finest:
            last = (last[0], last[1], event.end)
            continue
        if last is not None:
            yield last
        last = (event.layer, event.start, event.end)
    if last is not None:
        yield last


def roofline(report: RunReport) -> str:
    """Return the layers that multiply: MACs a cycle over MACs for each byte of memory traffic.

    The roofs are the array and the memory port; a layer without traffic stands at the right edge.
    """
    config = report.program.config
    peak = max((layer.peak(config) for layer in report.layers if layer.predicted.macs),
               default=config.macs_per_cycle)
    port = _bytes_per_cycle(report)
    points = [(layer, _intensity(layer), layer.predicted.macs / layer.cycles)
              for layer in report.layers if layer.predicted.macs and layer.cycles]
    ridge = peak / port
    known = [intensity for _, intensity, _ in points if math.isfinite(intensity)]
    low_x, high_x = _decades([*known, ridge])
    low_y, high_y = _decades([*(rate for *_, rate in points), peak])

    def x(value: float) -> float:
        return _MARGIN + _ROOF_WIDTH * _share(value, low_x, high_x)

    def y(value: float) -> float:
        return _MARGIN / 2 + _ROOF_HEIGHT * (1 - _share(value, low_y, high_y))

    parts = [*_grid(x, y, (low_x, high_x), (low_y, high_y))]
    roof = [(max(low_x, low_y / port), max(low_y, low_x * port)), (ridge, peak), (high_x, peak)]
    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in roof)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#444" stroke-width="2"/>')
    parts.append(f'<text x="{x(high_x):.1f}" y="{y(peak) - 6:.1f}" text-anchor="end">array: '
                 f'{peak:g} MACs a cycle; memory port: {port:g} bytes a cycle</text>')
    for layer, intensity, rate in points:
        what = layer.predicted
        traffic = what.bytes_loaded + what.bytes_stored
        parts.append(
            f'<circle cx="{x(min(intensity, high_x)):.1f}" cy="{y(rate):.1f}" r="5" '
            f'fill="{_COLORS[what.index % len(_COLORS)]}" fill-opacity="0.8"><title>'
            f'{what.index} {escape(what.op)} {escape(short_name(what.name))}: {rate:.1f} MACs a '
            f'cycle, {traffic:,} bytes</title></circle>'
            f'<text x="{x(min(intensity, high_x)) + 7:.1f}" y="{y(rate) + 4:.1f}">{what.index}'
            f'</text>')
    return _svg(_ROOF_WIDTH + 2 * _MARGIN, _ROOF_HEIGHT + _MARGIN + 20,
                "MACs a cycle over MACs a byte", parts)


def _intensity(layer: LayerResult) -> float:
    traffic = layer.predicted.bytes_loaded + layer.predicted.bytes_stored
    return layer.predicted.macs / traffic if traffic else math.inf


def _bytes_per_cycle(report: RunReport) -> float:
    bus = report.program.config.axi_bytes
    if report.memory is None:
        return bus
    memory = memory_model(report.memory)
    return min(bus, memory.bytes_per_cycle) if memory.sdram else bus


def _grid(x: _Scale, y: _Scale, across: tuple[float, float], up: tuple[float, float]
          ) -> Iterator[str]:
    """Yield a line and a number for each decade."""
    left, right, bottom, top = x(across[0]), x(across[1]), y(up[0]), y(up[1])
    for value in _powers(*across):
        yield (f'<line x1="{x(value):.1f}" y1="{top:.1f}" x2="{x(value):.1f}" y2="{bottom:.1f}" '
               f'stroke="#ddd"/><text x="{x(value):.1f}" y="{bottom + 16:.1f}" '
               f'text-anchor="middle">{value:g}</text>')
    for value in _powers(*up):
        yield (f'<line x1="{left:.1f}" y1="{y(value):.1f}" x2="{right:.1f}" y2="{y(value):.1f}" '
               f'stroke="#ddd"/><text x="{left - 6:.1f}" y="{y(value) + 4:.1f}" '
               f'text-anchor="end">{value:g}</text>')
    yield (f'<text x="{(left + right) / 2:.1f}" y="{bottom + 34:.1f}" text-anchor="middle">MACs '
           f'for each byte loaded or stored</text>')
    yield (f'<text x="14" y="{(top + bottom) / 2:.1f}" text-anchor="middle" transform="rotate(-90 '
           f'14 {(top + bottom) / 2:.1f})">MACs a cycle</text>')


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + 1e-9)


def _powers(low: float, high: float) -> list[float]:
    return [10.0 ** power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def _share(value: float, low: float, high: float) -> float:
    return (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))


def _nice(step: float) -> int:
    """Return 1, 2 or 5 times a power of ten, `step` or the next more."""
    power = 1
    while 10 * power < step:
        power *= 10
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= step)


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    return (f'<svg width="{width}" height="{height}" role="img" aria-label="{escape(label)}" '
            f'font-size="11">{"".join(parts)}</svg>')
