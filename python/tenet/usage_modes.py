"""Modes: a network that trains in evaluation mode, and one that is judged in training mode. Only layers count that compute differently in the two: dropout, and norms with running statistics."""
import weakref

import torch

from . import torch_rows, torch_usage_wraps
from .torch_trace import here, is_loss_module
from .torch_usage import Check, Turned, restored

STEPS_MIN = 5
BATCHES = 12  # of training data that are held for the control
VALUES_MAX = 1 << 22  # in one of them
# The same weights on the same samples: the score by which evaluation mode must be better, or the share of the loss to which it must bring it, to prove that training mode does harm, and to be
# told at all. Own choice; dropout of a tenth in a network that fits its data stays below both.
PROVEN_GAP, PROVEN_LOSS, TOLD_GAP, TOLD_LOSS = 0.05, 0.5, 0.005, 0.9

DROPOUTS = tuple(getattr(torch.nn, name) for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout") if hasattr(torch.nn, name))
NORMS = torch.nn.modules.batchnorm._BatchNorm


def is_sensitive(module):
    """Whether it computes differently in training and in evaluation."""
    if isinstance(module, DROPOUTS):
        return module.p > 0
    if isinstance(module, NORMS):
        return module.track_running_stats and module.running_mean is not None
    return isinstance(module, torch.nn.RNNBase) and module.dropout > 0 and module.num_layers > 1


class Modes(Check):
    MENDS = ("training_mode", "evaluation_mode")

    def listen(self):
        self.sensitive = weakref.WeakKeyDictionary()  # root: its sensitive modules
        self.now = None  # the root of the pass that trains
        self.in_eval = self.in_train = 0  # steps
        self.train_first = False
        self.eval_last = 0  # steps in evaluation mode since the last one in training mode
        self.judged = {}  # place: passes without gradients in training mode
        self.held, self.loss = [], None
        self.root = None
        self.evals = weakref.WeakKeyDictionary()
        torch_usage_wraps.watch_eval(self.evals)
        self.on("root_input", self.root_input)
        self.on("root_output", self.root_output)
        self.on("loss_input", self.loss_input)
        self.on("before_step", self.before_step)

    def modules_of(self, root):
        if root not in self.sensitive:
            self.sensitive[root] = [one for one in root.modules() if is_sensitive(one)]
        return self.sensitive[root]

    def root_input(self, module, args, kwargs):
        if is_loss_module(module) or not self.modules_of(module):
            return
        if torch.is_grad_enabled():
            self.now = [weakref.ref(module), module.training, args, kwargs, None]
        elif module.training and self.root is not None and self.root() is module:
            place = here()
            key = (place["file"], place["line"]) if place else None
            self.judged.setdefault(key, [place, 0])[1] += 1

    def root_output(self, module, args, output):
        if self.now is not None and self.now[0]() is module:
            self.now[4] = output

    def loss_input(self, call):
        if not call.training or self.now is None or self.now[4] is not call.prediction:
            return
        self.loss = call
        args = self.now[2]
        if len(self.held) < BATCHES and sum(one.numel() for one in args if isinstance(one, torch.Tensor)) <= VALUES_MAX:
            kept = tuple(one.detach().clone() if isinstance(one, torch.Tensor) else one for one in args)
            self.held.append((kept, dict(self.now[3]), call.target.detach().clone() if isinstance(call.target, torch.Tensor) else None))

    def before_step(self, optimizer, is_primary):
        if not is_primary or self.now is None:
            return
        found, self.now = self.now, None
        self.root = found[0]
        if found[1]:
            self.in_train, self.eval_last = self.in_train + 1, 0
            self.train_first = self.train_first or self.in_eval == 0
        else:
            self.in_eval, self.eval_last = self.in_eval + 1, self.eval_last + 1

    # ---- what was seen ----

    def tell(self):
        root = self.root() if self.root is not None else None
        if root is None:
            return
        kinds = sorted({type(one).__name__ for one in self.modules_of(root)})
        if self.eval_last >= STEPS_MIN and self.in_eval > self.in_train // 20:
            first = "after %d steps in training mode, " % self.in_train if self.in_train else ""
            self.usage.found(
                "training_mode", "wrong_mode", "the network in training mode while it trains",
                "%s%d steps were taken in evaluation mode, in which %s do nothing of their work" % (first, self.in_eval, " and ".join(kinds)),
                self.evals.get(root), "call model.train() again before the next training step", prior=0.8, certain=self.in_train > 0)
        passes = sum(seen[1] for seen in self.judged.values())
        if passes and self.held and self.loss is not None and root not in self.evals and len(self.usage.optimizers) == 1 and root.training:
            self.control(root, kinds, passes)

    def control(self, root, kinds, passes):
        """The same samples, the same weights, in both modes."""
        scores, losses = [], []
        for mode in (True, False):
            score, loss = self.measure(root, mode)
            scores.append(score)
            losses.append(loss)
        if scores[0] is None or scores[1] is None:
            return
        gap = scores[1] - scores[0]
        place = max(self.judged.values(), key=lambda seen: seen[1])[0]
        seen = "%d passes without gradients ran in training mode, in which %s are at work; model.eval() is never called" % (passes, " and ".join(kinds))
        measured = "the same weights on the same samples score %.2f in training mode and %.2f in evaluation mode (mean loss %.3g and %.3g)" % (scores[0], scores[1], losses[0], losses[1])
        is_proven = gap >= PROVEN_GAP or losses[1] < PROVEN_LOSS * losses[0]
        if is_proven or gap >= TOLD_GAP or losses[1] < TOLD_LOSS * losses[0]:
            self.usage.found("evaluation_mode", "wrong_mode", "the network in evaluation mode while it is judged", seen, place, "call model.eval() before this, and model.train() after it",
                             certain=True, race=False, control=measured if is_proven else None)

    def measure(self, root, mode):
        """(score, mean loss of a sample) of the held batches; None where they cannot be scored."""
        right = total = 0
        loss, count, squares, spread = 0.0, 0, 0.0, []
        with torch.no_grad(), torch.random.fork_rng(devices=[]), restored([root]):
            root.train(mode)
            for args, kwargs, target in self.held:
                output = root(*args, **kwargs)
                of_samples = self.loss.of_samples(output, target)
                rows = torch_rows.rows_of(self.loss.name, output, target, self.loss.kwargs)
                if of_samples is None or rows is None:
                    return None, None
                loss, count = loss + float(of_samples.sum()), count + len(of_samples)
                if rows.task == "classification":
                    named = torch_rows.named_classes(rows.outputs, rows.threshold)
                    right, total = right + int((named.reshape(-1) == rows.labels.reshape(-1)).sum()), total + rows.labels.numel()
                else:
                    squares += float(((rows.outputs - rows.labels) ** 2).sum())
                    spread.append(rows.labels)
        if spread:
            labels = torch.cat(spread).double()
            return 1 - squares / max(float(((labels - labels.mean(0)) ** 2).sum()), 1e-12), loss / max(count, 1)
        return right / max(total, 1), loss / max(count, 1)

    # ---- the mend ----

    def turn(self, name, known):
        turned, flipped = Turned(), []

        def root_input(module, args, kwargs):
            if is_loss_module(module) or torch.is_grad_enabled() != (name == "training_mode") or module.training == (name == "training_mode"):
                return
            flipped[:] = [(one, one.training) for one in module.modules()]
            module.train(name == "training_mode")

        def root_output(module, args, output):
            for one, was in flipped:
                one.training = was
            flipped.clear()
        self.on("root_input", root_input)
        self.on("root_output", root_output)
        return turned


CHECKS = (Modes,)
