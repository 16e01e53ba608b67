"""The weights of one group of columns, beside its multipliers."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hadron_spec.config import NpuConfig

from ..stream.local import LocalWrite
from ..vendor.block_ram import BlockRam

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Weights of the two columns of a group: `weight_steps` words of two times `lanes` bytes.

    It listens to every write of the weight memory and takes the beats of its own columns. Strobes
    are honoured byte by byte; addresses wrap at the size of the weight memory.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    group : int
        Which pair of columns.

    Members
    -------
    write_valid : In(1)
        There is a beat in this cycle.
    write : In(LocalWrite(config))
        The beat.
    step : In(range(config.weight_steps))
        Word to read.
    weights : Out(ArrayLayout(ArrayLayout(8, lanes), 2))
        Word at the `step` of ``LATENCY`` cycles ago. A beat and a step that are given in the same
        cycle must not meet in a word.

    Latency: ``LATENCY`` cycles. Throughput: one word and one beat a cycle.
    """

    LATENCY = BlockRam.LATENCY

    def __init__(self, *, config: NpuConfig, group: int):
        if not 0 <= group < config.columns // 2:
            raise ValueError(f"group={group}, must be 0 to {config.columns // 2 - 1}")
        self.config = config
        self.group = group
        super().__init__({
            "write_valid": In(1),
            "write": In(LocalWrite(config)),
            "step": In(range(config.weight_steps)),
            "weights": Out(data.ArrayLayout(data.ArrayLayout(8, config.lanes), 2)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word_bytes = 2 * config.lanes
        m.submodules.ram = ram = BlockRam(width=8 * word_bytes, depth=config.weight_steps)

        # A byte address is {step, group, beat of the group, byte of the beat}.
        beats = word_bytes // config.axi_bytes
        beat_lsb = exact_log2(config.axi_bytes)
        group_lsb = exact_log2(word_bytes)
        step_lsb = exact_log2(config.step_bytes)
        address = self.write.address
        selected = self.write_valid & (address[group_lsb:step_lsb] == self.group)
        beat = address[beat_lsb:group_lsb]
        m.d.comb += [
            ram.write_address.eq(address[step_lsb:]),
            ram.write_data.eq(Cat(self.write.data for _ in range(beats))),
        ]
        for i in range(beats):
            enable = Signal(name=f"enable{i}")
            m.d.comb += [
                enable.eq(selected & (beat == i)),
                ram.write_strobe.word_select(i, config.axi_bytes).eq(
                    self.write.strobe & enable.replicate(config.axi_bytes)),
            ]

        m.d.comb += [
            ram.read_address.eq(self.step),
            self.weights.as_value().eq(ram.read_data),
        ]
        return m
