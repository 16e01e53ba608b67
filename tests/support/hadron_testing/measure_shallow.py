"""Measure what activations of four bits bring, on simulated RTL of h256 with `shallow`.

    PYTHONPATH=tests/support python -m hadron_testing.measure_shallow [FILE]

FILE is fpga/baselines/shallow.json unless given. It also prints the table of ADR 0009.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import write_json
from hadron.layers import layer_timings
from hadron_compiler import Program, compile_model
from hadron_cosim.simulator import NpuSimulator
from hadron_spec.commands import LEVELS, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import memory_image, outputs_of
from hadron_testing.tflite_builder import ModelBuilder

__all__ = ["BASELINE", "CONFIG", "LAYERS", "layer_model", "main", "steps_of"]

BASELINE = Path(__file__).resolve().parents[3] / "fpga/baselines/shallow.json"
CONFIG = replace(CONFIGS["h256"], shallow=True)
LAYERS = ((32, 64, 3, 1), (16, 128, 3, 1), (16, 64, 3, 1), (32, 64, 3, 2), (28, 32, 3, 1),
          (14, 128, 1, 1))
"""Rows and columns, channels, kernel, stride."""


def layer_model(size: int, channels: int, kernel: int, stride: int
                ) -> tuple[bytes, list[np.ndarray]]:
    """Make a network whose second layer is the one to measure, between others, and an input."""
    rng = np.random.default_rng(1)

    def options() -> tuple[np.ndarray, np.ndarray]:
        return rng.integers(-500, 500, channels), rng.uniform(0.01, 0.03, channels)

    builder = ModelBuilder()
    x = builder.input((1, size, size, channels), 0.05, 3)
    y = builder.conv_2d(x, rng.integers(-127, 128, (channels, 1, 1, channels)), *options(), 0.4,
                        -20, activation="RELU6")
    y = builder.conv_2d(y, rng.integers(-7, 8, (channels, kernel, kernel, channels)), *options(),
                        2.0, 4, stride=(stride, stride))
    y = builder.pool_2d("AVERAGE_POOL_2D", y, (2, 2), stride=(2, 2))
    return builder.finish([y]), [rng.integers(-128, 128, x.shape).astype(np.int8)]


def steps_of(program: Program, shallow: int) -> int:
    """Return the steps of the second layer's commands of four bits, or of its others."""
    return sum(int(np.prod([fields[f"count_{level}"] for level in LEVELS]))
               for fields in iterate(program.memory)
               if "shallow" in fields and (fields["layer"], fields["shallow"]) == (1, shallow))


def _cycles(simulator: NpuSimulator, program: Program, model: bytes,
            inputs: list[np.ndarray]) -> int:
    """Return the cycles of the second layer, once its outputs are found to be right."""
    memory = memory_image(program, inputs)
    result = simulator.run(memory, program.command_offset, program.command_count, 0,
                           program.region_bytes)
    assert result.status == "done"
    np.testing.assert_array_equal(outputs_of(program, memory)[0].ravel(),
                                  oracle.run(model, inputs)[0].ravel())
    return layer_timings(program.layers, result.trace)[1].cycles


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the JSON and print the table."""
    parser = argparse.ArgumentParser(prog="python -m hadron_testing.measure_shallow",
                                     description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=BASELINE)
    options = parser.parse_args(arguments)
    simulator = NpuSimulator(CONFIG)
    rows: list[dict[str, Any]] = []
    for size, channels, kernel, stride in LAYERS:
        model, inputs = layer_model(size, channels, kernel, stride)
        plain, shallow = (compile_model(model, replace(CONFIG, shallow=on)) for on in (False, True))
        assert shallow.layers[1].precision == "W4A4"
        rows.append({
            "size": size, "channels": channels, "kernel": kernel, "stride": stride,
            "cycles_8_bits": _cycles(simulator, plain, model, inputs),
            "cycles_4_bits": _cycles(simulator, shallow, model, inputs),
            "steps_8_bits": steps_of(plain, 0), "steps_4_bits": steps_of(shallow, 1),
            "steps_packing": steps_of(shallow, 0)})
        row = rows[-1]
        what = f"{kernel}x{kernel}x{channels} to {channels}, {size}x{size}"
        what += f", stride {stride}" if stride > 1 else ""
        print(f"| {what} | {row['cycles_8_bits']:,} | {row['cycles_4_bits']:,} | "
              f"{row['steps_8_bits']:,} | {row['steps_4_bits']:,} | {row['steps_packing']:,} |")
    write_json(options.file, {"config": "h256, shallow", "memory": "fast", "layers": rows})


if __name__ == "__main__":
    main()
