"""A mask of attention the wrong way round: True stands for what torch leaves out, and many programs mean by it what is there.

Seen in the calls of multi_head_attention_forward, which every attention module of torch's makes: a key padding mask that leaves out every position of a sample, of which a softmax then makes NaN; or one that
leaves in what is the same in all samples of the batch, position by position, while what it leaves out differs. A sample that is empty looks like the first; the race tells them apart.
"""
import math

import torch

from .torch_trace import place_of
from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher

ATTENTION = "multi_head_attention_forward"
SAMPLES_MIN = 4


def left_out(mask):
    """[samples, positions] of bool, from a mask of bool, or of numbers that are added to scores."""
    return mask if mask.dtype == torch.bool else mask == -math.inf


def turned_round(mask):
    return ~mask if mask.dtype == torch.bool else torch.where(mask == -math.inf, 0.0, -math.inf).to(mask.dtype)


def is_alike(vectors, chosen):
    """Whether, at each position, the chosen of `vectors` [positions, samples, width] are one and the same; None where no position has two."""
    told = None
    for at, row in zip(vectors, chosen.T):
        of_position = at[row]
        if len(of_position) > 1:
            told = True
            if not bool((of_position == of_position[0]).all()):
                return False
    return told


def fault_of(mask, keys):
    """(cause, in words) of what is wrong with a mask [samples, positions]; None where nothing is. keys: [positions, samples, width]"""
    out = left_out(mask)
    if out.dim() != 2 or len(out) < SAMPLES_MIN or not bool((~out).any()):
        return None
    empty = int(out.all(1).sum())
    if empty:
        return "nonfinite_op", "it leaves out every position of %d of %d samples, of which a softmax makes NaN" % (empty, len(out))
    if keys.dim() == 3 and keys.shape[:2] == out.T.shape and is_alike(keys, ~out) and is_alike(keys, out) is False:
        return "constant_feature", "what it leaves in, %d of %d positions, is the same in every sample: the padding" % (int((~out).sum()), out.numel())
    return None


class Masks(Check):
    MENDS = ("turned_mask",)

    def listen(self):
        self.seen = {}  # site: [what was seen, place]
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        for call in found.calls:
            mask = call.kwargs.get("key_padding_mask") if call.name == ATTENTION else None
            if isinstance(mask, torch.Tensor) and len(call.args) > 1:
                fault = fault_of(mask.detach(), call.args[1].detach())
                if fault:
                    self.seen.setdefault(tuple(call.site), [fault, place_of(call.file, call.line)])

    def tell(self):
        if not self.seen:
            return
        (cause, fault), place = next(iter(self.seen.values()))
        self.usage.found("turned_mask", cause, "the padding mask turned round", "of the mask that attention is given for its keys, " + fault, place,
                         "turn the mask round, ~mask: torch leaves out what is True", prior=0.7, known={"sites": [list(one) for one in self.seen]})

    def turn(self, name, known):
        turned = Turned("the attention")

        def other_way(func, args, kwargs, site):
            if isinstance(kwargs.get("key_padding_mask"), torch.Tensor):
                turned.happened()
                kwargs = dict(kwargs, key_padding_mask=turned_round(kwargs["key_padding_mask"]))
            return func(*args, **kwargs)
        Catcher(self, known.get("sites", ()), other_way, training_only=False)
        return turned


CHECKS = (Masks,)
