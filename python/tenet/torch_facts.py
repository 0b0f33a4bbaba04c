"""FACTS of a look: what is known of the program besides its knobs, inputs and labels, which the parts that turn them tell: size, work, solver, length, and the lines that matter.

Everything is put down where nobody else has said it already. Nothing here alters the program.
"""
import math
import weakref

import torch
from torch.utils.data import RandomSampler, SequentialSampler

from . import knob_answers, torch_loss_forms, torch_rows
from .torch_knobs import STATISTICS_ROWS
from .torch_optimizers import parameters_of
from .torch_trace import here, is_loss_module, place_of

# Multiply-adds that cost about as much time as the overhead of a step in Python. Own choice, measured on one core: about a millisecond.
STEP_OVERHEAD = 5e6

# torch's class: the hypes' name, and torch's setting for each key of the hypes.
SOLVERS = {
    "SGD": ("sgd", {"momentum": "momentum", "nesterov": "nesterov"}),
    "Adam": ("adam", {"epsilon": "eps"}),
    "AdamW": ("adamw", {"epsilon": "eps"}),
    "RMSprop": ("rmsprop", {"rho": "alpha", "epsilon": "eps", "momentum": "momentum"}),
    "Adagrad": ("adagrad", {"epsilon": "eps"}),
    "Adadelta": ("adadelta", {"rho": "rho", "epsilon": "eps"}),
}


def solver_of(optimizer, rate):
    """The solver's settings in the words of the hypes; None for an optimizer that has none there."""
    if type(optimizer).__name__ not in SOLVERS:
        return None
    name, names = SOLVERS[type(optimizer).__name__]
    group = optimizer.param_groups[0]
    solver = {"opt": name, "learning_rate": rate}
    for key, setting in dict(names, weight_decay="weight_decay").items():
        value = group.get(setting)
        if isinstance(value, (bool, int, float)):
            solver[key] = value
    betas = group.get("betas")
    if betas:
        solver["beta1"], solver["beta2"] = float(betas[0]), float(betas[1])
    return solver


def is_shuffled(loader):
    """Whether a loader draws a new order in each pass; None where its sampler is the program's own."""
    sampler = getattr(loader.batch_sampler, "sampler", None) or loader.sampler
    return True if isinstance(sampler, RandomSampler) else False if isinstance(sampler, SequentialSampler) else getattr(sampler, "shuffle", None)


class FactsPart:
    def __init__(self, session):
        self.session = session
        self.made = weakref.WeakKeyDictionary()  # optimizer: (its place, its first rate)
        self.roots = weakref.WeakSet()
        self.primary = self.solver = None
        self.shuffled = self.now_shuffled = None
        self.parameters = 0
        self.inputs = self.hook = None

    @property
    def places(self):
        return self.session.facts.setdefault("places", {})

    def optimizer_created(self, optimizer):
        if self.session.mode != "look":
            return
        self.made[optimizer] = (here(), optimizer.param_groups[0].get("lr"))

    def root_input(self, module, args, kwargs):
        if self.primary is None and self.session.mode == "look" and torch.is_grad_enabled() and not is_loss_module(module):
            self.roots.add(module)

    def batch(self, loader, batch):
        if self.primary is None:
            self.now_shuffled = is_shuffled(loader)

    def backward(self, value, training):
        if self.session.mode == "look" and "backward" not in self.places:
            self.places["backward"] = here()
        if self.session.mode == "look" and self.inputs is None:
            self.measure_prepared()

    def before_step(self, optimizer, is_primary):
        if not is_primary or self.primary is not None or self.session.mode != "look":
            return
        self.primary = type(optimizer).__name__
        place, rate = self.made.get(optimizer, (None, optimizer.param_groups[0].get("lr")))
        self.places["optimizer"] = place
        self.shuffled = self.now_shuffled
        seen = {id(one): one for root in self.roots for one in root.parameters()}
        seen.update({id(one): one for one in parameters_of(optimizer)})
        self.parameters = sum(one.numel() for one in seen.values() if not isinstance(one, torch.nn.parameter.UninitializedParameter))
        self.solver = solver_of(optimizer, float(rate) if rate is not None else None)

    # ---- inputs that the network scales itself ----

    def measure_prepared(self):
        """Where the forward pass scales its input before the first layer, that layer's input is what counts."""
        net = getattr(self.session, "net", None)
        module = getattr(net, "prepared_module", None)
        if module is not None:
            self.inputs = ()
            self.hook = module.register_forward_pre_hook(self.measure)

    def measure(self, module, args):
        try:
            if torch.is_grad_enabled() and args and isinstance(args[0], torch.Tensor) and args[0].is_floating_point():
                columns = torch_rows.by_columns(args[0].detach())
                if not self.inputs:
                    self.inputs = torch_rows.ColumnStatistics(columns.shape[1])
                if columns.shape[1] == self.inputs.width:
                    self.inputs.add(columns)
            if self.inputs and self.inputs.rows >= STATISTICS_ROWS:
                self.hook.remove()
        except Exception as error:
            self.hook.remove()
            self.session.failed("statistics of the first layer's input", error)

    def prepared_facts(self):
        statistics = self.inputs
        if not statistics or not statistics.rows:
            return {}
        record, means, stds, count = statistics.record(), statistics.mean(), statistics.std(), float(statistics.count.sum())
        if not count:
            return {}
        mean = float((means * statistics.count).sum()) / count
        squares = float(((stds ** 2 + (means - mean) ** 2) * statistics.count).sum())
        varying = stds[stds > 0]
        return {"input_mean": mean, "input_std": math.sqrt(squares / count), "input_min": min(record["min"]), "input_max": max(record["max"]),
                "input_std_min": float(varying.min()) if len(varying) else 0.0, "input_std_max": float(varying.max()) if len(varying) else 0.0,
                "constant_features": int((stds == 0).sum())}

    # ---- the end ----

    def end(self, reason):
        session, facts = self.session, self.session.facts
        if session.step == 0 or session.mode != "look":
            return
        facts["parameters"] = self.parameters
        facts["steps_total"] = session.step if reason == "exit" else 0
        full = session.private.get("full_batch")
        if not facts.get("batch_size"):
            rows = (session.private.get("work") or (0, 0))[1]
            counted = max(1, round(session.samples / session.step))
            facts["batch_size"] = full["rows"] if full else counted if counted > 1 else max(1, rows)
        if not facts.get("train_samples"):
            facts["train_samples"] = full["rows"] if full else 0
        if not facts.get("steps_per_epoch"):
            facts["steps_per_epoch"] = 1 if full else 0
        facts.update(self.prepared_facts())
        self.tell_work(facts)
        self.tell_solver(facts, bool(full))
        if facts.get("net") is not None:
            self.tell_net(facts)
            knob_answers.can(session, "patch")
        for name, place in list(self.places.items()):
            if isinstance(place, dict) and "file" in place and "text" not in place:
                self.places[name] = place_of(place.get("file"), place.get("line") or 0)

    def tell_work(self, facts):
        total, rows = self.session.private.pop("work", None) or (0, 1)
        batch = facts["batch_size"]
        per_sample = total / max(rows, 1) if total else float(self.parameters)
        facts["work"] = max(per_sample, STEP_OVERHEAD / max(batch, 1))

    def tell_solver(self, facts, is_full):
        solver = self.solver
        if solver is not None:
            if solver["learning_rate"] is None:
                solver["learning_rate"] = facts.get("learning_rate") or 0.0
            solver["batch_size"] = facts["batch_size"]
            if self.shuffled is not None and not is_full and facts.get("steps_per_epoch"):
                solver["shuffle"] = bool(self.shuffled)
        facts["solver"] = solver

    def tell_net(self, facts):
        """What the described net says where no labels were seen: a loss that is written out."""
        name = torch_loss_forms.name_of(facts["loss"])
        is_sum = isinstance(facts["loss"], dict) and facts["loss"].get("reduction") == "sum"
        units = [node.get("units", node.get("filters")) for node in facts["net"] if node["op"] in ("dense", "conv2d")]
        facts.setdefault("outputs", units[-1] if units else 0)
        if facts.get("task") is None:
            facts["task"] = "classification" if name.endswith("cross_entropy") else "regression"
        if is_sum and not self.session.private["net"]["rewrite"]:
            return  # of a loss function: it may be divided later
        if facts["task"] == "classification" and facts.get("expected_loss") is None and facts["outputs"]:
            expected = torch_rows.loss_of_no_knowledge(name, facts["outputs"])
            facts["expected_loss"] = expected * facts["batch_size"] if expected is not None and is_sum else expected


def count_parameters(session):
    """Of a plain training: how many parameters its optimizers have been given."""
    found = {}

    def optimizer_created(optimizer):
        found.update((id(one), one.numel()) for one in parameters_of(optimizer))
        session.facts["parameters"] = sum(found.values())

    session.on("optimizer_created", optimizer_created)


def install(session):
    if session.mode == "train":
        count_parameters(session)
    if session.mode not in ("look", "serve"):
        return
    part = FactsPart(session)
    session.on("optimizer_created", part.optimizer_created)
    session.on("root_input", part.root_input)
    session.on("batch", part.batch)
    session.on("backward", part.backward)
    session.on("before_step", part.before_step)
    session.on("end", part.end)
