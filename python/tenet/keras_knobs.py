"""The knobs of a Keras program that lie in its optimizer, its seeds and its first weights.

Everything is turned where Keras itself computes: the rate inside Optimizer.apply, so that schedules and callbacks keep their shape and read their own values; the norm of the gradients
there too; weights when the optimizer meets them. Constants of the trial become constants of the compiled step.
"""
import threading

from . import knob_answers
from .keras_attach import definer, wrap
from .keras_steps import shortest

DATA_KNOBS = ("batch_size", "samples", "shuffle_labels", "input_scale", "label_scale")
CUTS = "the program cuts its batches by itself; " + knob_answers.LINE
LOOP = "no model is compiled with an optimizer; the program's own loop makes it"
CLASSES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta"}


class Knobs:
    def __init__(self, shared):
        self.shared, self.session, self.keras = shared, shared.session, shared.keras
        self.local = threading.local()
        self.first_rates = {}  # id of an optimizer: the rate before its first step
        self.scaled = set()  # ids of optimizers whose weights were scaled
        self.seeded = False

    def wants(self, name):
        return self.shared.answers.wants(name) if self.session.live else None

    # ---- the learning rate ----

    def build(self, original):
        def build(optimizer, variables):
            result = original(optimizer, variables)
            first = self.first_rates.setdefault(id(optimizer), rate_now(optimizer))
            if self.shared.optimizer is None:
                self.shared.optimizer = optimizer
            if optimizer is self.shared.optimizer:
                if self.wants("learning_rate") is not None and not first:
                    self.shared.answers.refused("learning_rate", "the optimizer's first learning rate is %s; it cannot be multiplied" % first)
                self.scale_weights(optimizer, variables)
            return result
        return build

    def current_rate(self, original):
        def _get_current_learning_rate(optimizer):
            rate = original(optimizer)
            first = self.first_rates.get(id(optimizer))
            if getattr(self.local, "inside", None) is not optimizer or not first:
                return rate
            if self.wants("decay") == "off":
                self.shared.answers.applied("decay")
                rate = first
            wanted = self.wants("learning_rate")
            if wanted is not None:
                self.shared.answers.applied("learning_rate")
                rate = rate * (wanted / first)
            return rate
        return _get_current_learning_rate

    # ---- before the optimizer steps ----

    def inside(self, original):
        """While the primary optimizer applies gradients, its rate is the trial's."""
        def apply(optimizer, grads, trainable_variables=None):
            before = getattr(self.local, "inside", None)
            if self.shared.optimizer is None:
                self.shared.optimizer = optimizer
            self.local.inside = optimizer if optimizer is self.shared.optimizer else before
            try:
                return original(optimizer, grads, trainable_variables)
            finally:
                self.local.inside = before
        return apply

    def before_apply(self, optimizer, grads):
        """The gradients as the trial wants them clipped, and their norm before it where it is wanted."""
        clip = self.wants("clip_norm")
        if clip is None and not self.session.trial.get("want_norms"):
            return grads, None
        ops = self.keras.ops
        scale = getattr(optimizer, "loss_scale_factor", None) or 1.0
        squares = [ops.sum(ops.square(ops.cast(grad, "float32"))) for grad in grads if grad is not None]
        norm = ops.sqrt(sum(squares[1:], squares[0])) / scale if squares else None
        if clip is None or norm is None:
            return grads, norm
        self.shared.answers.applied("clip_norm")
        factor = ops.minimum(1.0, clip / ops.maximum(norm, 1e-30))
        # A norm that is not finite leaves the gradients as they are: clipping must not hide it.
        factor = ops.where(ops.isfinite(norm), factor, 1.0)
        return [None if grad is None else grad * ops.cast(factor, grad.dtype) for grad in grads], norm

    # ---- the optimizer, by compile ----

    def compile(self, original):
        def compile(model, *args, **kwargs):
            result = original(model, *args, **kwargs)
            if self.session.live and self.shared.model in (None, model):
                self.shared.place("optimizer")
                self.shared.place("loss")
                self.exchange(model)
            return result
        return compile

    def exchange(self, model):
        wanted, old = self.wants("optimizer"), getattr(model, "optimizer", None)
        if wanted is None or old is None:
            return
        name = CLASSES.get(str(wanted).lower())
        if name is None:
            self.shared.answers.refused("optimizer", "Keras has no optimizer '%s'" % wanted)
        elif type(old).__name__ == "LossScaleOptimizer":
            self.shared.answers.refused("optimizer", "it is wrapped by a LossScaleOptimizer (mixed precision)")
        else:
            # The schedule or the rate goes over as it is; everything else is the new one's default.
            rate = old._learning_rate
            model.optimizer = getattr(self.keras.optimizers, name)(learning_rate=rate if callable(rate) and not hasattr(rate, "assign") else rate_now(old))
            self.shared.answers.applied("optimizer")

    # ---- first weights ----

    def scale_weights(self, optimizer, variables):
        factor = self.wants("init_scale")
        if factor is None or id(optimizer) in self.scaled:
            return
        self.scaled.add(id(optimizer))
        if getattr(self.local, "inside", None) is optimizer:
            self.shared.answers.refused("init_scale", "the optimizer meets the weights after the first gradient; add the line: optimizer.build(model.trainable_variables)")
            return
        for variable in variables:
            if len(variable.shape) >= 2:
                variable.assign(variable.value * factor)
        self.shared.answers.applied("init_scale")

    # ---- seeds ----

    def set_random_seed(self, original):
        def set_random_seed(seed):
            wanted = self.wants("seed")
            # After the knob, a seed of the program's own makes another stream for each of the knob's.
            return original((int(seed) * 1000003 + int(wanted)) % (1 << 31) if wanted is not None and self.seeded else seed)
        self.seed_all = original
        return set_random_seed

    def layer_init(self, original):
        def __init__(layer, *args, **kwargs):
            if not self.seeded and self.session.live:
                self.seeded = True
                wanted = self.wants("seed")
                if wanted is not None:
                    self.seed_all(int(wanted) % (1 << 31))
                    self.shared.answers.applied("seed")
            return original(layer, *args, **kwargs)
        return __init__


def rate_now(optimizer):
    """The optimizer's present rate as a number; None where it cannot be told."""
    try:
        value = optimizer._get_current_learning_rate()
        return shortest(float(getattr(value, "value", value)))
    except Exception:
        return None


def install(shared):
    from keras.src.utils import rng_utils
    keras, session = shared.keras, shared.session
    knobs = shared.knobs = Knobs(shared)
    optimizer, model = keras.optimizers.Optimizer, keras.Model
    wrap(definer(optimizer, "build"), "build", knobs.build)
    wrap(definer(optimizer, "_get_current_learning_rate"), "_get_current_learning_rate", knobs.current_rate)
    wrap(definer(optimizer, "apply"), "apply", knobs.inside)
    wrap(definer(model, "compile"), "compile", knobs.compile)
    wrap(rng_utils, "set_random_seed", knobs.set_random_seed)
    keras.utils.set_random_seed = rng_utils.set_random_seed
    wrap(keras.layers.Layer, "__init__", knobs.layer_init)
    if shared.is_trial:
        knob_answers.can(session, "seed", "steps", "learning_rate", "decay", "clip_norm", "init_scale", "optimizer")
    session.on("end", lambda reason: refuse_the_rest(shared))


def refuse_the_rest(shared):
    """At the end: what was turned and found nothing to turn."""
    whys = {"optimizer": LOOP, "seed": "no layer was made", "init_scale": "no optimizer met the weights"}
    for name in shared.answers.open():
        shared.answers.refused(name, whys.get(name, CUTS if name in DATA_KNOBS else "the program trained in no way that shows it"))
    if shared.session.mode != "look":
        return
    known = shared.session.facts.setdefault("knobs", [])
    for name in DATA_KNOBS:
        if name not in known and name not in shared.session.facts.get("refused", {}):
            knob_answers.cannot(shared.session, name, CUTS)
    if getattr(shared.model, "optimizer", None) is None and "optimizer" in known:
        known.remove("optimizer")
        knob_answers.cannot(shared.session, "optimizer", LOOP)
