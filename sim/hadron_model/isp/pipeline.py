"""The whole pipeline: every stage's output for one frame."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import PIXEL_BITS
from hadron_spec.isp.config import IspConfig
from hadron_spec.isp.settings import IspSettings, check

from . import (
    bayer_denoise,
    black_level,
    crop,
    defect,
    demosaic,
    linearize,
    shading,
    white_balance,
)
from .image import Image

__all__ = ["run"]


def run(raw: NDArray[np.integer], settings: IspSettings, config: IspConfig) -> dict[str, Image]:
    """Process one frame.

    Parameters
    ----------
    raw : integers (input_height, input_width)
        Mosaic from the sensor, ``config.input_bits`` bits.
    settings : IspSettings
        What to process it with.
    config : IspConfig
        The instance: how large, which stages.

    Returns
    -------
    dict
        Output of each stage by its name, in the order of the pipeline.

    Raises
    ------
    SettingsError
        When the settings do not suit the instance.
    ValueError
        When the frame's size or values are not what settings and instance say.
    """
    check(settings, config)
    if raw.min() < 0 or raw.max() >> config.input_bits:
        raise ValueError(f"pixels from {raw.min()} to {raw.max()}, must have "
                         f"{config.input_bits} bits")
    stages: dict[str, Image] = {}
    phase = settings.crop.used_phase
    image = np.asarray(raw, np.int32) << PIXEL_BITS - config.input_bits
    image = stages["crop"] = crop.run(image, settings.crop)
    image = stages["black_level"] = black_level.run(image, settings.black_level, phase)
    image = stages["linearize"] = linearize.run(image, settings.linearize)
    image = stages["defect"] = defect.run(image, settings.defect)
    image = stages["shading"] = shading.run(image, settings.shading, phase)
    image = stages["bayer_denoise"] = bayer_denoise.run(image, settings.bayer_denoise, phase)
    image = stages["white_balance"] = white_balance.run(image, settings.white_balance, phase)
    image = stages["demosaic"] = demosaic.run(image, settings.demosaic, phase)
    return stages
