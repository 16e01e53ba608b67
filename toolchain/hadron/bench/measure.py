"""Measure networks: on RTL, and by Vela's estimate."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from hadron.bench.vela import ACCELERATORS, vela_estimate, vela_version
from hadron.errors import CheckFailedError, UsageError
from hadron.inputs import BoundInputs
from hadron.layers import transfers
from hadron.models import BUILT_IN
from hadron.progress import OnProgress, ignore_progress
from hadron.report import SHARES, RunReport
from hadron.session import Session
from hadron_cosim.memory_model import FAST

__all__ = ["LAYERS_OF", "measure", "model_file", "model_name", "stand_in"]

LAYERS_OF = ("h256", FAST.name)
"""Configuration and memory of which single layers are kept, too."""

_LAYER_KEYS = ("index", "op", "work", "cycles", "utilization", "filled", "bound")


def model_file(model: str) -> Path:
    """Return the file of a model: as named, or that of a built-in one.

    Raises
    ------
    UsageError
        When there is no such file.
    """
    path = Path(model)
    if model in BUILT_IN:
        path = Path(str(resources.files("hadron").joinpath("data", f"{model}.tflite")))
    if path.is_dir():
        raise UsageError(f"{model}: a folder; the model's file is needed")
    if not path.is_file():
        raise UsageError(f"{model}: no such file, nor a built-in model ({', '.join(BUILT_IN)})")
    return path


def model_name(model: str) -> str:
    """Return what results call a model: its file's name without suffix."""
    return Path(model).stem


def stand_in(session: Session) -> BoundInputs:
    """Return an input for when only cycles matter, which hardly depend on the data: a built-in
    model's sample, or all zeros."""
    if session.model.default_sample is not None:
        return session.bind()
    zeros = {binding.name: np.full(binding.shape, binding.zero_point, np.int8)
             for binding in session.program.inputs}
    return replace(session.bind(zeros), source="zeros")


def measure(model: str, configs: Iterable[str], memories: Iterable[str], *, vela: bool,
            on_progress: OnProgress = ignore_progress) -> dict[str, Any]:
    """Run one network on every configuration with every memory model.

    Returns
    -------
    dict
        ``sha256`` of the file, ``macs``, ``rtl[config][memory]`` and, when asked for,
        ``vela[accelerator]``: what :mod:`hadron.bench.baseline` keeps.

    Raises
    ------
    CheckFailedError
        When RTL and golden model differ.
    """
    path = model_file(model)
    result: dict[str, Any] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rtl": {}}
    for config in configs:
        for memory in memories:
            session = Session(model, config, "rtl", memory=memory, on_progress=on_progress)
            report = session.run(stand_in(session)).report
            if report.matches_golden is not True:
                raise CheckFailedError(f"{model} on {config}: RTL and golden model differ: "
                                       f"{report.difference}")
            result["macs"] = report.program.macs
            moving, hidden = transfers(report.trace)
            result["rtl"].setdefault(report.program.config.name, {})[memory] = {
                "cycles": report.cycles,
                "utilization": round(report.utilization, 4),
                "read_bytes": report.counters["READ_BEATS"] * report.program.config.axi_bytes,
                "write_bytes": report.counters["WRITE_BEATS"] * report.program.config.axi_bytes,
                "transfer_cycles": moving,
                "hidden_cycles": hidden,
                "shares": {share: sum(layer.breakdown(report.program.config).get(share, 0)
                                      for layer in report.layers) for share in SHARES},
            }
            if (report.program.config.name, memory) == LAYERS_OF:
                result["rtl"][LAYERS_OF[0]][memory]["low_layers"] = _low_layers(report)
    if vela:
        result["vela"] = {"version": vela_version()}
        for accelerator, macs_per_cycle in ACCELERATORS.items():
            estimate = vela_estimate(path, accelerator)
            estimate["utilization"] = round(
                result["macs"] / (estimate["cycles"] * macs_per_cycle), 4)
            result["vela"][accelerator] = estimate
    return result


def _low_layers(report: RunReport) -> list[dict[str, Any]]:
    """Return what is kept of layers with multiplications that use less than half of the array."""
    layers = [layer.to_json(report.program.config) for layer in report.layers]
    return [{key: layer[key] for key in _LAYER_KEYS}
            for layer in layers if layer["macs"] and layer["utilization"] < 0.5]
