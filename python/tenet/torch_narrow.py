"""Whether an infinity comes from a dtype that is too narrow: float16 ends at 65,504, and what is beyond is no divergence. The function is computed again in float32, of the same values."""
import torch

LARGEST = {torch.float16: ("float16", "65,504"), torch.bfloat16: ("bfloat16", "3.39e38")}
CONVERTING = {"half", "bfloat16", "to", "type", "type_as", "__get__"}


def overflow_of(function, args, kwargs, inputs, output):
    """In words, where `output`, which the function made of finite inputs, is infinite in a narrow dtype and finite in float32; else None."""
    if output.dtype not in LARGEST or not inputs:
        return None
    try:
        wide = inputs[0].detach().float() if function.__name__ in CONVERTING else computed_wide(function, args, kwargs)
    except Exception:  # a function that float32 does not have, or that cannot be computed twice
        return None
    if wide is None or not bool(torch.isfinite(wide).all()):
        return None
    name, largest = LARGEST[output.dtype]
    return "it overflows %s, whose largest value is %s: in float32 the result is finite, at most %.3g" % (name, largest, wide.abs().max().item())


def computed_wide(function, args, kwargs):
    with torch.no_grad(), torch.random.fork_rng(devices=[]), torch.autocast("cpu", enabled=False):
        result = function(*widened(args), **widened(kwargs))
    return result.float() if isinstance(result, torch.Tensor) else None


def widened(value):
    if isinstance(value, torch.Tensor):
        return value.detach().float() if value.dtype in LARGEST else value.detach()
    if isinstance(value, dict):
        return {key: widened(one) for key, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(widened(one) for one in value)
    return torch.float32 if value in LARGEST else value
