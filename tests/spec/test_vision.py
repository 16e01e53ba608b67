"""The configuration of an ISP before an NPU: what goes together."""

from dataclasses import replace

import pytest

from hadron_spec.config import CONFIGS, ConfigError
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.vision import VisionConfig

NPU, ISP = CONFIGS["h64"], ISP_CONFIGS["isp640"]


def test_joining_makes_the_stream_as_wide_as_the_npus() -> None:
    config = VisionConfig.join(NPU, ISP)
    assert config.isp.axi_data_width == NPU.axi_data_width == 64
    assert config.name == "isp640+h64"


@pytest.mark.parametrize(("isp", "problem"), [
    (ISP, "axi_data_width=128, must be 64"),
    (replace(ISP, tensor=False, axi_data_width=64), "tensor=False, must be True"),
    (replace(ISP, tensor_memory=True, axi_data_width=64), "tensor_memory=True, must be False"),
])
def test_what_does_not_go_together_is_refused(isp: object, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        VisionConfig(npu=NPU, isp=isp)
    assert str(caught.value) == f"ISP configuration 'isp640' before 'h64': {problem}"
