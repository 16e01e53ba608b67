"""What passes between the units and the memory port."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from hadron_rtl.stream.axi import ADDRESS_BITS, BURST_BEATS
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["AddressRequest", "Failure", "WriteResponse", "read_beat",
           "write_beat"]

AddressRequest = data.StructLayout({
    "address": unsigned(ADDRESS_BITS),
    "length": unsigned((BURST_BEATS - 1).bit_length()),
})
"""A burst: byte address, and beats less one; it crosses no 4 KB boundary."""

WriteResponse = data.StructLayout({"valid": 1, "error": 1})
"""For one cycle: a write burst has ended; `error` if the bus refused it."""

Failure = data.StructLayout({"valid": 1, "code": unsigned(max(ErrorCode).bit_length())})
"""An error and its `hadron_spec.errors.ErrorCode`; `valid` may be a pulse or stay."""


def read_beat(config: NpuConfig) -> data.StructLayout:
    """Return the layout of a beat read: `data`, bus `error`, `last` of its burst."""
    return data.StructLayout({"data": unsigned(config.axi_data_width), "error": 1, "last": 1})


def write_beat(config: NpuConfig) -> data.StructLayout:
    """Return the layout of a beat written: `data`, byte `strobe`, `last` of its burst."""
    return data.StructLayout({
        "data": unsigned(config.axi_data_width),
        "strobe": unsigned(config.axi_bytes),
        "last": 1,
    })
