"""From a model to a program: the pipeline, top to bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from pathlib import Path

import numpy as np

from hadron_compiler.allocate.intervals import Block, align_up
from hadron_compiler.allocate.memory import MemoryImage, place_tensors
from hadron_compiler.allocate.placement import Choice, Layout, place_activations
from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.kernel import Constants, Kernel
from hadron_compiler.errors import (
    CapacityError,
    CompileError,
    ModelFormatError,
    UnsupportedError,
)
from hadron_compiler.frontend.flatbuffer import TFLITE_MARK
from hadron_compiler.frontend.onnx import import_onnx
from hadron_compiler.frontend.tflite import import_tflite
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.passes import (
    expand_matmuls,
    run_passes,
    scale_channels,
    split_max_pools,
    split_resizes,
    split_sums,
    tabulate_softmax,
)
from hadron_compiler.program import LayerReport, Program, TensorBinding, distinct
from hadron_compiler.schedule.build import build_commands
from hadron_compiler.schedule.dependencies import derive_dependencies
from hadron_compiler.schedule.early import begin_early
from hadron_compiler.schedule.fusion import candidates
from hadron_compiler.schedule.gather import GATHERED_BYTES, gather_loads
from hadron_compiler.schedule.order import order_commands
from hadron_compiler.schedule.pieces import SLOW_MEMORY
from hadron_compiler.schedule.prediction import Prediction, predict
from hadron_compiler.schedule.streams import constants_first, stays_on_chip
from hadron_compiler.schedule.tiles import SHARES, Tiler
from hadron_compiler.schedule.tokens import assign_tokens
from hadron_compiler.schedule.variants import faster_of_each, with_shallow_kernels
from hadron_compiler.schedule.view_choice import Variant, tilers_of, variants
from hadron_compiler.schedule.writer import MemoryOffsets
from hadron_model.planes import split_planes
from hadron_spec.commands import COMMAND_ALIGN, COMMAND_BYTES, CommandError, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["compile_model"]

MANY_COMMANDS = 4000
"""In a program of more commands than this, gathered loads and other shares of the weight memory are
not tried: each trial takes seconds, and what such programs lose is elsewhere."""

HURRY = 1000
"""The `haste` of a choice that looks at fast memories alone."""

FINISHED = 2
"""Drafts, the best ones, of which all ways to load inputs and weights are tried."""


def compile_model(model: str | Path | bytes, config: NpuConfig, *,
                  name: str | None = None, keep_tensors: bool = False,
                  stream_input: bool = False) -> Program:
    """Compile a quantized TFLite or ONNX model.

    Parameters
    ----------
    model : str, Path or bytes
        The file, or its bytes.
    config : NpuConfig
        What to compile for.
    name : str, optional
        What messages and reports call the model; the file's name unless given. One that ends with
        ".onnx" is an ONNX model.
    keep_tensors : bool
        For finding mistakes: make every tensor an output of the program, in the order of
        :func:`hadron_compiler.frontend.tflite.operator_outputs`. TFLite only.
    stream_input : bool
        The input comes from the stream `s_axis`, not from memory. The program then waits for it,
        and works on what has come. An input that neither fits the scratchpad nor is read band by
        band goes on to memory first, whole.

    Raises
    ------
    CompileError
        With what is wrong, in words made for the user.
    """
    folder = None
    if isinstance(model, bytes):
        source, data = name or "model", model
    else:
        source, folder = name or Path(model).name, Path(model).parent
        try:
            data = Path(model).read_bytes()
        except OSError as error:
            raise ModelFormatError(f"{model}: {error.strerror}") from None
    onnx = source.endswith(".onnx") and data[4:8] != TFLITE_MARK
    if onnx and keep_tensors:
        raise ModelFormatError(f"{source}: only tensors of TFLite models can be kept")
    imported = (import_onnx(source, data, folder) if onnx
                else import_tflite(source, data, keep_tensors=keep_tensors))
    graph = run_passes(imported)
    for run in (expand_matmuls.run, scale_channels.run, tabulate_softmax.run,
                split_resizes.run):
        graph = run(graph, config)
    graphs = split_sums.run(graph, config)
    graphs += [other for some in graphs if (other := split_max_pools.run(some)) is not None]
    if stream_input and len(graph.inputs) != 1:
        raise UnsupportedError(source, [f"{len(graph.inputs)} inputs, the stream brings one"])
    if stream_input and graph.inputs[0].deep:
        raise UnsupportedError(source, [f"input {graph.inputs[0].name} has 16 bits, the stream "
                                        "brings 8"])
    try:
        return _generate([variant for some in graphs for variant in variants(some, config)],
                         config, stream_input)
    except CapacityError as error:
        raise CapacityError(f"{source}: {error}") from None
    except CommandError as error:
        raise CompileError(f"{source}: {error}") from None


@dataclass(frozen=True)
class _Draft:
    """A network placed, and its commands in program order."""

    layout: Layout
    image: MemoryImage
    offsets: MemoryOffsets
    end: int
    commands: list[Command]


def _draft(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
           choice: Choice, streamed: Tensor | None) -> _Draft:
    layout = place_activations(graph, tilers, config, choice)
    direct = (streamed if streamed is not None
              and stays_on_chip(graph, layout, streamed, config) else None)
    image, offsets, end = _place_memory(graph, layout, direct)
    commands = build_commands(graph, [tiler.kernel for tiler in tilers], layout, offsets, config,
                              streamed)
    return _Draft(layout, image, offsets, end, commands)


def _schedule(draft: _Draft, gathered_bytes: int, config: NpuConfig,
              streamed: Tensor | None) -> list[Command]:
    """Return the commands in fetch order, with tokens; what they share with those of another call
    is only right for the last one."""
    commands = gather_loads(draft.commands, gathered_bytes)
    derive_dependencies(commands)
    if streamed is not None:
        commands = constants_first(commands)
        derive_dependencies(commands)
    commands = order_commands(commands)
    assign_tokens(commands)
    begin_early(commands, config)
    return commands


@dataclass(frozen=True)
class _Plan:
    """A network's kernels, placed and scheduled; END is not among the commands. `cost` is that of
    :func:`_cost`."""

    graph: Graph
    kernels: Sequence[Kernel]
    draft: _Draft
    commands: list[Command]
    cost: int

    @property
    def chains(self) -> list[int]:
        """Of each layer the first one of its stage."""
        return [stage.first for stage in self.draft.layout.stages
                for _ in range(stage.first, stage.end)]


def _cost(commands: Sequence[Command], config: NpuConfig) -> int:
    """Return the product of cycles with a fast and a slow memory."""
    return predict(commands, config).total * predict(commands, config, SLOW_MEMORY).total


def _plan(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
          streamed: Tensor | None) -> _Plan:
    """Return the best draft of those that fit.

    Raises
    ------
    CapacityError
        When none does: what was wrong with the last.
    """
    def cost(draft: _Draft, gathered_bytes: int = 0) -> int:
        return _cost(_schedule(draft, gathered_bytes, config, streamed), config)

    found: list[tuple[int, int, _Draft]] = []
    problem = None
    for shares in SHARES:
        sharing = [tiler.sharing(shares) for tiler in tilers]
        choices = candidates(graph, sharing, config)
        drafts = []
        for choice in choices:
            try:
                drafts.append((_draft(graph, sharing, config, choice, streamed), choice))
            except CapacityError as error:
                problem = error
        if drafts:
            costs = [(cost(draft), draft, choice) for draft, choice in drafts]
            least, draft, _ = min(costs, key=itemgetter(0))
            if len(draft.commands) > MANY_COMMANDS:
                found.append((least, 0, draft))
                break
            for least, draft, choice in sorted(costs, key=itemgetter(0))[:FINISHED]:
                hurried = _draft(graph, sharing, config, replace(choice, haste=HURRY), streamed)
                best = min((least, 0, draft), (cost(hurried), 0, hurried), key=itemgetter(0))
                found.append(best)
                found += [(cost(best[2], size), size, best[2]) for size in GATHERED_BYTES]
        if len(choices) > 1:  # Stages were searched for, which takes its time.
            break
    if problem is not None and not found:
        raise problem
    least, size, draft = min(found, key=itemgetter(0))
    return _Plan(graph, [tiler.kernel for tiler in tilers], draft,
                 _schedule(draft, size, config, streamed), least)


def _best_plan(variant: Variant, config: NpuConfig, streamed: Tensor | None) -> _Plan:
    """Return the best plan: all activations of eight bits, of four bits where that seems faster,
    or where it then is."""
    graph = variant.graph
    plain = _plan(graph, variant.tilers, config, streamed)
    if not config.shallow:
        return plain
    kernels = plain.kernels
    others = with_shallow_kernels(graph, kernels, config)
    if others == kernels:
        return plain
    plans = [plain]
    try:
        shallow = _plan(graph, tilers_of(graph, others, config), config, streamed)
        plans.append(shallow)
        cycles = tuple(predict(plan.commands, config).layers(plan.chains) for plan in plans)
        some = faster_of_each(kernels, others, (cycles[0], cycles[1]))
        if some not in (kernels, others):
            plans.append(_plan(graph, tilers_of(graph, some, config), config, streamed))
    except CapacityError:
        # Packed activations take room.
        pass
    return min(plans, key=attrgetter("cost"))


def _best_of(graphs: Sequence[Variant], config: NpuConfig, streamed: Tensor | None) -> _Plan:
    """Return the best plan of several graphs of a network, of which not all need fit."""
    plans = []
    problem = None
    for variant in graphs:
        try:
            plans.append(_best_plan(variant, config, streamed))
        except CapacityError as error:
            problem = error
    if problem is not None and not plans:
        raise problem
    return min(plans, key=attrgetter("cost"))


def _generate(graphs: Sequence[Variant], config: NpuConfig, stream_input: bool) -> Program:
    streamed = graphs[0].graph.inputs[0] if stream_input else None
    plan = _best_of(graphs, config, streamed)
    graph, kernels, draft, commands = plan.graph, plan.kernels, plan.draft, plan.commands
    image, offsets, end = draft.image, draft.offsets, draft.end
    commands.append(Command(Opcode.END, max(0, len(kernels) - 1), {}, [], []))
    timing = predict(commands, config)
    base = align_up(len(commands) * COMMAND_BYTES, COMMAND_ALIGN)
    for command in commands:
        if "memory_offset" in command.fields and not command.fields.get("stream"):
            command.fields["memory_offset"] += base
    stream = b"".join(command.encode() for command in commands)

    names = {(edge.side, edge.position): edge.name for edge in graph.host}

    def bind(tensor: Tensor, side: str, position: int) -> TensorBinding:
        name = names.get((side, position), tensor.name)
        streams = side == "input" and streamed is not None
        offset = 0 if streams else base + offsets.tensors[tensor.storage]
        return TensorBinding(name, offset, tensor.shape, tensor.dtype.value, tensor.scale,
                             tensor.zero_point, streams)

    return Program(
        config=config,
        model=graph.name,
        memory=stream + bytes(base - len(stream)) + image.data,
        region_bytes=base + end,
        command_offset=0,
        command_count=len(commands),
        inputs=distinct([bind(tensor, "input", i) for i, tensor in enumerate(graph.inputs)]),
        outputs=distinct([bind(tensor, "output", i) for i, tensor in enumerate(graph.outputs)]),
        layers=_reports(graph, kernels, commands, plan.chains, timing),
        cycles=timing.total,
        scratchpad_peak=draft.layout.peak,
        host=graph.host,
    )


def _place_memory(graph: Graph, layout: Layout, absent: Tensor | None,
                  ) -> tuple[MemoryImage, MemoryOffsets, int]:
    """Place constants, then inputs and outputs, then tensors that do not fit on chip, from offset
    0 on; not the one that is `absent`."""
    image = MemoryImage()
    constants: dict[Constants, int] = {}
    for stage in layout.stages:
        for part in stage.plan.parts:
            if part.constants is not None and part.constants not in constants:
                constants[part.constants] = image.add(part.constants.image)
    tensors: dict[Tensor, int] = {}
    for tensor in [*layout.lifetimes, *(tensor.storage for tensor in graph.outputs)]:
        if tensor.data is not None:
            tensors[tensor] = image.add(
                split_planes(tensor.data.astype(np.int16)).tobytes() if tensor.deep
                else tensor.data.tobytes())
    fixed = [tensor for tensor in
             dict.fromkeys([*graph.inputs, *(tensor.storage for tensor in graph.outputs)])
             if tensor not in tensors and tensor is not absent]
    shared = [tensor for tensor in layout.lifetimes
              if tensor not in layout.addresses and tensor not in fixed and tensor not in tensors
              and tensor is not absent]
    blocks = [Block(tensor.size, *layout.lifetimes[tensor]) for tensor in shared]
    fixed_offsets, shared_offsets, end = place_tensors(
        len(image.data), [tensor.size for tensor in fixed], blocks)
    tensors |= dict(zip(fixed, fixed_offsets, strict=True))
    tensors |= dict(zip(shared, shared_offsets, strict=True))
    return image, MemoryOffsets(tensors, constants), max(end, len(image.data))


def _reports(graph: Graph, kernels: Sequence[Kernel], commands: Sequence[Command],
             chains: Sequence[int], timing: Prediction) -> tuple[LayerReport, ...]:
    moved = {unit: [0] * len(kernels) for unit in Unit}
    for command in commands:
        if command.unit in (Unit.LOAD, Unit.STORE):
            for layer, size in command.bytes_of_layers():
                moved[command.unit][layer] += size
    return tuple(
        LayerReport(index, operation.outputs[0].name, operation.kind.value, kernel.macs, cycles,
                    moved[Unit.LOAD][index], moved[Unit.STORE][index], chains[index],
                    str(kernel.precision), operation.work)
        for index, (operation, kernel, cycles) in enumerate(
            zip(graph.operations, kernels, timing.layers(chains), strict=True)))
