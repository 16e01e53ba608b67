"""Cycles of the array's organisation on a network, before any RTL: the numbers of ADR 0001.

    python docs/adr/0001_cycle_model.py MODEL.tflite ... [--lanes 16 --columns 16]

For each network two figures: `first`, the plain datapath of the first version (depthwise as a
diagonal on the array, kernel rows folded into the lanes, accumulators requantized four a cycle),
and `full`, the same array with the window former, the sixteen-lane requantizer and fused ADD.
"""

import argparse
from math import ceil, prod
from pathlib import Path

import tflite

OPERATORS = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
COMMAND_OVERHEAD = 40
"""Cycles to fill and drain the pipeline of one command."""
MEMORY_BYTES_A_CYCLE = 16
STRIP = 16
"""Pixels of a strip in the window former's line buffer."""


def options_of(op, cls):
    options = cls()
    table = op.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def layers(path):
    """Yield (operator, input shape, weight shape, output shape, strides, inputs)."""
    model = tflite.Model.GetRootAsModel(Path(path).read_bytes(), 0)
    graph = model.Subgraphs(0)

    def shape(index):
        return [int(d) for d in graph.Tensors(index).ShapeAsNumpy()]

    for i in range(graph.OperatorsLength()):
        op = graph.Operators(i)
        code = model.OperatorCodes(op.OpcodeIndex())
        name = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(t) for t in op.InputsAsNumpy()]
        weights = shape(inputs[1]) if len(inputs) > 1 and graph.Tensors(inputs[1]).ShapeLength() \
            else []
        stride = 1
        if name == "CONV_2D":
            stride = options_of(op, tflite.Conv2DOptions).StrideH()
        elif name == "DEPTHWISE_CONV_2D":
            stride = options_of(op, tflite.DepthwiseConv2DOptions).StrideH()
        yield name, shape(inputs[0]), weights, shape(int(op.OutputsAsNumpy()[0])), stride


def cycles(layer, lanes, columns, full):
    """Return (cycles, MACs, weight bytes) of one layer."""
    name, ifm, weights, ofm, _ = layer
    outputs = prod(ofm)
    requant = outputs / (columns if full else columns / 4)
    if name == "CONV_2D":
        oc, kh, kw, c = weights
        folded = full and c <= 4
        steps = ceil(kh * kw * c / lanes) if folded else kh * ceil(kw * c / lanes)
        groups = ceil(oc / columns)
        pixels = ofm[1] * ofm[2]
        return (max(groups * (1 + pixels * steps), requant) + COMMAND_OVERHEAD,
                outputs * kh * kw * c, prod(weights))
    if name == "DEPTHWISE_CONV_2D":
        _, kh, kw, c = weights
        if full:  # one word of `lanes` channel-pixels a cycle through the line buffer
            words = ifm[1] * ifm[2] * c / lanes * STRIP / (STRIP - kw + 1)
            busy = max(words, requant, ofm[1] * ofm[2] * ceil(c / (columns // 2)) / 2)
        else:
            busy = max(ceil(c / columns) * (1 + ofm[1] * ofm[2] * kh * kw), requant)
        return busy + COMMAND_OVERHEAD, outputs * kh * kw, prod(weights)
    if name == "FULLY_CONNECTED":
        oc, ic = weights
        return ceil(oc / columns) * (1 + ceil(ic / lanes)) + COMMAND_OVERHEAD, oc * ic, oc * ic
    if name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN"):
        return prod(ifm) / columns + COMMAND_OVERHEAD, 0, 0
    if name in ("ADD", "MUL", "SUB"):
        # fused behind the convolution that makes one operand, it costs requantizer slots only
        return (0 if full else requant + COMMAND_OVERHEAD), 0, 0
    if name == "SOFTMAX":
        return 8 * outputs + 60, 0, 0
    return 0, 0, 0  # PAD, RESHAPE, CONCATENATION: addressing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--columns", type=int, default=16)
    args = parser.parse_args()
    print("| network | MACs, M | first, k | full, k | utilization of full | weights at 16 B, k |")
    print("|---|---|---|---|---|---|")
    for path in args.models:
        net = list(layers(path))
        first = sum(cycles(x, args.lanes, args.columns, False)[0] for x in net)
        parts = [cycles(x, args.lanes, args.columns, True) for x in net]
        total, macs, weights = (sum(p[i] for p in parts) for i in range(3))
        used = macs / total / args.lanes / args.columns
        print(f"| {path.rsplit('/')[-1]} | {macs / 1e6:.2f} | {first / 1e3:.1f} | "
              f"{total / 1e3:.1f} | {used:.0%} | {weights / MEMORY_BYTES_A_CYCLE / 1e3:.1f} |")


if __name__ == "__main__":
    main()
