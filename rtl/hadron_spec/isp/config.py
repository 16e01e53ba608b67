"""The configurations of the ISP: largest frame, sensor bits, stages that are built in."""

from dataclasses import dataclass

from hadron_spec.config import ConfigError

__all__ = ["ISP_CONFIGS", "OPTIONAL_STAGES", "IspConfig"]

OPTIONAL_STAGES = ("linearize", "defect", "shading", "statistics", "bayer_denoise", "luma")
"""Stages that an instance can do without; then pixels pass as if the stage were disabled."""


@dataclass(frozen=True, kw_only=True)
class IspConfig:
    """The size of one ISP instance.

    Parameters
    ----------
    name : str
        What reports and error messages call it.
    max_width : int
        Most pixels of a line after the crop, 16 to 4095.
    max_height : int
        Most lines of a frame after the crop, 16 to 4095.
    input_bits : int
        Bits of a RAW sample: 8, 10 or 12.
    omit : tuple of str
        Optional stages left out, of :data:`OPTIONAL_STAGES`.
    picture, tensor : bool
        Whether there is a picture output, a tensor output; at least one.
    axi_data_width : int
        Bits of a beat of the tensor output: 32, 64 or 128.
    tensor_memory : bool
        The tensor is written to memory (AXI4), not streamed out (AXI4-Stream).

    Raises
    ------
    ConfigError
        When a field is outside these limits.
    """

    name: str
    max_width: int
    max_height: int
    input_bits: int = 12
    omit: tuple[str, ...] = ()
    picture: bool = True
    tensor: bool = True
    axi_data_width: int = 128
    tensor_memory: bool = False

    def __post_init__(self) -> None:
        def check(field: str, ok: bool, limit: str) -> None:
            if not ok:
                value = getattr(self, field)
                raise ConfigError(
                    f"ISP configuration {self.name!r}: {field}={value!r}, must be {limit}")

        check("max_width", 16 <= self.max_width <= 4095, "from 16 to 4095")
        check("max_height", 16 <= self.max_height <= 4095, "from 16 to 4095")
        check("input_bits", self.input_bits in (8, 10, 12), "8, 10 or 12")
        check("omit", set(self.omit) <= set(OPTIONAL_STAGES),
              f"some of {', '.join(OPTIONAL_STAGES)}")
        check("tensor", self.picture or self.tensor, "True when there is no picture output")
        check("tensor_memory", self.tensor or not self.tensor_memory,
              "False when there is no tensor output")
        check("axi_data_width", self.axi_data_width in (32, 64, 128), "32, 64 or 128")

    def has(self, stage: str) -> bool:
        """Tell whether the instance has a stage."""
        return stage not in self.omit


ISP_CONFIGS = {
    config.name: config
    for config in (
        IspConfig(name="isp1920", max_width=1920, max_height=1080),
        IspConfig(name="isp1280", max_width=1280, max_height=720),
        IspConfig(name="isp640", max_width=640, max_height=480),
        # For tests: frames of a few hundred pixels.
        IspConfig(name="isp64", max_width=64, max_height=64),
    )
}
