"""Random settings of the ISP that use every stage."""

from hadron_spec.isp.bayer import (
    BayerDenoiseSettings,
    BlackLevelSettings,
    CropSettings,
    DefectSettings,
    LinearizeSettings,
    ShadingSettings,
    WhiteBalanceSettings,
    mesh_step,
)
from hadron_spec.isp.picture import (
    ChromaSettings,
    ColorMatrixSettings,
    GammaSettings,
    LumaSettings,
    ScalerMode,
    ScalerSource,
    StatisticsSettings,
)
from hadron_spec.isp.presets import color_space_settings, scaler_settings
from hadron_spec.isp.settings import IspSettings

__all__ = ["random_settings"]

_MESH = tuple(range(4096, 4096 + 884 * 8, 8))


def random_settings(rng, *, size, phase, cropped=True):
    """Return settings for input frames of `size` (height, width); all stages are enabled.

    Every call gives other numbers, so that a frame tells which settings it was processed with.
    """
    height, width = size

    def some(count, low, high):
        return tuple(int(n) for n in rng.integers(low, high, count))

    if cropped and width > 9 and height > 9:
        used_width, used_height = (int(rng.integers(8, n)) for n in (width, height))
        crop = CropSettings(
            enable=1, input_width=width, input_height=height, phase=phase, width=used_width,
            height=used_height, x=int(rng.integers(width - used_width + 1)),
            y=int(rng.integers(height - used_height + 1)))
    else:
        used_width, used_height = width, height
        crop = CropSettings(input_width=width, input_height=height, phase=phase)
    gamma = sorted(some(257, 0, 4081))
    x, y = int(rng.integers(used_width - 4)), int(rng.integers(used_height - 4))
    columns, lines = used_width - x, used_height - y
    output = (int(rng.integers(max(1, columns // 6), columns + 1)),
              int(rng.integers(max(1, lines // 6), lines + 1)))
    return IspSettings(
        crop=crop,
        black_level=BlackLevelSettings(enable=1, offset=some(4, 0, 300),
                                       scale=some(4, 16000, 20000)),
        linearize=LinearizeSettings(enable=1, nodes=tuple(sorted(some(129, 0, 4097)))),
        defect=DefectSettings(enable=1, hot=int(rng.integers(1000)), cold=int(rng.integers(1000))),
        shading=ShadingSettings(
            enable=1, use_mesh=1, gain=int(rng.integers(200, 400)),
            step_x=mesh_step(used_width, 16), step_y=mesh_step(used_height, 12),
            mesh=tuple((g * int(rng.integers(3, 6)) >> 2) & 0x3FFF for g in _MESH)),
        bayer_denoise=BayerDenoiseSettings(enable=1, threshold=some(16, 0, 400)),
        statistics=StatisticsSettings(
            enable=1, zone_origin=(2 * int(rng.integers(3)), 0), zone_size=(4, 2),
            low=int(rng.integers(300)), high=int(rng.integers(2000, 4096)), grey_low=100,
            windows=(0, 0, 64, 64, 5, 2, 4, 3, 7, 1, 12, 100),
            sharpness_threshold=int(rng.integers(200))),
        white_balance=WhiteBalanceSettings(enable=1, gain=some(4, 3000, 9000)),
        color_matrix=ColorMatrixSettings(
            enable=1, matrix=some(9, -1024, 2048), offset=some(3, -200, 200)),
        gamma=GammaSettings(enable=1, nodes=tuple(gamma) * 3),
        color_space=color_space_settings(str(rng.choice(["bt601", "bt709"])),
                                         full_range=bool(rng.integers(2))),
        luma=LumaSettings(enable=1, threshold=int(rng.integers(1, 60)),
                          denoise=int(rng.integers(256)), sharpen=int(rng.integers(256))),
        chroma=ChromaSettings(enable=1, centred=int(rng.integers(2))),
        scaler=scaler_settings(
            crop=(x, y, columns, lines), output=output,
            source=int(rng.choice([ScalerSource.RGB, ScalerSource.YUV])),
            channels=int(rng.choice([1, 3])),
            mode=int(rng.choice([ScalerMode.BOX, ScalerMode.BILINEAR]))),
    )
