"""The ops of the hypes schema as PyTorch has them: modules and functions told in the schema's words, and the schema's ops computed on tensors.

A node is (op, keys), keys as the hypes have them. Two ops that the schema lacks appear as well, for the loss to take in: "log_softmax" is softmax and logarithm as one. What a module or
call does that the schema has no word for raises Unknown with the reason: the net is then not described, rather than described wrongly.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Unknown(Exception):
    """The schema has no word for this; the text says why."""


WEIGHTED = ("dense", "conv2d")
ACTIVATIONS = {
    "relu": lambda x, keys: torch.relu(x),
    "leaky_relu": lambda x, keys: F.leaky_relu(x, keys.get("alpha", 0.01)),
    "elu": lambda x, keys: F.elu(x, keys.get("alpha", 1.0)),
    "selu": lambda x, keys: F.selu(x),
    "gelu": lambda x, keys: F.gelu(x),
    "sigmoid": lambda x, keys: torch.sigmoid(x),
    "hard_sigmoid": lambda x, keys: F.hardsigmoid(x),
    "tanh": lambda x, keys: torch.tanh(x),
    "softplus": lambda x, keys: F.softplus(x),
    "exp": lambda x, keys: torch.exp(x),
    "softmax": lambda x, keys: torch.softmax(x, channel_axis(x)),
    "log_softmax": lambda x, keys: torch.log_softmax(x, channel_axis(x)),
}


def channel_axis(x):
    """The last axis of a sample in the schema's order [h, w, c]: PyTorch has the channels of images in axis 1."""
    return 1 if x.dim() == 4 else -1


def compute(op, keys, x, training):
    """A node without weights, put in by a patch."""
    if op == "dropout":
        return F.dropout(x, keys.get("rate", 0.5), training)
    return ACTIVATIONS[op](x, keys)


# ---- modules ----

def is_leaf(module):
    """Whether a module's forward is PyTorch's own, so that nothing of the program's stands inside it."""
    if isinstance(module, torch.jit.ScriptModule):
        return True
    home = getattr(type(module).forward, "__module__", "") or ""
    return home.startswith("torch.nn.") and not home.startswith(("torch.nn.modules.container", "torch.nn.modules.loss", "torch.nn.parallel"))


def pair(value):
    return [int(value), int(value)] if isinstance(value, int) else [int(one) for one in value]


def padding_of(value):
    if isinstance(value, str):
        return value
    height, width = pair(value)
    if height != width:
        raise Unknown("padding %s, other above than beside" % (tuple(pair(value)),))
    return height if height else "valid"


def softmax_keys(axis, x):
    """No keys; but the axis must be the one that the schema means."""
    if axis is None:
        axis = 0 if x.dim() in (0, 1, 3) else 1
    axis = axis % max(x.dim(), 1)
    if axis not in (x.dim() - 1, channel_axis(x)):
        raise Unknown("softmax over axis %d of %s" % (axis, tuple(x.shape)))
    return {}


def conv2d_of(out_channels, kernel, stride, padding, dilation, groups, bias):
    if groups != 1 or set(pair(dilation)) != {1}:
        raise Unknown("a convolution with groups or dilation")
    return "conv2d", {"filters": int(out_channels), "kernel": pair(kernel), "stride": pair(stride), "padding": padding_of(padding), "bias": bias}


def pool_of(op, size, stride, padding, ceil_mode, dilation=1):
    if ceil_mode or set(pair(dilation)) != {1}:
        raise Unknown("a pool with ceil_mode or dilation")
    return op, {"size": pair(size), "stride": pair(stride if stride not in (None, []) else size), "padding": padding_of(padding)}


def adaptive_pool_of(op, wanted, x):
    sizes = list(x.shape[-2:])
    wanted = [have if want is None else want for want, have in zip(pair(wanted) if not isinstance(wanted, tuple) else wanted, sizes)]
    if any(have % want for want, have in zip(wanted, sizes)):
        raise Unknown("an adaptive pool from %s to %s" % (tuple(sizes), tuple(wanted)))
    size = [have // want for want, have in zip(wanted, sizes)]
    return pool_of(op, size, size, 0, False)


def norm_of(op, momentum, epsilon):
    keys = {"epsilon": float(epsilon)}
    if momentum:
        keys["momentum"] = 1 - float(momentum)
    return op, keys


def layer_norm_of(shape, epsilon):
    if len(tuple(shape)) != 1:
        raise Unknown("a layer norm over %d axes" % len(tuple(shape)))
    return "layer_norm", {"epsilon": float(epsilon)}


def dropout_of(rate):
    if rate >= 1:
        raise Unknown("dropout of everything")
    return "dropout", {"rate": float(rate)}


def softplus_of(beta):
    if beta != 1:
        raise Unknown("softplus with beta %g" % beta)
    return "softplus", {}


def describe_conv(module):
    if module.padding_mode != "zeros":
        raise Unknown("a convolution padded by %s" % module.padding_mode)
    return conv2d_of(module.out_channels, module.kernel_size, module.stride, module.padding, module.dilation, module.groups, module.bias is not None)


MODULES = {
    nn.Linear: lambda m, x: ("dense", {"units": m.out_features, "bias": m.bias is not None}),
    nn.Conv2d: lambda m, x: describe_conv(m),
    nn.MaxPool2d: lambda m, x: pool_of("max_pool2d", m.kernel_size, m.stride, m.padding, m.ceil_mode, m.dilation),
    nn.AvgPool2d: lambda m, x: pool_of("avg_pool2d", m.kernel_size, m.stride, m.padding, m.ceil_mode),
    nn.AdaptiveAvgPool2d: lambda m, x: adaptive_pool_of("avg_pool2d", m.output_size, x),
    nn.AdaptiveMaxPool2d: lambda m, x: adaptive_pool_of("max_pool2d", m.output_size, x),
    nn.Flatten: lambda m, x: flatten_of(x, m.start_dim, m.end_dim),
    nn.Dropout: lambda m, x: dropout_of(m.p),
    nn.Dropout2d: lambda m, x: dropout_of(m.p),
    nn.AlphaDropout: lambda m, x: dropout_of(m.p),
    nn.BatchNorm1d: lambda m, x: norm_of("batch_norm", m.momentum, m.eps),
    nn.BatchNorm2d: lambda m, x: norm_of("batch_norm", m.momentum, m.eps),
    nn.LayerNorm: lambda m, x: layer_norm_of(m.normalized_shape, m.eps),
    nn.Identity: lambda m, x: None,
    nn.ReLU: lambda m, x: ("relu", {}),
    nn.LeakyReLU: lambda m, x: ("leaky_relu", {"alpha": float(m.negative_slope)}),
    nn.ELU: lambda m, x: ("elu", {"alpha": float(m.alpha)}),
    nn.SELU: lambda m, x: ("selu", {}),
    nn.GELU: lambda m, x: ("gelu", {}),
    nn.Sigmoid: lambda m, x: ("sigmoid", {}),
    nn.Hardsigmoid: lambda m, x: ("hard_sigmoid", {}),
    nn.Tanh: lambda m, x: ("tanh", {}),
    nn.Softplus: lambda m, x: softplus_of(m.beta),
    nn.Softmax: lambda m, x: ("softmax", softmax_keys(m.dim, x)),
    nn.LogSoftmax: lambda m, x: ("log_softmax", softmax_keys(m.dim, x)),
}
BY_FORWARD = {kind.forward: tell for kind, tell in MODULES.items() if kind not in (nn.BatchNorm1d, nn.BatchNorm2d)}


def describe_module(module, x):
    """(op, keys) of a leaf module that was called with x; None where it passes x on."""
    tell = MODULES.get(type(module)) or (BY_FORWARD.get(type(module).forward) if not isinstance(module, torch.jit.ScriptModule) else None)
    if tell is None:
        raise Unknown("%s has no word in the hypes" % type(module).__name__)
    return tell(module, x)


# ---- functions ----

def flatten_of(x, start=1, end=-1):
    """None where nothing but axes of size 1 or the batch is merged."""
    start, end = start % max(x.dim(), 1), end % max(x.dim(), 1)
    if start == 0 and x.dim() > 1 and x.numel() != x.shape[0]:
        raise Unknown("flattened together with the batch")
    if end < x.dim() - 1:
        raise Unknown("flattened in part")
    return None if x.dim() <= 2 else ("flatten", {})


def argument(args, kwargs, place, name, default=None):
    """The argument at that place or of that name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


def describe_linear(args, kwargs):
    weight, bias = argument(args, kwargs, 1, "weight"), argument(args, kwargs, 2, "bias")
    return "dense", {"units": int(weight.shape[0]), "bias": bias is not None}


def describe_conv_call(args, kwargs):
    weight, bias = argument(args, kwargs, 1, "weight"), argument(args, kwargs, 2, "bias")
    stride, padding = argument(args, kwargs, 3, "stride", 1), argument(args, kwargs, 4, "padding", 0)
    dilation, groups = argument(args, kwargs, 5, "dilation", 1), argument(args, kwargs, 6, "groups", 1)
    if isinstance(stride, (tuple, list)) and len(stride) == 1:
        stride = stride[0]
    return conv2d_of(weight.shape[0], tuple(weight.shape[2:]), stride, padding, dilation, groups, bias is not None)


def describe_pool_call(op, args, kwargs):
    """F.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode), F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, ...)."""
    is_max = op == "max_pool2d"
    ceil = argument(args, kwargs, 5 if is_max else 4, "ceil_mode", False)
    dilation = argument(args, kwargs, 4, "dilation", 1) if is_max else 1
    return pool_of(op, argument(args, kwargs, 1, "kernel_size"), argument(args, kwargs, 2, "stride"), argument(args, kwargs, 3, "padding", 0), ceil, dilation)


def axis_of(args, kwargs):
    axis = argument(args, kwargs, 1, "dim", None)
    return axis if isinstance(axis, int) else None


FUNCTIONS = {
    "linear": lambda x, a, k: describe_linear(a, k),
    "conv2d": lambda x, a, k: describe_conv_call(a, k),
    "max_pool2d": lambda x, a, k: describe_pool_call("max_pool2d", a, k),
    "avg_pool2d": lambda x, a, k: describe_pool_call("avg_pool2d", a, k),
    "adaptive_avg_pool2d": lambda x, a, k: adaptive_pool_of("avg_pool2d", argument(a, k, 1, "output_size"), x),
    "flatten": lambda x, a, k: flatten_of(x, argument(a, k, 1, "start_dim", 0), argument(a, k, 2, "end_dim", -1)),
    "dropout": lambda x, a, k: dropout_of(argument(a, k, 1, "p", 0.5)),
    "dropout2d": lambda x, a, k: dropout_of(argument(a, k, 1, "p", 0.5)),
    "batch_norm": lambda x, a, k: norm_of("batch_norm", argument(a, k, 6, "momentum", 0.1), argument(a, k, 7, "eps", 1e-5)),
    "layer_norm": lambda x, a, k: layer_norm_of(argument(a, k, 1, "normalized_shape"), argument(a, k, 4, "eps", 1e-5)),
    "relu": lambda x, a, k: ("relu", {}),
    "leaky_relu": lambda x, a, k: ("leaky_relu", {"alpha": float(argument(a, k, 1, "negative_slope", 0.01))}),
    "elu": lambda x, a, k: ("elu", {"alpha": float(argument(a, k, 1, "alpha", 1.0))}),
    "selu": lambda x, a, k: ("selu", {}),
    "gelu": lambda x, a, k: ("gelu", {}),
    "sigmoid": lambda x, a, k: ("sigmoid", {}),
    "hardsigmoid": lambda x, a, k: ("hard_sigmoid", {}),
    "tanh": lambda x, a, k: ("tanh", {}),
    "softplus": lambda x, a, k: softplus_of(argument(a, k, 1, "beta", 1)),
    "exp": lambda x, a, k: ("exp", {}),
    "softmax": lambda x, a, k: ("softmax", softmax_keys(axis_of(a, k), x)),
    "log_softmax": lambda x, a, k: ("log_softmax", softmax_keys(axis_of(a, k), x)),
}
RESHAPES = {"view", "reshape", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel"}
PASSES_ON = {"contiguous", "clone", "detach", "to", "type", "float", "double", "half", "bfloat16", "cpu", "cuda", "requires_grad_", "type_as", "alias", "squeeze_",
             "unsqueeze_", "__get__", "identity"}


def plain_name(func):
    """A function's name without the underscore of the in-place form."""
    name = getattr(func, "__name__", "")
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def describe_reshape(x, result):
    """view, reshape and the like: the schema's flatten, or nothing where axes of size 1 come and go."""
    before, after = [size for size in x.shape if size != 1], [size for size in result.shape if size != 1]
    if before == after:
        return None
    if x.dim() > 2 and result.dim() == 2 and result.shape[0] == x.shape[0]:
        return "flatten", {}
    raise Unknown("%s reshaped to %s" % (tuple(x.shape), tuple(result.shape)))


def describe_call(name, x, args, kwargs, result):
    """(op, keys) of a function called on x; None where it passes x on. `name` as plain_name gives it."""
    if name in RESHAPES:
        return describe_reshape(x, result)
    if name in PASSES_ON:
        if result.shape != x.shape:
            raise Unknown("an attribute of a tensor, of another shape")
        return None
    tell = FUNCTIONS.get(name)
    if tell is None:
        raise Unknown("%s has no word in the hypes" % (name or "an operation"))
    return tell(x, args, kwargs)


# ---- work ----

def multiply_adds(name, args, result):
    """Of one call: a product with weights or of two activations. Convolutions count each output; all else with weights, each row of its input."""
    tensors = [one for one in args if isinstance(one, torch.Tensor)]
    if not tensors or not isinstance(result, torch.Tensor) and not isinstance(result, tuple):
        return 0
    if name.startswith("conv") and len(tensors) > 1:
        outputs = tensors[0] if "transpose" in name else result
        return tensors[1].numel() / max(tensors[1].shape[0], 1) * outputs.numel()
    if name in ("matmul", "mm", "bmm", "addmm", "baddbmm", "__rmatmul__"):
        factor = tensors[-2] if len(tensors) > 1 else tensors[0]
        return result.numel() * (factor.shape[-1] if factor.dim() else 1)
    if name in ("embedding", "embedding_bag"):
        return 0
    parts = list(tensors[1:])
    for one in args:
        if isinstance(one, (list, tuple)):
            parts += [part for part in one if isinstance(part, torch.Tensor)]
    rows = tensors[0].numel() / max(tensors[0].shape[-1] if tensors[0].dim() else 1, 1)
    return sum(part.numel() for part in parts if isinstance(part, nn.Parameter) and part.dim() >= 2) * rows
