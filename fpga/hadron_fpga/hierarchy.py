"""Map large modules one by one, and join them afterwards.

Registers stand at their borders, so that nothing is lost; and ABC, which fails on the whole NPU of
`h256` at once, gets through each of them, and sooner.
"""

__all__ = ["JOIN", "KEEP"]

_APART = (
    "*.group?",
    "*.execute.softmax",
    "*.controller",
)
"""Patterns of module names, as Amaranth gives them: the path of the instance."""

KEEP = f"setattr -mod -set keep_hierarchy 1 {' '.join(_APART)}"
"""Yosys commands for before synthesis."""

JOIN = """\
setattr -mod -unset keep_hierarchy *
flatten
clean"""
"""Yosys commands for after it."""
