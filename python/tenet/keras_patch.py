"""A patch of the described network (keras_net), applied to the Keras model: activations, what stands before the loss, the loss, first weights, dropout, frozen layers, shuffling.

Everything is decided before anything is changed: one path that cannot be followed refuses the whole. Layers are changed at compile(), when all of them are there; weights are drawn anew when
the optimizer meets them.
"""
import re

from . import keras_net
from .keras_attach import definer, wrap

LOSSES = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "huber": "Huber"}
PATH = re.compile(r"net\.(\d+)(?:\.(op|rate|trainable|init|bias_init))?$")
SEED, SEED_STEP = 7919, 104729  # of weights that are drawn anew: plus the node's number, and this times the trial's seed


class Refused(Exception):
    """The patch cannot be applied; the text says why."""


class Patch:
    def __init__(self, shared):
        self.shared, self.keras, self.session = shared, shared.keras, shared.session
        self.done = False
        self.weights = []  # (variable's layer, name of the variable, initializer, scale), for when they exist
        self.loss = None
        self.shuffle = None

    # ---- what a path asks for ----

    def plan(self, model):
        """Functions that change the model, one a path; nothing is changed yet."""
        try:
            nodes = keras_net.nodes_of(model)
        except keras_net.Unknown as why:
            raise Refused("the hypes schema has no word for %s" % why) from None
        changes = []
        for path, value in self.session.patch.items():
            found = PATH.match(path)
            if path == "loss":
                self.loss = self.loss_of(value)
            elif path == "solver.shuffle":
                self.shuffle = bool(value)
            elif path in ("init", "init.scheme"):
                for at, node in enumerate(nodes):
                    if node.keys["op"] in ("dense", "conv2d"):
                        changes.append(self.initialised(at, node, value if isinstance(value, dict) else {"scheme": value}, "kernel"))
            elif found:
                changes.append(self.change_of(nodes, int(found.group(1)), found.group(2), value))
            else:
                raise Refused("%s cannot be changed in a Keras program from outside" % path)
        return changes

    def change_of(self, nodes, at, key, value):
        if key is None and isinstance(value, dict) and "$insert" in value:
            if not 1 <= at <= len(nodes):
                raise Refused("nothing can be put in at net.%d" % at)
            return self.inserted(nodes, at - 1, self.function_of(value["$insert"].get("op")))
        if at >= len(nodes):
            raise Refused("the network has no net.%d" % at)
        node = nodes[at]
        if key is None and isinstance(value, dict) and value.get("$remove"):
            if node.keys["op"] == "dropout":
                return lambda: setattr(node.layer, "rate", 0.0)
            return self.replaced(node, self.function_of("linear"))
        if key == "op" or (key is None and isinstance(value, dict) and set(value) <= {"op", "name"}):
            return self.replaced(node, self.function_of(value if key == "op" else value["op"]))
        if key == "rate" and node.keys["op"] == "dropout":
            return lambda: setattr(node.layer, "rate", float(value))
        if key == "trainable":
            return lambda: setattr(node.layer, "trainable", bool(value))
        if key in ("init", "bias_init"):
            return self.initialised(at, node, value, "kernel" if key == "init" else "bias")
        raise Refused("net.%d of a Keras program cannot be changed in this way from outside" % at)

    def function_of(self, op):
        name = {"exp": "exponential"}.get(op, op)
        if op != "linear" and op not in keras_net.ACTIVATIONS and op != "exp":
            raise Refused("%s is no activation" % op)
        return self.keras.activations.get(name)

    def replaced(self, node, function):
        """The activation of this node is another one."""
        if not node.is_activation:
            raise Refused("%s (%s) is no activation: what follows expects its shape" % (node.layer.name, node.keys["op"]))
        return lambda: self.set_activation(node.layer, function)

    @staticmethod
    def set_activation(layer, function):
        if hasattr(layer, "activation"):
            layer.activation = function
        else:
            object.__setattr__(layer, "call", lambda inputs, *args, **kwargs: function(inputs))

    def inserted(self, nodes, before, function):
        """Between a node and the next one."""
        node = nodes[before]
        owns_next = before + 1 < len(nodes) and nodes[before + 1].layer is node.layer

        def change():
            layer = node.layer
            if hasattr(layer, "activation"):
                inner = layer.activation
                layer.activation = (lambda x: inner(function(x))) if owns_next else (lambda x: function(inner(x)))
            else:
                call = layer.call
                object.__setattr__(layer, "call", lambda *args, **kwargs: function(call(*args, **kwargs)))
        return change

    def initialised(self, at, node, value, variable):
        scheme = keras_net.INITIALIZERS.get((value or {}).get("scheme"))
        if node.keys["op"] not in ("dense", "conv2d") or set(value) - {"scheme", "scale"}:
            raise Refused("net.%d has no weights that could be drawn anew in this way" % at)
        if scheme is None:
            raise Refused("Keras has no initialisation %s" % value.get("scheme"))
        kind = getattr(self.keras.initializers, scheme)
        seed = (SEED + at + SEED_STEP * int(self.session.trial.get("seed") or 0)) % (1 << 31)
        initializer = kind() if scheme in ("Zeros", "Ones") else kind(seed=seed)
        return lambda: self.weights.append((node.layer, variable, initializer, float(value.get("scale", 1.0))))

    def loss_of(self, value):
        name = value.get("name") if isinstance(value, dict) else value
        losses = self.keras.losses
        if name in LOSSES:
            made = getattr(losses, LOSSES[name])()
        elif name in ("softmax_cross_entropy", "categorical_cross_entropy"):
            from_logits = name == "softmax_cross_entropy"
            made = [kind(from_logits=from_logits) for kind in (losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy)]
        elif name in ("sigmoid_cross_entropy", "binary_cross_entropy"):
            made = losses.BinaryCrossentropy(from_logits=name == "sigmoid_cross_entropy")
        else:
            raise Refused("Keras has no loss %s" % name)

        def loss(y_true, y_pred):
            """Targets are one-hot where they are as wide as the output, else class numbers."""
            if not isinstance(made, list):
                return made(y_true, y_pred)
            is_one_hot = len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == y_pred.shape[-1] and y_pred.shape[-1] > 1
            return made[0 if is_one_hot else 1](y_true, y_pred)
        loss.tenet_name = name
        return loss

    # ---- when ----

    def compile(self, original):
        import inspect
        signature = inspect.signature(original)

        def compile(model, *args, **kwargs):
            if not self.session.patch or not self.session.live or self.done or self.shared.model not in (None, model):
                return original(model, *args, **kwargs)
            self.done = True
            try:
                changes = self.plan(model)
            except Refused as why:
                self.session.refused("patch", str(why))
                return original(model, *args, **kwargs)
            for change in changes:
                change()
            bound = signature.bind(model, *args, **kwargs)
            if self.loss is not None:
                bound.arguments["loss"] = self.loss
            result = original(*bound.args, **bound.kwargs)
            if not self.weights:
                self.session.applied("patch")
            return result
        return compile

    def build(self, original):
        def build(optimizer, variables):
            weights, self.weights = self.weights, []
            try:
                for layer, name, initializer, scale in weights:
                    variable = getattr(layer, name)
                    variable.assign(initializer(variable.shape, dtype=variable.dtype) * scale)
            except AttributeError as why:
                self.session.refused("patch", "a weight that is to be drawn anew is not there: %s" % why)
            else:
                if weights:
                    self.session.applied("patch")
            return original(optimizer, variables)
        return build

    def fit(self, original):
        import inspect
        signature = inspect.signature(original)

        def fit(model, *args, **kwargs):
            if self.shuffle is None or not self.session.live:
                return original(model, *args, **kwargs)
            bound = signature.bind(model, *args, **kwargs)
            bound.arguments["shuffle"] = self.shuffle
            return original(*bound.args, **bound.kwargs)
        return fit

    def end(self, _reason):
        if self.session.patch and not self.done:
            self.session.refused("patch", "no model was compiled")


def install(shared):
    if not shared.session.patch:
        return
    part, keras = Patch(shared), shared.keras
    wrap(definer(keras.Model, "compile"), "compile", part.compile)
    wrap(definer(keras.Model, "fit"), "fit", part.fit)
    wrap(definer(keras.optimizers.Optimizer, "build"), "build", part.build)
    shared.session.on("end", part.end)
