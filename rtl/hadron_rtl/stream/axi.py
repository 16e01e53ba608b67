"""AXI4 and AXI4-Lite as interfaces, seen from the manager.

Source: Arm IHI 0022 (AMBA AXI protocol), chapters A2 (signals), A3 (handshake), B1 (AXI4-Lite).
"""

from enum import IntEnum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ADDRESS_BITS", "BURST_BEATS", "Axi4LiteSignature", "Axi4Signature", "Burst", "Response"]

ADDRESS_BITS = 32
"""Bits of a byte address on the memory port."""

BURST_BEATS = 32
"""The most beats of one incrementing burst: AXI4 allows 256, but who comes next waits as long."""


class Response(IntEnum):
    """Values of `bresp` and `rresp`; bit 1 says error."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class Burst(IntEnum):
    """Values of `awburst` and `arburst`."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Axi4LiteSignature(wiring.Signature):
    """AXI4-Lite, one word a transfer.

    Parameters
    ----------
    address_width : int
        Bits of a byte address, 1 to 64.
    data_width : int
        32 or 64.

    Members
    -------
    awaddr, awprot, awvalid, wdata, wstrb, wvalid, bready, araddr, arprot, arvalid, rready : Out
        Driven by the manager.
    awready, wready, bresp, bvalid, arready, rdata, rresp, rvalid : In
        Driven by the subordinate.

    Raises
    ------
    ValueError
        When a width is outside these limits.
    """

    def __init__(self, *, address_width: int, data_width: int = 32):
        if not 1 <= address_width <= 64:
            raise ValueError(f"address_width={address_width!r}, must be 1 to 64")
        if data_width not in (32, 64):
            raise ValueError(f"data_width={data_width!r}, must be 32 or 64")
        self.address_width = address_width
        self.data_width = data_width
        super().__init__({
            "awaddr": Out(address_width), "awprot": Out(3), "awvalid": Out(1), "awready": In(1),
            "wdata": Out(data_width), "wstrb": Out(data_width // 8), "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
            "araddr": Out(address_width), "arprot": Out(3), "arvalid": Out(1), "arready": In(1),
            "rdata": In(data_width), "rresp": In(2), "rvalid": In(1), "rready": Out(1),
        })


class Axi4Signature(wiring.Signature):
    """AXI4 with bursts.

    Parameters
    ----------
    data_width : int
        Bits of a beat: 32, 64 or 128.
    address_width : int
        Bits of a byte address, 12 to 64.
    id_width : int
        Bits of a transaction identifier, 1 to 16.

    Members
    -------
    aw*, w*, bready, ar*, rready : Out
        Driven by the manager: `id`, `addr`, `len`, `size`, `burst`, `lock`, `cache`, `prot` and
        `valid` of the address channels; `data`, `strb`, `last`, `valid` of the write channel.
    awready, wready, b*, arready, r* : In
        Driven by the subordinate: `id`, `resp`, `valid` of both responses; `data`, `last` of reads.

    Raises
    ------
    ValueError
        When a width is outside these limits.
    """

    def __init__(self, *, data_width: int, address_width: int = ADDRESS_BITS, id_width: int = 1):
        if data_width not in (32, 64, 128):
            raise ValueError(f"data_width={data_width!r}, must be 32, 64 or 128")
        if not 12 <= address_width <= 64:
            raise ValueError(f"address_width={address_width!r}, must be 12 to 64")
        if not 1 <= id_width <= 16:
            raise ValueError(f"id_width={id_width!r}, must be 1 to 16")
        self.data_width = data_width
        self.address_width = address_width
        self.id_width = id_width
        address = {
            "id": Out(id_width), "addr": Out(address_width), "len": Out(8), "size": Out(3),
            "burst": Out(2), "lock": Out(1), "cache": Out(4), "prot": Out(3),
            "valid": Out(1), "ready": In(1),
        }
        super().__init__({
            **{f"aw{name}": member for name, member in address.items()},
            "wdata": Out(data_width), "wstrb": Out(data_width // 8), "wlast": Out(1),
            "wvalid": Out(1), "wready": In(1),
            "bid": In(id_width), "bresp": In(2), "bvalid": In(1), "bready": Out(1),
            **{f"ar{name}": member for name, member in address.items()},
            "rid": In(id_width), "rdata": In(data_width), "rresp": In(2), "rlast": In(1),
            "rvalid": In(1), "rready": Out(1),
        })
