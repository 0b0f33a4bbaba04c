"""What an optimizer says of itself: its rate, its parameters, and whether it goes on where another ended."""
import math


def rate_of(optimizer):
    """The rate of its first group; NaN where it has none."""
    try:
        return float(optimizer.param_groups[0]["lr"])
    except (KeyError, TypeError, ValueError, IndexError):
        return math.nan


def parameters_of(optimizer):
    return [one for group in optimizer.param_groups for one in group["params"]]


def first_parameter(optimizer):
    return next((one for group in optimizer.param_groups for one in group["params"]), None)


def is_successor(optimizer, before):
    """Whether it is another optimizer of the same parameters, as of a program that makes its optimizer anew."""
    return first_parameter(optimizer) is first_parameter(before)
