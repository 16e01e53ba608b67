"""Read the inputs of a network from files and arrays, one INT8 array for each of its inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.arrays import load_arrays
from hadron.errors import UsageError
from hadron.pixels import PixelScale, default_scale, quantize_pixels, quantize_reals, read_image
from hadron_compiler import Program, TensorBinding

__all__ = ["IMAGE_SUFFIXES", "INPUT_SUFFIXES", "BoundInputs", "bind_inputs"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
INPUT_SUFFIXES = (".npy", ".npz", *IMAGE_SUFFIXES, ".raw")

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True)
class BoundInputs:
    """Inputs as the NPU reads them.

    Parameters
    ----------
    samples : tuple of tuple of array
        For each inference one INT8 array for each input of the program, of the input's shape.
    source : str
        Where they come from, for reports.
    pixels : PixelScale or None
        How pixels were turned into numbers; None when no pixels were given.
    """

    samples: tuple[tuple[Int8Array, ...], ...]
    source: str
    pixels: PixelScale | None

    def select(self, index: int) -> "BoundInputs":
        """Return the one sample of that index.

        Raises
        ------
        UsageError
            When there is no such sample.
        """
        if not 0 <= index < len(self.samples):
            raise UsageError(f"{self.source}: --index {index}, must be 0 to "
                             f"{len(self.samples) - 1}")
        return BoundInputs((self.samples[index],), f"{self.source}[{index}]", self.pixels)


def bind_inputs(program: Program, inputs: Any, pixels: PixelScale | None = None) -> BoundInputs:
    """Turn what a user gives into samples for a program.

    Parameters
    ----------
    program : Program
        What is to be run.
    inputs : str, Path, array, sequence or mapping of them
        A file (.npy, .npz, .png, .jpg, .jpeg, .raw) or array for the only input; for several a
        mapping by name or a sequence in order. INT8 arrays are used as they are. UINT8 arrays are
        pixels, which an input that is UINT8 in the model takes as they are, unless `pixels` says
        what they stand for. Real numbers are quantized where the model begins with QUANTIZE. The
        batch axis may be missing; a leading axis of N samples is N inferences. Images of ONNX
        models may have their channels first or last.
    pixels : PixelScale, optional
        What a pixel stands for; guessed from the input's quantization unless given.

    Raises
    ------
    UsageError
        When the inputs do not fit; the message names both shapes or types.
    """
    bindings = program.inputs
    if isinstance(inputs, str | Path):
        source = str(inputs)
        arrays = _read(Path(inputs), bindings)
    else:
        source = "array"
        arrays = [value for _, value in _by_input(source, inputs, bindings)]
    columns = []
    used = None
    real, unsigned = ({edge.position for edge in program.host
                       if edge.side == "input" and edge.dtype == dtype}
                      for dtype in ("float32", "uint8"))
    orders = {edge.position: edge.order for edge in program.host
              if edge.side == "input" and edge.order is not None}
    for position, (binding, array) in enumerate(zip(bindings, arrays, strict=True)):
        where = source if len(bindings) == 1 else f"{source}: {binding.name}"
        if array.dtype == np.uint8 and position in unsigned and pixels is None:
            array = (array.astype(np.int16) - 128).astype(np.int8)
        elif array.dtype == np.uint8 and binding.dtype == "int8":
            used = pixels or default_scale(binding)
            array = quantize_pixels(array, binding, used)
        elif position in real and np.issubdtype(array.dtype, np.floating):
            array = quantize_reals(array, binding)
        elif array.dtype != binding.dtype:
            raise UsageError(f"{where}: the array holds {array.dtype}, must be {binding.dtype}, or "
                             f"uint8 for pixels (quantize with scale {binding.scale:.9g} and zero "
                             f"point {binding.zero_point})")
        columns.append(_split(where, array, binding, orders.get(position)))
    if len({len(column) for column in columns}) != 1:
        raise UsageError(f"{source}: the inputs have different numbers of samples")
    return BoundInputs(tuple(zip(*columns, strict=True)), source, used)


def _split(where: str, array: npt.NDArray[Any], binding: TensorBinding,
           order: Sequence[int] | None = None) -> list[Int8Array]:
    """Split an array into samples of the input's shape; `order` takes that to the model's own,
    which an array may have, too."""
    shape = binding.shape
    if order is not None:
        own = tuple(shape[axis] for axis in order)
        back = [list(order).index(axis) for axis in range(len(order))]
        if array.shape == own:
            return [np.ascontiguousarray(array.transpose(back))]
        if array.shape == own[1:] or array.shape[1:] == own:
            return [sample for one in array.reshape(-1, *own)
                    for sample in _split(where, one, binding, order)]
        if shape[0] == 1 and array.shape[1:] == own[1:]:
            return [sample for one in array for sample in _split(where, one[None], binding, order)]
    accepted = [shape]
    if len(shape) > 1 and shape[0] == 1:
        accepted.append(shape[1:])
        if len(shape) > 2 and shape[-1] == 1:
            accepted.append(shape[1:-1])
    if array.shape in accepted:
        return [np.ascontiguousarray(array).reshape(shape)]
    if array.ndim and array.shape[1:] in accepted:
        if len(array) == 0:
            raise UsageError(f"{where}: the array has the shape {list(array.shape)}: no samples")
        return [np.ascontiguousarray(sample).reshape(shape) for sample in array]
    either = "" if order is None else f"{[shape[axis] for axis in order]} or "
    raise UsageError(f"{where}: the array has the shape {list(array.shape)}, input "
                     f"{binding.name} has {either}{list(shape)}")


def _by_input(source: str, inputs: Any, bindings: Sequence[TensorBinding],
              ) -> list[tuple[str, npt.NDArray[Any]]]:
    """Pair arrays with the program's inputs."""
    names = [binding.name for binding in bindings]
    if isinstance(inputs, Mapping):
        missing = [name for name in names if name not in inputs]
        if missing:
            raise UsageError(f"{source}: no array for input {missing[0]}; the arrays are "
                             f"{', '.join(map(str, inputs)) or 'none'}")
        return [(name, np.asarray(inputs[name])) for name in names]
    if len(names) == 1:
        return [(names[0], np.asarray(inputs))]
    if not isinstance(inputs, Sequence) or len(inputs) != len(names):
        raise UsageError(f"{source}: the model has {len(names)} inputs ({', '.join(names)}): give "
                         f"a .npz file or a mapping with an array for each")
    return [(name, np.asarray(value)) for name, value in zip(names, inputs, strict=True)]


def _read(path: Path, bindings: Sequence[TensorBinding]) -> list[npt.NDArray[Any]]:
    suffix = path.suffix.lower()
    if suffix not in INPUT_SUFFIXES:
        raise UsageError(f"{path}: unknown kind of input; known: {', '.join(INPUT_SUFFIXES)}")
    if not path.is_file():
        raise UsageError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if len(bindings) > 1 and suffix != ".npz":
        raise UsageError(f"{path}: the model has {len(bindings)} inputs "
                         f"({', '.join(b.name for b in bindings)}): give a .npz file with an array "
                         f"for each")
    if suffix in IMAGE_SUFFIXES:
        return [read_image(path, bindings[0])]
    if suffix == ".raw":
        return [_read_raw(path, bindings[0])]
    loaded = load_arrays(path)
    if suffix == ".npy":
        if not isinstance(loaded, np.ndarray):
            raise UsageError(f"{path}: not a .npy file")
        return [loaded]
    if isinstance(loaded, np.ndarray):
        raise UsageError(f"{path}: not a .npz file")
    if len(bindings) > 1:
        return [value for _, value in _by_input(str(path), loaded, bindings)]
    if "x" in loaded:
        return [loaded["x"]]
    if len(loaded) != 1:
        raise UsageError(f"{path}: one array, or one named x, is needed; the arrays are "
                         f"{', '.join(loaded) or 'none'}")
    return list(loaded.values())


def _read_raw(path: Path, binding: TensorBinding) -> Int8Array:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if len(data) != binding.size:
        raise UsageError(f"{path}: the file has {len(data)} bytes, input {binding.name} "
                         f"{list(binding.shape)} has {binding.size}")
    return np.frombuffer(data, np.dtype(binding.dtype).newbyteorder("<")).reshape(binding.shape)
