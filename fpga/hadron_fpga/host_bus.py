"""One 32-bit access at a time: what the serial bridge asks of the system."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["HostBus", "HostRequest", "HostResponse"]

HostRequest = data.StructLayout({"address": 32, "write": 1, "data": 32})
HostResponse = data.StructLayout({"data": 32, "error": 1})


class HostBus(wiring.Signature):
    """Requests out, one response each in order; the manager asks again after the response.

    Members
    -------
    request : Out(stream.Signature(HostRequest))
        Byte address (a multiple of 4), direction, word to write.
    response : In(stream.Signature(HostResponse))
        The word read, and whether the access failed.
    """

    def __init__(self):
        super().__init__({
            "request": Out(stream.Signature(HostRequest)),
            "response": In(stream.Signature(HostResponse)),
        })
