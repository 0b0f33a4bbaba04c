"""A softmax, or the logarithm of a sum of exponentials, that is written out without taking the largest value off first: exp overflows single precision above 88.

Seen in the calls: exp(x), its sum, and the quotient of the two or the logarithm of the sum, where x is no difference from a maximum. The probe (PROTOCOL A6) is one of numbers: with logits 100 larger
the same formula gives NaN or infinity, and the stable one does not change.
"""
import torch

from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher

LARGE = 100.0
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


class Exponentials(Check):
    MENDS = ("stable_softmax", "stable_log_sum")

    def listen(self):
        self.softmaxes, self.sums = {}, {}  # site of exp: (axis, place, [site of the logarithm])
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        for call in found.calls:
            if call.name != "sum" or not call.inputs or axis_of_sum(call) is None:
                continue
            maker = found.origin(call.inputs[0])
            if maker is None or maker.name != "exp" or maker.module is not None or is_shifted(found, maker.inputs[0]) or not self.breaks(maker.inputs[0], axis_of_sum(call)):
                continue
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
                             prior=0.6, known={"exp": list(site), "axis": axis})
        for site, (axis, place, log) in self.sums.items():
            self.usage.found("stable_log_sum", "unstable_softmax", "logsumexp in place of the logarithm of a sum of exponentials", words, place, "torch.logsumexp",
                             prior=0.6, known={"exp": list(site), "axis": axis, "log": log})

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


CHECKS = (Exponentials,)
