"""tenet.data(x, y): training data that go through no DataLoader, as the trial wants them: fewer samples, permuted labels, scaled inputs and
labels.

The first call's data are the training data; their statistics scale those of later calls too (validation), which are altered in no other
way. Takes tensors, NumPy arrays and lists, and returns what it was given where nothing is turned.
"""
import torch

from . import knob_answers, session as sessions, torch_rows

KNOBS = ("samples", "shuffle_labels", "input_scale", "label_scale")
WIDTH_MAX = torch_rows.WIDTH_MAX


def data(*arrays):
    """The data as this trial wants them: inputs first, labels last."""
    session = sessions.current()
    given = arrays if len(arrays) != 1 else arrays[0]
    if session is None or session.ended or not arrays:
        return given
    session.emit("data_asked", arrays)  # a server of forks may fork here
    session = sessions.current()
    if session is None or not knob_answers.is_needed(session):
        return given
    part = getattr(session, "data_part", None)
    if part is None:
        part = session.data_part = Data(session)
    try:
        made = part.turned(arrays)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        for name in KNOBS:
            if knob_answers.of(session).wants(name):
                knob_answers.of(session).refused(name, "tenet.data() could not alter what it was given: %s" % error)
        return given
    return made if len(arrays) != 1 else made[0]


def as_tensor(array):
    """[n, ...] of a tensor, an array or a list; None where it is nothing of the kind."""
    if isinstance(array, torch.Tensor):
        return array.detach()
    try:
        import numpy
        made = torch.as_tensor(numpy.asarray(array))
    except (TypeError, ValueError, ImportError):
        return None
    return made


def like(tensor, array):
    """The tensor as what `array` was."""
    if isinstance(array, torch.Tensor):
        return tensor.to(array.dtype if array.is_floating_point() else tensor.dtype)
    if isinstance(array, (list, tuple)):
        return type(array)(tensor.tolist())
    made = tensor.numpy()
    return made.astype(array.dtype) if getattr(array.dtype, "kind", "") == "f" else made


def chosen(array, rows):
    """Rows of a tensor, an array or a list."""
    if isinstance(array, torch.Tensor):
        return array[rows.to(array.device)]
    if isinstance(array, (list, tuple)):
        return type(array)(array[row] for row in rows.tolist())
    return array[rows.numpy()]


def record_of(tensor):
    """Statistics of the columns; of one column for all where there are too many."""
    columns = tensor.reshape(len(tensor), -1)
    if columns.shape[1] > WIDTH_MAX:
        columns = columns.reshape(-1, 1)
    statistics = torch_rows.ColumnStatistics(columns.shape[1])
    for first in range(0, len(columns), 4096):
        statistics.add(columns[first:first + 4096])
    return statistics.record()


def scaled(array, record, scale):
    tensor = as_tensor(array)
    affine = torch_rows.affine_of(record, scale)
    if affine is None:
        return array
    shift, gain = affine
    columns = tensor.double().reshape(-1, len(shift))
    return like(((columns - shift) * gain).reshape(tensor.shape).to(tensor.dtype if tensor.is_floating_point()
                                                                    else torch.get_default_dtype()), array)


def is_regression(tensor):
    return tensor.is_floating_point() and not torch_rows.is_one_hot(tensor) and not torch_rows.is_binary(tensor)


class Data:
    def __init__(self, session):
        self.session = session
        self.first = None  # {"rows", "input", "label"} of the first call
        session.on("end", self.on_end)

    def turned(self, arrays):
        tensors = [as_tensor(array) for array in arrays]
        whole = all(tensor is not None and tensor.dim() > 0 and len(tensor) == len(tensors[0]) for tensor in tensors)
        if not whole:
            raise ValueError("expected tensors or arrays with one row a sample, the same number in each")
        is_first = self.first is None
        if is_first:
            self.first = self.describe(tensors)
            if self.session.mode == "look":
                self.tell(tensors)
        if self.session.mode == "look":
            return arrays
        return self.scale(self.choose(arrays) if is_first else arrays, tensors)

    def describe(self, tensors):
        labels = tensors[-1] if len(tensors) > 1 else None
        return {"rows": len(tensors[0]), "input": record_of(tensors[0]) if tensors[0].is_floating_point() else None,
                "label": record_of(labels) if labels is not None and is_regression(labels) else None, "labelled": labels is not None}

    def tell(self, tensors):
        session, known = self.session, self.first
        session.private["data"] = {"rows": known["rows"]}
        knob_answers.can(session, "samples")
        if known["input"]:
            knob_answers.can(session, "input_scale")
        else:
            knob_answers.cannot(session, "input_scale", "the inputs given to tenet.data() are no floating-point numbers")
        if known["labelled"]:
            knob_answers.can(session, "shuffle_labels")
        else:
            knob_answers.cannot(session, "shuffle_labels", "tenet.data() was given no labels; write: x, y = tenet.data(x, y)")
        if known["label"]:
            knob_answers.can(session, "label_scale")
        else:
            knob_answers.cannot(session, "label_scale", "its labels are classes, which have no scale")
        session.facts["train_samples"] = known["rows"]
        if known["label"]:
            labels = tensors[-1].double()
            session.facts.update(label_min=float(labels.min()), label_max=float(labels.max()), label_mean=float(labels.mean()),
                                 label_std=float(labels.std(unbiased=False)))

    def choose(self, arrays):
        answers, count = knob_answers.of(self.session), self.first["rows"]
        generator = torch.Generator().manual_seed(int(self.session.trial.get("base_seed") or 0) + 1)
        samples, shuffle = answers.wants("samples"), answers.wants("shuffle_labels")
        kept = None
        if samples:
            kept = torch.randperm(count, generator=generator)[:int(samples)].sort().values if samples < count else None
            answers.applied("samples")
        arrays = list(arrays) if kept is None else [chosen(array, kept) for array in arrays]
        if shuffle and len(arrays) > 1:
            rows = len(kept) if kept is not None else count
            arrays[-1] = chosen(arrays[-1], torch.randperm(rows, generator=generator))
            answers.applied("shuffle_labels")
        return arrays

    def scale(self, arrays, tensors):
        answers, arrays = knob_answers.of(self.session), list(arrays)
        for knob, place, key in (("input_scale", 0, "input"), ("label_scale", -1, "label")):
            scale, record = answers.wants(knob), self.first[key]
            if scale is None:
                continue
            if record is None or (key == "label" and len(arrays) < 2):
                answers.refused(knob, "what tenet.data() was given has no %s of floating-point numbers" % key)
            elif tensors[place].numel() % len(record["mean"]) == 0:
                arrays[place] = scaled(arrays[place], record, scale)
                answers.applied(knob)
        return tuple(arrays)

    def on_end(self, reason):
        answers = knob_answers.of(self.session)
        for name in set(KNOBS) & set(answers.open()):
            answers.refused(name, "tenet.data() was called without what it takes")
