"""Settings of statistics and of the stages that work on RGB and YUV, from colour to tensor."""

from dataclasses import dataclass

from .fields import StageSettings

__all__ = [
    "ChromaSettings",
    "ColorMatrixSettings",
    "ColorSpaceSettings",
    "GammaSettings",
    "LumaSettings",
    "ScalerSettings",
    "StatisticsSettings",
]


@dataclass(frozen=True, kw_only=True)
class StatisticsSettings(StageSettings):
    """What firmware decides exposure, white balance and focus on."""


@dataclass(frozen=True, kw_only=True)
class ColorMatrixSettings(StageSettings):
    """Colour correction, 3x3 and offsets."""


@dataclass(frozen=True, kw_only=True)
class GammaSettings(StageSettings):
    """Tone curves, 12 to 8 bits."""


@dataclass(frozen=True, kw_only=True)
class ColorSpaceSettings(StageSettings):
    """RGB to YUV."""


@dataclass(frozen=True, kw_only=True)
class LumaSettings(StageSettings):
    """Luma denoise and sharpen."""


@dataclass(frozen=True, kw_only=True)
class ChromaSettings(StageSettings):
    """4:4:4 to 4:2:2."""


@dataclass(frozen=True, kw_only=True)
class ScalerSettings(StageSettings):
    """Picture to the network's input."""
