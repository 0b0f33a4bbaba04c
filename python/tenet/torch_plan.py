"""What a patch of the described net asks of the running program, found out before anything runs: which outputs change, which weights start anew, what becomes of the loss.

A plan is made from the patch and from session.known["net"], which torch_net.py wrote in the look. What a program's shape does not allow raises Refused with the path and the reason: a patch
is applied whole or not at all.
"""
from . import torch_loss_forms, torch_ops

WITHOUT_SHAPE = tuple(op for op in torch_ops.ACTIVATIONS if op != "log_softmax") + ("dropout",)
KEYS = {"dropout": ("rate",), "leaky_relu": ("alpha",), "elu": ("alpha",)}
SCHEMES = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform", "normal", "uniform", "constant", "zeros", "ones", "orthogonal")
LOSS_KEYS = ("name", "clip", "reduction", "delta")


class Refused(Exception):
    """This path of the patch cannot be applied to the running program; the text is the path and the reason."""

    def __init__(self, path, why):
        super().__init__("%s: %s" % (path, why))


class Change:
    """What becomes of one node's output."""

    def __init__(self, replaced=None):
        self.replaced = replaced  # (op, keys) in place of the node; ("identity", {}) where it is left out
        self.after = []  # (op, keys) put behind it


class Plan:
    def __init__(self, patch, net):
        self.net = net
        self.changes = {}  # by the number of the node
        self.inits = {}  # number: {"weight": init, "bias": init}
        self.trained = []  # numbers
        self.widths = {}  # number of a dense layer: (its units, the number of the dense layer that takes its output)
        self.loss_name = self.reduction = None  # what the loss function that is called becomes
        self.log_site = self.mean_site = self.bare_site = None  # of a loss that is written out, and of a log_softmax or a clamp that goes
        self.weight_decay = self.shuffle = None
        loss = {}
        for path, value in patch.items():
            first, _, rest = path.partition(".")
            if first == "net":
                self.take_node(path, rest, value)
            elif first == "loss":
                loss.update(value if isinstance(value, dict) else {rest or "name": value})
            elif first in ("init", "bias_init"):
                self.take_init(path, {rest: value} if rest else value)
            else:
                self.take_solver(path, value)
        if loss:
            self.take_loss(loss)
        elif net is not None and net["log_missing"] and self.touches_output():
            self.loss_name = "categorical_cross_entropy"  # as the net was described: of probabilities, with its logarithm
        self.require_sites()

    def described(self, path):
        if self.net is None:
            raise Refused(path, "the first run did not find out which network the program has")
        return self.net

    def change(self, number):
        return self.changes.setdefault(number, Change())

    # ---- nodes ----

    def take_node(self, path, rest, value):
        nodes = self.described(path)["nodes"]
        number, _, key = rest.partition(".")
        if not number.isdigit():
            raise Refused(path, "expected the number of a node")
        number = int(number)
        if not key and isinstance(value, dict) and "$insert" in value:
            self.insert(path, number, value["$insert"])
            return
        if number >= len(nodes):
            raise Refused(path, "the network has %d nodes" % len(nodes))
        node = nodes[number]
        if not key:
            if not isinstance(value, dict):
                raise Refused(path, "expected an object")
            if value.get("$remove"):
                self.remove(path, number, node)
            else:
                self.replace(path, number, node, value)
            return
        key, _, inner = key.partition(".")
        if isinstance(value, dict) and value.get("$remove"):
            raise Refused(path, "a key that goes back to its default: write the default")
        self.replace(path, number, node, {key: dict(node.get(key) or {}, **{inner: value}) if inner else value})

    def insert(self, path, number, added):
        nodes = self.net["nodes"]
        op, keys = spec_of(path, added if isinstance(added, dict) else {"op": added})
        if number == 0:
            raise Refused(path, "nothing can be put before the first layer from outside")
        if number > len(nodes):
            raise Refused(path, "the network has %d nodes" % len(nodes))
        if any(nodes[number - 1]["name"] in names_of(node) for node in nodes[number:]):
            raise Refused(path, "the output there goes two ways")
        self.change(number - 1).after.append((op, keys))

    def remove(self, path, number, node):
        op, weights = node["op"], self.net["weights"][number]
        keeps_shape = op in WITHOUT_SHAPE or op in ("batch_norm", "layer_norm") or op == "dense" and weights["shape"][0] == weights["shape"][1]
        if not keeps_shape:
            shape = "%d inputs and %d outputs" % tuple(weights["shape"][1::-1]) if op == "dense" else op
            raise Refused(path, "what follows would get another shape without it (%s)" % shape)
        self.change(number).replaced = ("identity", {})

    def replace(self, path, number, node, value):
        op = value.get("op", node["op"])
        if op != node["op"]:
            if op not in WITHOUT_SHAPE or node["op"] not in WITHOUT_SHAPE:
                raise Refused(path, "%s cannot become %s in a running program" % (node["op"], op))
            self.change(number).replaced = spec_of(path, value)
            return
        for key, one in value.items():
            if key in ("op", "name") or node.get(key) == one:
                continue
            if key in KEYS.get(op, ()):
                self.change(number).replaced = spec_of(path, dict(node, **value))
            elif key in ("init", "bias_init") and op in torch_ops.WEIGHTED:
                self.take_weights(path, number, key, one)
            elif key == "trainable":
                self.train(path, number, one)
            elif key == "units" and op == "dense":
                self.widen(path, number, one)
            else:
                raise Refused(path, "%s of a layer of the program's cannot be changed from outside: change the line" % key)

    def widen(self, path, number, units):
        """A dense layer of other units: the dense layer that takes its output, through activations alone, gets as many inputs."""
        nodes, after = self.net["nodes"], number + 1
        if not isinstance(units, (int, float)) or units < 1 or units != int(units):
            raise Refused(path, "expected a whole number of units, 1 or more")
        while after < len(nodes) and nodes[after]["op"] in WITHOUT_SHAPE:
            after += 1
        line = "what takes its %d outputs would have to change as well: change the lines" % nodes[number].get("units", 0)
        if after == len(nodes) or nodes[after]["op"] != "dense":
            raise Refused(path, line)
        chain = {nodes[place]["name"] for place in range(number, after)}
        is_chain = all(tuple(names_of(nodes[place])) in ((), (nodes[place - 1]["name"],)) for place in range(number + 1, after + 1))
        if not is_chain or any(chain & set(names_of(later)) for later in nodes[after + 1:]):
            raise Refused(path, line)
        paths = [weights["weight"][1] for weights in self.net["weights"] if weights and weights["weight"]]
        for place in (number, after):
            weight = (self.net["weights"][place] or {}).get("weight")
            if weight is None or paths.count(weight[1]) > 1:
                raise Refused("net.%d" % place, "its weight is no parameter of a module of its own")
        self.widths[number] = int(units), after

    def train(self, path, number, wanted):
        if not wanted:
            raise Refused(path, "layers are set free from outside, not frozen")
        why = self.net["frozen"][number]
        if why:
            raise Refused(path, why)
        self.trained.append(number)

    def touches_output(self):
        weighted = [number for number, node in enumerate(self.net["nodes"]) if node["op"] in torch_ops.WEIGHTED]
        return any(number >= (weighted or [0])[-1] for number in self.changes)

    # ---- weights ----

    def take_weights(self, path, number, key, init):
        if not isinstance(init, dict):
            init = {"scheme": init}
        if init.get("scheme") not in SCHEMES:
            raise Refused(path, "the scheme is %r; expected one of %s" % (init.get("scheme"), ", ".join(SCHEMES)))
        part = "weight" if key == "init" else "bias"
        weights = self.net["weights"][number]
        if weights is None or weights[part] is None:
            if part == "bias" and not self.net["nodes"][number].get("bias", True):
                return
            raise Refused(path, "its %s is no parameter of a module" % part)
        self.inits.setdefault(number, {})[part] = init

    def take_init(self, path, value):
        """The file's init is that of every layer that was not described with one of its own."""
        key = path.partition(".")[0]
        for number, node in enumerate(self.described(path)["nodes"]):
            if node["op"] in torch_ops.WEIGHTED and key not in node:
                if isinstance(value, dict) and "scheme" not in value:
                    raise Refused(path, "expected a scheme; the scale of all weights is the knob init_scale")
                self.take_weights(path, number, key, value)

    # ---- the loss ----

    def take_loss(self, loss):
        net = self.described("loss")
        unknown = [key for key in loss if key not in LOSS_KEYS]
        given = net["loss"] if isinstance(net["loss"], dict) else {"name": net["loss"]}
        if unknown:
            raise Refused("loss.%s" % unknown[0], "expected one of %s" % ", ".join(LOSS_KEYS))
        wanted = loss.get("name", given["name"])
        if wanted not in torch_loss_forms.KNOWN:
            raise Refused("loss", "there is no loss %s" % wanted)
        was, reduction = given.get("reduction", "mean"), loss.get("reduction", "mean" if "name" in loss else given.get("reduction", "mean"))
        if net["rewrite"]:
            self.rewrite(given["name"], wanted, was, reduction)
            return
        self.loss_name = wanted
        self.reduction = reduction if reduction != was else None
        if net["absorbed"] and wanted != "softmax_cross_entropy":
            self.bare_site = net["absorbed"]
        if net["clamp"] and wanted != "binary_cross_entropy":
            self.bare_site = net["clamp"]

    def rewrite(self, name, wanted, was, reduction):
        """A loss that is written out: its logarithm, or its sum, can be another."""
        rewrite = self.net["rewrite"]
        line = "the loss is written out in line %d; write the other one there" % rewrite["line"]
        if wanted != name:
            if (name, wanted) != ("categorical_cross_entropy", "softmax_cross_entropy") or not rewrite["log"]:
                raise Refused("loss", line)
            softmax = max(number for number, node in enumerate(self.net["nodes"]) if node["op"] == "softmax")
            if self.changes.get(softmax) is None or self.changes[softmax].replaced != ("identity", {}):
                raise Refused("loss", "softmax would be taken twice: take the node net.%d away as well" % softmax)
            self.log_site = rewrite["log"]
        if reduction != was:
            if reduction != "mean" or not rewrite["reduce"]:
                raise Refused("loss.reduction", line)
            self.mean_site = rewrite["reduce"]

    # ---- the solver ----

    def take_solver(self, path, value):
        if path == "solver.weight_decay":
            self.weight_decay = float(value)
        elif path == "solver.shuffle":
            self.shuffle = bool(value)
        else:
            raise Refused(path, "this part of the hypes is no part of a running program; what can be turned by a knob is turned by its knob")

    # ---- where ----

    def require_sites(self):
        for number in self.changes:
            if self.net["sites"][number] is None:
                raise Refused("net.%d" % number, "it is not to be found again in the program")
        weighted = [(number, part) for number, parts in self.inits.items() for part in parts] + [(number, "weight") for number in self.trained]
        for number, part in weighted:
            if self.net["weights"][number] is None or self.net["weights"][number][part] is None:
                raise Refused("net.%d" % number, "its %s is no parameter of a module" % part)


def names_of(node):
    names = node.get("from") or ()
    return (names,) if isinstance(names, str) else names


def spec_of(path, node):
    op = node.get("op")
    if op not in WITHOUT_SHAPE:
        raise Refused(path, "%s cannot be put into a running program; expected one of %s" % (op, ", ".join(WITHOUT_SHAPE)))
    return op, {key: float(node[key]) for key in KEYS.get(op, ()) if key in node}
