"""The committed cycle counts: read them, add to them, and find what has become slower."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hadron.errors import UsageError

__all__ = ["growth", "merged", "read_baseline"]


def read_baseline(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Return what a baseline file holds: results of :func:`hadron.bench.measure.measure` by name.

    Raises
    ------
    UsageError
        When it cannot be read.
    """
    if missing_ok and not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise UsageError(f"{path}: {reason}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: not a baseline")
    return content


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, what is new instead of what was there; a changed model begins afresh."""
    result = {name: dict(entry) for name, entry in old.items()}
    for name, entry in new.items():
        before = result.get(name, {})
        if before.get("sha256") != entry["sha256"]:
            before = {}
        rtl = {config: dict(memories) for config, memories in before.get("rtl", {}).items()}
        for config, memories in entry["rtl"].items():
            rtl[config] = rtl.get(config, {}) | memories
        result[name] = before | entry | {"rtl": rtl}
    return result


def growth(baseline: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each cycle count that is larger than in the baseline, or not in it."""
    lines = []
    for name, entry in new.items():
        known = baseline.get(name, {})
        if known and known["sha256"] != entry["sha256"]:
            lines.append(f"{name}: not the model of the baseline")
            continue
        for config, memories in entry["rtl"].items():
            for memory, result in memories.items():
                before = known.get("rtl", {}).get(config, {}).get(memory)
                where = f"{name} on {config}, memory {memory}"
                if before is None:
                    lines.append(f"{where}: not in the baseline")
                elif result["cycles"] > before["cycles"]:
                    lines.append(f"{where}: {result['cycles']:,} cycles, "
                                 f"{before['cycles']:,} in the baseline")
    return lines
