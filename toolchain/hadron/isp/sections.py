"""Sections of a tuning file that say more, or less, than the registers of their stage.

Each function takes a section and the frame, removes what it understands and returns settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from hadron_spec.isp.bayer import MESH_COLUMNS, MESH_ROWS, PIXEL_BITS, Pattern, mesh_step
from hadron_spec.isp.fields import SettingsError
from hadron_spec.isp.picture import MAX_ZONE_PIXELS, ZONES, ScalerMode, ScalerSource
from hadron_spec.isp.presets import (
    COLOR_STANDARDS,
    color_space_settings,
    gamma_settings,
    power_curve,
    scaler_settings,
    srgb_curve,
)

__all__ = ["EXTRA_KEYS", "SECTIONS", "Frame", "take"]

Section = dict[str, Any]

_WHITE = (1 << PIXEL_BITS) - 1
_MOST_SCALE = (1 << 16) - 1
_CURVES = {"srgb": srgb_curve, "linear": lambda light: light}
_PATTERNS = {pattern.name.lower(): int(pattern) for pattern in Pattern}
_USUAL_GAINS = (1.9, 1.0, 1.5)
"""Of R, G, B: of daylight on many a sensor."""
_RANGES = {"full": True, "limited": False}
_SOURCES = {"rgb": ScalerSource.RGB, "yuv": ScalerSource.YUV}
_MODES = {"box": ScalerMode.BOX, "bilinear": ScalerMode.BILINEAR}


@dataclass(frozen=True)
class Frame:
    """What is known of a frame: size after the crop, bits, black, white, gains of the camera."""

    width: int
    height: int
    bits: int
    black: tuple[int, ...] | None
    white: int | None
    gains: tuple[float, ...] | None


def take(section: Section, stage: str, key: str, choices: dict[str, Any], default: str) -> Any:
    """Remove a word from a section and return what it stands for."""
    word = section.pop(key, default)
    if not isinstance(word, str) or word not in choices:
        raise SettingsError(f"{stage}.{key}={word!r}, must be one of {', '.join(choices)}")
    return choices[word]


def _numbers(section: Section, stage: str, key: str, count: int,
             default: tuple[float, ...]) -> tuple[float, ...]:
    value = section.pop(key, list(default))
    values = value if isinstance(value, list) else [value] * count
    if len(values) != count or not all(
            isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v)
            for v in values):
        what = "a number" if count == 1 else f"{count} numbers"
        raise SettingsError(f"{stage}.{key}={value!r}, must be {what}")
    return tuple(values)


def _whole_numbers(section: Section, stage: str, key: str,
                   default: tuple[int, ...]) -> tuple[int, ...]:
    values = _numbers(section, stage, key, len(default), default)
    if any(value != int(value) for value in values):
        raise SettingsError(f"{stage}.{key}={values}, must be whole numbers")
    return tuple(map(int, values))


def _without(section: Section, stage: str, key: str, others: tuple[str, ...], why: str) -> None:
    """Refuse settings that would be passed over."""
    for other in others:
        if other in section:
            raise SettingsError(f"{stage}.{other} {why} {stage}.{key}")


def _crop(section: Section, frame: Frame) -> Section:
    """What is right of and below the corner, unless given; a pattern by its name."""
    settings: Section = {}
    if section:
        for key, corner, extent in (("width", "x", frame.width), ("height", "y", frame.height)):
            first = section.get(corner, 0)
            if key not in section and isinstance(first, int) and 0 <= first < extent:
                settings[key] = extent - first
    if isinstance(section.get("pattern"), str):
        settings["pattern"] = take(section, "crop", "pattern", _PATTERNS, "")
    return settings


def _black_level(section: Section, frame: Frame) -> Section:
    """The black level of the file, unless given; stretched to full scale, unless given."""
    settings: Section = {}
    offset = section.get("offset", "raw")
    if offset == "raw":
        section.pop("offset", None)
        black = frame.black or (0, 0, 0, 0)
        settings["offset"] = tuple(code << PIXEL_BITS - frame.bits for code in black)
    if "scale" not in section:
        codes = settings.get("offset", offset)
        codes = codes if isinstance(codes, list | tuple) else [codes] * 4
        if all(isinstance(code, int) and 0 <= code < _WHITE // 2 for code in codes):
            # The brightest sample that the sensor has, left-aligned.
            brightest = (1 << frame.bits) - 1 if frame.white is None else frame.white
            white = brightest << PIXEL_BITS - frame.bits
            if white <= max(codes):
                raise SettingsError(f"black_level.offset={max(codes)}, must be below the white "
                                    f"level {white}")
            settings["scale"] = tuple(min(_MOST_SCALE, round((_WHITE << 14) / (white - code)))
                                      for code in codes)
    return settings


def _shading(section: Section, frame: Frame) -> Section:
    settings: Section = {}
    for key, size, cells in (("step_x", frame.width, MESH_COLUMNS - 1),
                             ("step_y", frame.height, MESH_ROWS - 1)):
        if key not in section:
            settings[key] = mesh_step(size, cells)
    if "mesh" in section and "use_mesh" not in section:
        settings["use_mesh"] = 1
    return settings


def _statistics(section: Section, frame: Frame) -> Section:
    """Zones over the whole frame and windows over its middle, unless given."""
    settings: Section = {}
    if "zone_size" not in section:
        size = [max(2, -(-extent // ZONES) + 1 & ~1) for extent in (frame.width, frame.height)]
        while size[0] * size[1] > 4 * MAX_ZONE_PIXELS:
            size[size[1] > size[0]] -= 2
        settings["zone_size"] = tuple(size)
        if "zone_origin" not in section:
            settings["zone_origin"] = tuple(
                max(0, extent - ZONES * side) // 4 * 2
                for extent, side in zip((frame.width, frame.height), size, strict=True))
    if "windows" not in section:
        width, height = frame.width // 3, frame.height // 3
        middle = (width, height, width, height)
        settings["windows"] = (0, 0, frame.width, frame.height, *middle,
                               frame.width // 4, frame.height // 4, frame.width // 2,
                               frame.height // 2)
    return settings


def _white_balance(section: Section, frame: Frame) -> Section:
    """``gain: raw`` takes what the camera wrote into its file, or usual gains; ``gain: camera``
    insists on the former. Three gains are R, G, B."""
    gain = section.get("gain")
    if gain == "raw":
        gain = list(frame.gains or _USUAL_GAINS)
    if gain == "camera":
        if frame.gains is None:
            raise SettingsError("white_balance.gain=camera, but the RAW file has no gains")
        gain = list(frame.gains)
    if isinstance(gain, list):
        section["gain"] = [gain[0], gain[1], gain[1], gain[2]] if len(gain) == 3 else gain
    return {}


def _gamma(section: Section, frame: Frame) -> Section:
    """``curve: srgb``, ``linear``, or the exponent of a power law."""
    if "nodes" in section:
        _without(section, "gamma", "nodes", ("curve",), "does not go with")
    if "curve" not in section:
        return {}
    curve = section.pop("curve")
    if isinstance(curve, int | float) and not isinstance(curve, bool):
        if not 1 <= curve <= 4:
            raise SettingsError(f"gamma.curve={curve!r}, must be from 1 to 4")
        return {"nodes": gamma_settings(power_curve(float(curve))).nodes}
    if not isinstance(curve, str) or curve not in _CURVES:
        raise SettingsError(f"gamma.curve={curve!r}, must be a number or one of "
                            f"{', '.join(_CURVES)}")
    return {"nodes": gamma_settings(_CURVES[curve]).nodes}


def _color_space(section: Section, frame: Frame) -> Section:
    """``standard: bt601`` or ``bt709``, and ``range: full`` or ``limited``."""
    if "standard" not in section:
        _without(section, "color_space", "standard", ("range",), "needs")
        return {}
    standards = {name: name for name in COLOR_STANDARDS}
    standard = take(section, "color_space", "standard", standards, "")
    full_range = take(section, "color_space", "range", _RANGES, "full")
    settings = color_space_settings(standard, full_range=full_range)
    return {"matrix": settings.matrix, "offset": settings.offset}


def _scaler(section: Section, frame: Frame) -> Section:
    """The network's input: its size and quantization, and the part of the picture it is made of."""
    if not section:
        return {}
    if "step" in section:  # given as the registers have it
        _without(section, "scaler", "step", EXTRA_KEYS["scaler"], "does not go with")
        return {}
    output = _whole_numbers(section, "scaler", "output", (96, 96))
    crop = _whole_numbers(section, "scaler", "crop", (0, 0, frame.width, frame.height))
    [channels] = _whole_numbers(section, "scaler", "channels", (3,))
    made = scaler_settings(
        crop=(crop[0], crop[1], crop[2], crop[3]), output=(output[0], output[1]),
        source=take(section, "scaler", "source", _SOURCES, "rgb"), channels=channels,
        mode=take(section, "scaler", "mode", _MODES, "box"),
        scale=_numbers(section, "scaler", "scale", 1, (1 / 255,))[0],
        zero_point=_whole_numbers(section, "scaler", "zero_point", (-128,))[0],
        mean=_numbers(section, "scaler", "mean", 3, (0.0,) * 3),
        std=_numbers(section, "scaler", "std", 3, (1.0,) * 3))
    return {name: value for name, value in vars(made).items() if name != "enable"}


SECTIONS: dict[str, Callable[[Section, Frame], Section]] = {
    "crop": _crop,
    "black_level": _black_level,
    "shading": _shading,
    "statistics": _statistics,
    "white_balance": _white_balance,
    "gamma": _gamma,
    "color_space": _color_space,
    "scaler": _scaler,
}

EXTRA_KEYS = {
    "gamma": ("curve",),
    "color_space": ("standard", "range"),
    "scaler": ("scale", "zero_point", "mean", "std"),
}
"""What these sections take besides the settings of their stage."""
