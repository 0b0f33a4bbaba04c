"""Clipping of gradients that leaves next to nothing of each: a limit far below the norms that the network has, so that its steps are as short as at a tiny learning rate.

A limit that cuts now and then, or every gradient to a part of it, is none of this. Whether one that cuts deep does harm is for the race to say: Adam, which divides by the gradient's size, does not
mind it.
"""
import math

import torch

from . import torch_usage_wraps
from .torch_trace import here
from .torch_usage import Check, Turned

CALLS_MIN = 5
CALLS_MAX = 10000  # that are measured
DEEP = 10  # times the limit: own choice, beyond what a limit read off the norms of another phase of training cuts
MOST = 0.9  # of the calls; the limit of the mend is as large as so many of the norms
LIMITS = {"clip_grad_norm_": "max_norm", "clip_grad_value_": "clip_value"}


def limit_of(original, args, kwargs):
    """The limit that a call was given; None where it is no number."""
    given = args[1] if len(args) > 1 else kwargs.get(LIMITS[original.__name__])
    try:
        return float(given)
    except (TypeError, ValueError):
        return None


def with_limit(original, args, kwargs, limit):
    if len(args) > 1:
        return original(args[0], limit, *args[2:], **kwargs)
    return original(*args, **dict(kwargs, **{LIMITS[original.__name__]: limit}))


def gradients_of(parameters):
    return [one.grad for one in ([parameters] if isinstance(parameters, torch.Tensor) else parameters) if one.grad is not None]


class Clipping(Check):
    MENDS = ("loose_clipping",)

    def listen(self):
        self.seen = {}  # (function, file, line): [place, limit, sizes of the gradients before they were cut]
        torch_usage_wraps.around_clipping(self.clip)

    def clip(self, original, args, kwargs):
        place, limit = here(), limit_of(original, args, kwargs)
        if self.session.ended or place is None or limit is None:
            return original(*args, **kwargs)
        if original.__name__ == "clip_grad_norm_":
            size = result = original(*args, **kwargs)
        else:
            parameters = args[0] if args else kwargs.pop("parameters")
            parameters = parameters if isinstance(parameters, torch.Tensor) else list(parameters)  # an iterator is read once
            size = max((float(one.abs().max()) for one in gradients_of(parameters) if one.numel()), default=0.0)
            result = original(parameters, *args[1:], **kwargs)
        found = self.seen.setdefault((original.__name__, place["file"], place["line"]), [place, limit, []])
        if len(found[2]) < CALLS_MAX and math.isfinite(float(size)):
            found[2].append(float(size))
        return result

    def tell(self):
        tight = {}
        for key, (place, limit, sizes) in self.seen.items():
            if len(sizes) >= CALLS_MIN and limit > 0 and sum(size > DEEP * limit for size in sizes) >= MOST * len(sizes):
                tight[key] = place, limit, sorted(sizes)
        if not tight:
            return
        (function, _, _), (place, limit, sizes) = max(tight.items(), key=lambda one: len(one[1][2]))
        sites = [[*key, float("%.3g" % sizes[int(MOST * (len(sizes) - 1))])] for key, (_, _, sizes) in tight.items()]
        usual = next(site[3] for site in sites if site[:3] == [function, place["file"], place["line"]])
        what, size = ("a norm", "norm") if function == "clip_grad_norm_" else ("values", "largest value")
        self.usage.found(
            "loose_clipping", "tight_clipping", "gradients clipped to %s of %.3g in place of %.3g" % (what, usual, limit),
            "%s cuts %d of %d gradients to less than a tenth: their median %s is %.3g, its limit %.3g" % (
                function, sum(one > DEEP * limit for one in sizes), len(sizes), size, sizes[len(sizes) // 2], limit),
            place, "a limit of %.3g, which nine in ten of the gradients measured are below" % usual, prior=0.6, known={"sites": sites})

    def turn(self, name, known):
        turned, limits = Turned("the call that clips the gradients"), {tuple(site[:3]): site[3] for site in known.get("sites", ())}

        def clip(original, args, kwargs):
            place = here()
            limit = limits.get((original.__name__, place["file"], place["line"])) if place else None
            if limit is None or self.session.ended:
                return original(*args, **kwargs)
            turned.happened()
            return with_limit(original, args, kwargs, limit)
        torch_usage_wraps.around_clipping(clip)
        return turned


CHECKS = (Clipping,)
