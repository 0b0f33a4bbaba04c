"""Samples that a trial shows: inputs as the network got them, labels as the loss saw them, and what the network makes of them before and
after.

They are taken from the first batches. Where one step has fewer than are wanted, the program goes on for as many batches as it takes once
its steps are done, with a learning rate of zero and unrecorded. At the end the network is run on them once more.
"""
import torch

from . import session as sessions, torch_rows
from .torch_seen import VALUES_MAX, SeenBatches


class Quiet:
    """A link that says nothing and hears nothing."""

    alive = True

    def step(self, *_):
        return True

    def score(self, *_, **__):
        pass

    def text(self, *_):
        pass

    def flush(self):
        pass


class Shown(SeenBatches):
    def __init__(self, session):
        super().__init__(session)
        self.batches = []
        self.rows = 0
        self.is_done = False
        self.is_waiting = False
        self.waited = 0  # steps
        self.kept = None  # step, samples and link while it waits
        session.on("end", self.on_end)

    def wanted(self):
        return int(self.session.trial.get("shown_samples") or 0)

    def is_complete(self):
        """Whether the trial may end; false while more batches are to be seen, and would come."""
        has_all = self.is_done or self.rows == 0 or self.rows >= self.wanted()
        return has_all or self.waited * self.rows > 2 * self.wanted() * len(self.batches)

    def wait(self, step):
        """The steps are done, but not all samples were seen: the program goes on, unrecorded and without changing a weight."""
        session = self.session
        if not self.is_waiting:
            self.is_waiting = True
            self.kept = step, session.samples, session.link
            session.link = Quiet()
        self.waited += 1
        session.step = self.kept[0]

    def stop_waiting(self):
        if self.is_waiting:
            self.is_waiting = False
            self.session.step, self.session.samples, self.session.link = self.kept

    # ---- taking ----

    def is_taking(self):
        return not self.is_done and self.rows < self.wanted() and torch.is_grad_enabled() and not self.session.ended

    def give_up(self):
        self.is_done, self.batches = True, []

    def keep(self, seen, call):
        seen.labels = labels_of(call, call.unscaled if call.unscaled is not None else call.target, len(seen.inputs))
        if seen.labels is not None:
            self.batches.append(seen)
            self.rows += len(seen.inputs)

    # ---- showing ----

    def on_end(self, reason):
        if not self.batches or not self.wanted():
            return
        samples, budget = [], self.wanted()
        for seen in self.batches:
            samples += self.samples_of(seen, budget - len(samples))
            if len(samples) >= budget or sum(len(sample["inputs"]) for sample in samples) > VALUES_MAX:
                break
        for row, sample in enumerate(samples):
            sample["row"] = row
        self.session._text(sessions.SHOWN, {"samples": samples})

    def samples_of(self, seen, most):
        rows = len(seen.inputs)
        after = seen.run_again()
        outputs = [self.unscaled(one.reshape(rows, -1).float().cpu()) if one is not None and one.numel() % rows == 0 else None
                   for one in (seen.output, after)]
        losses = [self.losses(seen, one, rows) for one in (seen.output, after)]
        inputs, labels = torch_rows.by_columns(seen.inputs).float().cpu(), seen.labels.float().cpu()
        return [{"inputs": inputs[row].tolist(), "label": labels[row].tolist(),
                 "output_before": outputs[0][row].tolist() if outputs[0] is not None else [],
                 "output_after": outputs[1][row].tolist() if outputs[1] is not None else [],
                 "loss_before": losses[0][row], "loss_after": losses[1][row]} for row in range(min(rows, most))]

    def unscaled(self, outputs):
        scale = getattr(self.session, "label_scale", None)
        return scale.unscale(outputs) if scale is not None else outputs

    def losses(self, seen, output, rows):
        """Of each sample; null where what the program does between its network and the loss is not known."""
        prediction = seen.prediction(output)
        with torch.no_grad():
            found = seen.call.of_samples(prediction, seen.target) if prediction is not None else None
        return found.reshape(rows, -1).mean(1).tolist() if found is not None and found.numel() % rows == 0 else [None] * rows


def labels_of(call, target, rows):
    """Labels [rows, size] of the inputs; None where it is not to be told which label is whose."""
    target = target.detach()
    if target.dim() == 0 or target.numel() == 0 or target.numel() % rows:
        return None
    if len(target) != rows and call.prediction.dim() != 2:
        return None
    if torch_rows.is_one_hot(target) and len(target) == rows:
        return target.argmax(1).reshape(rows, 1)
    if len(target) == rows:
        return target.clone().reshape(rows, -1)
    return target.clone().reshape(rows, -1) if len(target) == target.numel() else None
