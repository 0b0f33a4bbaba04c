"""tenet.TransformersCallback: records a training of Hugging Face's Trainer; see recorder.py.

    trainer = Trainer(..., callbacks=[tenet.TransformersCallback(store="runs.tenet")])
"""
import torch
from transformers import TrainerCallback

from . import recorder


def unwrapped(optimizer):
    """The optimizer itself, without what accelerate puts around it."""
    for _layer in range(4):
        if optimizer is None or isinstance(optimizer, torch.optim.Optimizer) and not hasattr(optimizer, "optimizer"):
            break
        optimizer = getattr(optimizer, "optimizer", None)
    return optimizer


class TransformersCallback(TrainerCallback):
    """Records the first process of a training. `report` holds the document once it is over."""

    def __init__(self, store="runs.tenet", name=None, vitals_every=None):
        self.options = {"store": store, "name": name, "vitals_every": vitals_every}
        self.recorder = None
        self.report = None

    def on_train_begin(self, args, state, control, model=None, optimizer=None, **kwargs):
        if self.recorder is None and state.is_world_process_zero and model is not None:
            self.recorder = recorder.watch(model, unwrapped(optimizer), **self.options)

    def on_train_end(self, args, state, control, **kwargs):
        if self.recorder is not None:
            self.report = self.recorder.close()
            self.recorder = None
