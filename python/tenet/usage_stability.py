"""A softmax, or the logarithm of a sum of exponentials, that is written out without taking the largest value off first: exp overflows single precision above 88. And the logarithm of a softmax,
which is log(0) for a class that is so unlikely that its probability is 0 in single precision.

Seen in the calls: exp(x), its sum, and the quotient of the two or the logarithm of the sum, where x is no difference from a maximum. The probe (PROTOCOL A6) is one of numbers: with logits 100 larger
the same formula gives NaN or infinity, and the stable one does not change; with logits 200 apart the logarithm of the softmax is infinite, where no small number was added and nothing clipped. Where it
breaks in the program itself, on numbers that the stable form takes, that is the control.
"""
import torch

from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher
from .usage_axes import axis_of

LARGE = 100.0
NEAR = 44.0  # half of what overflows: a program that goes so far is not kept from it by anything. A bounded one, such as a cosine by a temperature of 0.05, stays below
APART = 200.0
SOFTMAXES = ("softmax",)
QUOTIENTS = ("div", "true_divide", "divide", "__truediv__")
DIFFERENCES = ("sub", "subtract", "__sub__", "rsub", "__rsub__")
MAXIMA = ("max", "amax", "maximum", "logsumexp")


def is_shifted(found, x):
    """Whether a maximum was taken off."""
    call = found.origin(x)
    if call is None or call.name not in DIFFERENCES:
        return False
    makers = [found.origin(one) for one in call.inputs]
    return any(maker is not None and maker.name in MAXIMA + ("__getitem__",) for maker in makers)


def axis_of_sum(call):
    axis = call.argument(1, "dim", call.kwargs.get("axis"))
    axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
    return axis if isinstance(axis, int) and not isinstance(axis, bool) else None


def broken(call, given, stable, name):
    """What a call made of finite numbers, in words, where it is not finite and the stable form is; else None."""
    with torch.no_grad():
        count = int((~torch.isfinite(call.results[0])).sum())
        if not count or not bool(torch.isfinite(given).all()) or not bool(torch.isfinite(stable).all()):
            return None
    return "in the program itself %s() gave infinity at %d of %d numbers, from logits between %.3g and %.3g; the stable form of the same is finite" % (
        name, count, call.results[0].numel(), float(given.min()), float(given.max()))


class Exponentials(Check):
    MENDS = ("stable_softmax", "stable_log_sum")

    def listen(self):
        self.softmaxes, self.sums = {}, {}  # site of exp: (axis, place, [site of the logarithm])
        self.broken = {}  # site of exp: what was measured
        self.largest = {}  # site of exp: of what it was given
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        for call in found.calls:
            if call.name != "sum" or not call.inputs or axis_of_sum(call) is None:
                continue
            maker = found.origin(call.inputs[0])
            if maker is None or maker.name != "exp" or maker.module is not None or is_shifted(found, maker.inputs[0]) or not self.breaks(maker.inputs[0], axis_of_sum(call)):
                continue
            site = tuple(maker.site)
            self.broken[site] = self.broken.get(site) or broken(maker, maker.inputs[0], maker.inputs[0], "exp")
            self.largest[site] = max(self.largest.get(site, 0.0), float(maker.inputs[0].detach().max()))
            for user in found.calls:
                origins = [found.origin(one) for one in user.inputs]
                if user.name in QUOTIENTS and len(origins) == 2 and origins[0] is not None and origins[0].site == maker.site and origins[1] is call:
                    self.softmaxes[tuple(maker.site)] = axis_of_sum(call), found.place(maker)
                elif user.name == "log" and origins and origins[0] is call:
                    self.sums[tuple(maker.site)] = axis_of_sum(call), found.place(maker), user.site

    @staticmethod
    def breaks(x, axis):
        """The probe."""
        with torch.no_grad():
            moved = x.detach().float()
            moved = moved - moved.amax() + LARGE
            return not bool(torch.isfinite(torch.exp(moved).sum(axis)).all())

    def tell(self):
        words = "exp() without the largest value taken off: with the program's own values moved up to %.0f it gives infinity" % LARGE
        for site, (axis, place) in self.softmaxes.items():
            self.usage.found("stable_softmax", "unstable_softmax", "softmax with the largest logit taken off first", words, place, "torch.softmax, or x - x.amax(dim, keepdim=True) inside exp()",
                             prior=0.6, certain=self.largest[site] > NEAR, control=self.broken.get(site), known={"exp": list(site), "axis": axis})
        for site, (axis, place, log) in self.sums.items():
            self.usage.found("stable_log_sum", "unstable_softmax", "logsumexp in place of the logarithm of a sum of exponentials", words, place, "torch.logsumexp",
                             prior=0.6, certain=self.largest[site] > NEAR, control=self.broken.get(site), known={"exp": list(site), "axis": axis, "log": log})

    def turn(self, name, known):
        turned, axis, shifts = Turned("exp()"), known.get("axis"), []

        def shifted(func, args, kwargs, site):
            x = args[0]
            most = x.detach().amax(axis, keepdim=True)
            turned.happened()
            shifts[:] = [most]
            return func(x - most, *args[1:], **kwargs)

        def with_shift(func, args, kwargs, site):
            result = func(*args, **kwargs)
            if not shifts:
                return result
            return result + (shifts[0] if shifts[0].shape == result.shape else shifts[0].squeeze(axis))
        handlers = {tuple(known.get("exp", ())): shifted}
        if name == "stable_log_sum":
            handlers[tuple(known.get("log", ()))] = with_shift
        Catcher(self, list(handlers), lambda func, args, kwargs, site: handlers[site](func, args, kwargs, site), training_only=False)
        return turned


class Logarithms(Check):
    """log(softmax(x)), in two calls."""

    MENDS = ("log_softmax",)

    def listen(self):
        self.seen = {}  # site of the logarithm: (place, site of the softmax, axis)
        self.broken = {}  # site of the logarithm: what was measured
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        for call in found.calls:
            if call.name != "log" or not call.inputs or call.module is not None:
                continue
            maker = found.origin(call.inputs[0])
            if maker is None or maker.name not in SOFTMAXES or not maker.inputs or axis_of(maker) is None or call.inputs[0].shape != maker.results[0].shape:
                continue
            logits, axis, site = maker.inputs[0], axis_of(maker), tuple(call.site)
            if self.breaks(logits, axis):
                self.seen[site] = found.place(call), maker.site, axis
                self.broken[site] = self.broken.get(site) or broken(call, logits, torch.log_softmax(logits.detach(), axis), "log")

    @staticmethod
    def breaks(x, axis):
        """The probe."""
        with torch.no_grad():
            spread = torch.linspace(0, APART, x.shape[axis]).reshape([-1 if one == axis else 1 for one in range(x.dim())])
            return not bool(torch.isfinite(torch.log(torch.softmax(spread, axis))).all())

    def tell(self):
        for site, (place, softmax, axis) in self.seen.items():
            self.usage.found("log_softmax", "unstable_softmax", "log_softmax in place of the logarithm of a softmax",
                             "log() of what softmax() gives: with logits %.0f apart a probability is 0 in single precision, and its logarithm infinite" % APART, place,
                             "torch.log_softmax of the logits, or a cross_entropy, which takes the logits themselves", prior=0.6, control=self.broken.get(site), known={"log": list(site), "softmax": softmax, "axis": axis})

    def turn(self, name, known):
        turned, axis, logits = Turned("log()"), known.get("axis"), []

        def remember(func, args, kwargs, site):
            result = func(*args, **kwargs)
            logits[:] = [args[0] if args else kwargs["input"]]
            return result

        def as_one(func, args, kwargs, site):
            if not logits:
                return func(*args, **kwargs)
            turned.happened()
            return torch.log_softmax(logits[0], axis).reshape(args[0].shape)
        handlers = {tuple(known.get("softmax", ())): remember, tuple(known.get("log", ())): as_one}
        Catcher(self, list(handlers), lambda func, args, kwargs, site: handlers[site](func, args, kwargs, site), training_only=False)
        return turned


CHECKS = (Exponentials, Logarithms)
