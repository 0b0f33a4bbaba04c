"""Values that are missing from the data: NaN or infinity in what the network is given. The mend puts the mean of their column in their place (torch_knobs.InputScale has it from the look), which is what a
person would do first, and shows whether anything else is wrong.
"""
import torch

from .torch_knobs import first_float, name_of, replaced
from .torch_trace import place_of
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


CHECKS = (Missing,)
