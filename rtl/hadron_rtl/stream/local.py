"""What a LOAD writes on chip: one beat of the memory port with its local byte address."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from hadron_spec.commands import LocalSpace
from hadron_spec.config import NpuConfig

__all__ = ["LocalWrite"]

class LocalWrite(data.StructLayout):
    """Payload of the streams that write the scratchpad, the weight memory and the table.

    One layout serves all spaces, so that one unpacker feeds them all.

    Use as ``stream.Signature(LocalWrite(config))``.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    address : unsigned
        Byte address in the space, a multiple of ``config.axi_bytes`` (any in the scratchpad with
        `row_pairs`); as wide as the largest space needs. Receivers use its low bits only.
    data : unsigned(config.axi_data_width)
        Byte i, bits 8i+7:8i, goes to byte ``address + i``.
    strobe : unsigned(config.axi_bytes)
        Bit i: byte i is written.
    tables : unsigned(1)
        The weight memory writes the beat to all columns: `LocalSpace.TABLES`.
    """

    def __init__(self, config: NpuConfig):
        largest = max(config.space_bytes(space) for space in LocalSpace)
        super().__init__({
            "address": unsigned((largest - 1).bit_length()),
            "data": unsigned(config.axi_data_width),
            "strobe": unsigned(config.axi_bytes),
            "tables": unsigned(1),
        })
