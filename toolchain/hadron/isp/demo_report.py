"""The demonstration as a picture and as one HTML file."""

import base64
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from hadron.isp.demo import Demo
from hadron.isp.measure.figures import tiles
from hadron.isp.picture import encode_png, stage_picture
from hadron.report import NOMINAL_MHZ

__all__ = ["demo_html", "demo_lines", "demo_picture"]

_FOUND, _SEEN = (60, 220, 60), (255, 200, 60)
_HEIGHT = 320
_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 84em; padding: 0 1em;
  color: #222; background: #fff; }
img { max-width: 100%; }
table { border-collapse: collapse; }
th, td { padding: .2em .9em; text-align: right; }
th { border-bottom: 1px solid #888; }
td:first-child, th:first-child { text-align: left; }
.answer { font-size: 1.4em; }
"""

Picture = npt.NDArray[np.uint8]


def _answered(demo: Demo) -> Picture:
    """Return the ISP's picture with what the network sees of it and the faces it found."""
    image = Image.fromarray(demo.isp.rgb)
    draw = ImageDraw.Draw(image)
    x, y, width, height = demo.crop
    draw.rectangle((x, y, x + width - 1, y + height - 1), outline=_SEEN, width=1)
    for face in demo.faces:
        half = face.size / 2
        draw.rectangle((face.x - half, face.y - half, face.x + half, face.y + half),
                       outline=_FOUND, width=3)
    return np.asarray(image)


def _map(demo: Demo) -> Picture:
    """Return the network's map as probabilities, white a face."""
    return np.rint(255 / (1 + np.exp(-demo.scores))).astype(np.uint8)


def demo_picture(demo: Demo) -> Picture:
    """Return RAW, picture with answer, tensor and map side by side."""
    assert demo.isp.tensor is not None
    raw = stage_picture("crop", demo.isp.stages["crop"], demo.isp.settings)
    tensor = stage_picture("scaler", demo.isp.tensor, demo.isp.settings)
    return tiles([[(f"RAW{demo.raw.bits} {demo.raw.phase.name}", raw),
                   (f"ISP: {demo.answer}", _answered(demo)),
                   ("what the network gets", tensor), ("where it sees faces", _map(demo))]],
                 height=_HEIGHT)


def _cycles(demo: Demo) -> list[tuple[str, str, str, str]]:
    """Return (unit, work, cycles, time) of ISP and NPU."""
    report = demo.npu.report
    pixels = demo.raw.width * demo.raw.height
    rows = []
    if demo.isp.cycles is not None:
        rows.append((f"ISP {demo.isp.config.name}", f"{pixels:,} pixels", f"{demo.isp.cycles:,}",
                     _milliseconds(demo.isp.cycles)))
    kind = "" if report.measured else " predicted"
    rows.append((f"NPU {report.program.config.name}", f"{report.program.macs:,} MACs",
                 f"{report.cycles:,}{kind}", _milliseconds(report.cycles)))
    if demo.waited is not None:
        rows.append(("", "waiting for the ISP", f"{demo.waited:,}", _milliseconds(demo.waited)))
    if demo.answered_at is not None:
        rows.append(("both", "first pixel to answer", f"{demo.answered_at:,}",
                     _milliseconds(demo.answered_at)))
    return rows


def _milliseconds(cycles: int) -> str:
    return f"{cycles / NOMINAL_MHZ / 1000:.3f} ms"


def _agreement(demo: Demo) -> str:
    if demo.matches_golden is None:
        return "golden models; nothing was simulated"
    return (f"RTL = golden: {'yes' if demo.matches_golden else 'no'} (picture, tensor, statistics "
            f"and {demo.npu.report.bytes_compared:,} bytes of the NPU's memory)")


def demo_lines(demo: Demo) -> list[str]:
    """Return the demonstration in a few lines."""
    return [
        f"{demo.photo}: {demo.raw.width} x {demo.raw.height}, RAW{demo.raw.bits} "
        f"{demo.raw.phase.name} with noise, shading and defects",
        f"answer  {demo.answer}",
        *(f"{unit:<13} {work:>21}  {cycles:>18} cycles  {time} at {NOMINAL_MHZ:g} MHz"
          for unit, work, cycles, time in _cycles(demo)),
        _agreement(demo),
    ]


def demo_html(demo: Demo) -> str:
    """Return a page that needs nothing else."""
    image = base64.b64encode(encode_png(demo_picture(demo))).decode()
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
                   for row in _cycles(demo))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hadron: {escape(demo.photo)}</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>From light to answer</h1>
<p>The photograph <i>{escape(demo.photo)}</i> became RAW{demo.raw.bits} in a synthetic sensor (Bayer
mosaic, noise, lens shading, defect pixels), went through the ISP and, scaled and quantized by it,
through a network that finds faces, on the NPU: both on the {escape(demo.on)} lane. The tensor
streams from the ISP into the NPU, which works on it while the frame still comes in.</p>
<p class="answer">{escape(demo.answer)}</p>
<p><img alt="RAW, picture with the answer, the network's input and its output"
src="data:image/png;base64,{image}"></p>
<table>
<thead><tr><th>unit</th><th>work</th><th>cycles</th><th>at {NOMINAL_MHZ:g} MHz</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<p>{escape(_agreement(demo))}</p>
</body>
</html>
"""
