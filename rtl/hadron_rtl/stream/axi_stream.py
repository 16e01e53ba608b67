"""AXI4-Stream as an interface, seen from the transmitter.

Source: Arm IHI 0051 (AMBA AXI-Stream), chapter 2.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AxiStreamSignature"]


class AxiStreamSignature(wiring.Signature):
    """AXI4-Stream with data, last and user.

    Parameters
    ----------
    data_width : int
        Bits of a beat, a multiple of 8.
    user_width : int
        Bits of `tuser`, 1 or more.

    Members
    -------
    tdata, tuser, tlast, tvalid : Out
        Driven by the transmitter.
    tready : In
        Driven by the receiver.

    Raises
    ------
    ValueError
        When a width is outside these limits.
    """

    def __init__(self, *, data_width: int, user_width: int = 1):
        if data_width < 8 or data_width % 8:
            raise ValueError(f"data_width={data_width!r}, must be a positive multiple of 8")
        if user_width < 1:
            raise ValueError(f"user_width={user_width!r}, must be at least 1")
        self.data_width = data_width
        self.user_width = user_width
        super().__init__({
            "tdata": Out(data_width), "tuser": Out(user_width), "tlast": Out(1),
            "tvalid": Out(1), "tready": In(1),
        })
