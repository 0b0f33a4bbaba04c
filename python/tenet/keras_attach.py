"""Keras 3 under tenet: model.fit, train_on_batch and custom loops, on the JAX backend or (eagerly) on PyTorch.

The parts share one object, session.keras. What a step computes is the program's own: only the loss, the rate and, where a score is wanted, predictions and targets leave the compiled step
beside what it returns anyway; gradients and activations of an observed step are computed apart from it. Tested with Keras 3 on JAX; on TensorFlow nothing is watched, which is said.
"""
import os

from . import knob_answers


def wrap(owner, name, make):
    """Puts make(original) in place of owner.name, with the original's name, signature and documentation."""
    import functools
    original = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    replacement = functools.wraps(original)(make(original))
    setattr(owner, name, replacement)
    return original


def definer(cls, name):
    """The class among the bases that defines the method; None where none does."""
    return next((base for base in cls.__mro__ if name in base.__dict__), None)


class Shared:
    """What the parts know of the program that trains."""

    def __init__(self, session, keras, backend):
        self.session, self.keras, self.backend = session, keras, backend
        self.model = None  # the one that trains first; another one's steps are not counted
        self.optimizer = None
        self.places = {}
        self.fitted = None  # what the first fit() was given: keras_data.Given
        self.first_rates = {}  # id of an optimizer: its first learning rate

    @property
    def answers(self):
        return knob_answers.of(self.session)

    @property
    def is_trial(self):
        return self.session.mode in ("look", "trial")

    def is_primary(self, model):
        if self.model is None:
            self.model = model
        return model is self.model

    def place(self, what):
        """Notes the program's line that is running as the place of `what`, once."""
        from . import session as sessions
        if what not in self.places:
            file, line = sessions.user_frame(2)
            if file:
                self.places[what] = {"file": os.path.relpath(file), "line": line, "text": text_of(file, line)}


def text_of(file, line):
    import linecache
    return linecache.getline(file, line).strip()


def install(session):
    import keras
    backend = keras.backend.backend()
    if session.mode in ("look", "trial", "serve"):
        keras.utils.set_random_seed(int(session.trial.get("base_seed") or 0))  # what the program seeds by itself it seeds later
    if session.mode == "serve" and session.framework.startswith("keras"):
        if backend == "jax":
            from . import keras_forks
            keras_forks.serve(session, keras, lambda: install_parts(session, keras, backend))
            return
        session.hello(serves=False, why="Keras is forked on JAX alone, and trains on %s here; each trial is a start of its own" % backend)
        session.flush()
        os._exit(0)
    if backend not in ("jax", "torch"):
        session.note("Keras trains on %s here; tenet watches it on jax and on torch (KERAS_BACKEND=jax)" % backend)
        return
    install_parts(session, keras, backend)


def install_parts(session, keras, backend):
    session.keras = Shared(session, keras, backend)
    from . import keras_data, keras_facts, keras_forks, keras_knobs, keras_patch, keras_score, keras_shown, keras_steps
    if backend == "jax" and session.keras.is_trial:
        keras_forks.share_compiled(session)
    for part in (keras_steps, keras_knobs, keras_data, keras_score, keras_shown, keras_patch, keras_facts):
        part.install(session.keras)
