#!/usr/bin/env python3
"""Writes the golden values of tests/engine/data: what PyTorch computes for every op, loss and optimizer of the engine.

Run by a Python that has PyTorch (Debian's: /usr/bin/python3 with python3-torch). The values are committed; run this again only to add a case. Output is the
same on every run of the same PyTorch. Inputs are exact in float32; what is expected was computed in float64, except for the cases of extreme
inputs, which are about the limits of float32 and are computed in it. Not here: dropout, whose random numbers are our own.

Format, one case after the other: "case LABEL", then "text KEY the rest of the line", "number KEY VALUE", "tensor NAME DIM DIM ...", whose values follow on one line, then
"end". Numbers are as C's strtod reads them, nan and inf included. Lines that start with # are comments.

Usage: make_golden.py [FOLDER]
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F

HEAD = "# Golden values made by tools/make_golden.py with PyTorch {}; see there for the format.\n"
EXTREME = [0.0, -0.0, 1e-30, -1e-30, 1e-3, -1e-3, 2.25, -2.25, 10.0, -10.0, 30.0, -30.0, 80.0, -80.0, 88.0, 89.0, -89.0, 1000.0, -1000.0, 3e38, -3e38,
           float("inf"), float("-inf")]  # NaN is test_activations' part: PyTorch's own backward passes treat it one way or the other


class Writer:
    def __init__(self, path):
        self.file = open(path, "w", encoding="ascii")
        self.file.write(HEAD.format(torch.__version__))

    def case(self, label, **texts_and_numbers):
        self.file.write(f"\ncase {label}\n")
        for key, value in texts_and_numbers.items():
            if isinstance(value, str):
                self.file.write(f"text {key} {value}\n")
            else:
                self.file.write(f"number {key} {value:.17g}\n")

    def tensor(self, name, values):
        values = values.detach()
        dims = " ".join(str(d) for d in values.shape)
        self.file.write(f"tensor {name} {dims}\n" + " ".join(f"{v:.9g}" for v in values.flatten().tolist()) + "\n")

    def end(self):
        self.file.write("end\n")

    def close(self):
        self.file.close()


def draw(*shape, scale=1.0):
    """Random values that float32 holds exactly, as float64."""
    return (torch.randn(*shape, dtype=torch.float64) * scale).float().double()


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous()


def sides(size, kernel, stride, padding):
    """Zeros before and after one axis. "same" is TensorFlow's: ceil(size / stride) outputs, the odd zero behind."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max(((size + stride - 1) // stride - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2
    return padding, padding


def pad(x, kernel, stride, padding, value=0.0):
    top, bottom = sides(x.shape[2], kernel[0], stride[0], padding)
    left, right = sides(x.shape[3], kernel[1], stride[1], padding)
    return F.pad(x, (left, right, top, bottom), value=value)


def conv2d(x, weight, bias, kernel, stride, padding):
    return nhwc(F.conv2d(pad(nchw(x), kernel, stride, padding), weight.permute(3, 2, 0, 1), bias, stride))


def max_pool(x, size, stride, padding):
    return nhwc(F.max_pool2d(pad(nchw(x), size, stride, padding, float("-inf")), size, stride))


def avg_pool(x, size, stride, padding):
    ones = pad(torch.ones_like(nchw(x)), size, stride, padding)
    return nhwc(F.avg_pool2d(pad(nchw(x), size, stride, padding), size, stride) / F.avg_pool2d(ones, size, stride))


ACTIVATIONS = {
    "relu": ({}, F.relu),
    "leaky_relu": ({"alpha": 0.25}, lambda x: F.leaky_relu(x, 0.25)),
    "elu": ({"alpha": 0.75}, lambda x: F.elu(x, 0.75)),
    "selu": ({}, F.selu),
    "gelu": ({}, F.gelu),
    "sigmoid": ({}, torch.sigmoid),
    "hard_sigmoid": ({}, lambda x: torch.clamp(0.2 * x + 0.5, 0.0, 1.0)),
    "tanh": ({}, torch.tanh),
    "softplus": ({}, F.softplus),
    "exp": ({}, torch.exp),
}


def op_case(writer, label, op, attributes, inputs, parameters, compute, training=True):
    """inputs: tensors with the batch first. parameters: name -> tensor. compute(inputs, parameters) -> output."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    parameters = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    output = compute(inputs, parameters)
    d_output = draw(*output.shape).to(output.dtype)
    output.backward(d_output)
    writer.case(label, op=op, attributes=json.dumps(attributes), batch=inputs[0].shape[0], training=int(training))
    for i, x in enumerate(inputs):
        writer.tensor(f"input{i}", x)
    for name, value in parameters.items():
        writer.tensor(name, value)
    writer.tensor("d_output", d_output)
    writer.tensor("output", output)
    for i, x in enumerate(inputs):
        writer.tensor(f"d_input{i}", x.grad)
    for name, value in parameters.items():
        writer.tensor(f"d_{name}", value.grad)


def make_activations(writer):
    for name, (attributes, function) in ACTIVATIONS.items():
        op_case(writer, f"{name}", name, attributes, [draw(3, 5, 7, scale=2)], {}, lambda x, _, f=function: f(x[0]))
        writer.end()
        extreme = torch.tensor([EXTREME], dtype=torch.float32)
        op_case(writer, f"{name} extreme", name, attributes, [extreme], {}, lambda x, _, f=function: f(x[0]))
        writer.end()
    for label, x in (("softmax", draw(5, 7)), ("softmax rows", draw(2, 3, 19, scale=3)), ("softmax large", draw(3, 4, scale=1000))):
        op_case(writer, label, "softmax", {}, [x], {}, lambda x, _: torch.softmax(x[0], -1))
        writer.end()


FUNCTIONS = {  # of positive numbers
    "log": ({"floor": None}, torch.log),
    "sqrt": ({"floor": None}, torch.sqrt),
    "square": ({}, torch.square),
    "reciprocal": ({"epsilon": 0.0}, torch.reciprocal),
}
PAIRS = {"subtract": ({}, torch.sub), "multiply": ({}, torch.mul), "divide": ({"epsilon": 0.0}, torch.div)}


def make_arithmetic(writer):
    def positive(*shape):
        return draw(*shape).abs() + 0.25

    def case(label, op, attributes, inputs, compute):
        op_case(writer, label, op, attributes, inputs, {}, lambda x, _: compute(*x))
        writer.end()

    for name, (attributes, function) in FUNCTIONS.items():
        case(name, name, attributes, [positive(3, 5, 7)], function)
        case(f"{name} extreme", name, attributes, [torch.tensor([EXTREME], dtype=torch.float32)], function)
    for name, (attributes, function) in PAIRS.items():
        case(name, name, attributes, [draw(3, 5, 7), positive(3, 5, 7)], function)
    case("log floor", "log", {"floor": 0.5}, [draw(5, 7)], lambda x: torch.log(torch.clamp(x, min=0.5)))
    case("sqrt floor", "sqrt", {"floor": 0.5}, [draw(5, 7)], lambda x: torch.sqrt(torch.clamp(x, min=0.5)))
    case("exp ceiling", "exp", {"ceiling": 0.5}, [draw(5, 7)], lambda x: torch.exp(torch.clamp(x, max=0.5)))
    case("reciprocal epsilon", "reciprocal", {"epsilon": 0.5}, [positive(5, 7)], lambda x: 1 / (x + 0.5))
    case("divide epsilon", "divide", {"epsilon": 0.5}, [draw(5, 7), positive(5, 7)], lambda a, b: a / (b + 0.5))


def make_norms(writer):
    for label, shape in (("batch_norm", (7, 5)), ("batch_norm images", (2, 3, 4, 6)), ("batch_norm wide", (5, 37))):
        for training in (True, False):
            width = shape[-1]
            mean, variance = draw(width), draw(width).abs() + 0.5
            variance = variance.float().double()
            new_mean, new_variance = mean.clone(), variance.clone()

            def compute(x, p):
                flat = x[0].reshape(-1, width)
                return F.batch_norm(flat, new_mean, new_variance, p["gain"], p["bias"], training, 0.125, 1e-3).reshape(x[0].shape)

            op_case(writer, label + ("" if training else " evaluation"), "batch_norm", {"momentum": 0.875, "epsilon": 1e-3}, [draw(*shape, scale=2) + 1],
                    {"gain": draw(width), "bias": draw(width)}, compute, training)
            writer.tensor("running_mean", mean)
            writer.tensor("running_variance", variance)
            writer.tensor("new_running_mean", new_mean)
            writer.tensor("new_running_variance", new_variance)
            writer.end()
    for label, shape in (("layer_norm", (5, 7)), ("layer_norm rows", (2, 3, 19)), ("layer_norm wide", (2, 65))):
        width = shape[-1]
        op_case(writer, label, "layer_norm", {"epsilon": 1e-3}, [draw(*shape, scale=2) + 1], {"gain": draw(width), "bias": draw(width)},
                lambda x, p: F.layer_norm(x[0], x[0].shape[-1:], p["gain"], p["bias"], 1e-3))
        writer.end()


def make_layers(writer):
    for label, batch, inputs, units, bias in (("dense", 5, 7, 3, True), ("dense no bias", 2, 3, 5, False), ("dense odd", 19, 33, 17, True)):
        parameters = {"weight": draw(inputs, units)}
        if bias:
            parameters["bias"] = draw(units)
        op_case(writer, label, "dense", {"units": units, "bias": bias}, [draw(batch, inputs)], parameters,
                lambda x, p: x[0] @ p["weight"] + (p["bias"] if "bias" in p else 0))
        writer.end()
    for label, shape, filters, kernel, stride, padding in (
            ("conv2d", (2, 5, 7, 3), 4, (3, 3), (1, 1), "valid"), ("conv2d same", (2, 5, 4, 3), 2, (3, 3), (1, 1), "same"),
            ("conv2d stride same", (2, 6, 7, 2), 3, (3, 3), (2, 2), "same"), ("conv2d uneven", (2, 8, 5, 3), 2, (2, 3), (3, 1), "same"),
            ("conv2d padding", (1, 4, 5, 2), 3, (4, 3), (2, 1), 2), ("conv2d lenet", (2, 12, 12, 1), 6, (5, 5), (1, 1), "valid"),
            ("conv2d 1x1", (2, 3, 3, 5), 7, (1, 1), (1, 1), "valid"), ("conv2d channels", (1, 4, 4, 17), 19, (3, 3), (1, 1), "same")):
        attributes = {"filters": filters, "kernel": list(kernel), "stride": list(stride), "padding": padding, "bias": True, "groups": 1}
        op_case(writer, label, "conv2d", attributes, [draw(*shape)], {"weight": draw(*kernel, shape[3], filters), "bias": draw(filters)},
                lambda x, p, k=kernel, s=stride, q=padding: conv2d(x[0], p["weight"], p["bias"], k, s, q))
        writer.end()
    for op, compute in (("max_pool2d", max_pool), ("avg_pool2d", avg_pool)):
        for label, shape, size, stride, padding in (("", (2, 4, 6, 3), (2, 2), (2, 2), "valid"), (" rest", (2, 5, 7, 2), (2, 2), (2, 2), "valid"),
                                                    (" overlap", (2, 6, 5, 2), (3, 3), (2, 2), "same"), (" padding", (1, 5, 5, 1), (3, 2), (1, 2), 1)):
            attributes = {"size": list(size), "stride": list(stride), "padding": padding}
            op_case(writer, op + label, op, attributes, [draw(*shape)], {}, lambda x, _, f=compute, a=(size, stride, padding): f(x[0], *a))
            writer.end()
    op_case(writer, "add", "add", {}, [draw(3, 7), draw(3, 7), draw(3, 7)], {}, lambda x, _: x[0] + x[1] + x[2])
    writer.end()
    make_grouped(writer)
    make_larger(writer)


def make_grouped(writer):
    for label, shape, filters, kernel, stride, padding, groups, bias in (
            ("conv2d depthwise", (2, 5, 7, 3), 3, (3, 3), (1, 1), "same", 3, True), ("conv2d depthwise stride", (2, 7, 6, 19), 19, (3, 2), (2, 3), "valid", 19, False),
            ("conv2d depthwise twice", (2, 4, 5, 3), 6, (3, 3), (1, 1), "same", 3, True), ("conv2d two groups", (2, 5, 4, 6), 10, (3, 3), (1, 1), 1, 2, True),
            ("conv2d seven groups", (1, 3, 5, 7), 21, (2, 3), (2, 1), "same", 7, True), ("conv2d groups of pixels", (1, 1, 1, 4), 2, (1, 1), (1, 1), "valid", 2, True)):
        attributes = {"filters": filters, "kernel": list(kernel), "stride": list(stride), "padding": padding, "bias": bias, "groups": groups}
        parameters = {"weight": draw(*kernel, shape[3] // groups, filters)}
        if bias:
            parameters["bias"] = draw(filters)
        op_case(writer, label, "conv2d", attributes, [draw(*shape)], parameters,
                lambda x, p, k=kernel, s=stride, q=padding, g=groups: nhwc(F.conv2d(pad(nchw(x[0]), k, s, q), p["weight"].permute(3, 2, 0, 1), p.get("bias"), s, groups=g)))
        writer.end()


def transposed(x, weight, bias, stride, padding):
    """weight [kh, kw, F, C]. "same" cuts what is more than stride times the input, the odd pixel after; where the kernel is smaller than the stride it adds zeros after."""
    kernel = weight.shape[:2]
    whole = nhwc(F.conv_transpose2d(nchw(x), weight.permute(3, 2, 0, 1), None, stride))
    if padding == "same":
        for axis in (0, 1):
            wanted, found = x.shape[1 + axis] * stride[axis], whole.shape[1 + axis]
            if wanted > found:
                whole = torch.cat([whole, whole.new_zeros([wanted - found if i == 1 + axis else n for i, n in enumerate(whole.shape)])], 1 + axis)
            before = max(kernel[axis] - stride[axis], 0) // 2
            whole = whole.narrow(1 + axis, before, wanted)
    elif padding != "valid":
        whole = whole[:, padding:whole.shape[1] - padding, padding:whole.shape[2] - padding]
    return whole + bias if bias is not None else whole


def make_larger(writer):
    for label, shape, filters, kernel, stride, padding, bias in (
            ("", (2, 3, 4, 3), 5, (3, 3), (1, 1), "valid", True), (" twice", (2, 3, 5, 4), 2, (2, 2), (2, 2), "valid", True), (" same", (2, 3, 4, 2), 3, (3, 4), (2, 2), "same", True),
            (" same gap", (2, 2, 3, 2), 3, (2, 1), (3, 2), "same", True), (" padding", (1, 4, 3, 2), 3, (4, 3), (2, 3), 1, False), (" of one", (1, 1, 1, 1), 1, (1, 1), (1, 1), "valid", True),
            (" primes", (3, 5, 7, 5), 7, (5, 3), (3, 2), "valid", True)):
        attributes = {"filters": filters, "kernel": list(kernel), "stride": list(stride), "padding": padding, "bias": bias}
        parameters = {"weight": draw(*kernel, filters, shape[3])}
        if bias:
            parameters["bias"] = draw(filters)
        op_case(writer, "conv2d_transpose" + label, "conv2d_transpose", attributes, [draw(*shape)], parameters,
                lambda x, p, s=stride, q=padding: transposed(x[0], p["weight"], p.get("bias"), s, q))
        writer.end()
    for mode in ("nearest", "bilinear"):
        more = {"align_corners": False} if mode == "bilinear" else {}
        for label, shape, size in (("", (2, 3, 4, 3), (2, 2)), (" uneven", (2, 5, 3, 2), (3, 1)), (" of one", (1, 1, 1, 1), (2, 5)), (" primes", (1, 2, 7, 17), (5, 3))):
            op_case(writer, f"upsample2d {mode}{label}", "upsample2d", {"size": list(size), "interpolation": mode}, [draw(*shape)], {},
                    lambda x, _, s=size, m=mode, o=more: nhwc(F.interpolate(nchw(x[0]), scale_factor=tuple(float(k) for k in s), mode=m, **o)))
            writer.end()


def tokens(vocabulary, *shape):
    return torch.randint(0, vocabulary, shape).double()


def make_shapes(writer):
    def case(label, op, attributes, inputs, compute):
        op_case(writer, label, op, attributes, inputs, {}, lambda x, _: compute(x))
        writer.end()

    for label, vocabulary, units, shape, scale in (("embedding", 7, 5, (3, 4), False), ("embedding scaled", 11, 16, (2, 3, 5), True)):
        places = tokens(vocabulary, *shape)
        weight = draw(vocabulary, units).requires_grad_()
        output = F.embedding(places.long(), weight) * (units ** 0.5 if scale else 1)
        d_output = draw(*output.shape)
        output.backward(d_output)
        writer.case(label, op="embedding", attributes=json.dumps({"vocabulary": vocabulary, "units": units, "scale": scale}), batch=shape[0], training=1)
        for name, value in (("input0", places), ("weight", weight), ("d_output", d_output), ("output", output), ("d_input0", torch.zeros(*shape)),
                            ("d_weight", weight.grad)):
            writer.tensor(name, value)
        writer.end()
    op_case(writer, "dense of steps", "dense", {"units": 4, "bias": True}, [draw(3, 5, 7)], {"weight": draw(7, 4), "bias": draw(4)},
            lambda x, p: F.linear(x[0], p["weight"].T, p["bias"]))
    writer.end()
    case("permute", "permute", {"order": [1, 0]}, [draw(2, 3, 5)], lambda x: x[0].permute(0, 2, 1))
    case("permute three", "permute", {"order": [2, 0, 1]}, [draw(2, 3, 4, 5)], lambda x: x[0].permute(0, 3, 1, 2))
    case("concat", "concat", {"axis": None}, [draw(3, 2, 5), draw(3, 2, 1), draw(3, 2, 4)], lambda x: torch.cat(x, -1))
    case("permute image", "permute", {"order": [0, 2, 1]}, [draw(1, 2, 3, 4)], lambda x: x[0].permute(0, 1, 3, 2))
    case("concat middle", "concat", {"axis": 1}, [draw(2, 2, 3, 2), draw(2, 2, 1, 2)], lambda x: torch.cat(x, 2))
    case("concat first", "concat", {"axis": 0}, [draw(3, 2, 5), draw(3, 4, 5)], lambda x: torch.cat(x, 1))
    for label, shape in (("", (3, 5, 7)), (" of an image", (2, 3, 4, 5)), (" of one", (2, 1, 3))):
        last = tuple(range(1, len(shape) - 1))
        case("global_avg_pool" + label, "global_avg_pool", {}, [draw(*shape)], lambda x, d=last: x[0].mean(d))
        case("global_max_pool" + label, "global_max_pool", {}, [draw(*shape)], lambda x, d=last: torch.amax(x[0], d))
    case("last", "last", {}, [draw(3, 5, 7)], lambda x: x[0][:, -1])


def make_attention(writer):
    def attend(x, p, heads, causal, keys=None, dead=None, rotary=False):
        y = x if keys is None else keys
        q, k, v = (a @ p[f"weight_{n}"] + (p[f"bias_{n}"] if f"bias_{n}" in p else 0) for n, a in (("q", x), ("k", y), ("v", y)))
        q, k, v = (a.reshape(*a.shape[:2], heads, -1).transpose(1, 2) for a in (q, k, v))
        if rotary:
            half = q.shape[-1] // 2
            angle = torch.arange(q.shape[2])[:, None] * 10000.0 ** (-torch.arange(half).double() / half)
            q, k = (torch.cat([a[..., :half] * angle.cos() - a[..., half:] * angle.sin(), a[..., :half] * angle.sin() + a[..., half:] * angle.cos()], -1)
                    for a in (q, k))
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[2:]).triu(1).bool(), float("-inf"))
        if dead is not None:
            scores = scores.masked_fill(dead[:, None, None, :], float("-inf"))
        o = (torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2)
        return o @ p["weight_o"] + (p["bias_o"] if "bias_o" in p else 0)

    def parameters(width, keys, bias=True):
        p = {f"weight_{n}": draw(keys if n in "kv" else width, width, scale=0.5) for n in "qkvo"}
        return {**p, **({f"bias_{n}": draw(width) for n in "qkvo"} if bias else {})}

    def attributes(**more):
        return {"heads": 1, "causal": False, "bias": True, "rotary": False, "padding": None, **more}

    # PyTorch's own layer says the same as attend.
    layer = torch.nn.MultiheadAttention(6, 2, batch_first=True).double()
    p, x = parameters(6, 6), draw(2, 5, 6)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([p[f"weight_{n}"].T for n in "qkv"]))
        layer.in_proj_bias.copy_(torch.cat([p[f"bias_{n}"] for n in "qkv"]))
        layer.out_proj.weight.copy_(p["weight_o"].T)
        layer.out_proj.bias.copy_(p["bias_o"])
    mask, dead = torch.ones(5, 5).triu(1).bool(), torch.tensor([[False, False, True, False, False], [False] * 5])
    assert torch.allclose(layer(x, x, x, attn_mask=mask, key_padding_mask=dead)[0], attend(x, p, 2, True, dead=dead))

    for label, shape, more in (("attention", (2, 5, 6), {"heads": 2}), ("attention causal", (3, 7, 4), {"heads": 2, "causal": True}),
                               ("attention of one", (1, 1, 1), {}), ("attention rotary", (2, 6, 8), {"heads": 2, "causal": True, "rotary": True}),
                               ("attention blocks", (1, 37, 6), {"heads": 3, "causal": True}), ("attention without bias", (2, 4, 6), {"bias": False})):
        a = attributes(**more)
        op_case(writer, label, "attention", a, [draw(*shape)], parameters(shape[2], shape[2], a["bias"]),
                lambda x, p, a=a: attend(x[0], p, a["heads"], a["causal"], rotary=a["rotary"]))
        writer.end()
    op_case(writer, "attention to another", "attention", attributes(heads=2), [draw(2, 3, 4), draw(2, 5, 6)], parameters(4, 6),
            lambda x, p: attend(x[0], p, 2, False, x[1]))
    writer.end()
    marks = torch.tensor([[1.0, 2.0, 0.0, 3.0], [0.0, 1.0, 0.0, 2.0]]).double()
    op_case(writer, "attention padded", "attention", attributes(heads=2, padding=0), [draw(2, 4, 6), marks], parameters(6, 6),
            lambda x, p: attend(x[0], p, 2, False, dead=x[1].detach() == 0) + 0 * x[1].sum())
    writer.end()
    for label, shape in (("rms_norm", (5, 7)), ("rms_norm rows", (2, 3, 19))):
        op_case(writer, label, "rms_norm", {"epsilon": 1e-3}, [draw(*shape, scale=2) + 1], {"gain": draw(shape[-1])},
                lambda x, p: x[0] * torch.rsqrt(x[0].square().mean(-1, keepdim=True) + 1e-3) * p["gain"])
        writer.end()
    op_case(writer, "position_embedding", "position_embedding", {"kind": "learned"}, [draw(3, 4, 5)], {"weight": draw(4, 5)}, lambda x, p: x[0] + p["weight"])
    writer.end()
    even = torch.arange(5).double() // 2 * 2
    angle = torch.arange(6).double()[:, None] * 10000.0 ** (-even / 5)
    places = torch.where(torch.arange(5) % 2 == 0, angle.sin(), angle.cos())
    op_case(writer, "position_embedding sinusoidal", "position_embedding", {"kind": "sinusoidal"}, [draw(2, 6, 5)], {}, lambda x, _: x[0] + places)
    writer.end()


def recurrent_case(writer, label, op, batch, time, inputs, units, layers=1, both=False, **more):
    """PyTorch's own layer; its weights are [gates, inputs], ours the transpose."""
    options = {"nonlinearity": more["activation"]} if op == "rnn" else {}
    layer = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[op](inputs, units, layers, bidirectional=both, batch_first=True, **options).double()
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(draw(*value.shape, scale=0.5))
    x = draw(batch, time, inputs).requires_grad_()
    output = layer(x)[0]
    d_output = draw(*output.shape)
    output.backward(d_output)
    writer.case(label, op=op, attributes=json.dumps({"units": units, "layers": layers, "bidirectional": both, "forget_bias": 1.0, **more}), batch=batch, training=1)
    for name, value in (("input0", x), ("d_output", d_output), ("output", output), ("d_input0", x.grad)):
        writer.tensor(name, value)
    for name, value in layer.named_parameters():
        writer.tensor(name, value.T if value.dim() == 2 else value)
        writer.tensor(f"d_{name}", value.grad.T if value.dim() == 2 else value.grad)
    writer.end()


def make_recurrent(writer):
    for op in ("rnn", "gru", "lstm"):
        more = {"activation": "tanh"} if op == "rnn" else {}
        recurrent_case(writer, op, op, 3, 5, 4, 3, **more)
        recurrent_case(writer, f"{op} of one", op, 1, 1, 1, 1, **more)
        recurrent_case(writer, f"{op} stacked", op, 2, 4, 3, 5, layers=2, **more)
        recurrent_case(writer, f"{op} both ways", op, 2, 3, 5, 2, layers=2, both=True, **more)
        recurrent_case(writer, f"{op} wide", op, 5, 3, 7, 17, **more)
    recurrent_case(writer, "rnn relu", "rnn", 3, 5, 4, 3, activation="relu")


def clamp(p, clip):
    return p if clip == 0 else torch.clamp(p, clip, 1 - clip)


def one_hot_of(labels, width):
    return F.one_hot(labels, width).double()


LOSSES = {
    "softmax_cross_entropy": lambda x, y, o: -(y * F.log_softmax(x, 1)).sum(1),
    "sigmoid_cross_entropy": lambda x, y, o: F.binary_cross_entropy_with_logits(x, y, reduction="none").mean(1),
    "categorical_cross_entropy": lambda x, y, o: -(y * torch.log(clamp(x, o["clip"]))).sum(1),
    "binary_cross_entropy": lambda x, y, o: F.binary_cross_entropy(clamp(x, o["clip"]), y, reduction="none").mean(1),
    "mse": lambda x, y, o: F.mse_loss(x, y, reduction="none").mean(1),
    "mae": lambda x, y, o: F.l1_loss(x, y, reduction="none").mean(1),
    "huber": lambda x, y, o: F.huber_loss(x, y, reduction="none", delta=o["delta"]).mean(1),
}


def loss_case(writer, label, loss, output, labels=None, targets=None, clip=1e-7, delta=1.0, reduction="mean"):
    x = output.clone().requires_grad_()
    if targets is None and loss == "softmax_cross_entropy":
        losses = F.cross_entropy(x, labels, reduction="none")
    else:
        losses = LOSSES[loss](x, one_hot_of(labels, x.shape[1]) if targets is None else targets, {"clip": clip, "delta": delta})
    (losses.mean() if reduction == "mean" else losses.sum()).backward()
    writer.case(label, loss=loss, clip=clip, delta=delta, sum=int(reduction == "sum"))
    writer.tensor("output", x)
    if targets is None:
        writer.tensor("classes", labels.double())
    else:
        writer.tensor("targets", targets)
    writer.tensor("sample_losses", losses)
    writer.tensor("d_output", x.grad)
    writer.end()


def make_losses(writer):
    def classes(batch, width):
        return torch.randint(0, width, (batch,))

    def probabilities(*shape):
        return torch.softmax(draw(*shape), -1).float().double()

    def shares(*shape):
        return torch.rand(*shape, dtype=torch.float64).float().double()

    for reduction in ("mean", "sum"):
        loss_case(writer, f"softmax classes {reduction}", "softmax_cross_entropy", draw(5, 7, scale=3), classes(5, 7), reduction=reduction)
        loss_case(writer, f"categorical classes {reduction}", "categorical_cross_entropy", probabilities(5, 7), classes(5, 7), reduction=reduction)
        loss_case(writer, f"sigmoid {reduction}", "sigmoid_cross_entropy", draw(5, 3, scale=4), targets=shares(5, 3), reduction=reduction)
        loss_case(writer, f"binary {reduction}", "binary_cross_entropy", shares(5, 3), targets=shares(5, 3), reduction=reduction)
        for loss in ("mse", "mae", "huber"):
            loss_case(writer, f"{loss} {reduction}", loss, draw(5, 3, scale=2), targets=draw(5, 3), reduction=reduction)
    loss_case(writer, "softmax targets", "softmax_cross_entropy", draw(4, 5), targets=probabilities(4, 5))
    loss_case(writer, "softmax large logits", "softmax_cross_entropy", draw(6, 10, scale=1000), classes(6, 10))
    loss_case(writer, "softmax mlp", "softmax_cross_entropy", draw(32, 10), classes(32, 10))
    wide = torch.tensor([1027, 5])  # past the block of 1024 that the losses work on, and within it
    loss_case(writer, "softmax wide", "softmax_cross_entropy", draw(2, 1030, scale=3), wide)
    loss_case(writer, "categorical wide", "categorical_cross_entropy", probabilities(2, 1030), wide, reduction="sum")
    loss_case(writer, "categorical targets", "categorical_cross_entropy", probabilities(4, 5), targets=probabilities(4, 5))
    loss_case(writer, "categorical clipped", "categorical_cross_entropy", shares(6, 4), classes(6, 4), clip=0.3)
    loss_case(writer, "categorical unclipped", "categorical_cross_entropy", probabilities(6, 4), classes(6, 4), clip=0.0)
    loss_case(writer, "binary clipped", "binary_cross_entropy", shares(6, 3), targets=shares(6, 3), clip=0.25)
    loss_case(writer, "binary one-hot", "binary_cross_entropy", shares(9, 1), targets=torch.randint(0, 2, (9, 1)).double())
    loss_case(writer, "sigmoid large logits", "sigmoid_cross_entropy", draw(6, 3, scale=300), targets=torch.randint(0, 2, (6, 3)).double())
    loss_case(writer, "huber delta", "huber", draw(6, 3, scale=2), targets=draw(6, 3), delta=0.25)
    loss_case(writer, "mse of one", "mse", draw(7, 1, scale=100), targets=draw(7, 1))


OPTIMIZERS = [
    ("sgd", "sgd", {"learning_rate": 0.1}, lambda p, o: torch.optim.SGD(p, lr=o["learning_rate"])),
    ("sgd decay", "sgd", {"learning_rate": 0.1, "weight_decay": 0.05}, lambda p, o: torch.optim.SGD(p, lr=o["learning_rate"], weight_decay=0.05)),
    ("sgd momentum", "sgd", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.05},
     lambda p, o: torch.optim.SGD(p, lr=o["learning_rate"], momentum=0.9, weight_decay=0.05)),
    ("sgd nesterov", "sgd", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": 1},
     lambda p, o: torch.optim.SGD(p, lr=o["learning_rate"], momentum=0.9, nesterov=True)),
    ("adam", "adam", {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
     lambda p, o: torch.optim.Adam(p, lr=o["learning_rate"], betas=(0.9, 0.999), eps=1e-8)),
    ("adam decay", "adam", {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},
     lambda p, o: torch.optim.Adam(p, lr=o["learning_rate"], betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1)),
    ("adamw", "adamw", {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1},
     lambda p, o: torch.optim.AdamW(p, lr=o["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
    ("rmsprop", "rmsprop", {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-8, "weight_decay": 0.05},
     lambda p, o: torch.optim.RMSprop(p, lr=o["learning_rate"], alpha=0.9, eps=1e-8, weight_decay=0.05)),
    ("rmsprop momentum", "rmsprop", {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-2, "momentum": 0.8},
     lambda p, o: torch.optim.RMSprop(p, lr=o["learning_rate"], alpha=0.9, eps=1e-2, momentum=0.8)),
    ("adagrad", "adagrad", {"learning_rate": 0.1, "epsilon": 1e-10, "weight_decay": 0.05},
     lambda p, o: torch.optim.Adagrad(p, lr=o["learning_rate"], eps=1e-10, weight_decay=0.05)),
    ("adadelta", "adadelta", {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-6, "weight_decay": 0.05},
     lambda p, o: torch.optim.Adadelta(p, lr=o["learning_rate"], rho=0.95, eps=1e-6, weight_decay=0.05)),
]
STEPS = 3


def make_optimizers(writer):
    for label, name, options, create in OPTIMIZERS:
        weights = draw(19).requires_grad_()
        optimizer = create([weights], options)
        writer.case(label, optimizer=name, steps=STEPS, **options)
        writer.tensor("weights", weights)
        for step in range(1, STEPS + 1):
            gradient = draw(19)
            weights.grad = gradient.clone()
            optimizer.step()
            writer.tensor(f"gradients{step}", gradient)
            writer.tensor(f"weights{step}", weights)
        writer.end()


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "tests/engine/data"
    folder.mkdir(parents=True, exist_ok=True)
    for file, seed, makers in (("activations.golden", 1, [make_activations]), ("layers.golden", 2, [make_norms, make_layers]),
                               ("arithmetic.golden", 5, [make_arithmetic]), ("sequences.golden", 6, [make_shapes, make_recurrent, make_attention]), ("losses.golden", 3, [make_losses]), ("optimizers.golden", 4, [make_optimizers])):
        torch.manual_seed(seed)
        writer = Writer(folder / file)
        for make in makers:
            make(writer)
        writer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
