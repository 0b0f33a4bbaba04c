"""Whether an infinity comes from a dtype that is too narrow: float16 ends at 65,504, and what is beyond is no divergence. The function is computed again in float32, of the same values."""
import torch

LARGEST = {torch.float16: ("float16", "65,504"), torch.bfloat16: ("bfloat16", "3.39e38")}
CONVERTING = {"half", "bfloat16", "to", "type", "type_as", "__get__"}


def overflow_of(function, args, kwargs, inputs, output):
    """In words, where `output`, which the function made of finite inputs, is infinite in a narrow dtype and finite in float32; else None."""
    if output.dtype not in LARGEST or not inputs:
        return None
    try:
        wide = computed_wide(function, args, kwargs)
    except Exception:  # a function that float32 does not have, or that cannot be computed twice
        return None
    if wide is None or not bool(torch.isfinite(wide).all()):
        return None
    name, largest = LARGEST[output.dtype]
    return "it overflows %s, whose largest value is %s: in float32 the result is finite, at most %.3g" % (name, largest, wide.abs().max().item())


def computed_wide(function, args, kwargs):
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        result = in_float32(function, [one.detach() if isinstance(one, torch.Tensor) else one for one in args], kwargs)
    return result.float() if isinstance(result, torch.Tensor) else None


def in_float32(function, args, kwargs):
    """What the function gives of the same values in float32; of a conversion to a narrow dtype, what was to be converted."""
    if function.__name__ in CONVERTING:
        return args[0].float()
    with torch.autocast("cpu", enabled=False):
        return function(*widened(args), **widened(kwargs))


def widened(value):
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in LARGEST else value
    if isinstance(value, dict):
        return {key: widened(one) for key, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(widened(one) for one in value)
    return torch.float32 if value in LARGEST else value
