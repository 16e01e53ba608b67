"""Tuning files: what a YAML file says about a sensor and a picture, as settings of the ISP.

A file has a section for each stage it uses, named and filled as in
:mod:`hadron_spec.isp.settings`. Numbers are real: a gain of 1.5 is 1.5, whatever fraction bits the
register has. Where people think in other terms than registers, a section takes those, too
(:mod:`hadron.isp.sections`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from hadron.errors import UsageError
from hadron.isp.raw import RawImage
from hadron.isp.sections import EXTRA_KEYS, SECTIONS, Frame
from hadron_spec.isp.bayer import MINIMUM_SIZE, CropSettings
from hadron_spec.isp.fields import Setting, SettingsError, StageSettings, settings_of
from hadron_spec.isp.settings import STAGES, IspSettings

__all__ = ["DEFAULT_TUNING", "EXAMPLE_TUNING", "TUNINGS", "Light", "Tuning", "load_tuning",
           "parse_tuning"]

DEFAULT_TUNING = "default"
EXAMPLE_TUNING = "example"
TUNINGS = (DEFAULT_TUNING, EXAMPLE_TUNING)
"""Tunings that ship with Hadron: for any sensor, and for :mod:`hadron.isp.example`'s. A file of
such a name is written ``./default``."""

_LARGEST = 4095
_FROM_RAW = ("input_width", "input_height", "phase")
_OTHER_SECTIONS = ("name", "lights")
_LIGHT = ("kelvin", "red", "blue")
_MATRIX = "matrix"


@dataclass(frozen=True)
class Light:
    """What grey looks like in one light, red and blue over green; its colour matrix, if known."""

    kelvin: int
    red: float
    blue: float
    matrix: tuple[float, ...] = ()


@dataclass(frozen=True)
class Tuning:
    """A tuning, not yet bound to a frame.

    Parameters
    ----------
    name : str
        What reports call it.
    source : str
        File, for messages.
    sections : mapping
        Contents of the file by stage.
    lights : tuple of Light
        For auto white balance; empty where the file has none.
    """

    name: str
    source: str
    sections: Mapping[str, Mapping[str, Any]]
    lights: tuple[Light, ...] = ()

    def settings(self, image: RawImage) -> IspSettings:
        """Return the settings for a frame.

        Raises
        ------
        UsageError
            Naming file, stage, setting, value and limit.
        """
        if not all(MINIMUM_SIZE <= side <= _LARGEST for side in (image.width, image.height)):
            large = max(image.width, image.height) > _LARGEST
            raise UsageError(f"{image.source}: {image.width}x{image.height} pixels, must be "
                             f"{MINIMUM_SIZE} to {_LARGEST} each way"
                             + ": take a part of it with --crop" * large)
        frame = Frame(image.width, image.height, image.bits, image.black, image.white,
                      image.gains)
        fixed = {"input_width": image.width, "input_height": image.height,
                 "phase": int(image.phase)}
        try:
            crop = _stage("crop", self.sections.get("crop"), frame, fixed)
            assert isinstance(crop, CropSettings)
            frame = replace(frame, width=crop.used_width, height=crop.used_height)
            rest: dict[str, Any] = {name: _stage(name, self.sections.get(name), frame)
                                    for name in STAGES if name != "crop"}
        except SettingsError as error:
            raise UsageError(f"{self.source}: {error}") from None
        return IspSettings(crop=crop, **rest)

    def for_light(self, kelvin: float) -> "Tuning":
        """Return this tuning with white balance and colour matrix for a light.

        Both lie between those of the nearest lights of the file; beyond its ends they are those of
        the last one.

        Raises
        ------
        UsageError
            When the file has no lights.
        """
        if not self.lights:
            raise UsageError(f"{self.source}: no lights, so nothing to choose by temperature")
        lights = sorted(self.lights, key=lambda light: light.kelvin)
        after = next((i for i, light in enumerate(lights) if light.kelvin >= kelvin), -1)
        second = lights[after]
        first = lights[after - 1] if after > 0 else second
        span = second.kelvin - first.kelvin
        part = (kelvin - first.kelvin) / span if span else 0.0

        def between(one: float, other: float) -> float:
            return one + part * (other - one)

        sections: dict[str, Mapping[str, Any]] = {"white_balance": {"gain": [
            1 / between(first.red, second.red), 1.0, 1 / between(first.blue, second.blue)]}}
        if first.matrix and second.matrix:
            sections["color_matrix"] = {
                **self.sections.get("color_matrix", {}),
                "matrix": [between(one, other) for one, other in zip(first.matrix, second.matrix,
                                                                     strict=True)]}
        return self.with_sections(**sections)

    def with_sections(self, **sections: Mapping[str, Any]) -> "Tuning":
        """Return this tuning with other or more sections."""
        return replace(self, sections={**self.sections, **sections})


def load_tuning(name: str | Path) -> Tuning:
    """Read a tuning file, or one of `TUNINGS`.

    Raises
    ------
    UsageError
        When there is none or it is no tuning; one line with file and place.
    """
    if name in TUNINGS:
        data = resources.files("hadron") / "data" / "isp" / f"{name}.yaml"
        return parse_tuning(data.read_text(encoding="utf-8"), str(name))
    try:
        text = Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{name}: no such file, nor a tuning that ships "
                         f"({', '.join(TUNINGS)})") from None
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}: not a text file") from None
    return parse_tuning(text, str(name))


def parse_tuning(text: str, source: str) -> Tuning:
    """Return the tuning that a YAML text describes; see :func:`load_tuning`."""
    try:
        content = yaml.safe_load(text)
        _check_repeated(source, yaml.compose(text, yaml.SafeLoader))
    except UsageError:
        raise
    except (RecursionError, ValueError):
        raise UsageError(f"{source}: not a tuning: nested too deeply, or a number too "
                         f"long") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{source}: {place}{problem}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{source}: not a tuning: it has no sections")
    known = (*_OTHER_SECTIONS, *STAGES)
    for section, values in content.items():
        if section not in known:
            raise UsageError(f"{source}: unknown section {section!r}; known: {', '.join(known)}")
        if section in STAGES:
            _check_keys(source, section, values)
    sections = {name: values for name, values in content.items() if name in STAGES}
    return Tuning(str(content.get("name", source)), source, sections,
                  tuple(_lights(source, content.get("lights", []))))


def _check_repeated(source: str, node: Any) -> None:
    """Refuse a key that is there twice: the first of them would be lost without a word."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    raise UsageError(f"{source}: line {mark.line + 1}, column {mark.column + 1}: "
                                     f"{key.value} is there twice")
                seen.add(key.value)
            _check_repeated(source, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_repeated(source, value)


def _check_keys(source: str, stage: str, values: Any) -> None:
    if not isinstance(values, dict):
        raise UsageError(f"{source}: {stage} is {values!r}, must be a section of settings")
    known = [s.name for s in settings_of(STAGES[stage]) if s.name not in _FROM_RAW]
    known += EXTRA_KEYS.get(stage, ())
    for key in values:
        if key not in known:
            raise UsageError(f"{source}: unknown setting {stage}.{key}; known: {', '.join(known)}")


def _lights(source: str, content: Any) -> Iterator[Light]:
    if not isinstance(content, list):
        raise UsageError(f"{source}: lights is {content!r}, must be a list")
    for number, entry in enumerate(content):
        where = f"{source}: lights[{number}]"
        numbers = dict(entry) if isinstance(entry, dict) else {}
        matrix = list(_flatten(numbers.pop(_MATRIX, [])))
        if set(numbers) != set(_LIGHT) or not all(_is_number(v) and v > 0
                                                  for v in numbers.values()):
            raise UsageError(f"{where} is {entry!r}, must have {', '.join(_LIGHT)}, all above 0, "
                             f"and may have a {_MATRIX}")
        if len(matrix) not in (0, 9) or not all(map(_is_number, matrix)):
            raise UsageError(f"{where}.{_MATRIX} must have 3 x 3 numbers")
        yield Light(round(numbers["kelvin"]), float(numbers["red"]), float(numbers["blue"]),
                    tuple(map(float, matrix)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _stage(stage: str, values: Mapping[str, Any] | None, frame: Frame,
           fixed: Mapping[str, Any] | None = None) -> StageSettings:
    """Return the settings of a stage; one that has a section is enabled unless that says no."""
    group = STAGES[stage]
    section = {} if values is None else {"enable": True, **values}
    settings: dict[str, Any] = dict(fixed or {})
    if stage in SECTIONS:
        settings |= SECTIONS[stage](section, frame)
    for known in settings_of(group):
        if known.name in section:
            settings[known.name] = _number(stage, known, section[known.name])
    return group(**settings)


def _number(stage: str, known: Setting, value: Any) -> int | tuple[int, ...]:
    """Return what the register holds for a real number, or for a list of them."""
    if not known.shape:
        return _fixed(f"{stage}.{known.name}", known, value)
    flat = list(_flatten(value))
    if not isinstance(value, list):
        flat *= known.count
    if len(flat) != known.count:
        raise SettingsError(f"{stage}.{known.name} has {len(flat)} numbers, must have "
                            f"{' x '.join(map(str, known.shape))}")
    return tuple(_fixed(f"{stage}.{known.name}[{i}]", known, part) for i, part in enumerate(flat))


def _flatten(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _flatten(part)
    else:
        yield value


def _fixed(where: str, known: Setting, value: Any) -> int:
    if isinstance(value, bool):
        value = int(value)
    if not isinstance(value, int | float):
        raise SettingsError(f"{where}={value!r}, must be a number")
    low, high = known.limits
    scale = 1 << known.fraction
    if not low <= value * scale <= high:  # also what is not a number
        raise SettingsError(f"{where}={value!r}, must be from {low / scale:g} to "
                            f"{high / scale:g}")
    if not known.fraction and value != round(value):
        raise SettingsError(f"{where}={value!r}, must be a whole number")
    return round(value * scale)
