"""The function that first made NaN or infinity of finite numbers (torch_nonfinite), kept from doing it: its argument held inside of what it can take.

No look sees this mend: the search for the origin tells the call, and the parent asks for the mend as a control, with the call as the patch's value: {"program.guard": {"op", "file", "line"}}.
Where the result was too large for its dtype ("overflow": true in that value), the function is computed in float32 in its place.
The limits are those of native guards (src/experiments/nonfinite_origin.c): 1e-7, near the rounding of single precision, and 80, near the largest argument of exp.
"""
import os

import torch

from . import torch_narrow
from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher

TINY = 1e-7
EXP_MAX = 80.0
EDGE = 1 - 1e-6  # of acos and asin, whose slope is infinite at 1


def away_from_zero(x):
    """x, with what is smaller than TINY at that distance; its sign stays."""
    if not isinstance(x, torch.Tensor):
        return x if abs(x) >= TINY else TINY
    return torch.where(x.abs() < TINY, torch.where(x < 0, torch.full_like(x, -TINY), torch.full_like(x, TINY)), x)


def from_below(func, args, kwargs):
    return func(args[0].clamp(min=TINY), *args[1:], **kwargs)


def of_divisor(func, args, kwargs):
    if len(args) > 1:
        return func(args[0], away_from_zero(args[1]), *args[2:], **kwargs)
    return func(args[0], **dict(kwargs, other=away_from_zero(kwargs["other"])))


def of_argument(func, args, kwargs):
    return func(away_from_zero(args[0]), *args[1:], **kwargs)


def from_above(func, args, kwargs):
    return func(args[0].clamp(max=EXP_MAX), *args[1:], **kwargs)


def inside(func, args, kwargs):
    return func(args[0].clamp(-EDGE, EDGE), *args[1:], **kwargs)


GUARDS = {
    "sqrt": ("sqrt(max(x, 1e-7))", from_below), "rsqrt": ("rsqrt(max(x, 1e-7))", from_below), "log": ("log(max(x, 1e-7))", from_below),
    "log2": ("log2(max(x, 1e-7))", from_below), "log10": ("log10(max(x, 1e-7))", from_below), "pow": ("max(x, 1e-7) ** p", from_below),
    "__pow__": ("max(x, 1e-7) ** p", from_below), "exp": ("exp(min(x, 80))", from_above), "acos": ("acos(x) with x inside (-1, 1)", inside),
    "asin": ("asin(x) with x inside (-1, 1)", inside), "arccos": ("arccos(x) with x inside (-1, 1)", inside),
    "reciprocal": ("1 / x with x at least 1e-7 away from 0", of_argument), "__rtruediv__": ("1 / x with x at least 1e-7 away from 0", of_argument),
    "__rdiv__": ("1 / x with x at least 1e-7 away from 0", of_argument), "div": ("a / b with b at least 1e-7 away from 0", of_divisor),
    "true_divide": ("a / b with b at least 1e-7 away from 0", of_divisor), "divide": ("a / b with b at least 1e-7 away from 0", of_divisor),
    "__truediv__": ("a / b with b at least 1e-7 away from 0", of_divisor), "__div__": ("a / b with b at least 1e-7 away from 0", of_divisor),
}


def text_of(name, overflows=False):
    """What stands in the function's place, in words; None where there is no guard of it, as of what works in place."""
    if overflows:
        return None if name.endswith("_") and not name.endswith("__") else "the result of %s in float32" % name.strip("_")
    return "%s in place of %s" % (GUARDS[name][0], name.strip("_")) if name in GUARDS else None


class Guard(Check):
    MENDS = ("guard",)

    def turn(self, name, known):
        op = known["op"]
        guard = torch_narrow.in_float32 if known.get("overflow") else GUARDS[op][1]

        def guarded(func, args, kwargs, site):
            return guard(func, args, kwargs)
        Catcher(self, [(op, os.path.abspath(known["file"]), known["line"])], guarded, training_only=False, everywhere=True)
        return Turned()  # the line may be reached late


CHECKS = (Guard,)
