"""Measure operators one by one on simulated RTL of h256, with memory `fast`.

    PYTHONPATH=tests/support python -m hadron_testing.measure_operators [--check] [NAME ...]

Adds the results to fpga/baselines/operators.json and writes docs/operators.md of all that it holds.
Names are those of the table, or how they begin; without any, all are measured. Every run is
compared with the golden model, byte by byte. With `--check` nothing is written, and a cycle count
that has grown is an error.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import write_json, write_text
from hadron.bench.baseline import read_baseline
from hadron.report import SHARES, RunReport
from hadron.session import Session
from hadron_spec.commands import LEVELS, iterate
from hadron_spec.config import NpuConfig
from hadron_testing.operator_page import operator_page
from hadron_testing.operators import OPERATORS, Operator

__all__ = ["BASELINE", "PAGE", "growth", "main", "measure"]

PROJECT = Path(__file__).resolve().parents[3]
BASELINE = PROJECT / "fpga/baselines/operators.json"
PAGE = PROJECT / "docs/operators.md"


def _run(model: bytes, config: NpuConfig) -> RunReport:
    """Run a network on random numbers."""
    session = Session(model, config, "rtl")
    rng = np.random.default_rng(2)
    inputs = {binding.name: rng.integers(-128, 128, binding.shape).astype(binding.dtype)
              for binding in session.program.inputs}
    report = session.run(inputs).report
    assert report.matches_golden is True, report.difference
    return report


def _steps(report: RunReport, layers: range) -> int:
    """Return the steps of the loops of these layers' commands."""
    return sum(int(np.prod([fields[f"count_{level}"] for level in LEVELS]))
               for fields in iterate(report.program.memory)
               if f"count_{LEVELS[0]}" in fields and fields["layer"] in layers)


def measure(operator: Operator) -> dict[str, Any]:
    """Return an operator's multiply-accumulates, steps, cycles and where these went
    (`hadron.report.SHARES`), and of one that is alone what it read of the memory; of one whose
    cycles are "added" only these and the other network's."""
    model, before = operator.model()
    report = _run(model, operator.config)
    if operator.without is not None:
        other = _run(operator.without()[0], operator.config)
        return {"cycles": report.cycles - other.cycles, "without": other.cycles}
    alone = operator.counted == "alone"
    layers = range(before, len(report.layers) - (not alone))
    measured = [report.layers[layer] for layer in layers]
    macs = sum(layer.predicted.macs for layer in measured)
    result: dict[str, Any] = {
        "layers": [[layer.predicted.op, layer.cycles] for layer in measured],
        "macs": macs if operator.macs is None else operator.macs,
        "steps": _steps(report, layers),
        "cycles": report.cycles if alone else sum(layer.cycles for layer in measured),
        "peak": round(measured[-1].peak(operator.config)),
        "shares": {share: sum(layer.breakdown(operator.config)[share] for layer in measured)
                   for share in SHARES},
    }
    if alone:
        result["read_bytes"] = report.counters["READ_BEATS"] * operator.config.axi_bytes
    return result


def growth(baseline: Mapping[str, Any], results: Mapping[str, Any]) -> list[str]:
    """Return a line for each cycle count that is larger than in the baseline, or not in it."""
    lines = []
    for name, result in results.items():
        if name not in baseline:
            lines.append(f"{name}: not in the baseline")
        elif result["cycles"] > baseline[name]["cycles"]:
            lines.append(f"{name}: {result['cycles']:,} cycles, "
                         f"{baseline[name]['cycles']:,} in the baseline")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write JSON and page or compare."""
    parser = argparse.ArgumentParser(prog="python -m hadron_testing.measure_operators",
                                     description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    for name in options.names:
        if not any(known.startswith(name) for known in OPERATORS):
            parser.error(f"{name}: no such operator")
    known = read_baseline(BASELINE, missing_ok=True)
    results: dict[str, Any] = {}
    for name, operator in OPERATORS.items():
        if options.names and not name.startswith(tuple(options.names)):
            continue
        results[name] = measure(operator)
        print(f"{name}: {results[name]['cycles']:,} cycles", flush=True)
        if not options.check:  # a later one may fail
            found = known | results
            kept = {name: found[name] for name in OPERATORS if name in found}
            write_json(BASELINE, kept)
            write_text(PAGE, operator_page(kept))
    if options.check and (grown := growth(known, results)):
        sys.exit("cycles have grown:\n" + "\n".join(grown))


if __name__ == "__main__":
    main()
