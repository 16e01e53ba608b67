"""Hold a build to one before it: no slower, no larger."""

from collections.abc import Mapping
from typing import Any

__all__ = ["FREQUENCY_TOLERANCE", "RESOURCE_TOLERANCE", "regressions"]

FREQUENCY_TOLERANCE = 0.03
RESOURCE_TOLERANCE = 0.05
"""What another version of a tool, or a change that matters to nothing, moves."""


def regressions(baseline: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what is worse in `new`, both as :func:`hadron_fpga.build.build` reports them.

    A clock is compared by its slowest seed, and may lose ``FREQUENCY_TOLERANCE``; a resource may
    grow by ``RESOURCE_TOLERANCE``. Clocks and resources that the baseline does not have pass; a
    seed that was not routed, but was there, does not.
    """
    lines = [f"seed {seed} is not routed" for seed in new.get("unrouted", {})
             if int(seed) in baseline.get("seeds", [])]
    known = {clock["name"]: _slowest(clock) for clock in baseline["clocks"]}
    for clock in new["clocks"]:
        reached, before = _slowest(clock), known.get(clock["name"])
        if before and reached < (1 - FREQUENCY_TOLERANCE) * before:
            lines.append(f"clock {clock['name']} {reached:.1f} MHz, "
                         f"below {1 - FREQUENCY_TOLERANCE:.0%} of {before:.1f}")
    for name, resource in new["resources"].items():
        before = baseline["resources"].get(name, {}).get("used")
        if before is not None and resource["used"] > (1 + RESOURCE_TOLERANCE) * before:
            lines.append(f"{name} {resource['used']:,}, "
                         f"above {1 + RESOURCE_TOLERANCE:.0%} of {before:,}")
    return lines


def _slowest(clock: Mapping[str, Any]) -> float:
    return min((mhz for mhz in clock["fmax_mhz"] if mhz is not None), default=0.0)
