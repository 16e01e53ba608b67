"""A memory behind an AXI4 port for Amaranth's simulator: pipelined, with a fixed latency."""

from collections import deque

__all__ = ["AxiMemory"]


class AxiMemory:
    """Answer every burst `latency` cycles after it was requested, one beat a cycle.

    Add `read` and `write` as background testbenches.

    Parameters
    ----------
    axi : interface of Axi4Signature
        The manager's port.
    size : int
        Bytes.
    latency : int
        Cycles from request to first beat, and from last beat to response; 1 or more.
    """

    def __init__(self, axi, *, size: int, latency: int):
        self.axi = axi
        self.latency = latency
        self.data = bytearray(size)
        self.bytes_of_beat = len(axi.wstrb)

    async def read(self, ctx) -> None:
        """Serve the read channels."""
        axi = self.axi
        bursts: deque[tuple[int, int, int]] = deque()
        now = 0
        offered = False
        ctx.set(axi.arready, 1)
        while True:
            _, _, valid, address, length, ready = await ctx.tick().sample(
                axi.arvalid, axi.araddr, axi.arlen, axi.rready)
            now += 1
            if valid:
                bursts.append((now + self.latency - 1, address, length + 1))
            if offered and ready:
                due, address, beats = bursts.popleft()
                if beats > 1:
                    bursts.appendleft((due, address + self.bytes_of_beat, beats - 1))
            offered = bool(bursts) and bursts[0][0] <= now
            ctx.set(axi.rvalid, offered)
            if offered:
                _, address, beats = bursts[0]
                beat = self.data[address : address + self.bytes_of_beat]
                ctx.set(axi.rdata, int.from_bytes(beat, "little"))
                ctx.set(axi.rlast, beats == 1)

    async def write(self, ctx) -> None:
        """Serve the write channels."""
        axi = self.axi
        addresses: deque[int] = deque()
        beats: deque[tuple[int, int, int]] = deque()
        responses: deque[int] = deque()
        now = 0
        at = None
        ctx.set(axi.awready, 1)
        ctx.set(axi.wready, 1)
        while True:
            _, _, aw, address, w, data, strobe, last = await ctx.tick().sample(
                axi.awvalid, axi.awaddr, axi.wvalid, axi.wdata, axi.wstrb, axi.wlast)
            now += 1
            if aw:
                addresses.append(address)
            if w:
                beats.append((data, strobe, last))
            while beats and (at is not None or addresses):
                if at is None:
                    at = addresses.popleft()
                data, strobe, last = beats.popleft()
                for lane in range(self.bytes_of_beat):
                    if strobe >> lane & 1:
                        self.data[at + lane] = data >> 8 * lane & 0xFF
                at += self.bytes_of_beat
                if last:
                    at = None
                    responses.append(now + self.latency - 1)
            answer = bool(responses) and responses[0] <= now
            if answer:
                responses.popleft()
            ctx.set(axi.bvalid, answer)
