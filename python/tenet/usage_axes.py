"""A softmax over the wrong axis: over the samples of the batch, or in an attention over anything but the last axis of its scores.

A softmax over channels (axis 1 of images) or over a middle axis of what no product of matrices made is the program's own business. Where what it makes goes into a cross entropy, which applies a
softmax of its own, it is left out: over the last axis it would be a second one.
"""
from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher

NAMES = ("softmax", "log_softmax", "softmin")
PRODUCTS = ("matmul", "bmm", "einsum", "baddbmm", "__matmul__", "__rmatmul__")
SCALINGS = ("div", "truediv", "__truediv__", "mul", "__mul__", "__rmul__", "masked_fill", "add", "__add__", "where", "sub")  # between the product and the softmax


def axis_of(call):
    """The axis that a softmax runs over; None where it cannot be told."""
    x = call.inputs[0]
    axis = call.argument(1, "dim")
    if axis is None:
        axis = 0 if x.dim() in (0, 1, 3) else 1  # as torch.nn.functional guesses
    return axis % x.dim() if isinstance(axis, int) and x.dim() > 0 else None


def is_of_products(found, tensor):
    """Whether scores come from a product of two matrices, scaled and masked or not."""
    for _ in range(6):
        call = found.origin(tensor)
        if call is None:
            return False
        if call.name in PRODUCTS:
            return True
        if call.name not in SCALINGS or not call.inputs:
            return False
        tensor = call.inputs[0]
    return False


class SoftmaxAxis(Check):
    MENDS = ("softmax_axis",)

    def listen(self):
        self.wrong = {}  # site: [what was seen, place, axis]
        self.certain = False  # one of them is what a loss takes for the probabilities of each sample
        self.right = set()  # sites that were also called over an axis that may be right
        self.needless = set()  # sites of those that a cross entropy takes for logits
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        rows = found.rows()
        for call in found.calls:
            if call.name not in NAMES or not call.inputs:
                continue
            x, axis = call.inputs[0], axis_of(call)
            key = tuple(call.site)
            last = x.dim() - 1
            if axis is None or axis == last or last < 1:
                self.right.add(key)
                continue
            shape = tuple(x.shape)
            if axis == 0 and shape[0] == rows > 1:
                # Logits of all pairs of a batch are square, and may be compared along both axes on purpose.
                takers = {loss.original_name for loss in found.losses if found.origin(loss.prediction) is call}
                self.certain = self.certain or len(shape) == 2 and shape[0] != shape[1] and bool(takers)
                if call.name == "softmax" and "softmax_cross_entropy" in takers:
                    self.needless.add(key)
                self.wrong[key] = ["%s runs over axis 0 of %s, the %d samples of the batch" % (call.name, shape, rows), found.place(call), axis]
            elif last >= 2 and is_of_products(found, x):
                self.wrong[key] = ["%s runs over axis %d of scores of shape %s; attention weights sum to 1 over the last axis, the one that is attended to" % (call.name, axis, shape),
                                   found.place(call), axis]

    def tell(self):
        wrong = {key: seen for key, seen in self.wrong.items() if key not in self.right}
        for key, (seen, place, axis) in wrong.items():
            text, change = "%s over the last axis" % key[0], "dim=-1"
            if key in self.needless:
                seen += ", before a cross entropy that applies one of its own"
                text, change = "no softmax before cross_entropy", "leave the softmax out: cross_entropy takes logits"
            self.usage.found("softmax_axis", "wrong_axis", text, seen, place, change, prior=0.8, certain=self.certain,
                             known={"sites": [list(one) for one in wrong], "needless": [list(one) for one in self.needless]})

    def turn(self, name, known):
        turned = Turned("the softmax")
        needless = {tuple(one) for one in known.get("needless", ())}

        def over_last(func, args, kwargs, site):
            turned.happened()
            kwargs = {key: value for key, value in kwargs.items() if key != "dim"}
            x = args[0] if args else kwargs.pop("input")
            return x if tuple(site) in needless else func(x, -1, *args[2:], **kwargs)
        Catcher(self, known.get("sites", ()), over_last, training_only=False)
        return turned


CHECKS = (SoftmaxAxis,)
