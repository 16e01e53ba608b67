"""Map large modules one by one, and join them afterwards.

Registers stand at their borders, so that nothing is lost; and ABC, which fails on the whole NPU of
`h256` and on the whole ISP, gets through each of them, and sooner.
"""

__all__ = ["JOIN", "NPU_APART", "keep"]

NPU_APART = (
    "*.group?",
    "*.execute.softmax",
    "*.controller",
)
"""What of the NPU is mapped apart, for :func:`keep`."""

JOIN = """\
setattr -mod -unset keep_hierarchy *
flatten
clean"""
"""Yosys commands for after synthesis."""


def keep(*modules: str) -> str:
    """Return the Yosys command that, before synthesis, has modules mapped apart.

    Parameters
    ----------
    modules : str
        Patterns of module names, as Amaranth gives them: the path of the instance.
    """
    return f"setattr -mod -set keep_hierarchy 1 {' '.join(modules)}"
