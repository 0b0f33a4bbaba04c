"""Samples that a trial shows: inputs as the network got them, labels as the loss saw them, and what the network makes of them before and
after.

They are taken from the first batches. Where one step has fewer than are wanted, the program goes on for as many batches as it takes once
its steps are done, with a learning rate of zero and unrecorded. At the end the network is run on them once more, in evaluation mode; modes
and random states are given back.
"""
import copy

import torch

from . import session as sessions, torch_losses, torch_rows, torch_samplers

VALUES_MAX = 1 << 21  # of one message
# What a program may put between its network and the loss: the one that gives the loss's prediction.
AFTER = (lambda output: output, lambda output: torch.log_softmax(output, -1), lambda output: torch.softmax(output, -1), torch.sigmoid,
         torch.tanh, torch.relu, torch.exp, torch.log)


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


class Seen:
    """One batch."""

    def __init__(self, module, args, kwargs, inputs, output):
        self.module, self.args, self.kwargs = module, copied(args), copied(kwargs)
        self.inputs = copied(inputs)
        self.output = output.detach().clone()
        self.call = None
        self.target = None
        self.labels = None  # [n, size]
        self.after = None  # of AFTER; None: unknown


class Shown:
    def __init__(self, session):
        self.session = session
        self.batches = []
        self.rows = 0
        self.pending = None  # (module, args, kwargs) of the forward pass under way
        self.present = None
        self.is_done = False
        self.is_waiting = False
        self.waited = 0  # steps
        self.kept = None  # step, samples and link while it waits
        session.on("root_input", self.on_input)
        session.on("root_output", self.on_output)
        session.on("loss_output", self.on_loss)
        session.on("end", self.on_end)

    def wanted(self):
        return int(self.session.trial.get("shown_samples") or 0)

    def is_taking(self):
        return not self.is_done and self.rows < self.wanted() and torch.is_grad_enabled() and not self.session.ended

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

    def on_input(self, module, args, kwargs):
        if self.is_taking():
            self.pending = (module, args, kwargs)

    def on_output(self, module, args, output):
        if self.pending is None or self.pending[0] is not module:
            return
        _, args, kwargs = self.pending
        self.pending = None
        inputs = next((leaf for _, leaf in torch_samplers.leaves_of((args, kwargs)) if leaf.dim() > 0), None)
        made = next((leaf for _, leaf in torch_samplers.leaves_of(output) if leaf.requires_grad and leaf.dim() > 0), None)
        if inputs is None or made is None or inputs.numel() + 2 * made.numel() > VALUES_MAX:
            return
        if self.present is not None and self.present.call is None:
            self.is_done, self.batches = True, []  # two networks make one prediction: there is no single one to run again
            return
        self.present = Seen(module, args, kwargs, inputs, made)

    def on_loss(self, call):
        seen = self.present
        if seen is None or seen.call is not None or not call.training or not self.is_taking() or not isinstance(call.target, torch.Tensor):
            return
        rows, target = len(seen.inputs), call.unscaled if call.unscaled is not None else call.target
        labels = labels_of(call, target, rows)
        if labels is None or call.prediction.numel() % rows:
            self.present = None
            return
        seen.call = copy.copy(call)
        seen.call.prediction = seen.call.target = seen.call.result = None  # their graph is the program's
        seen.target, seen.labels = call.target.detach().clone(), labels
        prediction = call.prediction.detach()
        if seen.output.numel() == prediction.numel():
            seen.after = next((after for after in AFTER
                               if torch.allclose(after(seen.output).reshape(-1), prediction.reshape(-1), atol=1e-6, equal_nan=True)), None)
            seen.shape = prediction.shape
        self.batches.append(seen)
        self.rows += rows
        self.present = None

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
        after = self.run_again(seen)
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
        nothing = [None] * rows
        if seen.after is None or output is None or output.numel() != seen.output.numel():
            return nothing
        with torch.no_grad():
            found = seen.call.of_samples(seen.after(output).reshape(seen.shape), seen.target)
        if found is None or found.numel() % rows:
            return nothing
        return found.reshape(rows, -1).mean(1).tolist()

    def run_again(self, seen):
        """The network's output on the same batch; None where it cannot be run outside of the program's loop."""
        modes = [(module, module.training) for module in seen.module.modules()]
        try:
            with torch.no_grad(), torch_samplers.RandomStates(), torch_losses.unseen():
                seen.module.eval()
                output = seen.module(*seen.args, **seen.kwargs)
            return next((leaf.detach() for _, leaf in torch_samplers.leaves_of(output) if leaf.shape == seen.output.shape), None)
        except Exception:  # a network that cannot be called by itself shows no output, whatever stops it
            return None
        finally:
            for module, training in modes:
                module.training = training


def copied(value):
    """Copies of the tensors in arguments, cut from their graph."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple):
        items = [copied(one) for one in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [copied(one) for one in value]
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return value


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
