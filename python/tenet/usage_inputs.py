"""What the network is given. Values that are missing from the data, NaN or infinity: the mend puts the mean of their column in their place (torch_knobs.InputScale has it from the look), which is what a
person would do first, and shows whether anything else is wrong. And inputs that are prepared otherwise where the network is judged than where it trains, so that it meets there what it has never seen.
"""
import torch

from . import torch_losses, torch_rows
from .torch_knobs import as_columns, first_float, name_of, replaced
from .torch_trace import here, place_of
from .torch_usage import Check, Turned


class Missing(Check):
    MENDS = ("fill_inputs",)

    def tell(self):
        statistics = self.session.input_scale.statistics
        if statistics is None or statistics.nonfinite == 0 or not bool((statistics.count > 0).any()):
            return
        values = int(statistics.count.sum()) + statistics.nonfinite
        self.usage.found(
            "fill_inputs", "nonfinite_input", "the missing values filled in, with the mean of their column",
            "%d of the %d values that the network was given are NaN or infinite" % (statistics.nonfinite, values),
            self.place(), "fill in or leave out what is missing, where the data are read", prior=0.9)

    def place(self):
        """The loader's line; None where there is no loader."""
        loader = (self.session.facts.get("places") or {}).get("loader")
        return place_of(loader["file"], loader["line"]) if loader else None

    def turn(self, name, known):
        columns = self.session.known.get("input") or {}

        def fill(module, args, kwargs):
            found, value = first_float(args, kwargs) if name_of(module) == columns.get("module") else (None, None)
            if found is None or bool(torch.isfinite(value).all()):
                return None
            mean = torch.tensor(columns["mean"], dtype=value.dtype, device=value.device)
            if columns["axis"] == "all":
                mean = mean.reshape(value.shape[1:])
            else:
                shape = [1] * value.dim()
                shape[columns["axis"]] = len(mean)
                mean = mean.reshape(shape)
            return replaced(args, kwargs, found, torch.where(torch.isfinite(value), value, mean))
        self.on("root_input", fill)
        return Turned()  # such a value may come late


class Judged(Check):
    """Statistics of the inputs in passes without gradients, against those of training."""

    MENDS = ("evaluation_inputs",)
    ROWS = 32, 10000  # at least and at most
    # Deviations of the training's between the means, and deviations over the training's, of a quarter of the columns; too narrow of half of them. Other data of the same kind stay well between. Own choice.
    FAR, WIDE, NARROW = 5, 10, 0.02

    def listen(self):
        self.statistics = self.place = None
        self.on("root_input", self.root_input)

    def root_input(self, module, args, kwargs):
        trained = self.session.input_scale
        if torch.is_grad_enabled() or torch_losses.is_unseen() or trained.statistics is None or name_of(module) != trained.kind:
            return
        found, value = first_float(args, kwargs)
        if found is None or value.is_sparse or value.is_complex() or self.statistics is not None and self.statistics.rows >= self.ROWS[1]:
            return
        columns = as_columns(value.detach(), trained.axis)
        if columns.shape[1] != trained.statistics.width:
            return
        if self.statistics is None:
            self.statistics, self.place = torch_rows.ColumnStatistics(columns.shape[1]), here()
        self.statistics.add(columns)

    def tell(self):
        judged, trained = self.statistics, self.session.input_scale.statistics
        if judged is None or trained is None or judged.width != trained.width or min(judged.rows, trained.rows) < self.ROWS[0]:
            return
        varies = trained.std() > 0
        if not bool(varies.any()):
            return
        mean, std, other_mean, other_std = (one[varies] for one in (trained.mean(), trained.std(), judged.mean(), judged.std()))
        far = float(torch.quantile((other_mean - mean).abs() / std, 0.75))
        wide, half = (float(torch.quantile(other_std / std, share)) for share in (0.75, 0.5))
        if far < self.FAR and wide < self.WIDE and (half > self.NARROW or half == 0):
            return
        self.usage.found(
            "evaluation_inputs", "unscaled_input", "inputs prepared for evaluation as for training",
            "without gradients the network is given other numbers than in training", self.place, "scale these inputs as those of the training, by the training's mean and deviation", prior=0.7, race=False,
            control="a quarter of the %d columns lie at least %.3g deviations from where they are in training, and half of them vary at most %.3g times as much (means %.3g and %.3g, deviations %.3g and %.3g, on average)" % (
                len(mean), far, half, float(mean.mean()), float(other_mean.mean()), float(std.mean()), float(other_std.mean())))

    def turn(self, name, known):
        return Turned()  # no score that a trial takes would show it


CHECKS = (Missing, Judged)
