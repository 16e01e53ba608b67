"""Read the samples that a quantizer calibrates with: real numbers for each input of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.arrays import load_arrays
from hadron.errors import UsageError
from hadron.inputs import IMAGE_SUFFIXES
from hadron.pixels import IMAGE_CHANNELS, PixelScale, decode_image

__all__ = ["RealInput", "Sample", "read_samples"]

Sample = dict[str, npt.NDArray[np.float32]]
"""An array for each input, by name, of the input's shape."""


@dataclass(frozen=True)
class RealInput:
    """An input of real numbers: its name and its shape, the batch first."""

    name: str
    shape: tuple[int, ...]


def read_samples(source: Path, inputs: Sequence[RealInput], pixels: PixelScale | None,
                 count: int | None = None) -> list[Sample]:
    """Read samples, at most `count` of them, in the order of names.

    Parameters
    ----------
    source : Path
        A folder of images (.png, .jpg, .jpeg) for the only input, which are cropped and scaled to
        its size; a .npy file of samples for the only input; or a .npz file with those of each.
    pixels : PixelScale, optional
        What a pixel of an image stands for.

    Raises
    ------
    UsageError
        When there are no samples, or they do not fit the inputs.
    """
    if count is not None and count < 1:
        raise UsageError(f"--samples {count}, must be 1 or more")
    if source.is_dir():
        return _read_images(source, inputs, pixels, count)
    if source.suffix.lower() not in (".npy", ".npz"):
        raise UsageError(f"{source}: must be a folder of images, a .npy or a .npz file"
                         + ("" if source.exists() else "; there is no such file"))
    loaded = load_arrays(source)
    columns = [_split(source, value, tensor)[:count]
               for tensor, value in _by_input(source, loaded, inputs)]
    if len({len(column) for column in columns}) != 1:
        raise UsageError(f"{source}: the inputs have different numbers of samples")
    samples = [{tensor.name: value for tensor, value in zip(inputs, values, strict=True)}
               for values in zip(*columns, strict=True)]
    if not samples:
        raise UsageError(f"{source}: no samples")
    return samples


def _by_input(source: Path, loaded: Any, inputs: Sequence[RealInput],
              ) -> list[tuple[RealInput, npt.NDArray[Any]]]:
    names = [tensor.name for tensor in inputs]
    if not isinstance(loaded, Mapping):
        if len(inputs) > 1:
            raise UsageError(f"{source}: the model has {len(inputs)} inputs ({', '.join(names)}): "
                             "give a .npz file with an array for each")
        return [(inputs[0], loaded)]
    if len(inputs) == len(loaded) == 1:
        return [(inputs[0], next(iter(loaded.values())))]
    if set(names) != set(loaded):
        raise UsageError(f"{source}: has the arrays {', '.join(loaded) or 'none'}, the model the "
                         f"inputs {', '.join(names)}")
    return [(tensor, loaded[tensor.name]) for tensor in inputs]


def _split(source: Path, array: npt.NDArray[Any], tensor: RealInput,
           ) -> list[npt.NDArray[np.float32]]:
    """Return the samples of an array: one, or many along an axis in front or that of the batch."""
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(f"{source}: input {tensor.name} is one of real numbers, the array holds "
                         f"{array.dtype}")
    if not np.isfinite(array).all():
        raise UsageError(f"{source}: the array for input {tensor.name} has numbers that are not "
                         "finite")
    shape = tensor.shape
    if array.shape == shape:
        array = array[None]
    elif not (array.shape[1:] == shape or (shape[:1] == (1,) and array.shape[1:] == shape[1:])):
        raise UsageError(f"{source}: the array has the shape {list(array.shape)}, input "
                         f"{tensor.name} has {list(shape)}")
    return [np.ascontiguousarray(sample, np.float32).reshape(shape) for sample in array]


def _read_images(folder: Path, inputs: Sequence[RealInput], pixels: PixelScale | None,
                 count: int | None) -> list[Sample]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise UsageError(f"{folder}: no images ({', '.join(IMAGE_SUFFIXES)}) in this folder")
    tensor = inputs[0]
    shape = tensor.shape
    first = len(shape) == 4 and shape[1] in IMAGE_CHANNELS
    last = len(shape) == 4 and not first and shape[3] in IMAGE_CHANNELS
    if len(inputs) > 1 or not (first or last) or shape[0] != 1:
        listed = ", ".join(f"{one.name} {list(one.shape)}" for one in inputs)
        raise UsageError(f"{folder}: the model's inputs ({listed}) are not one image: give a .npy "
                         "or .npz file")
    if pixels is None:
        raise UsageError(f"{folder}: say with --pixels unit, raw or signed what a pixel stands "
                         "for; for any other scale give a .npy file of real numbers")
    channels, height, width = shape[1:] if first else (shape[3], *shape[1:3])
    samples = []
    for path in files[:count]:
        values = pixels.real(decode_image(path, channels, (height, width)))
        values = values.transpose(2, 0, 1) if first else values
        samples.append({tensor.name: np.ascontiguousarray(values, np.float32).reshape(shape)})
    return samples
