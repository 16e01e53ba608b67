"""The measured numbers as a page of tables, made from the JSON files."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["measured_page"]


def _table(headers: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    lines = ["| " + " | ".join(headers) + " |"]
    lines.append("|" + " --- |" * (lines[0].count("|") - 1))
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return [*lines, ""]


def measured_page(results: Mapping[str, Any]) -> str:
    """Return the page; `results` are the contents of the JSON files by name."""
    colour, cleaning, demosaic = (results[name] for name in ("colour", "cleaning", "demosaic"))
    lines = [
        "# The ISP, measured",
        "",
        "Written by `python -m hadron.isp.measure`, from the JSON files beside it; do not edit.",
        "",
        "## Colours",
        "",
        "A ColorChecker of measured spectra, seen by the sensitivities of a real camera (both from "
        "colour-science) through the synthetic sensor with its noise, shading and defects; then "
        "the whole pipeline, to 8-bit sRGB. CIEDE2000 against the chart in daylight:",
        "",
        *_table(("light", "default tuning, mean", "calibrated, mean", "calibrated, largest"),
                ((row["light"], row["default_tuning"]["mean"], row["calibrated"]["mean"],
                  row["calibrated"]["largest"]) for row in colour["lights"])),
        "![The chart with the default and with the calibrated tuning](chart.jpg)",
        "",
        "## Noise, defects, shading",
        "",
        f"Photographs ({', '.join(cleaning['photos'])}) at {cleaning['exposure']:g} of the light "
        f"and a gain of {cleaning['gain']:g}. PSNR in dB against the picture of a sensor without "
        f"the flaw, mean:",
        "",
        *_table(("flaw", "stages that remove it", "before", "after", "gain"),
                ((row["flaw"], ", ".join(row["stages"]), row["before"], row["after"], row["gain"])
                 for row in cleaning["cases"])),
        "![Part of a photograph without a flaw, with it, and with it removed](cleaning.jpg)",
        "",
        "## Demosaic",
        "",
        f"Photographs of scikit-image, mosaicked. PSNR in dB, less a border of "
        f"{demosaic['border']} pixels, where the package colour-demosaicing loses the phase:",
        "",
        *_table(("photograph", "phase", "Hadron", "colour-demosaicing, Malvar",
                 "colour-demosaicing, bilinear"),
                [*((row["photo"], row["phase"], row["hadron"], row["malvar"], row["bilinear"])
                   for row in demosaic["photos"]),
                 ("mean", "", *(demosaic["mean"][key] for key in ("hadron", "malvar",
                                                                  "bilinear")))]),
    ]
    if "rtl" in results:
        lines += [
            "## RTL",
            "",
            "Frames with every stage in use, in RTL simulation (`--rtl`); picture, tensor and "
            "statistics equal to the golden model:",
            "",
            *_table(("frame", "instance", "equal", "cycles a pixel", "first pixel out after",
                     "last pixel out after"),
                    ((f"{row['width']} x {row['height']}", row["config"],
                      "yes" if row["matches_golden"] else "no",
                      f"{row['picture_cycles_a_pixel']:g}",
                      f"{row['latency_cycles']:,} cycles, {row['latency_lines']} lines",
                      f"{row['cycles']:,} cycles") for row in results["rtl"]["frames"])),
        ]
    if "demo" in results:
        demo = results["demo"]
        isp, npu = demo["isp"], demo["npu"]
        lines += [
            "## From RAW to an answer",
            "",
            f"`hadron demo`: {demo['photo']}, {demo['raw']['width']} x {demo['raw']['height']} "
            f"pixels; the answer is \"{demo['answer']}\".",
            "",
            *_table(("", "cycles in RTL simulation", f"ms at {demo['nominal_mhz']:g} MHz"), (
                (f"ISP {isp['config']}", f"{isp['cycles']:,}",
                 f"{isp['cycles'] / demo['nominal_mhz'] / 1000:.3f}"),
                (f"NPU {npu['config']}, {npu['macs']:,} MACs", f"{npu['cycles']:,}",
                 f"{npu['cycles'] / demo['nominal_mhz'] / 1000:.3f}"),
                ("of which it waited for the ISP", f"{npu['waited']:,}",
                 f"{npu['waited'] / demo['nominal_mhz'] / 1000:.3f}"),
                ("first pixel of RAW to the answer", f"{demo['answered_at']:,}",
                 f"{demo['answered_at'] / demo['nominal_mhz'] / 1000:.3f}"))),
            "One simulation of both: the tensor streams from the ISP into the NPU, which works on "
            "what has come.",
            "",
            "![RAW, picture with the face, the network's input and its output](demo.jpg)",
            "",
        ]
    if "faces" in results:
        faces = results["faces"]
        lines += [
            f"The network has {faces['parameters']:,} parameters and was trained on "
            f"{faces['faces_trained_on']} faces of 25 x 25 pixels, pasted into photographs. On "
            f"{faces['scenes']} scenes made of faces and photographs it was not trained on "
            f"(`python train/faces.py`):",
            "",
            *_table(("", "faces found", "scenes with a face seen where there is none"),
                    ((name, f"{faces[name]['found']} of {faces[name]['faces']}",
                      f"{faces[name]['scenes_with_a_false_face']} of {faces['scenes']}")
                     for name in ("float", "INT8"))),
        ]
    if "3a" in results:
        lines += [
            "## Exposure, white balance, focus",
            "",
            "The C code of `firmware/src` on a simulated camera, an exposure taking effect "
            f"{results['3a']['exposure_delay_frames']} frames later (`PYTHONPATH=tests/support "
            "python -m hadron_testing.measure_3a`). Frames until the result stays within the "
            "tolerance, and how often it went out on the other side:",
            "",
            *_table(("step", "frames", "overshoots"),
                    ((row["step"], row["frames"], row["turns"]) for row in results["3a"]["rows"])),
            "![Error of each frame after a step in light and in colour](3a.svg)",
        ]
    return "\n".join(lines).rstrip() + "\n"
