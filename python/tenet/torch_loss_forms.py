"""Losses in the words of the hypes: a call of one of torch's loss functions, or a formula that the program writes out with torch's functions.

A form is how a number was computed, as far as the schema's ops do not tell it: (function, parts, site, options). A part is another form, ("node", i), ("number", v), ("constant",) for a
tensor that does not come from the network, or ("unknown",). The formulas that are known, each with any mean or sum around it, and either sign:

    (p - t) ** 2        mse
    |p - t|             mae
    t * log(p)          categorical_cross_entropy behind softmax; also log(p)[rows, classes]
    t * log_softmax(z)  softmax_cross_entropy
    t * log(p) + (1 - t) * log(1 - p)    binary_cross_entropy behind sigmoid
"""
import numbers

import torch

from .torch_ops import PASSES_ON, RESHAPES, Unknown

NAMES = {"cross_entropy": "softmax_cross_entropy", "nll": "nll", "nll_loss": "nll"}
KNOWN = ("softmax_cross_entropy", "sigmoid_cross_entropy", "categorical_cross_entropy", "binary_cross_entropy", "mse", "mae", "huber")
CANONICAL = {"subtract": "sub", "__rsub__": "rsub", "multiply": "mul", "__mul__": "mul", "__rmul__": "mul", "true_divide": "div", "divide": "div", "__truediv__": "div", "absolute": "abs",
             "negative": "neg", "__pow__": "pow", "__radd__": "add", "__add__": "add", "__sub__": "sub", "clip": "clamp", "clamp_min": "clamp", "__neg__": "neg",
             "nanmean": "mean", "gather": "__getitem__", "take_along_dim": "__getitem__"}
WITHOUT_EFFECT = RESHAPES | PASSES_ON | {"flatten"}
CLIP_MAX = 0.4  # of a clamp that keeps a logarithm finite


def name_of(loss):
    return loss["name"] if isinstance(loss, dict) else loss


def is_nll(call):
    return NAMES.get(call.name) == "nll"


def of_call(call, has_logarithm):
    """The loss, with its settings where they are not the schema's, of a call that the event loss_input showed."""
    name = NAMES.get(call.name, call.name)
    if name == "nll":
        name = "softmax_cross_entropy" if has_logarithm else "categorical_cross_entropy"
    if name == "smooth_l1":
        name = "huber"  # divided by its beta, which only scales it
    if name not in KNOWN:
        raise Unknown("the loss %s has no word in the hypes" % call.name)
    settings = {}
    if getattr(call, "reduction", call.kwargs.get("reduction")) == "sum":
        settings["reduction"] = "sum"
    if name == "huber":
        delta = float(call.kwargs.get("delta", call.kwargs.get("beta", 1.0)))
        if delta <= 0:
            raise Unknown("huber with delta %g" % delta)
        if delta != 1:
            settings["delta"] = delta
    return dict({"name": name}, **settings) if settings else name


# ---- formulas ----

def form(name, args, kwargs, state_of, site, broken_type):
    parts = [part(value, state_of, broken_type) for value in args]
    parts += [part(value, state_of, broken_type) for value in kwargs.values() if isinstance(value, torch.Tensor)]
    options = {key: value for key, value in kwargs.items() if isinstance(value, (bool, numbers.Number, tuple, list))}
    name = CANONICAL.get(name, name)
    if name in WITHOUT_EFFECT and parts:
        return parts[0] if parts[0][0] != "node" else ("view", parts[:1], site, {})
    if name == "rsub":
        name, parts = "sub", parts[::-1]
    return (name, parts, site, options)


def part(value, state_of, broken_type):
    if isinstance(value, torch.Tensor):
        state = state_of(value)
        if isinstance(state, broken_type):
            return state.form or ("unknown",)
        return ("node", state) if state is not None and state >= 0 else ("constant",)
    if isinstance(value, (bool, int, float)):
        return ("number", value)
    return ("constant",) if isinstance(value, (tuple, list)) else ("unknown",)


def is_full(found):
    """Whether a sum goes over everything."""
    return len(found[1]) == 1 and "dim" not in found[3] and "axis" not in found[3]


def peel(found):
    """What stands within means, sums, signs and factors: (core, reduction, site of the sum that makes it a sum)."""
    reduction, reducer = None, None
    while True:
        name, parts = found[0], found[1] if len(found) > 1 else ()
        if name in ("neg", "mean") or name == "sum":
            if name == "mean" and reduction is None:
                reduction = "mean"
            elif name == "sum" and reduction is None and is_full(found):
                reduction, reducer = "sum", found[2]
            found = parts[0]
        elif name in ("mul", "div") and len(parts) == 2 and ("number" in (parts[0][0], parts[1][0]) or name == "div" and parts[1][0] == "constant"):
            divides = name == "div" and parts[1] != ("number", 1) and parts[1] != ("number", -1)
            found = parts[0] if parts[0][0] != "number" else parts[1]
            if divides and reduction is None:
                reduction = "mean"
        else:
            return found, reduction or "mean", reducer


def match(found, nodes):
    """(loss, number of the node that it compares, {"log", "reduce", "file", "line"} where its parts stand); None where the formula is not known."""
    outer = found[2]
    core, reduction, reducer = peel(found)
    told = difference(core) or logarithm(core, nodes) or binary(core, nodes)
    if told is None:
        return None
    name, number, clip, log = told
    loss = {"name": name}
    if clip is not None:
        loss["clip"] = clip
    if reduction == "sum":
        loss["reduction"] = "sum"
    rewrite = {"log": log, "reduce": reducer if reduction == "sum" else None, "file": outer["file"], "line": outer["line"]}
    return (name if len(loss) == 1 else loss), number, rewrite


def node_of(found):
    while found[0] == "view":
        found = found[1][0]
    return found[1] if found[0] == "node" else None


def difference(core):
    if core[0] == "pow" and len(core[1]) == 2 and core[1][1] == ("number", 2) or core[0] == "square":
        name, inner = "mse", core[1][0]
    elif core[0] == "mul" and len(core[1]) == 2 and core[1][0] is core[1][1]:
        name, inner = "mse", core[1][0]
    elif core[0] == "abs":
        name, inner = "mae", core[1][0]
    else:
        return None
    if inner[0] != "sub" or len(inner[1]) != 2:
        return None
    ends = [node_of(one) for one in inner[1]]
    others = [one[0] for one, end in zip(inner[1], ends) if end is None]
    number = ends[0] if ends[0] is not None else ends[1]
    return (name, number, None, None) if number is not None and others == ["constant"] else None


def chosen(core):
    """What a target picks: of t * x, and of x[rows, classes]."""
    if core[0] == "mul" and len(core[1]) == 2:
        kinds = [one[0] for one in core[1]]
        if "constant" in kinds:
            return core[1][1 - kinds.index("constant")]
    return core[1][0] if core[0] == "__getitem__" else core


def logarithm(core, nodes):
    picked = chosen(core)
    number = node_of(picked)
    if number is not None and nodes[number].op == "log_softmax" and picked is not core:
        return "softmax_cross_entropy", number, None, None
    if picked[0] != "log":
        return None
    direct = picked is not core and core[0] == "mul" or core[0] == "__getitem__"
    inner, clip = unclipped(picked[1][0])
    inside = chosen(inner) if inner[0] == "__getitem__" else inner
    number = node_of(inside)
    if number is None or nodes[number].op != "softmax" or picked is core and inside is inner:
        return None
    # log_softmax can stand in for log where its argument may be shifted, but not where it is cut.
    return "categorical_cross_entropy", number, clip, picked[2] if direct and inside is inner and picked[1][0][0] != "clamp" else None


def unclipped(found):
    """What a clamp or a small addend keeps from zero, and by how much."""
    numbers_in = [one[1] for one in found[1] if one[0] == "number"] if len(found) > 1 and isinstance(found[1], list) else []
    if found[0] == "clamp":
        low = found[3].get("min", numbers_in[0] if numbers_in else None)
        return found[1][0], min(float(low), CLIP_MAX) if low else 0
    if found[0] == "add" and numbers_in and 0 < numbers_in[0] < CLIP_MAX:
        inner = [one for one in found[1] if one[0] != "number"]
        return (inner[0], float(numbers_in[0])) if inner else (found, 0)
    return found, 0


def clamped(found):
    """(node, clip, site) of a node's output that is kept within [clip, 1 - clip], where a clip is the usual thing; None for any other form."""
    if not found or found[0] != "clamp" or node_of(found[1][0]) is None:
        return None
    numbers_in = [one[1] for one in found[1] if one[0] == "number"]
    low = found[3].get("min", numbers_in[0] if numbers_in else None)
    high = found[3].get("max", numbers_in[1] if len(numbers_in) > 1 else None)
    is_usual = low is not None and 0 < low <= CLIP_MAX and (high is None or 1 - CLIP_MAX <= high <= 1)
    return (node_of(found[1][0]), float(low), found[2]) if is_usual else None


def binary(core, nodes):
    if core[0] not in ("add", "sub") or len(core[1]) != 2:
        return None
    found = []
    for term in core[1]:
        picked = chosen(peel(term)[0])
        if picked[0] != "log":
            return None
        inner, clip = unclipped(picked[1][0])
        is_rest = inner[0] == "sub" and inner[1][0] == ("number", 1)
        found.append((node_of(inner[1][1]) if is_rest else node_of(inner), is_rest, clip))
    (first, first_rest, clip), (second, second_rest, _) = found
    if first is None or first != second or first_rest == second_rest or nodes[first].op != "sigmoid":
        return None
    return "binary_cross_entropy", first, clip, None
