"""Names of a PyTorch program's modules, parameters and buffers, as the parent sees them: a node is a module's path in the tree, its op the
field's word for its class.

A module that is called by itself is named from the topmost module that holds it. A second tree whose paths are taken gets its class's name
before them.
"""

import weakref

import torch
from torch import nn

from .torch_optimizers import parameters_of

# The field's words for classes; any other class is called by its own name in lower case.
OPS = {
    "Linear": "dense",
    "LazyLinear": "dense",
    "NonDynamicallyQuantizableLinear": "dense",
    "Conv1d": "conv1d",
    "Conv2d": "conv2d",
    "Conv3d": "conv3d",
    "ConvTranspose1d": "conv1d_transpose",
    "ConvTranspose2d": "conv2d_transpose",
    "ConvTranspose3d": "conv3d_transpose",
    "MaxPool1d": "max_pool1d",
    "MaxPool2d": "max_pool2d",
    "AvgPool1d": "avg_pool1d",
    "AvgPool2d": "avg_pool2d",
    "AdaptiveAvgPool2d": "avg_pool2d",
    "AdaptiveMaxPool2d": "max_pool2d",
    "Flatten": "flatten",
    "Dropout": "dropout",
    "Dropout1d": "dropout",
    "Dropout2d": "dropout",
    "Dropout3d": "dropout",
    "AlphaDropout": "dropout",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "BatchNorm3d": "batch_norm",
    "SyncBatchNorm": "batch_norm",
    "LayerNorm": "layer_norm",
    "GroupNorm": "group_norm",
    "InstanceNorm2d": "instance_norm",
    "Embedding": "embedding",
    "EmbeddingBag": "embedding",
    "RNN": "rnn",
    "GRU": "gru",
    "LSTM": "lstm",
    "RNNCell": "rnn",
    "GRUCell": "gru",
    "LSTMCell": "lstm",
    "MultiheadAttention": "attention",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "Sigmoid": "sigmoid",
    "Hardsigmoid": "hard_sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
}
# Their second axis is the channels', however many axes there are.
CHANNELS_SECOND = ("conv", "batch_norm", "group_norm", "instance_norm", "max_pool", "avg_pool")
# They call no children of theirs by the usual way.
WHOLE = (nn.MultiheadAttention, nn.RNNBase)
WRAPPERS = ("DistributedDataParallel", "DataParallel", "OptimizedModule", "FullyShardedDataParallel")


def op_of(module):
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.") and kind.__name__ in OPS:
            return OPS[kind.__name__]
    return type(module).__name__.lower()


def is_loss(module):
    return any(kind.__name__ == "_Loss" and kind.__module__.startswith("torch.") for kind in type(module).__mro__)


def unit_axis(op):
    return 1 if op.startswith(CHANNELS_SECOND) else -1


def units_of(parameter, op):
    """The units of a parameter and the axis that counts them: outputs of a weight, else the last one."""
    if parameter.dim() == 0:
        return 1, -1
    axis = -1
    if op.startswith("conv") and op.endswith("_transpose") and parameter.dim() > 2:
        axis = 1
    elif (op == "dense" or op.startswith("conv")) and parameter.dim() > 1:
        axis = 0
    return parameter.shape[axis], axis


class Names:
    def __init__(self, watcher):
        self.watcher = watcher
        self.made = []  # weak references to every module, as they are made
        self.made_max = 1024  # past which those that are gone are left out
        self.taken = set()  # nodes
        self.tensors = {}  # id: (weak reference, node, name, op, weak reference to the module)
        self.roots = []  # weak references to the tops of the named trees

    def module_created(self, module):
        self.made.append(weakref.ref(module))
        if len(self.made) > self.made_max:
            self.made = [reference for reference in self.made if reference() is not None]
            self.made_max = 2 * len(self.made) + 1024

    def top_of(self, module):
        """The topmost module that holds this one; itself where none does."""
        self.made = [reference for reference in self.made if reference() is not None]
        holders = {}
        for reference in self.made:
            holder = reference()
            for child in (getattr(holder, "_modules", None) or {}).values():
                if child is not None:
                    holders.setdefault(id(child), holder)
        seen = set()
        while id(module) in holders and id(module) not in seen:
            seen.add(id(module))
            module = holders[id(module)]
        return module

    def find(self, module, is_root):
        """Names a module that was not met before, with all of its tree."""
        self.name_tree(self.top_of(module))
        if not self.watcher.knows(module):
            self.name_tree(module)  # made in a way that the tree does not show

    def name_tree(self, top):
        prefix = ""
        tree = [(self.path_of(top, path), one) for path, one in top.named_modules() if not self.watcher.knows(one)]
        own = type(top).__name__.lower()
        if any(path in self.taken for path, _ in tree if path):
            prefix = self.free(own) + "."
        for path, module in tree:
            node = prefix + path if path else self.free(own)
            self.taken.add(node)
            self.name(module, node, module is top)
        self.roots.append(weakref.ref(top))

    @staticmethod
    def path_of(top, path):
        """Without the steps into a wrapper, which the program did not write."""
        parts, module, kept = path.split(".") if path else [], top, []
        for part in parts:
            if type(module).__name__ not in WRAPPERS:
                kept.append(part)
            module = module._modules[part]
        return ".".join(kept)

    def free(self, name):
        candidate, number = name, 2
        while candidate in self.taken or any(node.startswith(candidate + ".") for node in self.taken):
            candidate, number = "%s_%d" % (name, number), number + 1
        return candidate

    def name(self, module, node, is_top):
        op = op_of(module)
        is_leaf = isinstance(module, WHOLE) or not any(child is not None for child in module._modules.values())
        self.watcher.add_module(module, node, op, is_leaf, unit_axis(op), is_loss(module), is_top)
        reference = weakref.ref(module)
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is not None and id(tensor) not in self.tensors:
                    self.tensors[id(tensor)] = (weakref.ref(tensor), node, name, op, reference)

    def name_all(self):
        """Every tree that there is: modules that were made but not called, or whose calls went by."""
        for reference in list(self.made):
            module = reference()
            if module is not None and not self.watcher.knows(module):
                self.find(module, False)

    def tensor(self, tensor):
        """(node, name, op, node_index) of a parameter or buffer; None where no module holds it."""
        found = self.tensors.get(id(tensor))
        if found is None or found[0]() is not tensor:
            return None
        module = found[4]()
        return found[1], found[2], found[3], self.watcher.node_index(module) if module is not None else 0

    def frozen(self, trained):
        """The tensors of the named trees that no optimizer changes: frozen parameters, running statistics."""
        for reference in self.roots:
            top = reference()
            for module in top.modules() if top is not None else ():
                for kind in (module._parameters, module._buffers):
                    for tensor in kind.values():
                        if (
                            tensor is not None
                            and id(tensor) not in trained
                            and tensor.is_floating_point()
                            and (kind is module._buffers or not tensor.requires_grad)
                        ):
                            yield tensor

    def rows_of(self, optimizer, with_frozen):
        """What _tenet.Parameters takes: (tensor, node, name, op, node_index, units, axis, frozen)."""
        trained = parameters_of(optimizer)
        if any(self.tensor(tensor) is None for tensor in trained):
            self.name_all()
        rows, seen = [], set()
        for number, tensor in enumerate(trained):
            seen.add(id(tensor))
            node, name, op, index = self.tensor(tensor) or ("parameter_%d" % number, "value", "parameter", 0)
            rows.append((tensor, node, name, op, index, *units_of(tensor, op), not tensor.requires_grad))
        for tensor in self.frozen(seen) if with_frozen else ():
            if id(tensor) not in seen:
                seen.add(id(tensor))
                node, name, op, index = self.tensor(tensor) or (None, None, None, 0)
                if node is not None:
                    rows.append((tensor, node, name, op, index, *units_of(tensor, op), True))
        return rows


def reduced(tensor):
    """Vitals of a tensor that the kernels cannot read where it is, by torch's own operations: on a GPU, or sparse. None of what has
    none."""
    from . import _tenet

    with torch.no_grad():
        tensor = tensor.detach()
        if tensor.layout is not torch.strided:
            return with_zeros(reduced_or_read(tensor.coalesce().values(), _tenet), tensor.numel())
        if tensor.device.type in ("meta", "cpu") or tensor.is_complex():
            return None
        return on_device(tensor)


def reduced_or_read(values, kernels):
    return kernels.vitals(values) if values.device.type == "cpu" else on_device(values)


def with_zeros(vitals, count):
    """The vitals of the stored values, and of the zeros that are not stored."""
    zeros = count - vitals["count"]
    if zeros <= 0:
        return vitals
    finite = vitals["count"] - vitals["nan"] - vitals["positive_infinity"] - vitals["negative_infinity"]
    whole = finite + zeros
    vitals["m2"] += vitals["mean"] ** 2 * finite * zeros / whole
    vitals["mean"] *= finite / whole
    vitals["count"], vitals["zeros"] = count, vitals["zeros"] + zeros
    vitals["min"], vitals["max"] = min(vitals["min"], 0.0), max(vitals["max"], 0.0)
    vitals["histogram"][0] += zeros
    return vitals


def on_device(tensor):
    """One pass of torch's operations, and one small transfer. The numbers are those of the kernels, the sums to rounding."""
    values = tensor.reshape(-1).to(torch.float32)
    finite = torch.isfinite(values)
    kept = values[finite].double()
    bits = values.contiguous().view(torch.int32)
    exponent = (bits >> 23) & 255
    bucket = torch.where(bits < 0, exponent + 256, exponent)[finite]
    histogram = torch.bincount(bucket.long(), minlength=512)
    count = kept.numel()
    mean = kept.mean() if count else kept.new_zeros(())
    broken = torch.nonzero(~finite)[:1].reshape(-1)
    numbers = torch.stack(
        [
            torch.isnan(values).sum().double(),
            torch.isposinf(values).sum().double(),
            torch.isneginf(values).sum().double(),
            (values == 0).sum().double(),
            kept.sum(),
            (kept * kept).sum(),
            mean,
            ((kept - mean) ** 2).sum(),
        ]
    ).tolist()
    buckets = histogram.tolist()
    first = broken.tolist()
    return {
        "count": values.numel(),
        "nan": int(numbers[0]),
        "positive_infinity": int(numbers[1]),
        "negative_infinity": int(numbers[2]),
        "zeros": int(numbers[3]),
        "subnormals": buckets[0] + buckets[256] - int(numbers[3]),
        "first_nonfinite": first[0] if first else None,
        "min": float(kept.min()) if count else float("inf"),
        "max": float(kept.max()) if count else float("-inf"),
        "sum": numbers[4],
        "sum_of_squares": numbers[5],
        "mean": numbers[6],
        "m2": numbers[7],
        "histogram": buckets,
    }
