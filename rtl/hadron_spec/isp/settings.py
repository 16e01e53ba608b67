"""All settings of the ISP, one group a stage, in the order of the pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .bayer import (
    MESH_COLUMNS,
    MESH_ROWS,
    BayerDenoiseSettings,
    BlackLevelSettings,
    CropSettings,
    DefectSettings,
    DemosaicSettings,
    LinearizeSettings,
    ShadingSettings,
    WhiteBalanceSettings,
    mesh_step,
)
from .config import IspConfig
from .fields import SettingsError, StageSettings
from .picture import (
    ChromaSettings,
    ColorMatrixSettings,
    ColorSpaceSettings,
    GammaSettings,
    LumaSettings,
    ScalerSettings,
    StatisticsSettings,
)

__all__ = ["STAGES", "IspSettings", "check", "default_settings"]


@dataclass(frozen=True, kw_only=True)
class IspSettings:
    """What a frame is processed with."""

    crop: CropSettings = field(default_factory=CropSettings)
    black_level: BlackLevelSettings = field(default_factory=BlackLevelSettings)
    linearize: LinearizeSettings = field(default_factory=LinearizeSettings)
    defect: DefectSettings = field(default_factory=DefectSettings)
    shading: ShadingSettings = field(default_factory=ShadingSettings)
    statistics: StatisticsSettings = field(default_factory=StatisticsSettings)
    bayer_denoise: BayerDenoiseSettings = field(default_factory=BayerDenoiseSettings)
    white_balance: WhiteBalanceSettings = field(default_factory=WhiteBalanceSettings)
    demosaic: DemosaicSettings = field(default_factory=DemosaicSettings)
    color_matrix: ColorMatrixSettings = field(default_factory=ColorMatrixSettings)
    gamma: GammaSettings = field(default_factory=GammaSettings)
    color_space: ColorSpaceSettings = field(default_factory=ColorSpaceSettings)
    luma: LumaSettings = field(default_factory=LumaSettings)
    chroma: ChromaSettings = field(default_factory=ChromaSettings)
    scaler: ScalerSettings = field(default_factory=ScalerSettings)

    def stages(self) -> Iterator[tuple[str, StageSettings]]:
        """Yield name and settings of each stage."""
        for name in STAGES:
            yield name, getattr(self, name)


STAGES: dict[str, type[StageSettings]] = {
    name: type(group) for name, group in vars(IspSettings()).items()}
"""Class of each stage's settings, in the order of the pipeline."""


def default_settings(config: IspConfig) -> IspSettings:
    """Return what an instance resets to: its largest frame, all else at the defaults."""
    width, height = config.max_width, config.max_height
    return replace(
        IspSettings(),
        crop=CropSettings(input_width=width, input_height=height, width=width, height=height),
        shading=ShadingSettings(step_x=mesh_step(width, MESH_COLUMNS - 1),
                                step_y=mesh_step(height, MESH_ROWS - 1)),
    )


def check(settings: IspSettings, config: IspConfig) -> None:
    """Check what the settings of several stages, or settings and instance, owe each other.

    Raises
    ------
    SettingsError
        When a frame would not fit, or a stage that is not built in is enabled.
    """
    crop = settings.crop
    for name, used, limit in (("width", crop.used_width, config.max_width),
                              ("height", crop.used_height, config.max_height)):
        if used > limit:
            raise SettingsError(f"Crop.{name}={used}, must be at most {limit} in configuration "
                                f"{config.name!r}")
    if crop.enable:
        for name, extent, begin, size, limit in (
                ("x", "width", crop.x, crop.width, crop.input_width),
                ("y", "height", crop.y, crop.height, crop.input_height)):
            if size > limit:
                raise SettingsError(f"Crop.{extent}={size}, must be at most {limit}: the part used "
                                    "must lie inside the input")
            if begin + size > limit:
                raise SettingsError(f"Crop.{name}={begin}, must be at most {limit - size}: the "
                                    "part used must lie inside the input")
    shading = settings.shading
    for name, step, size, cells in (
            ("step_x", shading.step_x, crop.used_width, MESH_COLUMNS - 1),
            ("step_y", shading.step_y, crop.used_height, MESH_ROWS - 1)):
        if shading.enable and shading.use_mesh and (size - 1) * step >= cells << 16:
            raise SettingsError(f"Shading.{name}={step}, must be at most {mesh_step(size, cells)}: "
                                "the mesh must cover the frame")
    scaler = settings.scaler
    for axis, (name, size) in enumerate((("column", crop.used_width), ("line", crop.used_height))):
        end = scaler.crop[axis] + scaler.crop[2 + axis]
        if scaler.enable and end > size:
            raise SettingsError(f"Scaler.crop ends before {name} {end}, must be at most {size}")
    for name in config.omit:
        if getattr(settings, name).enable:
            raise SettingsError(f"configuration {config.name!r} has no stage {name}: disable it")
