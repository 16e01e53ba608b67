"""What is told of a layer: how well it uses the array, and where its cycles went."""

from hadron.layers import LayerTiming
from hadron.report import LayerResult
from hadron_compiler import LayerReport
from hadron_spec.config import load_config

H256 = load_config("h256")


def layer(macs: int, timing: LayerTiming | None) -> LayerResult:
    return LayerResult(LayerReport(0, "a", "CONV_2D", macs, 1000, 0, 0, 0), timing)


def test_cycles_of_the_array_are_those_with_work_and_without() -> None:
    waits = {"load": 250, "store": 0, "command": 5, "requantizer": 10}
    result = layer(256 * 100, LayerTiming(1000, waits, mac_active=400, execute_busy=745))
    assert result.breakdown(H256) == {"macs": 100, "lanes": 300, "other": 335, **waits}
    assert result.filled(H256) == 0.25
    assert result.utilization(H256) == 0.1
    assert result.bound(H256) == "other"


def test_nothing_is_told_of_what_was_not_measured() -> None:
    result = layer(256 * 100, None)
    assert (result.breakdown(H256), result.filled(H256), result.bound(H256)) == ({}, 0.0, None)
    assert result.utilization(H256) == 0.1
