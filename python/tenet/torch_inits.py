"""Initial weights: how they were drawn, read off the weights themselves, and weights drawn anew by a scheme of the hypes.

What is usual is not told: the schema's default stands for it. Usual is any width from half of PyTorch's own default (uniform within 1 / sqrt(fan_in), a standard deviation of
0.58 / sqrt(fan_in)) or Glorot's, to twice Glorot's or He's. Sources of the schemes: Glorot and Bengio 2010, He et al. 2015, LeCun et al. 1998, Saxe et al. 2014.
"""
import math

import torch

WIDER = 2.0  # how far outside the usual widths is unusual; own choice
FEW = 16  # values; of fewer the width is not known well: none is too small, and only a larger one too large
DECIMALS = 4
SEED_STRIDE = 8191  # from one trial's seed to the next, so that parts of the weights do not share one


def fans(weight):
    """(fan_in, fan_out) of a weight [out, in, kernel...]."""
    kernel = weight[0][0].numel() if weight.dim() > 2 else 1
    return max(weight.shape[1] * kernel, 1), max(weight.shape[0] * kernel, 1)


def rounded(value):
    return float("%.*g" % (DECIMALS, value))


def of_equal_values(value):
    if value == 0:
        return {"scheme": "zeros"}
    return {"scheme": "ones"} if value == 1 else {"scheme": "constant", "value": rounded(value)}


def width_of(weight):
    """The root of the mean square of a weight's values."""
    values = weight.detach().double()
    return math.sqrt(float((values * values).mean()))


def usual_widths(fan_in, fan_out):
    """The least and the largest standard deviation that PyTorch's default, Glorot's, He's and LeCun's schemes give."""
    glorot, he, default = math.sqrt(2 / (fan_in + fan_out)), math.sqrt(2 / fan_in), 1 / math.sqrt(3 * fan_in)
    return min(default, glorot), max(he, glorot)


def read_weight(weight):
    """The init that the hypes would name for these weights; None where it is usual."""
    values = weight.detach().double().flatten()
    if values.numel() == 0 or not bool(torch.isfinite(values).all()):
        return None
    low, high = float(values.min()), float(values.max())
    if values.numel() > 1 and low == high:
        return of_equal_values(low)
    width, (least, most) = width_of(values), usual_widths(*fans(weight))
    few = values.numel() < FEW
    if (0 if few else least / WIDER) <= width <= most * WIDER * (2 if few else 1):
        return None
    return of_width(values, width)


def of_width(values, width):
    """Uniform where no value is beyond the bound that a uniform draw of this width has, else normal."""
    limit = float(values.abs().max())
    if limit <= width * math.sqrt(3) * 1.1:
        return {"scheme": "uniform", "limit": rounded(limit)}
    return {"scheme": "normal", "std": rounded(width)}


def read_bias(bias, fan_in):
    """The same for biases: none, and PyTorch's uniform ones within 1 / sqrt(fan_in), are usual."""
    values = bias.detach().double().flatten()
    if values.numel() == 0 or not bool(torch.isfinite(values).all()):
        return None
    largest = float(values.abs().max())
    if largest <= 1.01 / math.sqrt(fan_in):
        return None
    if float(values.min()) == float(values.max()):
        return of_equal_values(float(values[0]))
    return of_width(values, width_of(values))


def seed_of(trial, number):
    """The seed of the numbers that a trial draws a part of the weights from: its own for each of the trial's seeds and each number of a part."""
    seed = trial.get("seed")
    return (int(seed if seed is not None else trial.get("base_seed") or 0) * SEED_STRIDE + number) % (1 << 62)


def generator_of(trial, number):
    """Random numbers with that seed, which leave the program's own as they are."""
    return torch.Generator().manual_seed(seed_of(trial, number))


def draw(tensor, init, fan_in, fan_out, generator):
    """Fills a parameter by an init of the hypes, from random numbers of its own."""
    scheme, scale = init.get("scheme"), float(init.get("scale", 1))
    variances = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}
    family = scheme.split("_")[0]
    values = torch.empty(tensor.shape, dtype=torch.float64)
    if family in variances and scheme.endswith("_uniform"):
        limit = math.sqrt(3 * variances[family])
        values.uniform_(-limit, limit, generator=generator)
    elif family in variances and scheme.endswith("_normal"):
        values.normal_(0, math.sqrt(variances[family]), generator=generator)
    elif scheme == "normal":
        values.normal_(0, float(init.get("std", 0.05)), generator=generator)
    elif scheme == "uniform":
        limit = float(init.get("limit", 0.05))
        values.uniform_(-limit, limit, generator=generator)
    elif scheme == "orthogonal":
        values = orthogonal(tensor.shape, generator)
    elif scheme in ("constant", "zeros", "ones"):
        values.fill_({"zeros": 0.0, "ones": 1.0}.get(scheme, float(init.get("value", 0))))
    else:
        raise ValueError("the scheme %r is not known" % (scheme,))
    with torch.no_grad():
        tensor.copy_((values * scale).to(tensor.dtype))


def resize(tensor, shape, generator):
    """Gives a parameter another shape. Its numbers are drawn from those that it had; where a unit has more inputs than before they are made as much smaller as every usual scheme makes them."""
    values = tensor.detach().flatten()
    drawn = values[torch.randint(len(values), shape, generator=generator).to(values.device)]
    if len(shape) > 1:
        drawn = drawn * math.sqrt(tensor.shape[1] / shape[1])
    tensor.data = drawn.to(tensor.dtype)
    tensor.grad = None


def orthogonal(shape, generator):
    rows, columns = shape[0], int(torch.Size(shape[1:]).numel())
    flat = torch.empty(max(rows, columns), min(rows, columns), dtype=torch.float64).normal_(generator=generator)
    q, r = torch.linalg.qr(flat)
    q = q * torch.sign(torch.diagonal(r))
    return (q if rows >= columns else q.t()).reshape(shape)
