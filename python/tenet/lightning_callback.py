"""tenet.LightningCallback: records a training of Lightning's Trainer; see recorder.py.

    trainer = Trainer(callbacks=[tenet.LightningCallback(store="runs.tenet")])
"""
try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from . import recorder


class LightningCallback(Callback):
    """Records the first process of a fit. `report` holds the document once the fit is over."""

    def __init__(self, store="runs.tenet", name=None, vitals_every=None):
        super().__init__()
        self.options = {"store": store, "name": name, "vitals_every": vitals_every}
        self.recorder = None
        self.report = None

    def on_train_start(self, trainer, pl_module):
        if self.recorder is None and trainer.is_global_zero:
            self.recorder = recorder.watch(pl_module, *trainer.optimizers, **self.options)

    def on_fit_end(self, trainer, pl_module):
        self.close()

    def on_exception(self, trainer, pl_module, exception):
        self.close()

    def close(self):
        if self.recorder is not None:
            self.report = self.recorder.close()
            self.recorder = None
