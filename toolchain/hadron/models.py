"""Find what a user calls MODEL: a TFLite file, a compiled program's folder, or a built-in name."""

import json
from dataclasses import dataclass
from importlib import resources
from math import inf
from pathlib import Path

from hadron.errors import UsageError
from hadron_compiler import Program, TensorBinding, compile_model
from hadron_spec.commands import COMMAND_ALIGN, COMMAND_BYTES
from hadron_spec.config import NpuConfig, load_config

__all__ = ["BUILT_IN", "DEFAULT_CONFIG", "Model", "find_config", "load_model"]

BUILT_IN = ("digits", "faces")
"""Names of the networks that ship with Hadron. A folder of that name is written ``./digits``."""

DEFAULT_CONFIG = "h256"

_DEFAULT_SAMPLE = {"digits": 7}
_MAX_REGION_BYTES = 1 << 32


@dataclass(frozen=True)
class Model:
    """A compiled model and what is known beside it.

    Parameters
    ----------
    program : Program
        Compiled for the configuration it holds.
    labels : tuple of str
        Names of the classes of a built-in model; otherwise empty.
    samples : tuple of Path
        Inputs that ship with a built-in model, one a class; otherwise empty.
    default_sample : Path or None
        The input of a built-in model when the user gives none.
    """

    program: Program
    labels: tuple[str, ...] = ()
    samples: tuple[Path, ...] = ()
    default_sample: Path | None = None


def find_config(config: str | NpuConfig) -> NpuConfig:
    """Return a configuration by its name or the path of its TOML file.

    Raises
    ------
    ConfigError, UsageError
        When there is none, or the file cannot be read.
    """
    if isinstance(config, NpuConfig):
        return config
    try:
        return load_config(config)
    except OSError as error:
        raise UsageError(f"{config}: {error.strerror}") from None


def load_model(model: str | Path | bytes | Program, config: str | NpuConfig | None = None, *,
               stream_input: bool = False) -> Model:
    """Compile a model, or load a compiled one.

    Parameters
    ----------
    model : str, Path, bytes or Program
        A TFLite file or its bytes, the folder of a compiled program, a program, or a built-in name.
    config : str or NpuConfig, optional
        What to compile for, `DEFAULT_CONFIG` unless given. A compiled program has its own; another
        one is refused.
    stream_input : bool
        The input comes from the stream. A compiled program must have been compiled so.

    Raises
    ------
    CompileError, ConfigError, UsageError
        With what is wrong, in words made for the user.
    """
    if isinstance(model, Program):
        return Model(_of_config(model, model.model, config, stream_input))
    if isinstance(model, str) and model in BUILT_IN:
        return _built_in(model, find_config(config or DEFAULT_CONFIG), stream_input)
    if not isinstance(model, bytes) and Path(model).is_dir():
        return Model(_of_config(_load_program(Path(model)), str(model), config, stream_input))
    return Model(compile_model(model, find_config(config or DEFAULT_CONFIG),
                               stream_input=stream_input))


def _built_in(name: str, config: NpuConfig, stream_input: bool) -> Model:
    data = resources.files("hadron") / "data"
    program = compile_model((data / f"{name}.tflite").read_bytes(), config, name=name,
                            stream_input=stream_input)
    folder = Path(str(data / name))
    if not folder.is_dir():
        return Model(program)
    labels: dict[str, int] = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    by_class = sorted(labels.items(), key=lambda item: item[1])
    samples = tuple(folder / file for file, _ in by_class)
    return Model(program, tuple(str(label) for _, label in by_class), samples,
                 samples[_DEFAULT_SAMPLE[name]])


def _of_config(program: Program, name: str, config: str | NpuConfig | None,
               stream_input: bool) -> Program:
    if config is not None and find_config(config) != program.config:
        raise UsageError(f"{name}: compiled for {program.config.name}, not for "
                         f"{find_config(config).name}")
    if stream_input and not program.inputs[0].stream:
        raise UsageError(f"{name}: compiled with its input in memory, not from the stream")
    return program


def _load_program(folder: Path) -> Program:
    """Load a program and check what the run relies on: anyone may have edited the files."""
    try:
        program = Program.load(folder)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from None
    except AttributeError as error:
        raise UsageError(f"{folder}: not a compiled program ({error})") from None
    reason = _program_problem(program)
    if reason:
        raise UsageError(f"{folder}: not a compiled program ({reason})")
    return program


def _program_problem(program: Program) -> str:
    sizes = (program.region_bytes, program.command_offset, program.command_count, program.cycles)
    if not all(type(value) is int and value >= 0 for value in sizes):
        return "sizes must be whole numbers"
    if not len(program.memory) <= program.region_bytes <= _MAX_REGION_BYTES:
        return f"region_bytes is {program.region_bytes}, the image has {len(program.memory)} bytes"
    end = program.command_offset + program.command_count * COMMAND_BYTES
    if program.command_offset % COMMAND_ALIGN or end > len(program.memory):
        return "the commands are outside the image"
    if not program.inputs or not program.outputs:
        return "no input or no output"
    for binding in (*program.inputs, *program.outputs):
        reason = _binding_problem(binding, program.region_bytes)
        if reason:
            return f"tensor {binding.name}: {reason}"
    for index, layer in enumerate(program.layers):
        counts = (layer.index, layer.macs, layer.cycles, layer.bytes_loaded, layer.bytes_stored,
                  layer.chain)
        if not all(type(value) is int and value >= 0 for value in counts) or layer.index != index:
            return f"layer {index}: counts must be whole numbers"
    return ""


def _binding_problem(binding: TensorBinding, region_bytes: int) -> str:
    if not all(type(extent) is int and extent > 0 for extent in binding.shape):
        return f"shape {list(binding.shape)}"
    if binding.dtype not in ("int8", "int16"):
        return f"type {binding.dtype}, must be int8 or int16"
    if type(binding.stream) is not bool:
        return f"stream {binding.stream}"
    size = 0 if binding.stream else binding.size
    if type(binding.offset) is not int or not 0 <= binding.offset <= region_bytes - size:
        return "outside the memory region"
    if not isinstance(binding.scale, float) or not 0 < binding.scale < inf:
        return f"scale {binding.scale}"
    if type(binding.zero_point) is not int or not -128 <= binding.zero_point <= 127:
        return f"zero point {binding.zero_point}"
    return ""
