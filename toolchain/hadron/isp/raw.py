"""Read RAW frames: arrays, the bytes of a sensor, and the files of cameras."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.arrays import load_arrays
from hadron.errors import UsageError
from hadron.isp.packing import PACKINGS, line_bytes, unpack, whole_groups
from hadron_spec.isp.bayer import Phase

__all__ = ["CAMERA_SUFFIXES", "RAW_SUFFIXES", "RawImage", "crop_raw", "parse_crop", "parse_phase",
           "parse_size", "read_raw", "write_raw"]

RAW_SUFFIXES = (".npz", ".npy", ".raw", ".bin")
CAMERA_SUFFIXES = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef")
"""Read by LibRaw, through the extra ``raw``."""

_BITS = (8, 10, 12)


@dataclass(frozen=True, kw_only=True)
class RawImage:
    """One frame of a Bayer sensor.

    Parameters
    ----------
    pixels : array of uint16
        (rows, columns), below ``2**bits``.
    bits : int
        8, 10 or 12.
    phase : Phase
        Colours of the upper left two by two pixels.
    black : tuple of int or None
        Code of no light for R, Gr, Gb, B, where the file says.
    white : int or None
        Code from which on a pixel is full, where the file says; otherwise the largest.
    gains : tuple of float or None
        White balance of R, G, B, where the file says.
    source : str
        Where it comes from, for messages.
    """

    pixels: npt.NDArray[np.uint16]
    bits: int
    phase: Phase
    black: tuple[int, ...] | None = None
    white: int | None = None
    gains: tuple[float, ...] | None = None
    source: str = field(default="array", compare=False)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])


def parse_phase(text: str) -> Phase:
    """Return the phase of that name, in either case.

    Raises
    ------
    UsageError
        When there is none.
    """
    try:
        return Phase[text.upper()]
    except KeyError:
        raise UsageError(f"phase {text!r}, must be one of "
                         f"{', '.join(phase.name for phase in Phase)}") from None


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text like 1920x1080.

    Raises
    ------
    UsageError
        When it is no such text.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"size {text!r}, must be WIDTHxHEIGHT, as in 1920x1080")
    return int(width), int(height)


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) of a text like 640,480,1920,1080.

    Raises
    ------
    UsageError
        When it is no such text.
    """
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"crop {text!r}, must be X,Y,WIDTH,HEIGHT, as in 640,480,1920,1080")
    x, y, width, height = map(int, parts)
    return x, y, width, height


def crop_raw(image: RawImage, crop: tuple[int, int, int, int]) -> RawImage:
    """Return a part of a frame, (x, y, width, height); its phase follows from its corner.

    Raises
    ------
    UsageError
        When the part is empty or not inside the frame.
    """
    x, y, width, height = crop
    if not (width and height and x + width <= image.width and y + height <= image.height):
        raise UsageError(f"{image.source}: crop {x},{y},{width},{height}, must lie inside "
                         f"{image.width}x{image.height} pixels")
    return replace(image, pixels=image.pixels[y:y + height, x:x + width],
                   phase=Phase(image.phase ^ (x & 1 | (y & 1) << 1)))


def read_raw(path: str | Path, *, phase: str | None = None, bits: int | None = None,
             size: tuple[int, int] | None = None, packing: str = "mipi",
             stride: int | None = None) -> RawImage:
    """Read a RAW file.

    Parameters
    ----------
    path : str or Path
        ``.npz`` with the arrays raw, phase, bits and optionally black and white; ``.npy``;
        ``.raw`` or ``.bin``, the bytes of one frame; a camera's file, by LibRaw.
    phase : str, optional
        RGGB, GRBG, GBRG or BGGR. What the file says unless given, RGGB where it says nothing.
    bits : int, optional
        Bits of a pixel. What the file says unless given; else the least of 8, 10 and 12 that holds
        all pixels. Needed for ``.raw`` and ``.bin``.
    size : tuple of int, optional
        (width, height), needed for ``.raw`` and ``.bin``, unused otherwise.
    packing : str
        "mipi" or "unpacked", for ``.raw`` and ``.bin``.
    stride : int, optional
        Bytes from line to line of ``.raw`` and ``.bin``, where lines are filled up; then a packed
        line may end within a group of pixels.

    Raises
    ------
    UsageError
        Naming the file and what is wrong.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in RAW_SUFFIXES + CAMERA_SUFFIXES:
        raise UsageError(f"{path}: unknown kind of RAW file; known: "
                         f"{', '.join(RAW_SUFFIXES + CAMERA_SUFFIXES)}")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if bits is not None and bits not in _BITS:
        raise UsageError(f"bits={bits}, must be 8, 10 or 12")
    if packing not in PACKINGS:
        raise UsageError(f"packing {packing!r}, must be one of {', '.join(PACKINGS)}")
    given = None if phase is None else parse_phase(phase)
    try:
        if suffix in CAMERA_SUFFIXES:
            image = _read_camera(path)
        elif suffix in (".npz", ".npy"):
            image = _read_array(path, bits)
        else:
            image = _read_bytes(path, bits, size, packing, stride)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, UsageError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {reason}") from None
    return RawImage(**{**vars(image), "phase": image.phase if given is None else given,
                       "source": str(path)})


def write_raw(path: str | Path, image: RawImage) -> None:
    """Write a frame as ``.npz`` that :func:`read_raw` reads."""
    arrays: dict[str, Any] = {"raw": image.pixels, "phase": image.phase.name, "bits": image.bits}
    if image.black is not None:
        arrays["black"] = np.array(image.black)
    if image.white is not None:
        arrays["white"] = image.white
    np.savez_compressed(path, **arrays)


def _least_bits(path: Path, pixels: npt.NDArray[Any], bits: int | None) -> int:
    largest = int(pixels.max(initial=0))
    enough = [known for known in _BITS if largest >> known == 0]
    if not enough or (bits is not None and bits < enough[0]):
        raise UsageError(f"{path}: a pixel is {largest}, must be at most "
                         f"{(1 << (bits or _BITS[-1])) - 1} in RAW{bits or _BITS[-1]}")
    return enough[0] if bits is None else bits


def _read_array(path: Path, bits: int | None) -> RawImage:
    loaded = load_arrays(path)
    arrays = {"raw": loaded} if isinstance(loaded, np.ndarray) else loaded
    if "raw" not in arrays:
        raise UsageError(f"{path}: no array 'raw'; there are: {', '.join(arrays) or 'none'}")
    pixels = arrays["raw"]
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise UsageError(f"{path}: array raw has the shape {list(pixels.shape)}, must be "
                         f"(rows, columns)")
    if pixels.dtype.kind not in "ui" or (pixels.dtype.kind == "i" and pixels.min() < 0):
        raise UsageError(f"{path}: array raw holds {pixels.dtype}, must be whole numbers of 0 or "
                         f"more")
    if bits is None and "bits" in arrays:
        [bits] = _codes(path, arrays, "bits", 1)
        if bits not in _BITS:
            raise UsageError(f"{path}: bits is {bits}, must be 8, 10 or 12")
    bits = _least_bits(path, pixels, bits)
    white = _codes(path, arrays, "white", 1)[0] if "white" in arrays else None
    largest = (1 << bits) - 1
    if white is not None and not 0 < white <= largest:
        raise UsageError(f"{path}: white is {white}, must be 1 to {largest} in RAW{bits}")
    black = _codes(path, arrays, "black", 4) if "black" in arrays else None
    limit = largest if white is None else white
    if black is not None and not all(0 <= code < limit for code in black):
        raise UsageError(f"{path}: black is {', '.join(map(str, black))}, must be 0 to {limit - 1}")
    try:
        phase = parse_phase(str(arrays["phase"])) if "phase" in arrays else Phase.RGGB
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return RawImage(pixels=pixels.astype(np.uint16), bits=bits, phase=phase, black=black,
                    white=white)


def _codes(path: Path, arrays: dict[str, npt.NDArray[Any]], name: str,
           count: int) -> tuple[int, ...]:
    """Return an array of `count` whole numbers, or of one that stands for all."""
    array = arrays[name]
    if array.dtype.kind not in "ui" or array.size not in (1, count):
        what = "a whole number" if count == 1 else f"one whole number or {count}"
        raise UsageError(f"{path}: {name} is {str(array.tolist())[:60]}, must be {what}")
    codes = tuple(int(code) for code in array.ravel())
    return codes * (count // len(codes))


def _read_bytes(path: Path, bits: int | None, size: tuple[int, int] | None,
                packing: str, stride: int | None) -> RawImage:
    if bits is None or size is None:
        raise UsageError(f"{path}: --bits and --size are needed, a {path.suffix} file holds pixels "
                         f"only")
    width, height = size
    filled = width if stride is None else whole_groups(width, bits, packing)
    used = line_bytes(filled, bits, packing)
    if stride is not None and stride < used:
        raise UsageError(f"{path}: stride {stride}, must be {used} or more for {width} pixels of "
                         f"{packing} RAW{bits}")
    expected = (stride or used) * height
    data = np.fromfile(path, dtype=np.uint8)
    if data.size != expected:
        stretched = "" if stride is None else f" in lines of {stride} bytes"
        raise UsageError(f"{path}: {data.size} bytes, must be {expected} for {width}x{height} of "
                         f"{packing} RAW{bits}{stretched}")
    lines = data.reshape(height, -1)[:, :used]
    pixels = unpack(np.ascontiguousarray(lines), filled, bits, packing)[:, :width]
    return RawImage(pixels=pixels, bits=bits, phase=Phase.RGGB)


def _read_camera(path: Path) -> RawImage:
    try:
        import rawpy
    except ModuleNotFoundError:
        raise UsageError(f"{path}: reading it needs rawpy: pip install 'hadron-npu[raw]'") from None
    try:
        with rawpy.imread(str(path)) as raw:
            names = raw.color_desc.decode("latin-1")
            pattern = [] if raw.raw_pattern is None else raw.raw_pattern.ravel().tolist()
            letters = "".join(names[i] for i in pattern)
            if letters not in Phase.__members__:
                raise UsageError(f"{path}: a sensor with the colours {letters or 'of no mosaic'}, "
                                 f"must be Bayer")
            pixels = raw.raw_image_visible.astype(np.int64)
            levels = [int(raw.black_level_per_channel[i]) for i in pattern]
            white = int(raw.white_level)
            balance = raw.camera_whitebalance[:3]
            gains = None
            if all(gain > 0 for gain in balance):
                gains = tuple(float(gain / balance[1]) for gain in balance)
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else "damaged"
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise UsageError(f"{path}: LibRaw: {text}") from None
    # Up to 16 bits: drop the lowest, which hold noise.
    extra = max(0, white.bit_length() - 12)
    bits = next(known for known in _BITS if white >> extra >> known == 0)
    pixels = np.clip(pixels >> extra, 0, (1 << bits) - 1)
    phase = Phase[letters]
    # Position p of the two by two has this colour; see Phase.
    colours = [(p & 1 ^ phase & 1) + 2 * (p >> 1 ^ phase >> 1) for p in range(4)]
    black = tuple(levels[colours.index(colour)] >> extra for colour in range(4))
    return RawImage(pixels=pixels.astype(np.uint16), bits=bits, phase=phase, black=black,
                    white=white >> extra, gains=gains)
