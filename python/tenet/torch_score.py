"""Scores of a trial: 0 for the trivial predictor, 1 for a perfect one (src/subject/score.h), from predictions made before the updates.

What they are made of is decided in the look and kept for the trials (private["score"]):
    "loss_function"  predictions and labels of one call of a loss function, as the loss saw them
    "output"         the network's output and the training loader's labels, where the program computes its loss by hand
    "loss"           1 - loss / first loss, where there are no labels; only while no knob and no patch touches the loss's scale
    "none"           several optimizers that take turns, constant labels, a loss that is below zero
A score after step N is over the last steps that hold at least min(1000, training samples) rows, but at most the last quarter of the steps.
Where the look saw dropout, or labels that come sorted, it is of batches from all over the training instead (torch_review).
"""
import collections
import math
import weakref

import torch

from . import knob_answers, torch_labels, torch_rows, torch_samplers
from .torch_optimizers import is_successor
from .torch_review import MIXED_MIN, ROWS, ROWS_ON_THE_WAY, Review, mixing
from .torch_usage import keeps_loss

ENOUGH_ROWS = 1000
HELD_WHOLE = 1 << 14  # values of a prediction that is kept as it is until a score is made
HELD_MAX = 1 << 24  # values of predictions that are held for a score to come
# Which loss is the task where a step calls several: the first of these that is there.
RANK = {name: place for place, name in enumerate(
    torch_rows.CATEGORICAL + tuple(torch_rows.BINARY) + ("kl_div",) + torch_rows.REGRESSION)}


def install(session):
    if not knob_answers.is_needed(session):
        session.scores = TrainingScores(session)
        return
    session.scores = Scores(session)
    session.shown = shown_of(session)
    session.scores.review = Review(session)


def shown_of(session):
    from .torch_shown import Shown
    return Shown(session)


Part = collections.namedtuple("Part", "step rows loss")  # rows: list of torch_rows.Rows


class Scores:
    def __init__(self, session):
        self.session = session
        self.parts = collections.deque()  # of the last steps
        self.held = self.held_rows = 0  # values and rows in them
        self.rows = []  # of the present step, by where they came from
        self.loss = 0.0  # of the present step: the sum over its backward calls
        self.first_loss = None
        self.lowest_loss = math.inf
        self.backwards = 0
        self.in_step = False  # of a closure
        self.sites = {}  # in a look: site: [name, steps in which it was called, rows]
        self.site_steps = set()
        # in a look: site, None for the network's output: (statistics of its labels, whether its loss is plain, how it is reduced)
        self.labels = {}
        self.labels_max = torch_rows.KEPT_MAX  # values of labels that are kept
        self.output = None  # the network's output of this step
        self.output_task = None
        self.takes_turns = False
        self.last_stepper = lambda: None
        self.sent = None  # the last step that has a score
        self.own = math.nan  # tenet.score
        self.review = None
        self.last_scores = []
        session.on("loss_output", self.on_loss)
        session.on("root_output", self.on_output)
        session.on("backward", self.on_backward)
        session.on("before_step", self.before_step)
        session.on("step_done", self.on_step)
        session.on("own_score", self.on_own)
        session.on("end", self.on_end)

    # ---- what is decided ----

    def kind(self):
        """How this trial is scored; in a look, in a training and without one, by what is seen."""
        known = self.session.known.get("score")
        if known is not None:
            return known["kind"]
        if self.takes_turns:
            return "none"
        if self.sites:
            return "loss_function"
        return "output" if self.output_task else "loss"

    def site(self):
        known = self.session.known.get("score")
        if known is not None:
            return known.get("site")
        if not self.sites:
            return None
        # The loss that most steps call; among those, the one that says most of a task.
        most = max(seen[1] for seen in self.sites.values())
        often = [(RANK.get(seen[0], 99), place, site) for place, (site, seen) in enumerate(self.sites.items()) if seen[1] * 2 >= most]
        return min(often)[2]

    def task(self):
        return (self.session.known.get("score") or {}).get("task")

    def is_wanted(self):
        return not self.session.trial.get("unscored") or self.session.mode == "look"

    # ---- what is seen ----

    def on_loss(self, call):
        if not call.training or not self.is_wanted():
            return
        known = self.session.known.get("score")
        if known is not None and (known["kind"] != "loss_function" or known["site"] != call.site):
            return
        if known is not None and isinstance(call.target, torch.Tensor) and call.prediction.numel() <= HELD_WHOLE:
            self.hold(call.site, torch_rows.Held(call.name, call.prediction, call.compared(), call.kwargs, known["task"]))
            return
        rows = call.rows(self.task())
        if rows is None or len(rows) == 0:
            return
        if known is None:
            seen = self.sites.setdefault(call.site, [call.name, 0, len(rows)])
            if call.site not in self.site_steps:
                self.site_steps.add(call.site)
                seen[1] += 1
            self.count_labels(call.site, call.name, rows, call.is_plain, call.reduction, len(rows) <= len(call.prediction))
        self.hold(call.site, rows.hold())

    def count_labels(self, site, name, rows, plain, reduction, single=True):
        """In a look and in a plain training: statistics of the labels. single: each sample has one."""
        if self.session.mode in ("look", "train"):
            statistics = self.labels.setdefault(site, (torch_rows.LabelStatistics(self.labels_max), plain, reduction))[0]
            statistics.add(name, rows)
            statistics.is_single = statistics.is_single and single

    def hold(self, site, rows):
        if not (self.in_step and any(known == site for known, _ in self.rows)):
            self.rows.append((site, rows))

    def on_output(self, module, args, output):
        """For a program that computes its loss by hand: its output, until the step is made."""
        if self.kind() in ("none", "loss_function") or not torch.is_grad_enabled() or not self.is_wanted():
            return
        # A loss that is a module has an output as well: of no axis.
        leaf = next((leaf for _, leaf in torch_samplers.leaves_of(output) if leaf.requires_grad and leaf.is_floating_point()
                     and leaf.dim() > 0), None)
        if leaf is not None:
            self.output = leaf.detach()

    def compare_output(self):
        """The network's output with the labels of the batch that it was made of; None where they do not fit."""
        loaders = getattr(self.session, "loaders", None)
        output, self.output = self.output, None
        if output is None or loaders is None or loaders.last is None:
            return None
        batch = loaders.last[2]
        path = (self.session.known.get("loader") or {}).get("label")
        path = tuple(path) if path is not None else loaders.label_path(batch)
        if path is None:
            return None
        try:
            label = torch_samplers.leaf_at(batch, path)
        except (KeyError, IndexError, TypeError):
            return None
        if not isinstance(label, torch.Tensor) or label.dim() == 0 or len(label) != len(output):
            return None
        label = label.to(output.device)
        if not label.is_floating_point() and output.dim() > 1 and output.shape[1] > 1 and label.numel() * output.shape[1] == output.numel():
            return torch_rows.rows_of("softmax_cross_entropy", output, label.reshape(output.shape[:1] + output.shape[2:]))
        return torch_rows.rows_of("mse", output, label.to(output.dtype), None, self.task()) if label.numel() == output.numel() else None

    def on_backward(self, value, training=True):
        if training and not (self.in_step and self.backwards):
            self.loss += value
            self.backwards += 1

    def before_step(self, optimizer, is_primary):
        if self.session.shown.is_waiting:
            self.rows, self.loss, self.backwards = [], 0.0, 0
            return
        last = self.last_stepper()
        if last not in (None, optimizer) and self.backwards > 0 and not is_successor(optimizer, last):
            self.takes_turns = True  # each optimizer has a backward pass of its own
        self.last_stepper = weakref.ref(optimizer)
        seen, self.backwards = self.backwards, 0
        if is_primary:
            # Without a backward pass so far there will be one in the step's closure; its first call is what the step begins from.
            self.in_step = seen == 0
            if not self.in_step:
                self.close(self.session.step + 1)

    def close(self, step):
        """The end of a step's forward passes: what it predicted, and its loss."""
        kind = self.kind()
        rows = []
        if kind == "loss_function" and self.rows:
            chosen = self.site()
            rows = [held for site, held in self.rows if site == chosen]
        self.rows, self.site_steps = [], set()
        if kind in ("output", "loss") and self.is_wanted():
            found = self.compare_output()
            if found is not None and len(found):
                self.output_task = found.task
                self.count_labels(None, "output", found, False, None)
                rows = [found.hold()]
        loss, self.loss = self.loss, 0.0
        if self.first_loss is None:
            self.first_loss = loss
        if math.isfinite(loss):
            self.lowest_loss = min(self.lowest_loss, loss)
        self.parts.append(Part(step, rows, loss))
        self.held += sum(row.numel() for row in rows)
        self.held_rows += count(self.parts[-1])
        self.forget(step)
        if step == 1:
            self.send(0)

    def enough(self):
        known, loaders = self.session.known, getattr(self.session, "loaders", None)
        seen = loaders.last[0].described if loaders is not None and loaders.last is not None else None
        samples = self.session.knobs.get("samples")
        for found, name in ((known.get("data"), "rows"), (known.get("loader"), "samples"), (known.get("full_batch"), "rows"),
                            (seen, "samples")):
            samples = samples or (found or {}).get(name)
        return min(ENOUGH_ROWS, samples or ENOUGH_ROWS)

    def forget(self, step):
        """Parts that no score to come reaches back to: newer ones hold enough rows, or they are older than the last quarter of the steps,
        which only moves on."""
        enough = self.enough()
        while len(self.parts) > 1:
            first = self.parts[0]
            if self.held_rows - count(first) < enough and first.step >= step - step // 4 and self.held <= HELD_MAX:
                return
            self.parts.popleft()
            self.held -= sum(row.numel() for row in first.rows)
            self.held_rows -= count(first)

    # ---- what is sent ----

    def window(self, step):
        """The last steps that hold enough rows, at most a quarter of the steps."""
        most, found, rows, enough = max(1, step // 4), [], 0, self.enough()
        for part in reversed(self.parts):
            if found and (len(found) >= most or rows >= enough):
                break
            found.append(part)
            rows += count(part)
        return found

    def mixing(self):
        """Of the labels of the loss function that is scored, where each sample has one (torch_review); None where not known."""
        statistics = self.labels.get(self.site(), (None,))[0]
        return mixing(statistics.labels()) if statistics is not None and statistics.is_single else None

    def comes_sorted(self):
        mixed = self.mixing()
        return mixed is not None and mixed < MIXED_MIN

    def reviewed(self, enough=ROWS):
        """Rows of batches from all over the training, where only these tell how good the network is; none elsewhere."""
        if self.review is None or not self.review.is_wanted() or self.kind() != "loss_function":
            return []
        if self.session.known.get("score") is None and not self.review.drops and not self.comes_sorted():
            return []
        return self.review.rows(self.site(), self.task(), enough)

    def score(self, step, is_last):
        kind, window = self.kind(), self.window(step)
        reviewed = self.reviewed(ROWS if is_last else ROWS_ON_THE_WAY)
        if reviewed:
            return torch_rows.score_of(reviewed)
        if kind in ("loss_function", "output"):
            return torch_rows.score_of([row for part in window for row in part.rows])
        if kind == "loss" and self.is_loss_comparable() and window:
            value = 1 - sum(part.loss for part in window) / len(window) / self.first_loss
            return min(1.0, max(0.0, value)) if math.isfinite(value) else math.nan
        return math.nan

    def is_loss_comparable(self):
        if not self.first_loss or not self.first_loss > 0 or self.lowest_loss < 0:
            return False
        patch = [path for path in self.session.patch or () if not path.startswith(("solver", "init", "hypes")) and not keeps_loss(path)]
        return not self.session.knobs.get("label_scale") and not patch

    def send(self, step, is_last=False):
        session = self.session
        if session.trial.get("unscored") or session.link is None:
            return
        window = self.window(step)
        losses = [part.loss for part in window if math.isfinite(part.loss)]
        score = self.score(step, is_last)
        if session.mode == "look":
            self.last_scores.append(score)
        if math.isnan(score) and math.isnan(self.own):
            return
        session.score(step, session.samples if step else 0, train_score=score, valid_score=self.own,
                      train_loss=sum(losses) / len(losses) if losses else math.nan)
        self.sent = step

    def on_step(self, step):
        if self.in_step:
            self.in_step, self.backwards = False, 0
            self.close(step)
        every = self.session.trial.get("score_every") or 0
        if every and step % every == 0:
            self.send(step)

    def on_own(self, value):
        self.own = float(value)
        step = self.session.step
        self.sent = None if self.sent == step else self.sent
        self.send(step)

    def on_end(self, reason):
        session = self.session
        lost = self.parts and not math.isfinite(self.parts[-1].loss)
        if session.step and self.sent != session.step and not lost and reason != "exception":
            self.send(session.step, is_last=True)
        if session.mode in ("look", "train"):
            self.conclude()

    def conclude(self):
        session = self.session
        kind, why = self.kind(), None
        statistics, plain, reduction = self.labels.get(self.site(), (None, False, None))
        if kind == "none":
            why = "several optimizers take turns, so no single number says how good the networks are"
        elif kind in ("loss_function", "output") and statistics is not None and is_constant(statistics.labels()):
            kind, why = "none", "the labels are constant"
        elif kind == "loss":
            if self.is_loss_comparable():
                why = "from the loss: no loss function of torch.nn.functional compares predictions with labels"
            else:
                kind, why = "none", "nothing is supervised: no loss function compares predictions with labels, and the loss is %s" % (
                    "below zero at times" if self.lowest_loss < 0 else "not above zero at the first step")
        if not math.isnan(self.own):
            why = None  # the program tells a score of its own
        task = statistics.task if statistics is not None else None
        session.private["score"] = {"kind": kind, "site": self.site(), "task": task, "reviewed": bool(self.reviewed(1))}
        if session.mode == "look":
            session.facts["label_mixing"] = self.mixing()
        session.facts["scored"] = kind != "none" or not math.isnan(self.own)
        session.facts["score_why"] = why
        if statistics is not None and kind in ("loss_function", "output"):
            for name, value in statistics.facts(plain, reduction).items():
                session.facts.setdefault(name, value)


class TrainingScores(Scores):
    """Scores of `tenet train`, where nothing may cost: of the first steps, and of the last few before each score."""

    FIRST, LAST = 50, 16
    LABELS_MAX = 1 << 16  # values of labels; the rule needs no more

    def __init__(self, session):
        super().__init__(session)
        self.labels_max = self.LABELS_MAX
        self.seen_labels = torch_labels.SeenLabels(session)
        if session.trial.get("shown_samples"):
            session.shown = shown_of(session)
        else:
            session.shown = NothingShown

    def is_due(self, step):
        every = self.session.trial.get("score_every") or 0
        return step <= self.FIRST or (every > 0 and (step - 1) % every >= every - self.LAST)

    def kind(self):
        """A loss alone is told beside the score, and is none itself."""
        kind = super().kind()
        return "none" if kind == "loss" else kind

    def tell_labels(self):
        by_site = {site: statistics for site, (statistics, _, _) in self.labels.items()}
        self.session.facts["seen_labels"] = None if self.takes_turns else self.seen_labels.record(by_site, self.site() if self.sites else None)
        self.seen_labels.close()

    def conclude(self):
        super().conclude()
        self.tell_labels()
        if not self.sites and not self.takes_turns and math.isnan(self.own):
            self.session.facts["score_why"] = "no loss function of torch.nn.functional compares predictions with labels"

    def on_backward(self, value, training=True):
        if self.session.sees_losses:
            super().on_backward(value, training)

    def before_step(self, optimizer, is_primary):
        if self.session.sees_losses:
            super().before_step(optimizer, is_primary)

    def on_step(self, step):
        if self.session.sees_losses:
            super().on_step(step)
        if step == self.FIRST:
            self.tell_labels()
            self.session.tell_facts()
        self.session.sees_losses = self.is_due(step + 1)
        self.session.resting_until = self.next_due(step + 1)

    def next_due(self, step):
        """The first step from this one on that is looked at; infinity where none is."""
        every = self.session.trial.get("score_every") or 0
        if self.is_due(step) or not every:
            return step if self.is_due(step) else math.inf
        return step + max(every - self.LAST, 0) - (step - 1) % every


class NothingShown:
    is_waiting = False


def is_constant(labels):
    return labels is None or bool((labels == labels[:1]).all())


def count(part):
    return sum(len(rows) for rows in part.rows)
