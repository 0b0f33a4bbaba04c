"""A Keras network in the words of the hypes schema, where it is a chain, and its parts as a patch finds them.

A layer with an activation is two nodes: the layer, then the activation. Each node knows its layer, so a patch of "net.3" finds what it is about.
"""

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "sigmoid", "hard_sigmoid", "tanh", "softplus", "softmax")
NAMES = {"exponential": "exp"}


class Unknown(Exception):
    """The schema has no word for this; the text says why."""


class Node:
    """One node: its hypes, its layer, and whether it is the layer's activation."""

    def __init__(self, keys, layer, is_activation=False):
        self.keys, self.layer, self.is_activation = keys, layer, is_activation


def chain(model):
    """The layers in the order of the computation; Unknown where it is no chain."""
    layers = [layer for layer in getattr(model, "layers", ()) if type(layer).__name__ != "InputLayer"]
    if not layers:
        raise Unknown("the model has no layers of its own that could be listed")
    kind = type(model).__name__
    if kind == "Sequential":
        return layers
    if kind != "Functional":
        raise Unknown("%s is a model with a call() of its own" % kind)
    before = None
    for layer in layers:
        nodes = getattr(layer, "_inbound_nodes", ())
        parents = [parent.operation for parent in nodes[0].parent_nodes] if len(nodes) == 1 else None
        if parents is None or len(parents) != 1 or (before is not None and parents[0] is not before):
            raise Unknown("the model is no chain: %s has %s" % (layer.name, "several inputs or uses" if parents is None or len(parents) != 1 else "an input further up"))
        before = layer
    return layers


def activation_of(function, layer):
    name = function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    name = NAMES.get(name, name)
    if name == "linear":
        return None
    if name not in ACTIVATIONS and name != "exp":
        raise Unknown("the activation %s of %s" % (name, layer.name))
    return {"op": name}


def pair(value, what, layer):
    """A kernel or stride that is the same both ways, as the schema has it."""
    sides = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(set(sides)) != 1:
        raise Unknown("%s of %s is %s, not square" % (what, layer.name, sides))
    return int(sides[0])


def pooling(op):
    def read(layer):
        size, stride = pair(layer.pool_size, "the size", layer), pair(layer.strides, "the stride", layer)
        if layer.padding != "valid":
            raise Unknown("%s pads its input" % layer.name)
        return {"op": op, "size": size, "stride": stride}
    return read


INITIALIZERS = {"he_normal": "HeNormal", "he_uniform": "HeUniform", "glorot_normal": "GlorotNormal", "glorot_uniform": "GlorotUniform", "lecun_normal": "LecunNormal",
                "lecun_uniform": "LecunUniform", "zeros": "Zeros", "ones": "Ones", "orthogonal": "Orthogonal"}
SCHEMES = {kind: scheme for scheme, kind in INITIALIZERS.items()}
SCALED = {(2.0, "fan_in"): "he", (1.0, "fan_avg"): "glorot", (1.0, "fan_in"): "lecun"}  # of VarianceScaling: what a scale and a mode are called


def init_of(initializer):
    """How a weight starts; None where the schema has no word for it."""
    kind = type(initializer).__name__
    if kind in ("Orthogonal", "OrthogonalInitializer"):
        return {"scheme": "orthogonal", "scale": float(initializer.gain)}
    if kind in SCHEMES:
        return {"scheme": SCHEMES[kind]}
    if kind in ("RandomNormal", "TruncatedNormal") and initializer.mean == 0:
        return {"scheme": "normal", "std": float(initializer.stddev)}
    if kind == "RandomUniform" and initializer.minval == -initializer.maxval:
        return {"scheme": "uniform", "limit": float(initializer.maxval)}
    if kind == "Constant" and isinstance(initializer.value, (int, float)):
        return {"scheme": "constant", "value": float(initializer.value)}
    if kind == "VarianceScaling" and (initializer.scale, initializer.mode) in SCALED:
        return {"scheme": "%s_%s" % (SCALED[initializer.scale, initializer.mode], "uniform" if initializer.distribution == "uniform" else "normal")}
    return None


def weighted(layer, keys):
    """A layer's keys with how its weights start, where that is known; biases as well where they do not start at zero."""
    init, bias = init_of(layer.kernel_initializer), init_of(layer.bias_initializer) if layer.use_bias else None
    if init is not None:
        keys["init"] = init
    if bias is not None and bias["scheme"] != "zeros":
        keys["bias_init"] = bias
    return keys


def convolution(layer):
    if getattr(layer, "groups", 1) != 1 or pair(layer.dilation_rate, "the dilation", layer) != 1 or layer.data_format != "channels_last":
        raise Unknown("%s is grouped, dilated or has its channels first" % layer.name)
    return weighted(layer, {"op": "conv2d", "filters": int(layer.filters), "kernel": pair(layer.kernel_size, "the kernel", layer), "stride": pair(layer.strides, "the stride", layer),
                            "padding": layer.padding, "bias": bool(layer.use_bias)})


LAYERS = {
    "Dense": lambda layer: weighted(layer, {"op": "dense", "units": int(layer.units), "bias": bool(layer.use_bias)}),
    "Conv2D": convolution,
    "MaxPooling2D": pooling("max_pool2d"),
    "AveragePooling2D": pooling("avg_pool2d"),
    "Flatten": lambda layer: {"op": "flatten"},
    "Dropout": lambda layer: {"op": "dropout", "rate": float(layer.rate)},
    "BatchNormalization": lambda layer: {"op": "batch_norm"},
    "LayerNormalization": lambda layer: {"op": "layer_norm"},
    "ReLU": lambda layer: {"op": "relu"},
    "LeakyReLU": lambda layer: {"op": "leaky_relu"},
    "ELU": lambda layer: {"op": "elu"},
    "Softmax": lambda layer: {"op": "softmax"},
}


def nodes_of(model):
    """All nodes; Unknown where the schema has no word for one."""
    nodes = []
    for layer in chain(model):
        kind = type(layer).__name__
        if kind == "Activation":
            keys = activation_of(layer.activation, layer)
            if keys is not None:
                nodes.append(Node(keys, layer, True))
            continue
        read = LAYERS.get(kind)
        if read is None:
            raise Unknown("the layer %s (%s)" % (layer.name, kind))
        nodes.append(Node(read(layer), layer, kind in ("ReLU", "LeakyReLU", "ELU", "Softmax")))
        keys = activation_of(layer.activation, layer) if kind in ("Dense", "Conv2D") else None
        if keys is not None:
            nodes.append(Node(keys, layer, True))
    return nodes


def describe(model):
    """(the list of hypes.net, None), or (None, why there is none)."""
    try:
        nodes = nodes_of(model)
    except Unknown as why:
        return None, "the hypes schema has no word for %s" % why
    names, net = set(), []
    for node in nodes:
        name = node.layer.name if not node.is_activation else node.layer.name + "." + node.keys["op"]
        if name in names or len(name) > 47:
            name = "%s.%d" % (name[:40], len(net))
        names.add(name)
        net.append(dict(node.keys, name=name))
    return net, None
