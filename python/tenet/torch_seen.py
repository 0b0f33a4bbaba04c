"""Batches that a trial keeps as the network got them, with the labels as the loss saw them, to run the network on them once more.

Whoever keeps them (pictures: torch_shown; scores: torch_review) says which, and what to do with each.
"""
import copy

import torch

from . import torch_losses, torch_samplers

VALUES_MAX = 1 << 21  # of one batch
# What a program may put between its network and the loss: the one that gives the loss's prediction.
AFTER = (lambda output: output, lambda output: torch.log_softmax(output, -1), lambda output: torch.softmax(output, -1), torch.sigmoid,
         torch.tanh, torch.relu, torch.exp, torch.log)


class Seen:
    """One batch."""

    def __init__(self, module, args, kwargs, inputs, output):
        self.module, self.args, self.kwargs = module, copied(args), copied(kwargs)
        self.inputs = copied(inputs)
        self.output = output.detach().clone()
        self.call = None
        self.target = None
        self.after = None  # of AFTER; None: unknown
        self.shape = None  # of the loss's prediction, where `after` is known

    def take_call(self, call):
        self.call = copy.copy(call)
        self.call.prediction = self.call.target = self.call.result = None  # their graph is the program's
        self.target = call.target.detach().clone()
        prediction = call.prediction.detach()
        if self.output.numel() == prediction.numel():
            self.after = next((after for after in AFTER
                               if torch.allclose(after(self.output).reshape(-1), prediction.reshape(-1), atol=1e-6, equal_nan=True)), None)
            self.shape = prediction.shape

    def run_again(self):
        """The network's output on the same batch, in evaluation mode; None where it cannot be run outside of the program's loop. Modes and
        random states are given back."""
        modes = [(module, module.training) for module in self.module.modules()]
        try:
            with torch.no_grad(), torch_samplers.RandomStates(), torch_losses.unseen():
                for module, _ in modes:  # not by eval(), which the program may have overridden and torch_usage listens to
                    module.training = False
                output = self.module(*self.args, **self.kwargs)
            return next((leaf.detach() for _, leaf in torch_samplers.leaves_of(output) if leaf.shape == self.output.shape), None)
        except Exception:  # a network that cannot be called by itself shows no output, whatever stops it
            return None
        finally:
            for module, training in modes:
                module.training = training

    def prediction(self, output):
        """What the loss is given of that output; None where what the program does in between is not known."""
        if self.after is None or output is None or output.numel() != self.output.numel():
            return None
        return self.after(output).reshape(self.shape)


class SeenBatches:
    def __init__(self, session):
        self.session = session
        self.pending = None  # (module, args, kwargs) of the forward pass under way
        self.present = None
        session.on("root_input", self.on_input)
        session.on("root_output", self.on_output)
        session.on("loss_output", self.on_loss)

    def is_taking(self):
        """Whether batches are wanted at all."""
        raise NotImplementedError

    def is_taking_this(self):
        """Whether the batch that comes now is one of them."""
        return self.is_taking()

    def keep(self, seen, call):
        raise NotImplementedError

    def give_up(self):
        """Two networks make one prediction: there is no single one to run again."""
        raise NotImplementedError

    def on_input(self, module, args, kwargs):
        if self.is_taking() and self.is_taking_this():
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
            self.give_up()
            return
        self.present = Seen(module, args, kwargs, inputs, made)

    def on_loss(self, call):
        seen = self.present
        if seen is None or seen.call is not None or not call.training or not self.is_taking() or not isinstance(call.target, torch.Tensor):
            return
        self.present = None
        if call.prediction.numel() % len(seen.inputs) == 0:
            seen.take_call(call)
            self.keep(seen, call)


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
