"""Initial weights that no layer of torch draws by itself: all of one value, which gives every unit the same gradient, or far narrower or wider than any usual scheme.

Where the network is described as one of the hypes (torch_net.py), schemes are raced as patches of it; here are recurrent networks, transformers and whatever else has no such description. The mend
is torch's own: reset_parameters() of the layers whose weights were seen to be unusual. Weights that a checkpoint brought are left to the race: there a new start is worse.
"""
import torch

from . import torch_inits, torch_usage_wraps
from .torch_trace import is_loss_module, root_kind
from .torch_usage import Check, Turned

FAR = 4  # times outside the usual widths: own choice; a GPT's 0.02 lies within it from a width of 64 on
RESETS = ("reset_parameters", "_reset_parameters")
LISTED = 3  # layers that are named


def reset_of(module):
    """The function by which a layer draws its weights; None where it has none of its own."""
    return next((getattr(module, name) for name in RESETS if callable(getattr(module, name, None))), None)


def of_one_value(weight):
    """The value that a weight of several units has everywhere; None where they differ."""
    value = weight.detach().flatten()[0]
    return float(value) if bool((weight.detach() == value).all()) else None


def unusual(module, weight):
    """What is unusual about a layer's weight [out, in, kernel...], in words; None where it is as torch or a usual scheme draws it."""
    if weight.dim() < 2 or weight.shape[0] < 2 or not weight.is_floating_point() or not bool(torch.isfinite(weight.detach()).all()):
        return None
    value = of_one_value(weight)
    if value is not None:
        return "are all %g" % value
    if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)):
        return None  # its rows are no factors of a sum, and any width does
    width, (least, most) = torch_inits.width_of(weight), torch_inits.usual_widths(*torch_inits.fans(weight))
    if least / FAR <= width <= most * FAR:
        return None
    return "have a standard deviation of %.3g, where a usual scheme gives %.3g to %.3g" % (width, least, most)


def layers_with_unusual_weights(root):
    """(path, layer, name of its weight, what is unusual) of each layer below a module that could draw its weights anew."""
    for path, module in root.named_modules():
        if reset_of(module) is None:
            continue
        for name, weight in module.named_parameters(recurse=False):
            words = unusual(module, weight) if weight.requires_grad else None
            if words:
                yield path, module, ".".join(filter(None, (path, name))), words
                break


class Inits(Check):
    MENDS = ("usual_init",)

    def listen(self):
        self.places = torch_usage_wraps.watch_inits()  # address of a tensor: the line that filled it last
        self.seen = []  # (root kind, path of the layer, name of the weight, what is unusual, its place)
        self.on("root_input", self.root_input)

    def root_input(self, module, args, kwargs):
        if self.session.step > 0 or is_loss_module(module) or any(kind == root_kind(module) for kind, *_ in self.seen):
            return
        for path, layer, name, words in layers_with_unusual_weights(module):
            place = self.places.get(module.get_parameter(name).data_ptr()) or self.usage.made_at(layer)
            self.seen.append((root_kind(module), path, name, words, place))

    def tell(self):
        if not self.seen or self.session.facts.get("net") is not None:
            return  # the hypes' own fixes know it
        names = [name for _, _, name, _, _ in self.seen]
        listed = ", ".join(names[:LISTED]) + (" and %d more" % (len(names) - LISTED) if len(names) > LISTED else "")
        _, _, first, words, place = self.seen[0]
        others = ", and %d other layers' are unusual too" % (len(names) - 1) if len(names) > 1 else ""
        self.usage.found("usual_init", "bad_init", "initial weights as torch draws them (%s)" % listed, "before the first step the weights of %s %s%s" % (first, words, others), place,
                         "leave the layer's own initial weights, or draw them by a usual scheme: nn.init.xavier_uniform_", prior=0.8,
                         known={"layers": [[kind, path] for kind, path, *_ in self.seen]})

    def turn(self, name, known):
        turned, layers, drawn = Turned("the layers whose weights are drawn anew"), [tuple(layer) for layer in known.get("layers", ())], set()

        def root_input(module, args, kwargs):
            if self.session.step > 0 or is_loss_module(module):
                return
            for number, (kind, path) in enumerate(layers):
                if kind == root_kind(module) and number not in drawn:
                    drawn.add(number)
                    with torch.random.fork_rng(devices=[]), torch.no_grad():
                        torch.manual_seed(torch_inits.seed_of(self.session.trial, number))
                        reset_of(module.get_submodule(path))()
                    turned.happened()
        self.on("root_input", root_input)
        return turned


CHECKS = (Inits,)
