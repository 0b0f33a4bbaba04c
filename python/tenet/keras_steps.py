"""Sees the training steps of Keras: their losses, rates, gradients and weights.

On JAX a step is one compiled function of (state, batch). It is compiled as the program wrote it, and what it has at hand (loss, rate, predictions) leaves it under a key of its own in its logs,
which is taken out before Keras sees them. Values are taken in the trace that they belong to: one of an inner trace (inside value_and_grad) would be an error of JAX, so it is left alone. Where an
observed step's tensors are wanted, gradients and activations come from a second function of the same state and batch, so the step itself stays what it is.

A loop that applies an optimizer by itself is seen at Optimizer.apply: at once where it runs eagerly, by a callback of the compiled program where it is compiled.
"""
import functools
import math
import threading

import numpy

from . import _tenet
from .keras_attach import definer, wrap

KEY = "tenet"
WEIGHT, GRADIENT, UPDATE, ACTIVATION = 1, 2, 3, 4  # of src/vitals/tensor.h


class Capture:
    """What one trace of a step has shown so far."""

    def __init__(self, state):
        self.trace = trace_of(next((leaf for leaf in leaves(state) if trace_of(leaf) is not None), None))
        self.values = {}

    def take(self, name, value, always=False):
        if trace_of(value) is self.trace and (always or name not in self.values):
            self.values[name] = value


def trace_of(value):
    """JAX's trace that a value belongs to; None for a plain one."""
    return getattr(value, "_trace", None)


def leaves(structure):
    if isinstance(structure, dict):
        structure = list(structure.values())
    if not isinstance(structure, (list, tuple)):
        return [] if structure is None else [structure]
    return [leaf for part in structure for leaf in leaves(part)]


def unpack(data):
    """(x, y) of a batch as fit's data adapters give it."""
    if isinstance(data, (list, tuple)):
        return (data[0] if data else None), (data[1] if len(data) > 1 else None)
    return data, None


def count_of(x):
    shapes = [getattr(leaf, "shape", ()) for leaf in leaves(x)]
    return int(next((shape[0] for shape in shapes if len(shape) > 0), 0))


def number(value):
    """A Python float of whatever a framework has as a scalar."""
    if value is None:
        return math.nan
    detach = getattr(value, "detach", None)
    return float(detach() if callable(detach) else value)


def shortest(value):
    """A rate as a person wrote it: 0.1, where float32 has 0.10000000149."""
    return float("%.7g" % value)


class Steps:
    def __init__(self, shared):
        self.shared, self.session = shared, shared.session
        self.local = threading.local()  # .capture while a step is traced, .recorded while layers' outputs are
        self.making = None  # the model whose training function is being made
        self.waiting = None  # a step whose loss is not yet read: in `tenet train`, JAX computes on meanwhile
        self.observers = {}
        self.indices = {}  # of self.tensors
        self.tensors = None
        self.called_back = False
        self.loop = {}  # of a loop of the program's own: the loss that was seen last
        session = self.session
        self.every = int(session.trial.get("vitals_every") or 0)
        self.budget = session.trial.get("steps")
        session.on("end", self.read_waiting)

    @property
    def capture(self):
        return getattr(self.local, "capture", None)

    # ---- fit and train_on_batch on JAX ----

    def make_train_function(self, original):
        def make_train_function(model, force=False):
            if not self.session.live or (model.train_function is not None and not force) or not self.shared.is_primary(model):
                return original(model, force=force)
            if self.shared.is_trial:
                model.steps_per_execution = 1  # the losses of the others would not be seen
            step = model.train_step
            model.__dict__["train_step"] = functools.wraps(step)(self.traced(step))
            self.making = model
            try:
                return original(model, force=force)
            finally:
                self.making = None
                model.__dict__.pop("train_step", None)
        return make_train_function

    def make_function(self, original):
        def _make_function(model, step_function, *args, **kwargs):
            if self.making is model:
                step_function = self.watched(model, step_function)
            return original(model, step_function, *args, **kwargs)
        return _make_function

    def traced(self, step):
        def train_step(state, data):
            before, self.local.capture = self.capture, Capture(state)
            try:
                logs, state = step(state, data)
                values = self.capture.values
            finally:
                self.local.capture = before
            if isinstance(logs, dict):
                logs = dict(logs)
                logs[KEY] = values
            return logs, state
        return train_step

    def watched(self, model, step_function):
        def step(state, data):
            session = self.session
            if not session.live:
                logs, state = step_function(state, data)
                if isinstance(logs, dict):
                    logs.pop(KEY, None)
                return logs, state
            shown = self.shared.shown
            if shown is not None and shown.before is None:
                shown.first(model, state, *unpack(data))
            observed = self.observe(model, state, data) if self.is_observed(session.step + 1) else None
            logs, state = step_function(state, data)
            values = logs.pop(KEY, {}) if isinstance(logs, dict) else {}
            if observed is not None:
                self.tell_observed(model, observed, state[0])
            if shown is not None:
                shown.last = model, state
            x, y = unpack(data)
            self.done(count_of(x), values, y, state)
            return logs, state
        return step

    # ---- the end of a step ----

    def done(self, count, values, y=None, state=None):
        """One step more: its scalars go out, now or, where nobody waits for them, once the next one has begun."""
        session = self.session
        session.step += 1
        session.samples += count
        step = (session.step, session.samples, values)
        if self.shared.is_trial:
            self.tell(*step)
        else:
            self.read_waiting()
            self.waiting = step
        session.emit("keras_step", session.step, count, values, y, state)
        session.emit("step_done", session.step)
        if self.budget is not None:
            self.shared.answers.applied("steps")
            if session.step >= self.budget:
                session.end("steps")

    def read_waiting(self, reason=None):
        if reason in ("exit", "exception") and self.called_back:
            import jax
            jax.effects_barrier()  # steps of a compiled loop that are still under way
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            self.tell(*waiting)

    def tell(self, step, samples, values):
        loss = values.get("loss")
        if loss is None:
            loss = values.get("root")
        if loss is None:
            if step == 1:
                self.session.note("the loss of a training step could not be seen: the program's own train_step hides it")
            return
        norm = values.get("norm")
        link = self.session.link
        if link is None or not self.session.live:
            return
        goes_on = link.step(step, samples, number(loss), shortest(number(values.get("rate"))), number(norm))
        if not goes_on and self.shared.is_trial:
            self.waiting = None
            self.session.end("stopped")

    # ---- tensors of an observed step ----

    def is_observed(self, step):
        if self.every:
            return (step - 1) % self.every == 0
        # `tenet train` by itself: often at first, when things break, then ever more seldom, so that the cost stays small.
        return self.session.trial.get("vitals_share") is not None and (step & (step - 1)) == 0

    def observe(self, model, state, data):
        """Gradients and layers' outputs at this state and batch, and the weights before the step, copied."""
        import jax
        weights = [numpy.array(value) for value in state[0]]
        function = self.observers.get(id(model))
        if function is None:
            def compute(state, data):
                x, y, *rest = list(data) + [None, None] if isinstance(data, (list, tuple)) else (data, None, None)
                trainable, others, of_optimizer, of_metrics = state

                def loss_of(trainable):
                    return model.compute_loss_and_updates(trainable, others, of_metrics, x, y, rest[0], training=True, optimizer_variables=of_optimizer)[0]

                gradients = jax.grad(loss_of)(trainable)
                self.local.recorded = []
                try:
                    kwargs = {"training": True} if getattr(model, "_call_has_training_arg", False) else {}
                    model.stateless_call(trainable, others, x, **kwargs)
                    outputs = [output for _layer, output in self.local.recorded]
                    self.layers = [layer for layer, _output in self.local.recorded]
                finally:
                    self.local.recorded = None
                return gradients, outputs

            function = self.observers[id(model)] = compute if model.run_eagerly or not model.jit_compile else jax.jit(compute)
        try:
            gradients, outputs = function(state, data)
        except Exception as error:
            self.session.failed("the gradients of a step", error)
            gradients, outputs = [None] * len(weights), []
        return weights, gradients, outputs

    def tell_observed(self, model, observed, after):
        step = self.session.step + 1
        weights, gradients, outputs = observed
        for variable, before, gradient, value in zip(model.trainable_variables, weights, gradients, after):
            self.tell_variable(step, variable, before, gradient, value)
        for position, (layer, output) in enumerate(zip(getattr(self, "layers", ()), outputs)):
            self.tell_tensor(step, ACTIVATION, layer_path(layer), None, op_of(layer), position, output)

    def tell_variable(self, step, variable, before, gradient, after):
        path = variable.path
        node, _, parameter = path.rpartition("/")
        after = numpy.asarray(after)
        self.tell_tensor(step, WEIGHT, node, parameter, None, 0, before if before is not None else after)
        if before is not None:
            self.tell_tensor(step, UPDATE, node, parameter, None, 0, after - before)
        if gradient is not None:
            self.tell_tensor(step, GRADIENT, node, parameter, None, 0, gradient)

    def tell_tensor(self, step, role, node, parameter, op, position, value):
        """Vitals of one tensor; what is no number (a key of random numbers) has none."""
        value = numpy.array(value)
        if self.session.link is None or not self.session.live or value.dtype.kind not in "fV":
            return
        if self.tensors is None:
            self.tensors = _tenet.Tensors(self.session.link)
        key = (role, node, parameter)
        if key not in self.indices:
            self.indices[key] = self.tensors.add(role, node, parameter, op or "", position)
        if value.dtype.kind == "V":
            value = value.astype(numpy.float32)  # bfloat16 as NumPy has it
        self.tensors.tell(step, self.indices[key], value.shape[-1] if value.ndim else 1, value)

    def record_layer(self, original):
        def __call__(layer, *args, **kwargs):
            output = original(layer, *args, **kwargs)
            recorded = getattr(self.local, "recorded", None)
            if recorded is not None and not getattr(layer, "_layers", None) and hasattr(output, "dtype") and len(getattr(output, "shape", ())) > 1:
                recorded.append((layer, output))
            return output
        return __call__

    # ---- what a trace shows ----

    def update_state(self, original):
        """A metric is told the loss of the batch: the tracker's first is the step's own, unscaled."""
        def update_state(metric, values, *args, **kwargs):
            capture = self.capture
            if capture is not None and getattr(metric, "name", "") == "loss" and getattr(values, "shape", None) == ():
                capture.take("loss", values)
            return original(metric, values, *args, **kwargs)
        return update_state

    def value_and_grad(self, original):
        """The root of JAX's gradients, in fit as in a loop of the program's own."""
        def value_and_grad(fun, *args, **kwargs):
            function, has_aux = original(fun, *args, **kwargs), kwargs.get("has_aux", args[1] if len(args) > 1 else False)

            @functools.wraps(function)
            def differentiated(*inner, **named):
                result = function(*inner, **named)
                value = result[0][0] if has_aux else result[0]
                if self.capture is not None:
                    self.capture.take("root", value)
                else:
                    self.loop.update(loss=value, trace=trace_of(value))
                return result
            return differentiated
        return value_and_grad

    # ---- loops of the program's own ----

    def loss_call(self, original):
        """A loss tells how many samples a batch has, in a compiled program as well: shapes are known there."""
        def __call__(loss, y_true, y_pred, *args, **kwargs):
            if self.capture is None:
                self.loop["count"] = count_of(y_true)
            return original(loss, y_true, y_pred, *args, **kwargs)
        return __call__

    def apply(self, original):
        def apply(optimizer, grads, trainable_variables=None):
            if not self.session.live or getattr(self.local, "applying", False):
                return original(optimizer, grads, trainable_variables)
            self.local.applying = True
            try:
                return self.applied(original, optimizer, list(grads), trainable_variables)
            finally:
                self.local.applying = False
        return apply

    def applied(self, original, optimizer, grads, trainable_variables):
        shared, capture = self.shared, self.capture
        if shared.optimizer is None:
            shared.optimizer = optimizer
        is_primary = optimizer is shared.optimizer
        knobs = getattr(shared, "knobs", None)
        norm = None
        if is_primary and knobs is not None:
            grads, norm = knobs.before_apply(optimizer, grads)
        traces = {trace_of(grad) for grad in grads if grad is not None}
        in_fit = capture is not None
        observed = before = None
        if is_primary and not in_fit and traces == {None} and self.is_observed(self.session.step + 1):
            variables = list(trainable_variables) if trainable_variables is not None else list(getattr(optimizer, "_trainable_variables", ()))
            before = [shared.keras.ops.convert_to_numpy(variable.value).copy() for variable in variables]
            observed = variables
        # The rate of this step; an optimizer that is not built yet has no first rate to turn by, and none that has decayed.
        built = optimizer.built
        rate = optimizer._get_current_learning_rate() if built else None
        rate = getattr(rate, "value", rate)
        result = original(optimizer, grads, trainable_variables)
        if not is_primary:
            return result
        if not built and optimizer.built:
            rate = optimizer._get_current_learning_rate()
            rate = getattr(rate, "value", rate)
        if in_fit:
            capture.take("rate", rate, True) if trace_of(rate) is capture.trace else capture.values.setdefault("rate", number_or_none(rate))
            if norm is not None:
                capture.take("norm", norm)
            return result
        if len(traces) == 1 and None in traces:
            if observed is not None:
                for variable, old, gradient in zip(observed, before, grads):
                    self.tell_variable(self.session.step + 1, variable, old, None if gradient is None else shared.keras.ops.convert_to_numpy(gradient),
                                       shared.keras.ops.convert_to_numpy(variable.value))
            self.done(self.loop.pop("count", 0), {"loss": self.loop.get("loss"), "rate": rate, "norm": norm}, self.loop.pop("y", None), None)
        elif shared.backend == "jax":
            self.call_back(next(iter(traces - {None})), rate, norm)
        return result

    def call_back(self, trace, rate, norm):
        """The step of a compiled loop: the compiled program calls when it gets here."""
        import jax
        loss = self.loop.get("loss") if self.loop.get("trace") is trace else None
        if loss is None:
            self.session.note("a compiled loop applies an optimizer, but its loss was not made by jax.value_and_grad beside it; it is watched without a loss")
            return
        values = {"loss": loss, "rate": rate, "norm": norm}
        values = {key: value for key, value in values.items() if value is not None}
        count = self.loop.pop("count", 0)
        self.called_back = True
        jax.debug.callback(lambda values: self.done(count, values), values)


def number_or_none(value):
    try:
        return number(value)
    except Exception:
        return None  # a tracer of another trace


def layer_path(layer):
    return getattr(layer, "path", None) or layer.name


def op_of(layer):
    """The schema's word for what a layer's output is: its activation where it has one."""
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    if activation and activation != "linear":
        return activation
    words = {"Dense": "dense", "Conv2D": "conv2d", "MaxPooling2D": "max_pool2d", "AveragePooling2D": "avg_pool2d", "Flatten": "flatten", "Dropout": "dropout",
             "BatchNormalization": "batch_norm", "LayerNormalization": "layer_norm", "ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax"}
    name = type(layer).__name__
    return words.get(name, name.lower())


def install(shared):
    keras = shared.keras
    steps = shared.steps = Steps(shared)
    if shared.backend == "jax":
        import jax
        wrap(definer(keras.Model, "make_train_function"), "make_train_function", steps.make_train_function)
        wrap(definer(keras.Model, "_make_function"), "_make_function", steps.make_function)
        wrap(jax, "value_and_grad", steps.value_and_grad)
    else:
        wrap(definer(keras.Model, "_compute_loss"), "_compute_loss", lambda original: eager_loss(original, steps))
    wrap(definer(keras.metrics.Mean, "update_state"), "update_state", steps.update_state)
    wrap(definer(keras.layers.Layer, "__call__"), "__call__", steps.record_layer)
    wrap(definer(keras.losses.Loss, "__call__"), "__call__", steps.loss_call)
    wrap(definer(keras.optimizers.Optimizer, "apply"), "apply", steps.apply)


def eager_loss(original, steps):
    """On PyTorch a step runs eagerly: the loss that was computed last before the optimizer is the step's."""
    def _compute_loss(model, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = original(model, x, y, y_pred, sample_weight, training)
        if training:
            steps.loop = {"loss": loss, "count": count_of(x), "y": y, "trace": None}
            steps.session.emit("keras_predictions", y, y_pred)
        return loss
    return _compute_loss
