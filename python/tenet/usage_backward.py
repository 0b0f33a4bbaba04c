"""A torch.autograd.Function whose backward() is wrong, by central differences of its forward() in double precision, at the values that the program gave it.

What is wrong on purpose stays silent: a forward that is constant nearly everywhere (rounding, a threshold: straight-through estimators), one that changes nothing (a reversed gradient), one that
is not the same twice.
"""
import linecache

import torch

from . import session as sessions, torch_usage_wraps
from .torch_trace import place_of
from .torch_usage import Check, Turned

VALUES_MAX = 1 << 17  # of one input; of more only the first samples of the batch are taken
ELEMENTS = 48  # of each input that are compared
STEP = 1e-5  # of the differences, for values of size 1; in double precision the error of a central difference is then about 1e-10
TOLERANCE = 1e-3  # of the larger of the two; half of the elements must pass it: a function may have kinks
WRONG_SHARE = 0.25
DECORATORS_MAX = 8


def file_of(cls):
    """Where a class's forward stands; what is no function of Python's counts as torch's own."""
    return getattr(getattr(cls.forward, "__code__", None), "co_filename", "<")


class Recorder:
    """What a class of the program's was first called with; of a large batch its first samples."""

    def __init__(self, args):
        largest = max((one for one in args if isinstance(one, torch.Tensor)), key=torch.Tensor.numel)
        self.is_cut = largest.numel() > VALUES_MAX
        batch = largest.shape[0] if self.is_cut else None
        kept = max(1, VALUES_MAX * batch // largest.numel()) if self.is_cut else None
        self.args = [(one[:kept] if batch and one.dim() and one.shape[0] == batch else one).detach().clone() if isinstance(one, torch.Tensor) else one for one in args]
        self.asked = [isinstance(one, torch.Tensor) and one.requires_grad for one in args]

    @staticmethod
    def takes(args):
        """Whether a gradient is asked for, and no weight is so large that it would have to be cut."""
        tensors = [one for one in args if isinstance(one, torch.Tensor)]
        return any(one.requires_grad for one in tensors) and not any(isinstance(one, torch.nn.Parameter) and one.numel() > VALUES_MAX for one in tensors)


class Backwards(Check):
    MENDS = ("backward",)

    def listen(self):
        self.seen = {}  # class: Recorder
        self.is_testing = False
        torch_usage_wraps.around_apply(self.applied)

    def applied(self, cls, natural, args, kwargs):
        if not self.is_testing and cls not in self.seen and not kwargs and torch.is_grad_enabled() and not sessions.is_foreign(file_of(cls)) and Recorder.takes(args):
            self.seen[cls] = Recorder(args)
        return natural()

    def tell(self):
        self.is_testing = True
        for cls, recorder in self.seen.items():
            try:
                with torch.random.fork_rng(devices=[]):
                    seen = self.test(cls, recorder)
            except RuntimeError:
                if not recorder.is_cut:
                    raise
                continue  # its forward() wants the whole batch
            if seen is not None:
                self.usage.found("backward", "wrong_gradient", "the backward pass of %s derived from its forward pass" % cls.__name__,
                                 "%s.backward() gives another gradient than the differences of its forward()" % cls.__name__, self.place(cls), "correct this gradient; torch.autograd.gradcheck "
                                 "compares it, in double precision", prior=0.8, control=seen, known={"name": cls.__qualname__})

    @staticmethod
    def place(cls):
        code = cls.backward.__code__
        line = code.co_firstlineno  # of the first decorator
        while line < code.co_firstlineno + DECORATORS_MAX and not linecache.getline(code.co_filename, line).lstrip().startswith("def "):
            line += 1
        return place_of(code.co_filename, line)

    def test(self, cls, recorder):
        """What disagrees, in words; None where nothing does, or nothing can be said."""
        args = [one.double() if isinstance(one, torch.Tensor) and one.is_floating_point() else one for one in recorder.args]
        places = [number for number, asked in enumerate(recorder.asked) if asked]
        with torch.no_grad():
            first, again = cls.apply(*args), cls.apply(*args)
        if not isinstance(first, torch.Tensor) or not torch.equal(first, again) or not first.is_floating_point():
            return None
        if any(args[number].shape == first.shape and torch.equal(args[number], first) for number in places):
            return None
        generator = torch.Generator().manual_seed(7)
        weights = torch.randn(first.shape, generator=generator, dtype=torch.float64)
        given = [one.clone().requires_grad_(True) if number in places else one for number, one in enumerate(args)]
        gradients = torch.autograd.grad((cls.apply(*given) * weights).sum(), [given[number] for number in places], allow_unused=True)
        for number, gradient in zip(places, gradients):
            wrong, told = 0, None
            compared = 0
            flat = args[number].reshape(-1)
            for element in torch.randperm(flat.numel(), generator=generator)[:ELEMENTS].tolist():
                numeric = self.difference(cls, args, number, element, weights)
                analytic = 0.0 if gradient is None else float(gradient.reshape(-1)[element])
                size = max(abs(numeric), abs(analytic))
                if abs(numeric) <= 1e-7 * max(1.0, size):
                    continue  # constant there
                compared += 1
                if not abs(numeric - analytic) <= TOLERANCE * size:
                    wrong += 1
                    told = told or (element, analytic, numeric)
            if told is not None and wrong >= max(1, WRONG_SHARE * compared):
                return "at %d of %d elements of its input %d the gradient is not that of the differences, in double precision: at element %d it is %.6g, and the difference gives %.6g" % (
                    wrong, compared, number, told[0], told[1], told[2])
        return None

    @staticmethod
    def difference(cls, args, number, element, weights):
        values = []
        for sign in (1, -1):
            moved = args[number].clone()
            step = STEP * max(1.0, abs(float(moved.reshape(-1)[element])))
            moved.reshape(-1)[element] += sign * step
            with torch.no_grad():
                values.append(float((cls.apply(*[moved if place == number else one for place, one in enumerate(args)]) * weights).sum()))
        return (values[0] - values[1]) / (2 * step)

    def turn(self, name, known):
        turned = Turned("a call of the function")

        def derived(cls, natural, args, kwargs):
            if cls.__qualname__ != known.get("name") or kwargs or not torch.is_grad_enabled():
                return natural()
            turned.happened()
            return cls.forward(Context(), *args)
        torch_usage_wraps.around_apply(derived)
        return turned


class Context:
    """Stands in for the context of a forward pass whose gradient torch derives itself."""

    saved_tensors = ()

    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors):
        pass

    def mark_dirty(self, *tensors):
        pass

    def set_materialize_grads(self, value):
        pass


CHECKS = (Backwards,)
