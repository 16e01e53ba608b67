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
    """Return Yosys commands that, before synthesis, have modules mapped apart.

    And have registers stay that are marked to be kept, which for Yosys's own passes the signal's
    attribute does not do: alike ones would become one. And take the names of elements of arrays,
    `x[4]`, which ABC9's way back to Yosys takes for those of bits of `x`: two registers would
    drive one net.

    Parameters
    ----------
    modules : str
        Patterns of module names, as Amaranth gives them: the path of the instance.
    """
    return (f"setattr -mod -set keep_hierarchy 1 {' '.join(modules)}\n"
            "setattr -set keep 1 a:keep %ci1 t:$dff %i\n"
            r"rename -hide w:*\[*\]")
