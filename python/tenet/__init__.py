"""tenet finds out why a neural network does not train. In a program that runs under `tenet debug -- python train.py` nothing of this is
needed; the lines here help where its shape hides something: each does nothing where tenet is not around.

    x, y = tenet.data(x, y)              training data that go through no DataLoader: samples, labels and scales can be turned
    hypes = tenet.hypes("config.json")   hyper-parameters as the trial wants them
    tenet.watch(model, optimizer)        names the model and optimizer that matter; a light recorder where no tenet runs around the program
    tenet.score(value)                   a score of the program's own: 0 is the trivial predictor's, 1 is perfect
    tenet.debug(make_trainer)            the whole protocol, from a notebook
"""

import os

__version__ = "0.1.0"
__all__ = ["LightningCallback", "TransformersCallback", "data", "debug", "hypes", "score", "watch"]


def data(*arrays):
    """The training data, inputs first and labels last, as this trial wants them. Unchanged outside of tenet."""
    from . import session

    watching = session.current()
    if watching is None:
        return arrays if len(arrays) != 1 else arrays[0]
    if getattr(watching, "keras", None) is not None:
        return watching.keras.data.data(*arrays)
    from . import torch_losses

    return torch_losses.data(*arrays)


def hypes(path=None):
    """The hyper-parameters of the JSON file at `path`; in a trial, those of the trial's own copy of it."""
    import json

    path = os.environ.get("TENET_HYPES") or path
    if path is None:
        raise ValueError("tenet.hypes() got no path, and no trial gives one; expected tenet.hypes(\"config.json\")")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def watch(*models_and_optimizers, **options):
    """Records the training of these models; see recorder.watch."""
    from . import recorder

    return recorder.watch(*models_and_optimizers, **options)


def score(value):
    """Tells a score of the program's own on validation data."""
    from . import session

    watching = session.current()
    if watching is None:
        return
    if watching.listens("own_score"):
        watching.emit("own_score", float(value))
    else:
        watching.score(watching.step, watching.samples, valid_score=float(value))


def debug(make_trainer, **options):
    """Debugs the program that `make_trainer` is, and returns the report, which a notebook shows; see notebook.debug."""
    from . import notebook

    return notebook.debug(make_trainer, **options)


def __getattr__(name):
    """The callbacks, whose frameworks are imported only where they are used."""
    if name == "LightningCallback":
        from .lightning_callback import LightningCallback

        return LightningCallback
    if name == "TransformersCallback":
        from .transformers_callback import TransformersCallback

        return TransformersCallback
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
