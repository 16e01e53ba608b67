"""The configuration of an ISP and an NPU in one block."""

from dataclasses import dataclass, replace

from .config import ConfigError, NpuConfig
from .isp.config import IspConfig

__all__ = ["VisionConfig"]


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """An ISP before an NPU.

    Parameters
    ----------
    npu : NpuConfig
        The NPU.
    isp : IspConfig
        The ISP, with a tensor stream as wide as the NPU's.

    Raises
    ------
    ConfigError
        When the two do not go together.
    """

    npu: NpuConfig
    isp: IspConfig

    def __post_init__(self) -> None:
        def check(ok: bool, what: str) -> None:
            if not ok:
                raise ConfigError(f"ISP configuration {self.isp.name!r} before {self.npu.name!r}: "
                                  f"{what}")

        check(self.isp.tensor, "tensor=False, must be True")
        check(not self.isp.tensor_memory, "tensor_memory=True, must be False")
        check(self.isp.axi_data_width == self.npu.axi_data_width,
              f"axi_data_width={self.isp.axi_data_width}, must be {self.npu.axi_data_width}")

    @classmethod
    def join(cls, npu: NpuConfig, isp: IspConfig) -> "VisionConfig":
        """Return an NPU behind an ISP whose tensor stream is made as wide as the NPU's."""
        return cls(npu=npu, isp=replace(isp, axi_data_width=npu.axi_data_width))

    @property
    def name(self) -> str:
        """What reports and error messages call it."""
        return f"{self.isp.name}+{self.npu.name}"
