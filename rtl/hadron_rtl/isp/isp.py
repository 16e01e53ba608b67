"""The ISP: the top of the image pipeline."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.picture import ScalerSource
from hadron_spec.isp.registers import TABLES

from ..stream.axi import Axi4LiteSignature, Axi4Signature
from ..stream.axi_stream import AxiStreamSignature
from ..stream.skid import SkidBuffer
from .bayer_denoise import BayerDenoise
from .black_level import BlackLevel
from .chroma import Chroma
from .color_matrix import ColorMatrix
from .color_space import ColorSpace
from .crop import Crop
from .defect import Defect
from .demosaic import Demosaic
from .fork import Fork
from .frame_control import FrameControl
from .frame_guard import FrameErrors, FrameGuard
from .gamma import Gamma
from .linearize import Linearize
from .luma import Luma
from .pixel_stream import RGB8, Geometry
from .registers import ADDRESS_WIDTH, IspRegisters
from .scaler import Scaler
from .shading import Shading
from .statistics import Statistics
from .tensor_writer import TensorWriter
from .white_balance import WhiteBalance

__all__ = ["STAGE_COMPONENTS", "Isp"]

STAGE_COMPONENTS = {
    "crop": Crop,
    "black_level": BlackLevel,
    "linearize": Linearize,
    "defect": Defect,
    "shading": Shading,
    "statistics": Statistics,
    "bayer_denoise": BayerDenoise,
    "white_balance": WhiteBalance,
    "demosaic": Demosaic,
    "color_matrix": ColorMatrix,
    "gamma": Gamma,
    "color_space": ColorSpace,
    "luma": Luma,
    "chroma": Chroma,
    "scaler": Scaler,
}
"""The stages in order."""

_BRANCHES = ("statistics", "scaler")
"""Stages that nothing comes after."""

_TENSOR_SOURCES = {"gamma": ScalerSource.RGB, "luma": ScalerSource.YUV}
"""Stages that the scaler may take its picture from, and what its setting says then."""


class Isp(wiring.Component):
    """From the sensor's RAW pixels to a picture and to a network's input tensor.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
        Registers (`hadron_spec.isp.registers`): 13-bit address, the block from 0x1000 on.
    s_axis_raw : In(AxiStreamSignature)
        RAW pixels, right-aligned in 8 or 16 bits; TUSER[0] first of a frame, TLAST last of a line.
    m_axis_picture : Out(AxiStreamSignature)
        Present if `config.picture`. Byte 0 R or Y; 1 G, U or chroma of 4:2:2; 2 B or V. TUSER[0]
        first of a frame, TLAST last of a line; TUSER[1] on the last pixel of a frame: it is broken.
    m_axis_tensor : Out(AxiStreamSignature)
        Present if `config.tensor` and not `config.tensor_memory`. Dense NHWC bytes, lowest first;
        TLAST with the tensor's last beat; TUSER[0] there: it is broken.
    m_axi_tensor : Out(Axi4Signature)
        Present if `config.tensor_memory`: writes the tensor to one of two buffers instead.
    irq : Out(1)
        Interrupt, level: some enabled bit of IRQ_STATUS is set.
    """

    def __init__(self, config):
        self.config = config
        ports = {
            "s_axil": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "s_axis_raw": In(AxiStreamSignature(data_width=8 if config.input_bits == 8 else 16)),
            "irq": Out(1),
        }
        if config.picture:
            ports["m_axis_picture"] = Out(AxiStreamSignature(data_width=24, user_width=2))
        if config.tensor_memory:
            ports["m_axi_tensor"] = Out(Axi4Signature(data_width=config.axi_data_width))
        elif config.tensor:
            ports["m_axis_tensor"] = Out(AxiStreamSignature(data_width=config.axi_data_width))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.registers = registers = IspRegisters(
            config, statistics_latency=Statistics.READ_LATENCY)
        m.submodules.control = control = FrameControl()
        m.submodules.guard = guard = FrameGuard(input_bits=config.input_bits)
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        m.d.comb += self.irq.eq(registers.irq)

        self._raw(m, registers, control, guard)
        geometry = self._geometry(m, registers)
        outputs = self._stages(m, registers, geometry, guard.o)
        left = self._picture(m, guard, control, geometry, outputs["chroma"])
        if config.tensor:
            left &= self._tensor(m, registers, guard, control, geometry)
        m.d.comb += control.left.eq(left)
        defects = m.submodules.defect.count if config.has("defect") else Const(0, 24)
        self._statistics(m, registers, control, geometry, outputs, defects)
        m.d.comb += control.stages_ready.eq(Cat(
            getattr(m.submodules, name).ready for name in ("shading", "statistics")
            if config.has(name)).all())
        self._status(m, registers, control, guard, defects)
        return m

    def _geometry(self, m: Module, registers: IspRegisters) -> Geometry:
        """Return size and phase of what leaves the crop."""
        crop = registers.settings.crop
        geometry = Signal(Geometry)
        m.d.sync += [
            geometry.width.eq(Mux(crop.enable, crop.width, crop.input_width)),
            geometry.height.eq(Mux(crop.enable, crop.height, crop.input_height)),
            geometry.phase.eq(crop.phase ^ (Cat(crop.x[0], crop.y[0])
                                            & crop.enable.replicate(2))),
        ]
        return geometry

    def _stages(self, m: Module, registers: IspRegisters, geometry: Geometry,
                source) -> dict[str, wiring.PureInterface]:
        """Chain the stages up behind a stream; return what comes out of each."""
        outputs = {}
        for name, component in STAGE_COMPONENTS.items():
            if name in _BRANCHES:
                continue
            if self.config.has(name):
                stage = self._stage(m, name, component, registers, geometry)
                wiring.connect(m, source, stage.i)
                source = stage.o
            # Stages that are left out pass pixels as if they were disabled.
            outputs[name] = source
            if self.config.tensor and name in _TENSOR_SOURCES:
                m.submodules[f"{name}_fork"] = fork = Fork(RGB8)
                wiring.connect(m, source, fork.i)
                source = fork.o
        return outputs

    def _stage(self, m: Module, name: str, component: type, registers: IspRegisters,
               geometry: Geometry) -> wiring.Component:
        """Make a stage and give it its settings and tables."""
        m.submodules[name] = stage = component(self.config)
        m.d.comb += stage.settings.eq(registers.settings[name])
        if "geometry" in stage.signature.members:
            m.d.comb += stage.geometry.eq(geometry)
        for table in TABLES:
            if table.stage == name:
                wiring.connect(m, getattr(registers.tables, table.name.replace(".", "_")),
                               getattr(stage, table.known.name))
        return stage

    def _statistics(self, m: Module, registers: IspRegisters, control: FrameControl,
                    geometry: Geometry, outputs: dict[str, wiring.PureInterface],
                    defects: Value) -> None:
        """Let the statistics watch three of the streams."""
        if not self.config.has("statistics"):
            return
        statistics = self._stage(m, "statistics", Statistics, registers, geometry)
        for tap, name in ((statistics.bayer, "shading"), (statistics.rgb, "demosaic"),
                          (statistics.gamma, "gamma")):
            m.d.comb += [
                tap.payload.eq(outputs[name].payload),
                tap.valid.eq(outputs[name].valid & outputs[name].ready),
            ]
        m.d.comb += [
            statistics.defects.eq(defects),
            statistics.export.eq(control.export),
            statistics.discard.eq(control.discard),
            statistics.read_address.eq(registers.statistics_address),
            registers.statistics_data.eq(statistics.read_data),
        ]

    def _raw(self, m: Module, registers: IspRegisters, control: FrameControl,
             guard: FrameGuard) -> None:
        raw = self.s_axis_raw
        crop = registers.settings.crop
        m.d.comb += [
            guard.i.payload.data.eq(raw.tdata),
            guard.i.payload.first.eq(raw.tuser[0]),
            guard.i.payload.last.eq(raw.tlast),
            guard.i.valid.eq(raw.tvalid),
            raw.tready.eq(guard.i.ready),
            guard.width.eq(crop.input_width),
            guard.height.eq(crop.input_height),
            guard.run.eq(registers.run),
            guard.live.eq(registers.live),
            guard.open.eq(control.open),
            control.began.eq(guard.began),
            control.complete.eq(guard.complete),
            control.broken.eq(guard.broken),
            control.commit_request.eq(registers.commit_request),
            control.store_busy.eq(registers.store_busy),
            registers.commit.eq(control.commit),
        ]

    def _tensor(self, m: Module, registers: IspRegisters, guard: FrameGuard,
                control: FrameControl, geometry: Geometry) -> Signal:
        """Feed the scaler, let the tensor out; return whether its last beat has left."""
        settings = registers.settings.scaler
        scaler = self._stage(m, "scaler", Scaler, registers, geometry)
        for name, value in _TENSOR_SOURCES.items():
            fork = getattr(m.submodules, f"{name}_fork")
            tap = fork.tap
            m.d.comb += fork.enable.eq(settings.enable & (settings.source == value))
            with m.If(settings.source == value):
                m.d.comb += [
                    scaler.i.payload.eq(tap.payload),
                    scaler.i.valid.eq(tap.valid),
                    tap.ready.eq(scaler.i.ready),
                ]
        if self.config.tensor_memory:
            m.submodules.writer = writer = TensorWriter(data_width=self.config.axi_data_width)
            wiring.connect(m, writer.m_axi, wiring.flipped(self.m_axi_tensor))
            m.d.comb += [
                writer.base.eq(registers.tensor_base),
                registers.status.tensor_status.eq(
                    Cat(writer.buffer, writer.valid, writer.error)),
            ]
            port = writer.i
        else:
            port = self.m_axis_tensor
        # The last beat tells whether the frame was good, so it waits for the frame's end.
        held = Signal()
        m.d.comb += [
            held.eq(scaler.o.payload.last & ~guard.complete),
            port.tdata.eq(scaler.o.payload.data),
            port.tlast.eq(scaler.o.payload.last),
            port.tuser.eq(scaler.o.payload.last & guard.broken),
            port.tvalid.eq(scaler.o.valid & ~held),
            scaler.o.ready.eq(port.tready & ~held),
        ]
        left = Signal()
        with m.If(control.began):
            m.d.sync += left.eq(~settings.enable)
        with m.Elif(port.tvalid & port.tready & port.tlast):
            m.d.sync += left.eq(1)
        return left

    def _picture(self, m: Module, guard: FrameGuard, control: FrameControl, geometry: Geometry,
                 pixels) -> Signal:
        """Let the picture out; return whether the frame's last pixel has left."""
        beat = data.StructLayout({"data": 24, "first": 1, "last": 1, "broken": 1})
        m.submodules.picture = picture = SkidBuffer(beat)
        m.d.comb += [
            picture.i.valid.eq(pixels.valid),
            pixels.ready.eq(picture.i.ready),
            picture.i.payload.data.eq(pixels.payload.data),
            picture.i.payload.first.eq(pixels.payload.first),
            picture.i.payload.last.eq(pixels.payload.last),
            picture.i.payload.broken.eq(guard.broken),
        ]
        if self.config.picture:
            port = self.m_axis_picture
            m.d.comb += [
                port.tdata.eq(picture.o.payload.data),
                port.tuser.eq(Cat(picture.o.payload.first, picture.o.payload.broken)),
                port.tlast.eq(picture.o.payload.last),
                port.tvalid.eq(picture.o.valid),
                picture.o.ready.eq(port.tready),
            ]
        else:
            m.d.comb += picture.o.ready.eq(1)
        left = Signal()
        lines_left = Signal(len(geometry.height), reset_less=True)
        with m.If(control.began):
            m.d.sync += [left.eq(0), lines_left.eq(geometry.height - 1)]
        with m.Elif(picture.o.valid & picture.o.ready & picture.o.payload.last):
            m.d.sync += [lines_left.eq(lines_left - 1), left.eq(lines_left == 0)]
        return left

    def _status(self, m: Module, registers: IspRegisters, control: FrameControl,
                guard: FrameGuard, defects: Value) -> None:
        """Fill the registers that software reads."""
        status = registers.status
        statistics_index = Signal(32)
        defects_of_frame = Signal(24)
        counters = {}
        for name in FrameErrors.as_shape().members:
            counters[name] = count = Signal(32, name=f"{name}s")
            m.d.sync += count.eq(count + guard.errors[name])
        with m.If(control.export):
            m.d.sync += [
                statistics_index.eq(control.frame_index), defects_of_frame.eq(defects)]
        m.d.comb += [
            status.status.eq(Cat(control.busy, control.commit_pending)),
            status.frame_index.eq(control.frame_index),
            status.commit_index.eq(control.commit_index),
            status.statistics_index.eq(statistics_index),
            status.frame_cycles.eq(control.frame_cycles),
            status.defects.eq(defects_of_frame),
            *(status[f"{name}s"].eq(count) for name, count in counters.items()),
            # In the order of IRQ_STATUS.
            registers.events.eq(Cat(control.export, control.export,
                                    guard.errors.as_value().any(), control.committed)),
        ]
