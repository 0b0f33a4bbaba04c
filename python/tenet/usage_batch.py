"""Samples of a batch that leak into each other: by a reshape that mixes the axes, or by a layer that takes the batch's axis for that of time.

At the end of a look one sample of a training batch is changed, and the network runs on both batches in evaluation mode, so that norms over the batch do not count. Every other sample's output
must stay as it is. Where one does not, the calls of both runs are compared in order: the one after which the change is no longer kept to its sample is named.
"""
import torch

from .torch_usage import Check, Turned, restored
from .torch_usage_pass import Pass, Recording

VALUES_MAX = 1 << 22  # of an input that is held
TOLERANCE = 1e-4  # of the largest difference of the changed sample's own output
BATCH_FIRST = (torch.nn.RNNBase, torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)


def axis_of_rows(tensor, rows):
    """The axis of the samples: the first of that size."""
    return next((axis for axis, size in enumerate(tensor.shape) if size == rows), None)


def is_confined(difference, rows, place):
    """Whether what changed lies in one sample: in row `place` of an axis of samples, or of samples times something, in either order."""
    for axis, size in enumerate(difference.shape):
        if size < rows or size % rows:
            continue
        changed = difference.movedim(axis, 0).reshape(size, -1).any(1).nonzero().reshape(-1)
        each = size // rows
        if bool((changed // each == place).all()) or bool((changed % rows == place).all()):
            return True
    return False


class Mixing(Check):
    MENDS = ("batch_first", "sample_by_sample")

    def listen(self):
        self.held = None
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        """Holds the first pass of a single network whose output has a row for each sample."""
        if self.held is not None or len({id(module) for module, _, _ in found.roots}) != 1 or len(found.roots) != 1 or found.rows() < 3:
            return
        module, args, kwargs = found.roots[0]
        given = [one for one in args if isinstance(one, torch.Tensor)]
        if kwargs or not given or axis_of_rows(given[0], found.rows()) is None or sum(one.numel() for one in given) > VALUES_MAX:
            return
        self.held = module, tuple(one.detach().clone() if isinstance(one, torch.Tensor) else one for one in args), found.rows()

    def tell(self):
        if self.held is None or self.usage.is_found("softmax_axis"):
            return
        module, args, rows = self.held
        with torch.no_grad(), restored([module]):
            module.eval()
            seen = self.compare(module, args, rows)
        if seen is None:
            return
        call, others, place = seen
        words = "one sample of a batch of %d was changed, in evaluation mode, and the outputs of %d others changed with it, after %s" % (rows, others, call.name if call else "some operation")
        path = next((path for path, one in module.named_modules() if call is not None and one is call.module and isinstance(one, BATCH_FIRST) and not getattr(one, "batch_first", True)), None)
        x = next(one for one in args if isinstance(one, torch.Tensor))
        if path is not None and axis_of_rows(x, rows) == 0:
            self.usage.found("batch_first", "batch_computation", "batch_first=True for %s" % type(call.module).__name__, words, place,
                             "batch_first=True: without it the first axis is time, and it is given the samples", prior=0.85, known={"path": path})
        else:
            self.usage.found("sample_by_sample", "batch_computation", "each sample computed by itself", words, place, "keep the samples apart here: transpose or permute where axes change places", prior=0.8)

    def compare(self, module, args, rows):
        """(the call that mixes, how many other samples changed, its place); None where samples stay apart."""
        place = 1
        first = next(number for number, one in enumerate(args) if isinstance(one, torch.Tensor))
        x = args[first]
        axis = axis_of_rows(x, rows)
        changed = x.clone()
        other = changed.select(axis, place)
        candidates = [x.select(axis, row) for row in range(rows) if not torch.equal(x.select(axis, row), x.select(axis, place))]
        if not candidates:
            return None
        other.copy_(candidates[-1])
        runs = []
        for one in (x, changed):
            with torch.random.fork_rng(devices=[]), Recording(Pass(self.usage)) as recorded:
                output = module(*args[:first], one, *args[first + 1:])
            while isinstance(output, (tuple, list)) and output:
                output = output[0]
            if not isinstance(output, torch.Tensor):
                return None
            runs.append((recorded, output))
        (was, before), (now, after) = runs
        if before.shape != after.shape or axis_of_rows(before, rows) is None or not before.is_floating_point():
            return None
        moved = (after - before).abs()
        rows_moved = moved.movedim(axis_of_rows(before, rows), 0).reshape(rows, -1).amax(1)
        least = TOLERANCE * float(rows_moved.max())
        others = [row for row in range(rows) if row != place and float(rows_moved[row]) > least]
        if not others or least == 0:
            return None
        call = self.first_mix(was.calls, now.calls, rows, place)
        return call, len(others), was.place(call) if call is not None else None

    @staticmethod
    def first_mix(before, after, rows, place):
        """The first call after the last one that keeps the change within its sample."""
        suspect = None
        for one, other in zip(before, after):
            pairs = [(a, b) for a, b in zip(one.results, other.results) if a.shape == b.shape and a.dtype == b.dtype and a.dtype != torch.bool and not a.is_complex()]
            differences = [(a != b) for a, b in pairs]
            if not any(bool(difference.any()) for difference in differences):
                continue
            if is_confined(differences[0], rows, place):
                suspect = None
            elif suspect is None:
                suspect = one
        return suspect

    # ---- mends ----

    def turn(self, name, known):
        turned = Turned("a pass of the network")
        if name == "batch_first":
            def begin(module, args, kwargs):
                found = dict(module.named_modules()).get(known.get("path"))
                if isinstance(found, BATCH_FIRST):
                    for one in found.modules():
                        if hasattr(one, "batch_first"):
                            one.batch_first = True
                    turned.happened()
            self.on("root_input", begin)
            return turned

        def apart(module, args, kwargs):
            if "forward" not in module.__dict__ and any(True for _ in module.parameters()):
                module.__dict__["forward"] = Apart(module, turned.happened)
        self.on("root_input", apart)
        return turned


class Apart:
    """A forward that runs the samples one by one."""

    def __init__(self, module, happened):
        self.module, self.happened = module, happened

    def __call__(self, *args):
        natural = type(self.module).forward
        tensors = [one for one in args if isinstance(one, torch.Tensor) and one.dim() > 0]
        rows = len(tensors[0])
        outputs = []
        for row in range(rows):
            outputs.append(natural(self.module, *[one[row:row + 1] if isinstance(one, torch.Tensor) and one.dim() > 0 and len(one) == rows else one for one in args]))
        self.happened()
        return torch.cat(outputs)


CHECKS = (Mixing,)
