"""What a loss function is given: probabilities where it takes logits, logits where it takes probabilities or their logarithms, (n, 1) against (n,), which broadcast to (n, n), and weights of
classes or a smoothing of labels under which classes count for nothing, and one of several losses that outweighs the others.

Where the network is described as one of the hypes (torch_net.py), the outputs are raced as patches of it; here are those of all other networks, since what a loss needs can be had from
what it was given: log(softmax(z)) has the softmax of z.
"""
import torch

from .torch_losses import CLASSIFYING, LABEL_SCALED
from .torch_trace import place_of
from .torch_usage import Check, Turned
from .torch_usage_pass import Catcher

CALLS = 12  # of a site that are judged
SUM_TOLERANCE = 1e-3  # of a row of probabilities from 1; own choice, above half precision's
TINIEST = 1e-30
LISTED = 3  # classes that are named
PAIRED = ("sub", "rsub", "__rsub__", "subtract")
SQUEEZED = ("softmax", "sigmoid")


def sums_to_one(rows):
    return bool(((rows.sum(1) - 1).abs() < SUM_TOLERANCE).all())


def are_probabilities(prediction):
    return bool(((prediction >= 0) & (prediction <= 1)).all())


def kind_of(prediction):
    """What rows of an output are: "probabilities" that sum to 1, "logarithms" of such, "squeezed" into 0 to 1, or "logits"."""
    with torch.no_grad():
        rows = prediction.detach().float()
        if rows.dim() > 1 and rows.shape[1] > 1:
            if are_probabilities(rows) and sums_to_one(rows):
                return "probabilities"
            if bool((rows <= 1e-6).all()) and sums_to_one(rows.exp()):
                return "logarithms"
        return "squeezed" if are_probabilities(rows) else "logits"


# (the loss, what it is given): the mend, the cause, what it is called, what was seen, what to do with the line
WRONG = {
    ("softmax_cross_entropy", "probabilities"): ("logits", "no softmax before cross_entropy", "cross_entropy applies a softmax of its own, and is given probabilities: every row lies in 0 to 1 and "
                                                 "sums to 1", "leave the softmax out: cross_entropy takes logits"),
    ("softmax_cross_entropy", "squeezed"): ("logits", "no sigmoid before cross_entropy", "cross_entropy takes logits of any size, and is given numbers between 0 and 1 only",
                                            "leave the sigmoid out: cross_entropy takes logits"),
    ("sigmoid_cross_entropy", "squeezed"): ("logits", "no sigmoid before binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits applies a sigmoid of its own, and is given numbers "
                                            "between 0 and 1 only", "leave the sigmoid out: this loss takes logits"),
    ("sigmoid_cross_entropy", "probabilities"): ("logits", "no softmax before binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits applies a sigmoid of its own, and is given "
                                                 "probabilities", "leave the softmax out: this loss takes logits"),
    ("nll", "probabilities"): ("logarithms", "log_softmax in place of softmax before nll_loss", "nll_loss takes logarithms of probabilities, and is given the probabilities themselves",
                               "log_softmax in place of softmax, or cross_entropy on the logits"),
    ("nll", "logits"): ("logarithms", "log_softmax before nll_loss", "nll_loss takes logarithms of probabilities, and is given raw numbers", "log_softmax before this, or cross_entropy in its place"),
    ("nll", "squeezed"): ("logarithms", "log_softmax before nll_loss", "nll_loss takes logarithms of probabilities, and is given numbers between 0 and 1", "log_softmax before this"),
    ("kl_div", "probabilities"): ("logarithms", "the logarithm of the probabilities before kl_div", "kl_div takes logarithms of probabilities as its first argument, and is given the probabilities",
                                  "log_softmax in place of softmax"),
    ("kl_div", "logits"): ("logarithms", "log_softmax before kl_div", "kl_div takes logarithms of probabilities as its first argument, and is given raw numbers", "log_softmax before this"),
}


def as_wanted(name, prediction):
    """The prediction in the form that the loss takes, from the form that it has."""
    kind = kind_of(prediction)
    if kind == "logarithms":
        return prediction
    if kind == "probabilities" or kind == "squeezed" and name == "softmax_cross_entropy" and prediction.dim() < 2:
        return prediction.clamp_min(TINIEST).log()
    if kind == "squeezed" and name != "nll" and name != "kl_div":
        return torch.logit(prediction, eps=1e-7)
    return torch.log_softmax(prediction, 1 if prediction.dim() > 1 else 0) if name in ("nll", "kl_div") else prediction


class Outputs(Check):
    MENDS = ("logits", "logarithms")

    def listen(self):
        self.sites = {}  # site: [the loss, {kinds seen}, calls, its place]
        self.origins = {}  # site: the place of the call that squeezed its prediction
        self.on("loss_input", self.loss_input)
        self.usage.pass_recorder.readers.append(self.read)

    def loss_input(self, call):
        if not call.training or call.original_name not in {name for name, _ in WRONG} or not call.prediction.is_floating_point():
            return
        seen = self.sites.setdefault(call.site, [call.original_name, set(), 0, place_of(call.file, call.line)])
        if seen[2] < CALLS and call.prediction.dim() > 0 and call.prediction.numel() > 1:
            seen[1].add(kind_of(call.prediction))
            seen[2] += 1

    def read(self, found, tensors):
        for call in found.losses:
            made = found.origin(call.prediction)
            if made is not None and made.name in SQUEEZED:
                self.origins[call.site] = found.place(made)

    def tell(self):
        if self.session.facts.get("net") is not None:
            return  # the hypes' own fixes know it
        for site, (name, kinds, calls, place) in self.sites.items():
            kinds = {"logits"} if kinds == {"logits", "squeezed"} else kinds  # small ones, by chance
            if len(kinds) != 1 or calls < min(CALLS, self.session.step):
                continue
            kind = next(iter(kinds))
            if self.usage.is_found("softmax_axis") or (name, kind) not in WRONG or kind == "squeezed" and site not in self.origins:
                continue
            mend, text, seen, change = WRONG[name, kind]
            self.usage.found(mend, "wrong_output", text, "in each of %d calls %s" % (calls, seen), self.origins.get(site) or place, change, prior=0.8, known={"site": site})

    def turn(self, name, known):
        turned = Turned("the loss function")

        def loss_input(call):
            if call.site != known.get("site"):
                return
            call.prediction = as_wanted(call.original_name, call.prediction)
            if call.training:
                turned.happened()
        self.on("loss_input", loss_input)
        return turned


class Shapes(Check):
    """A prediction and a target of as many numbers and different shapes: (n, 1) against (n,)."""

    MENDS = ("shapes", "written_shapes")

    def listen(self):
        self.sites = {}  # site: [calls whose shapes broadcast, all, their shapes, place]
        self.written = {}  # site: [the shapes, place]
        self.on("loss_input", self.loss_input)
        self.usage.pass_recorder.readers.append(self.read)

    @staticmethod
    def grows(one, other):
        """Whether two shapes of as many numbers broadcast to more."""
        if tuple(one.shape) == tuple(other.shape) or one.numel() != other.numel() or one.numel() < 2:
            return False
        try:
            return torch.broadcast_shapes(one.shape, other.shape).numel() > one.numel()
        except RuntimeError:
            return False

    def loss_input(self, call):
        if not call.training or call.name not in LABEL_SCALED or not isinstance(call.target, torch.Tensor):
            return
        seen = self.sites.setdefault(call.site, [0, 0, None, place_of(call.file, call.line)])
        seen[1] += 1
        if self.grows(call.prediction, call.target):
            seen[0], seen[2] = seen[0] + 1, seen[2] or (tuple(call.prediction.shape), tuple(call.target.shape))

    def read(self, found, tensors):
        for call in found.calls:
            given = call.inputs
            if call.name in PAIRED and len(given) == 2 and given[0].requires_grad != given[1].requires_grad and self.grows(*given) and 1 in (given[0].dim(), given[1].dim()):
                self.written[tuple(call.site)] = [(tuple(given[0].shape), tuple(given[1].shape)), place_of(call.file, call.line)]

    def tell(self):
        words = "%s against %s broadcast to %s: every prediction is compared with every target"
        for site, (bad, calls, shapes, place) in self.sites.items():
            if bad and bad * 2 > calls:
                whole = tuple(torch.broadcast_shapes(*shapes))
                self.usage.found("shapes", "batch_computation", "the target in the prediction's shape", "in %d of %d calls of the loss " % (bad, calls) + words % (shapes + (whole,)), place,
                                 "give both the same shape: prediction.squeeze(1), or target.unsqueeze(1)", prior=0.9, certain=True, known={"site": site})
        for site, (shapes, place) in self.written.items():
            self.usage.found("written_shapes", "batch_computation", "both sides of the difference in the same shape", words % (shapes + (tuple(torch.broadcast_shapes(*shapes)),)), place,
                             "give both the same shape: prediction.squeeze(1), or target.unsqueeze(1)", prior=0.9, certain=True,
                             known={"sites": [list(one) for one in self.written]})

    def turn(self, name, known):
        turned = Turned("the loss")
        if name == "written_shapes":
            def same(func, args, kwargs, site):
                if len(args) > 1 and isinstance(args[0], torch.Tensor) and isinstance(args[1], torch.Tensor) and self.grows(args[0], args[1]):
                    turned.happened()
                    args = (args[0], args[1].reshape(args[0].shape)) + tuple(args[2:])
                return func(*args, **kwargs)
            Catcher(self, known.get("sites", ()), same, training_only=False)
            return turned

        def loss_input(call):
            if call.site == known.get("site") and self.grows(call.prediction, call.target):
                call.target = call.target.reshape(call.prediction.shape)
                turned.happened()
        self.on("loss_input", loss_input)
        return turned


LOPSIDED = 1000  # the largest weight of a class over the smallest, beyond what rarity asks for in practice. Own choice
SMOOTH = 0.5  # a smoothing that leaves the right class less than half of its label


def unusual_settings(call):
    """{"weight" or "label_smoothing": what is unusual about it, in words} of a call of a loss for classes."""
    found, weight, smoothing = {}, call.kwargs.get("weight"), call.kwargs.get("label_smoothing") or 0.0
    if isinstance(weight, torch.Tensor) and weight.dim() == 1 and weight.numel() > 1:
        least, most = float(weight.min()), float(weight.max())
        if least <= 0:
            classes = (weight <= 0).nonzero().flatten().tolist()
            found["weight"] = "a weight of %.3g for class %s, which then counts for nothing" % (least, ", ".join(map(str, classes[:LISTED])))
        elif most > LOPSIDED * least:
            found["weight"] = "weights of classes from %.3g to %.3g" % (least, most)
    if smoothing >= SMOOTH:
        found["label_smoothing"] = "a label smoothing of %.3g, which leaves the right class %.3g of its label" % (smoothing, 1 - smoothing)
    return found


class Settings(Check):
    """Weights of classes, and a smoothing of labels, that a loss function is given. Rare classes are weighted on purpose: the race has to show that the plain loss trains."""

    MENDS = ("plain_loss",)

    def listen(self):
        self.sites = {}  # site: [what is unusual, its place]; empty where nothing is
        self.on("loss_input", self.loss_input)

    def loss_input(self, call):
        if call.training and call.original_name in CLASSIFYING and call.site not in self.sites:
            found = unusual_settings(call)
            self.sites[call.site] = (found, place_of(call.file, call.line)) if found else None

    def tell(self):
        for site, seen in self.sites.items():
            if seen:
                found, place = seen
                what = " and ".join(name.replace("weight", "weights of classes").replace("_", " ") for name in found)
                self.usage.found("plain_loss", "wrong_loss", "the loss without its %s" % what, "the loss has %s" % " and ".join(found.values()), place,
                                 "leave the %s out, or weight each class by how rare it is" % what, prior=0.6, known={"site": site})

    def turn(self, name, known):
        turned = Turned("the loss function")

        def loss_input(call):
            settings = unusual_settings(call) if call.site == known.get("site") else {}
            if settings:
                call.kwargs = {key: value for key, value in call.kwargs.items() if key not in settings}
                turned.happened()
        self.on("loss_input", loss_input)
        return turned


class Inverse(Check):
    """Weights of classes that rise with how often a class comes, where they are meant to make up for it: the rare ones count even less."""

    MENDS = ("equal_weights",)
    TIMES = 2  # from the rarest class to the most frequent, weights and labels alike. Own choice
    AGREES = 0.8  # the correlation of their logarithms. Own choice

    def listen(self):
        self.sites = {}  # site: (weights of classes, how many labels of each were seen, place)
        self.on("loss_input", self.loss_input)

    def loss_input(self, call):
        weight, target = call.kwargs.get("weight"), call.target
        if not call.training or call.original_name not in CLASSIFYING or weight is None or not isinstance(target, torch.Tensor) or target.is_floating_point():
            return
        if call.site not in self.sites:
            self.sites[call.site] = weight.detach().double().cpu(), torch.zeros(len(weight), dtype=torch.long), place_of(call.file, call.line)
        counts, labels = self.sites[call.site][1], target.detach().flatten().cpu()
        counts += torch.bincount(labels[(labels >= 0) & (labels < len(counts))], minlength=len(counts))

    def tell(self):
        for site, (weights, counts, place) in self.sites.items():
            seen = (counts > 0).nonzero().flatten()
            if len(seen) < 2 or float(weights[seen].min()) <= 0:
                continue
            often, rare = int(counts.argmax()), int(seen[counts[seen].argmin()])
            both = torch.stack([weights[seen].log(), counts[seen].double().log()])
            rises = float(weights[often]) > self.TIMES * float(weights[rare]) and int(counts[often]) > self.TIMES * int(counts[rare])
            if rises and float(torch.corrcoef(both)[0, 1]) > self.AGREES:
                share = counts.double() / int(counts.sum()) * 100
                self.usage.found(
                    "equal_weights", "wrong_loss", "classes weighted alike",
                    "class %d has %.3g %% of the labels and a weight of %.3g, class %d has %.3g %% and %.3g: the rarer a class is, the less it counts" % (
                        often, share[often], weights[often], rare, share[rare], weights[rare]),
                    place, "leave the weights out, or weight each class by how rare it is: 1 / its share of the labels", prior=0.6, known={"site": site})

    def turn(self, name, known):
        turned = Turned("the loss function")

        def loss_input(call):
            if call.site == known.get("site") and call.kwargs.get("weight") is not None:
                call.kwargs = dict(call.kwargs, weight=None)
                turned.happened()
        self.on("loss_input", loss_input)
        return turned


class Balance(Check):
    """Several losses that one backward pass starts from, of which one outweighs the others so far that they count for nothing. Terms are weighted on purpose: the race has to show that it matters."""

    MENDS = ("balanced_losses",)
    OUTWEIGHS = 1000  # times the next largest, in nine of ten passes. Own choice
    PASSES_MIN = 5

    def listen(self):
        self.now, self.passes = {}, 0  # site: (its value, the call) since the last backward pass
        self.outweighing = {}  # the sites of a pass: how often the first of them did
        self.calls = {}  # site: (name, place, deviation of its targets)
        self.on("loss_output", self.loss_output)
        self.on("backward", self.backward)

    def loss_output(self, call):
        value = call.result
        if call.training and isinstance(value, torch.Tensor) and value.numel() == 1 and value.requires_grad:
            self.now[call.site] = abs(float(value.detach()))
            if call.site not in self.calls:
                spread = float(call.target.detach().float().std()) if call.name in LABEL_SCALED and isinstance(call.target, torch.Tensor) and call.target.numel() > 1 else 0.0
                self.calls[call.site] = call.original_name, place_of(call.file, call.line), spread

    def backward(self, value, training):
        found, self.now = sorted(self.now.items(), key=lambda one: -one[1]), {}
        self.passes += 1
        if len(found) > 1 and found[1][1] > 0 and found[0][1] > self.OUTWEIGHS * found[1][1]:
            sites = found[0][0], *sorted(site for site, _ in found[1:])
            count, first = self.outweighing.get(sites, (0, found[0][1] / found[1][1]))
            self.outweighing[sites] = count + 1, first

    def tell(self):
        if not self.outweighing:
            return
        sites, (count, times) = max(self.outweighing.items(), key=lambda one: one[1][0])
        if count < self.PASSES_MIN or count < 0.9 * self.passes:
            return
        name, place, spread = self.calls[sites[0]]
        self.usage.found(
            "balanced_losses", "unscaled_label" if spread > 1 else "wrong_loss", "each part of the loss divided by its value at the first step",
            "in %d of %d backward passes this loss outweighs the %s more than %d times, %.2g times in the first%s" % (
                count, self.passes, "other" if len(sites) == 2 else "others", self.OUTWEIGHS, times, "; its targets deviate by %.3g" % spread if spread > 1 else ""),
            place, "standardise its targets, or weight the parts of the loss so that all count", prior=0.6, known={"sites": list(sites)})

    def turn(self, name, known):
        turned, first = Turned("the losses"), {}

        def loss_output(call):
            if call.training and call.site in known.get("sites", ()) and isinstance(call.result, torch.Tensor):
                size = first.setdefault(call.site, float(call.result.detach().abs().mean()) or 1.0)
                call.result = call.result / size
                turned.happened()
        self.on("loss_output", loss_output)
        return turned


CHECKS = (Outputs, Shapes, Settings, Inverse, Balance)
