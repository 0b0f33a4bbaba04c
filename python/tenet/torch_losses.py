"""Loss functions of torch, seen and altered: each call becomes the events loss_input and loss_output.

torch.nn.functional.* is where they are seen, since the modules call those. A plain training sees them at scored steps only. The patched
functions keep name, signature, documentation and pickling, and torch.jit.script compiles the original in their place.

Two listeners of loss_input live here: rows of a program that shows all its data at every step (samples, shuffle_labels, batch_size), and
label_scale.
"""
import functools
import inspect
import threading

import torch
import torch.nn.functional as F

from . import knob_answers, session as sessions, torch_rows
from .torch_data import data  # noqa: F401  (tenet.data looks for it here)

# The function of torch: what it is called in hypes, or here. huber stands for smooth_l1 too, where both are the same (beta 1).
NAMES = {
    "cross_entropy": "softmax_cross_entropy", "nll_loss": "nll", "binary_cross_entropy": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "sigmoid_cross_entropy",
    "mse_loss": "mse", "l1_loss": "mae", "smooth_l1_loss": "smooth_l1", "huber_loss": "huber", "kl_div": "kl_div",
    "poisson_nll_loss": "poisson_nll",
    "gaussian_nll_loss": "gaussian_nll", "soft_margin_loss": "soft_margin", "multi_margin_loss": "multi_margin",
    "multilabel_margin_loss": "multilabel_margin",
    "multilabel_soft_margin_loss": "multilabel_soft_margin", "hinge_embedding_loss": "hinge_embedding",
    "cosine_embedding_loss": "cosine_embedding",
    "margin_ranking_loss": "margin_ranking", "triplet_margin_loss": "triplet_margin",
    "triplet_margin_with_distance_loss": "triplet_margin_with_distance", "ctc_loss": "ctc",
}
# These compare no prediction with a label: their second argument is left among the others.
WITHOUT_TARGET = ("cosine_embedding", "margin_ranking", "triplet_margin", "triplet_margin_with_distance", "ctc")
CLASSIFYING = ("softmax_cross_entropy", "nll", "categorical_cross_entropy")  # these take class numbers
LABEL_SCALED = ("mse", "mae", "huber", "smooth_l1", "gaussian_nll")
SAME_MAX = 1 << 20  # values of a target that are compared from step to step

_inside = threading.local()


class LossCall:
    """One call of a loss function. Listeners of loss_input may replace prediction, target, name and kwargs; `unscaled` is the target before
    label_scale."""
    __slots__ = ("name", "function", "prediction", "target", "kwargs", "result", "file", "line", "training", "unscaled", "original_name")

    def __init__(self, name, function, prediction, target, kwargs):
        self.name = self.original_name = name
        self.function = function
        self.prediction, self.target, self.kwargs = prediction, target, kwargs
        self.result = None
        self.unscaled = None
        self.file, self.line = sessions.user_frame(3)
        self.training = torch.is_grad_enabled() and isinstance(prediction, torch.Tensor) and prediction.requires_grad

    @property
    def reduction(self):
        average, reduce = self.kwargs.get("size_average"), self.kwargs.get("reduce")
        if average is None and reduce is None:
            return self.kwargs.get("reduction", "batchmean" if self.name == "kl_div" and "reduction" not in self.kwargs else "mean")
        return "none" if reduce is False else "sum" if average is False else "mean"

    @property
    def site(self):
        return "%s:%s:%s" % (self.file, self.line, self.original_name)

    @property
    def is_plain(self):
        """No weights of classes, no smoothing: what a loss of that name is elsewhere."""
        return self.kwargs.get("weight") is None and self.kwargs.get("pos_weight") is None and not self.kwargs.get("label_smoothing")

    def compared(self):
        """The target as the loss takes it: where a patch put another loss in its place, in that one's form."""
        if self.name == self.original_name or not isinstance(self.target, torch.Tensor):
            return self.target
        return as_classes(self.prediction, self.target) if self.name in CLASSIFYING else as_numbers(self.prediction, self.target)

    def rows(self, task=None):
        return torch_rows.rows_of(self.name, self.prediction, self.compared(), self.kwargs, task)

    def run(self):
        if self.name != self.original_name:
            return compute(self.name, self.prediction, self.target, self.reduction, self.kwargs.get("ignore_index", -100))
        if self.name in WITHOUT_TARGET:
            return self.function(self.prediction, **self.kwargs)
        return self.function(self.prediction, self.target, **self.kwargs)

    def of_samples(self, prediction, target):
        """The loss of each row of other predictions, [n]; None where the function cannot tell."""
        options = {key: value for key, value in self.kwargs.items() if key not in ("size_average", "reduce", "reduction")}
        try:
            with torch.no_grad(), unseen():
                if self.name == self.original_name:
                    found = self.function(prediction, target, reduction="none", **options)
                else:
                    found = compute(self.name, prediction, target, "none")
            return torch_rows.by_columns(found).double().mean(1)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return None


class unseen:
    """Losses that tenet itself computes are not the program's."""

    def __enter__(self):
        self.before = is_unseen()
        _inside.busy = True

    def __exit__(self, *_):
        _inside.busy = self.before


def is_unseen():
    """Whether tenet itself is computing."""
    return getattr(_inside, "busy", False)


# ---- a loss by its name ----

ORIGINALS = {}  # by the name in NAMES; filled before anything is patched


def compute(name, prediction, target, reduction="mean", ignore_index=-100):
    """The loss of that name, of arguments that another loss was given: class numbers become one-hot rows and back as it needs them."""
    options = {"reduction": "mean" if reduction == "batchmean" and name != "kl_div" else reduction}
    if name in CLASSIFYING:
        target = as_classes(prediction, target)
        if not target.is_floating_point():
            options["ignore_index"] = ignore_index
        if name == "categorical_cross_entropy":
            prediction, name = prediction.log(), "nll"
        if name == "nll" and target.is_floating_point():
            target = target.argmax(1)
    else:
        target = as_numbers(prediction, target)
    if name not in ORIGINALS:
        raise ValueError("there is no loss %s; expected one of %s" % (name, ", ".join(sorted(ORIGINALS))))
    return ORIGINALS[name](prediction, target, **options)


def as_classes(prediction, target):
    """Class numbers [n], or the rows of shares that cross entropy takes as well."""
    if target.shape == prediction.shape and prediction.dim() > 1 and prediction.shape[1] > 1:
        return target if target.is_floating_point() else target.argmax(1)
    if target.dim() == prediction.dim() and target.dim() > 1 and target.shape[1] == 1:
        target = target.squeeze(1)
    return target.long()


def as_numbers(prediction, target):
    """Numbers of the prediction's shape and type."""
    if target.shape == prediction.shape:
        return target.to(prediction.dtype)
    if target.numel() == prediction.numel():
        return target.reshape(prediction.shape).to(prediction.dtype)
    if not target.is_floating_point() and prediction.dim() > 1 and target.numel() * prediction.shape[1] == prediction.numel():
        hot = torch.zeros_like(prediction)
        known = target.reshape(target.shape[0], 1, *target.shape[1:]) if target.dim() != prediction.dim() else target
        return hot.scatter_(1, known.clamp(min=0).to(torch.int64), 1.0)
    return target.to(prediction.dtype)


# ---- patching ----

def patched(name, original):
    signature = inspect.signature(original)
    names = tuple(signature.parameters)
    has_target = name not in WITHOUT_TARGET

    @functools.wraps(original)
    def loss_function(*args, **kwargs):
        session = sessions.current()
        if session is None or not session.sees_losses or session.ended or is_unseen() or torch.jit.is_tracing():
            return original(*args, **kwargs)
        given = dict(zip(names, args))
        given.update(kwargs)
        if names[0] not in given or (has_target and names[1] not in given):
            return original(*args, **kwargs)  # which tells what is missing
        prediction = given.pop(names[0])
        target = given.pop(names[1]) if has_target else None
        call = LossCall("huber" if name == "smooth_l1" and given.get("beta", 1.0) == 1.0 else name, original, prediction, target, given)
        with unseen():
            session.emit("loss_input", call)
            if call.prediction is prediction and call.target is target and call.kwargs is given and call.name == call.original_name:
                call.result = original(*args, **kwargs)
            else:
                call.result = call.run()
            session.emit("loss_output", call)
        return call.result

    # torch.jit.script compiles the original; torch.compile leaves the call to Python.
    setattr(loss_function, "__script_if_tracing_wrapper", True)
    setattr(loss_function, "__original_fn", original)
    setattr(loss_function, "_torchdynamo_disable", True)
    return loss_function


def patch_all():
    for function, name in NAMES.items():
        original = getattr(F, function, None)
        if inspect.isfunction(original) and not hasattr(original, "__original_fn"):
            ORIGINALS[name] = original
            setattr(F, function, patched(name, original))


def install(session):
    patch_all()
    if not knob_answers.is_needed(session):
        return  # a plain training: the calls are only seen, at the steps that are scored
    session.full_batch = FullBatch(session)
    session.label_scale = LabelScale(session)


# ---- all the data at every step ----

class FullBatch:
    """In a look: whether every training step shows the loss the same targets. In a trial of such a program: which rows of (prediction,
    target) count."""

    KNOBS = ("samples", "shuffle_labels", "batch_size")

    def __init__(self, session):
        self.session = session
        self.sites = {}  # site: [its first target, how often it was the same]; None where it changed
        self.kept = self.order = None  # rows of the subset; a permutation of their labels
        self.at = 0
        self.queue = None
        session.on("loss_input", self.on_loss)
        session.on("end", self.on_end)

    def rows(self):
        """Of a program that was found to be one; 0 else."""
        known = self.session.known.get("full_batch")
        return known["rows"] if known else 0

    def on_loss(self, call):
        if not call.training or not isinstance(call.target, torch.Tensor) or call.target.dim() == 0:
            return
        if self.session.mode == "look":
            self.watch(call)
        elif self.session.known.get("full_batch", {}).get("site") == call.site:
            self.choose(call)

    def watch(self, call):
        target = call.target
        if call.site not in self.sites:
            fits = call.prediction.dim() > 0 and len(call.prediction) == len(target) and target.numel() <= SAME_MAX
            self.sites[call.site] = [target.detach().clone(), 1] if fits else None
            return
        seen = self.sites[call.site]
        if seen is None:
            return
        if seen[0].shape == target.shape and seen[0].dtype == target.dtype and torch.equal(seen[0], target.detach()):
            seen[1] += 1
        else:
            self.sites[call.site] = None

    def choose(self, call):
        answers, count = knob_answers.of(self.session), len(call.target)
        wanted = {name: answers.wants(name) for name in self.KNOBS}
        if self.session.known.get("data"):
            wanted["samples"] = wanted["shuffle_labels"] = None  # tenet.data has seen to them
        if not any(wanted.values()) or len(call.prediction) != count:
            return
        generator = torch.Generator().manual_seed(int(self.session.trial.get("base_seed") or 0) + 1)
        if self.kept is None:
            self.kept = torch.arange(count)
            if wanted["samples"] and wanted["samples"] < count:
                self.kept = torch.randperm(count, generator=generator)[:int(wanted["samples"])].sort().values
            self.order = self.kept[torch.randperm(len(self.kept), generator=generator)] if wanted["shuffle_labels"] else self.kept
        places = torch.arange(len(self.kept))
        if wanted["batch_size"] and wanted["batch_size"] < len(self.kept):
            places = self.next_places(int(wanted["batch_size"]))
        device = call.target.device
        call.prediction = call.prediction[self.kept[places].to(call.prediction.device)]
        call.target = call.target[self.order[places].to(device)]
        for name, value in wanted.items():
            if value:
                answers.applied(name)

    def next_places(self, size):
        """The next `size` of the kept rows, in an order of their own in each pass."""
        if self.queue is None or self.at + size > len(self.queue):
            seed = self.session.trial.get("seed")
            if self.queue is None:
                self.shuffler = torch.Generator().manual_seed(12345 + int(seed or 0))
            self.queue, self.at = torch.randperm(len(self.kept), generator=self.shuffler), 0
        self.at += size
        return self.queue[self.at - size:self.at]

    def on_end(self, reason):
        session = self.session
        if session.mode != "look":
            for name in self.KNOBS:
                if name in knob_answers.of(session).open() and self.rows():
                    knob_answers.of(session).refused(name, "the loss was not called where it was in the first run; %s" % knob_answers.LINE)
            return
        loaders = getattr(session, "loaders", None)
        if session.private.get("data") or (loaders is not None and loaders.best() is not None):
            return
        same = [(seen[1], site, len(seen[0])) for site, seen in self.sites.items() if seen is not None]
        if not same or max(same)[0] < min(2, session.step) or session.step == 0:
            return
        count, site, rows = max(same)
        if count < 0.5 * session.step:
            return
        session.private["full_batch"] = {"site": site, "rows": rows}
        knob_answers.can(session, *self.KNOBS)
        for name, value in (("train_samples", rows), ("batch_size", rows), ("steps_per_epoch", 1)):
            session.facts.setdefault(name, value)


# ---- label_scale ----

class LabelScale:
    """Targets of a regression loss, scaled by the statistics of the look; scores do not mind, and shown labels are given back unscaled."""

    def __init__(self, session):
        self.session = session
        self.statistics = None
        self.saw_classes = False
        self.where = None  # the site that the statistics are of
        self.affine, self.affine_as = None, {}
        session.on("loss_output", self.on_output)
        session.on("loss_input", self.on_loss, knob="label_scale")
        session.on("end", self.on_end)

    def on_output(self, call):
        """In a look: statistics of the targets of the first site that trains."""
        if self.session.mode != "look" or not call.training or self.where not in (None, call.site):
            return
        if self.statistics is not None and self.statistics.rows >= 10000:
            return
        rows = call.rows()
        if rows is None or rows.task == "classification" or call.name not in LABEL_SCALED:
            self.saw_classes = self.saw_classes or (rows is not None and rows.task == "classification")
            return
        if rows.labels.shape[1] > torch_rows.WIDTH_MAX:
            return
        if self.statistics is None:
            self.where, self.statistics = call.site, torch_rows.ColumnStatistics(rows.labels.shape[1])
        if rows.labels.shape[1] == self.statistics.width:
            self.statistics.add(rows.labels)

    def on_loss(self, call):
        answers = knob_answers.of(self.session)
        scale = answers.wants("label_scale")
        known = self.session.known.get("label")
        if scale is None or known is None or self.session.known.get("data"):
            return
        if call.name not in LABEL_SCALED or not isinstance(call.target, torch.Tensor):
            return
        if call.target.dim() == 0 or call.target.numel() % len(known["mean"]):
            return
        if self.affine is None:
            self.affine = torch_rows.affine_of(known, scale) or ()
        if self.affine:
            call.unscaled = call.target
            if not call.target.is_floating_point():
                call.target = call.target.to(call.prediction.dtype)
            key = call.target.device, call.target.dtype
            if key not in self.affine_as:
                self.affine_as[key] = tuple(one.to(*key) for one in self.affine)
            shift, gain = self.affine_as[key]
            columns = call.target.reshape(-1, len(shift))
            call.target = ((columns - shift) * gain).reshape(call.target.shape)
        answers.applied("label_scale")

    def unscale(self, outputs):
        """Outputs [n, width] that predict scaled targets, in original units."""
        if not self.affine or outputs.shape[1] != len(self.affine[0]):
            return outputs
        shift, gain = (one.to(outputs.dtype) for one in self.affine)
        return torch.where(gain != 0, outputs / torch.where(gain != 0, gain, torch.ones_like(gain)), torch.zeros_like(outputs)) + shift

    def on_end(self, reason):
        session = self.session
        if session.mode == "look":
            if session.private.get("data"):
                return
            if self.statistics is not None and self.statistics.rows:
                session.private["label"] = self.statistics.record()
                knob_answers.can(session, "label_scale")
            elif self.saw_classes:
                knob_answers.cannot(session, "label_scale", "its labels are classes, which have no scale")
            else:
                knob_answers.cannot(session, "label_scale", "no regression loss of torch.nn.functional is called; %s" % knob_answers.LINE)
        elif "label_scale" in knob_answers.of(session).open() and not session.known.get("data"):
            knob_answers.of(session).refused("label_scale",
                                             "no regression loss of torch.nn.functional was given a target; %s" % knob_answers.LINE)
