"""A board is built from source to bitstream, no slower and no larger than the baseline."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from hadron.build_baseline import regressions
from hadron_fpga.build import UnknownBoardError, build

BASELINES = Path(__file__).resolve().parents[2] / "fpga" / "baselines"


@pytest.mark.slow
@pytest.mark.longest
def test_h64_is_built_for_the_25f_as_fast_and_small_as_before(tmp_path):
    baseline = json.loads((BASELINES / "ulx3s-25f.json").read_text(encoding="utf-8"))
    speeds = baseline["clocks"][0]["fmax_mhz"]
    slowest = baseline["seeds"][speeds.index(min(speeds))]
    stages = defaultdict(list)
    result = build("ulx3s-25f", seeds=[slowest], folder=tmp_path,
                   on_progress=lambda stage, fraction: stages[stage].append(fraction))
    assert regressions(baseline, result) == []
    assert Path(result["bitstream"]).read_bytes()[:2] == b"\xff\x00"
    assert list(stages) == ["synthesis", f"seed {slowest}"]
    for fractions in stages.values():
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


def test_an_unknown_board_is_refused(tmp_path):
    with pytest.raises(UnknownBoardError, match=r"^unknown board 'ulx4'; known: ulx3s-25f, "):
        build("ulx4", folder=tmp_path)
