"""The whole pipeline: every stage's output for one frame."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import PIXEL_BITS
from hadron_spec.isp.config import IspConfig
from hadron_spec.isp.picture import ScalerSource
from hadron_spec.isp.settings import IspSettings, check

from . import (
    bayer_denoise,
    black_level,
    chroma,
    color_matrix,
    color_space,
    crop,
    defect,
    demosaic,
    gamma,
    linearize,
    luma,
    scaler,
    shading,
    white_balance,
)
from . import statistics as statistics_stage
from .image import Image

__all__ = ["run", "statistics"]


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
        Output of each stage by its name, in the order of the pipeline; the scaler's, a tensor,
        only when it is enabled. :func:`statistics` makes theirs from it.

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
    image = stages["color_matrix"] = color_matrix.run(image, settings.color_matrix)
    image = stages["gamma"] = gamma.run(image, settings.gamma)
    image = stages["color_space"] = color_space.run(image, settings.color_space)
    image = stages["luma"] = luma.run(image, settings.luma)
    stages["chroma"] = chroma.run(image, settings.chroma)
    source = "gamma" if settings.scaler.source == ScalerSource.RGB else "luma"
    tensor = scaler.run(stages[source], settings.scaler)
    if tensor is not None:
        stages["scaler"] = tensor
    return stages


def statistics(stages: dict[str, Image],
               settings: IspSettings) -> statistics_stage.Statistics:
    """Return the statistics of the frame whose stages :func:`run` returned."""
    return statistics_stage.run(
        stages["shading"], stages["demosaic"], stages["gamma"], settings.statistics,
        phase=settings.crop.used_phase,
        # What is replaced stood out from all around it, so it has changed.
        defects=int((stages["defect"] != stages["linearize"]).sum()))
