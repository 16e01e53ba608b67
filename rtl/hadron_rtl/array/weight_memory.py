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
    """Weights of the two columns of a group: `weight_steps` words of `lanes` bytes for each.

    It listens to every write of the weight memory and takes the beats of its own columns, and those
    of tables, which go to all. Strobes are honoured byte by byte; addresses wrap at the size of the
    weight memory.

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
    steps : In(ArrayLayout(range(config.weight_steps), 2))
        Word to read for each column.
    weights : Out(ArrayLayout(ArrayLayout(8, lanes), 2))
        Words at the `steps` of ``LATENCY`` cycles ago. A beat and a step that are given in the same
        cycle must not meet in a word.

    Latency: ``LATENCY`` cycles. Throughput: one word a column and one beat a cycle.
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
            "steps": In(data.ArrayLayout(range(config.weight_steps), 2)),
            "weights": Out(data.ArrayLayout(data.ArrayLayout(8, config.lanes), 2)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # A byte address is {step, column, beat of the column, byte of the beat}; that of a table
        # has no column.
        beats = config.lanes // config.axi_bytes
        beat_lsb = exact_log2(config.axi_bytes)
        column_lsb = exact_log2(config.lanes)
        step_lsb = exact_log2(config.step_bytes)
        address, tables = self.write.address, self.write.tables
        beat = address[beat_lsb:column_lsb]
        steps = Signal(range(config.weight_steps))
        m.d.comb += steps.eq(address[step_lsb:])
        with m.If(tables):
            m.d.comb += steps.eq(address[column_lsb:])
        for i in range(2):
            m.submodules[f"ram{i}"] = ram = BlockRam(
                width=8 * config.lanes, depth=config.weight_steps)
            selected = Signal(name=f"selected{i}")
            m.d.comb += [
                selected.eq(self.write_valid & (
                    tables | (address[column_lsb:step_lsb] == 2 * self.group + i))),
                ram.write_address.eq(steps),
                ram.write_data.eq(Cat(self.write.data for _ in range(beats))),
                ram.write_strobe.eq(self.write.strobe.replicate(beats)),
                ram.read_address.eq(self.steps[i]),
                self.weights[i].as_value().eq(ram.read_data),
            ]
            words = len(ram.write_enable) // beats
            m.d.comb += ram.write_enable.eq(Cat(
                (selected & (beat == j)).replicate(words) for j in range(beats)))
        return m
