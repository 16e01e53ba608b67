"""A compiled network: what the NPU reads, and what a host must know to feed it."""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.errors import CompileError
from hadron_model.planes import join_planes, split_planes
from hadron_spec.config import NpuConfig

__all__ = ["FORMAT", "HostEdge", "LayerReport", "Program", "TensorBinding", "distinct"]

FORMAT = 2
"""Version of program.json."""


@dataclass(frozen=True)
class TensorBinding:
    """Where an input or output lies in the memory region: `offset` bytes from its start, dense.

    One that is a `stream` is not there, but comes in at the NPU's `s_axis`.
    Of 16 bits: a plane of low bytes less 128, then one of high bytes.
    """

    name: str
    offset: int
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    stream: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * (2 if self.dtype == "int16" else 1)

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def encode(self, values: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.uint8]:
        """Return the bytes that hold values."""
        planes = split_planes(values) if self.dtype == "int16" else values.astype(np.int8)
        return planes.reshape(-1).view(np.uint8)

    def decode(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.signedinteger]:
        """Return the values that bytes hold."""
        if self.dtype == "int16":
            return join_planes(data.view(np.int8).reshape(2, -1)).reshape(self.shape)
        return data.view(np.int8).reshape(self.shape)


@dataclass(frozen=True)
class HostEdge:
    """An operator at an edge of the network that the host runs, not the NPU.

    Parameters
    ----------
    op : str
        Operator and its position in the model.
    side : str
        "input" or "output".
    position : int
        Which input or output of the program.
    name, dtype : str
        The model's own input or output: its name and type.
    elements : int
        How many elements the host computes or reads.
    axis : int or None
        ARG_MAX: the axis.
    keep_axis : bool
        Whether the axis stays, with one element.
    order : tuple of int or None
        Transpose: the axes of the program's tensor, which has its channels last, in the order of
        the model's own.
    beta : float or None
        SOFTMAX of 16 bits: its factor.
    behind : bool
        Whether it is left out: the output is what it reads.
    """

    op: str
    side: str
    position: int
    name: str
    dtype: str
    elements: int
    axis: int | None = None
    keep_axis: bool = False
    order: tuple[int, ...] | None = None
    beta: float | None = None
    behind: bool = False

    def __str__(self) -> str:
        way = "from" if self.side == "input" else "to"
        if self.behind:
            return f"{self.op}: not run, reads output {self.name}, {self.elements:,} elements"
        if self.order is not None:
            return (f"{self.op}: {self.side} {self.name}, {way} channels first, "
                    f"{self.elements:,} elements")
        return (f"{self.op}: {self.side} {self.name}, {way} {self.dtype}, {self.elements:,} "
                "elements")


@dataclass(frozen=True)
class LayerReport:
    """What the compiler knows of a layer; `index` is the `layer` of its commands.

    `precision` are the bits of weights and activations, as "W4A8"; `work` tells of its size.
    `chain` is the first of the layers that it is fused with, which take turns; its own index when
    it runs alone.
    """

    index: int
    name: str
    op: str
    macs: int
    cycles: int
    bytes_loaded: int
    bytes_stored: int
    chain: int
    precision: str = "W8A8"
    work: str = ""


@dataclass(frozen=True)
class Program:
    """A network compiled for one configuration.

    Parameters
    ----------
    config : NpuConfig
        What it was compiled for; it runs on no other.
    model : str
        Name of the model's file.
    memory : bytes
        Image of the start of the memory region: commands and constants.
    region_bytes : int
        Size of the memory region, tensors included; what follows the image may hold anything.
    command_offset, command_count : int
        Where the commands begin in the region, a multiple of 128, and how many there are.
    inputs, outputs : tuple of TensorBinding
        In the model's order.
    layers : tuple of LayerReport
        In execution order.
    cycles : int
        Predicted cycles from START to the interrupt.
    scratchpad_peak : int
        Most bytes of scratchpad in use at once.
    host : tuple of HostEdge
        What the model has before or after the program, left to the host.
    """

    config: NpuConfig
    model: str
    memory: bytes
    region_bytes: int
    command_offset: int
    command_count: int
    inputs: tuple[TensorBinding, ...]
    outputs: tuple[TensorBinding, ...]
    layers: tuple[LayerReport, ...]
    cycles: int
    scratchpad_peak: int
    host: tuple[HostEdge, ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    def description(self) -> dict[str, Any]:
        """Return everything but the memory image, as program.json holds it."""
        return {
            "format": FORMAT,
            "model": self.model,
            "config": asdict(self.config),
            "region_bytes": self.region_bytes,
            "image_bytes": len(self.memory),
            "command_offset": self.command_offset,
            "command_count": self.command_count,
            "cycles": self.cycles,
            "macs": self.macs,
            "scratchpad_peak": self.scratchpad_peak,
            "inputs": [asdict(binding) for binding in self.inputs],
            "outputs": [asdict(binding) for binding in self.outputs],
            "layers": [asdict(layer) for layer in self.layers],
            "host": [asdict(edge) for edge in self.host],
        }

    def header(self) -> str:
        """Return a C header with the offsets a host needs."""
        lines = [
            "/* Offsets of a compiled network, in bytes from the start of its memory region. */",
            "#ifndef HADRON_PROGRAM_H",
            "#define HADRON_PROGRAM_H",
            "",
            f"#define HADRON_PROGRAM_REGION_BYTES {self.region_bytes}u",
            f"#define HADRON_PROGRAM_IMAGE_BYTES {len(self.memory)}u",
            f"#define HADRON_PROGRAM_COMMAND_OFFSET {self.command_offset}u",
            f"#define HADRON_PROGRAM_COMMAND_COUNT {self.command_count}u",
        ]
        for role, bindings in (("INPUT", self.inputs), ("OUTPUT", self.outputs)):
            for number, binding in enumerate(bindings):
                name = f"HADRON_PROGRAM_{role}{number}"
                layout = (", of 16 bits: all low bytes less 128, then all high bytes"
                          if binding.dtype == "int16" else "")
                lines += [
                    "",
                    f"/* {_comment(binding.name)}: {list(binding.shape)}, scale "
                    f"{binding.scale!r}{layout} */",
                    f"#define {name}_STREAM 1" if binding.stream
                    else f"#define {name}_OFFSET {binding.offset}u",
                    f"#define {name}_BYTES {binding.size}u",
                    f"#define {name}_ZERO_POINT ({binding.zero_point})",
                ]
        return "\n".join([*lines, "", "#endif", ""])

    def save(self, directory: str | Path) -> None:
        """Write program.json, memory.bin and program.h; the directory is made when absent.

        Each file appears whole or not at all, program.json last.
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "memory.bin", self.memory)
        _write(folder / "program.h", self.header().encode())
        text = json.dumps(self.description(), indent=2, ensure_ascii=False) + "\n"
        _write(folder / "program.json", text.encode())

    @classmethod
    def load(cls, directory: str | Path) -> "Program":
        """Read what :meth:`save` wrote.

        Raises
        ------
        CompileError
            When the files are not a program of this version.
        """
        folder = Path(directory)
        try:
            values = json.loads((folder / "program.json").read_text(encoding="utf-8"))
            memory = (folder / "memory.bin").read_bytes()
            if values["format"] != FORMAT:
                raise CompileError(f"{folder}: program format {values['format']}, must be {FORMAT}")
            if len(memory) != values["image_bytes"]:
                raise CompileError(f"{folder}: memory.bin has {len(memory)} bytes, program.json "
                                   f"says {values['image_bytes']}")
            return cls(
                config=NpuConfig(**values["config"]),
                model=values["model"],
                memory=memory,
                region_bytes=values["region_bytes"],
                command_offset=values["command_offset"],
                command_count=values["command_count"],
                inputs=_bindings(values["inputs"]),
                outputs=_bindings(values["outputs"]),
                layers=tuple(LayerReport(**layer) for layer in values["layers"]),
                cycles=values["cycles"],
                scratchpad_peak=values["scratchpad_peak"],
                host=tuple(HostEdge(**{**edge, "order": edge["order"] and tuple(edge["order"])})
                           for edge in values["host"]),
            )
        except FileNotFoundError as error:
            raise CompileError(f"{folder}: {Path(error.filename).name} is missing") from None
        except CompileError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise CompileError(f"{folder}: not a compiled program ({error})") from None


def distinct(bindings: Iterable[TensorBinding]) -> tuple[TensorBinding, ...]:
    """Return bindings whose names differ, by which users tell tensors apart: of several of one
    name, all but the first get a number."""
    named: dict[str, TensorBinding] = {}
    for binding in bindings:
        name, number = binding.name, 0
        while name in named:
            number += 1
            name = f"{binding.name}:{number}"
        named[name] = replace(binding, name=name)
    return tuple(named.values())


def _bindings(values: list[dict[str, Any]]) -> tuple[TensorBinding, ...]:
    return tuple(TensorBinding(**{**value, "shape": tuple(value["shape"])}) for value in values)


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _write(path: Path, data: bytes) -> None:
    """Write a file under another name, then rename it: nobody ever sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
