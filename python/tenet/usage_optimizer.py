"""Settings of an optimizer beside its rate that leave next to nothing of each step, or keep it going for hundreds: an epsilon that outweighs the gradients it is added to, a momentum near 1.

None of these is wrong by itself (Adam's epsilon of 0.1 suits some large networks), so the race has to show that the customary value trains.
"""
import inspect

from .torch_usage import Check, Turned

EPSILON_LARGE = 1e-3  # of optimizers whose default is 1e-6 or less; gradients of a mean loss are often about as large. Own choice
MOMENTUM_LARGE, MOMENTUM_USUAL = 0.98, 0.9  # a step goes on for 1 / (1 - momentum) steps: 50 and 10. Own choice, and the custom


def unusual_settings(optimizer):
    """[(name, value, usual value)] of the first parameter group; the value of `betas` is the first of them."""
    group, found = optimizer.param_groups[0], []
    usual = inspect.signature(type(optimizer).__init__).parameters
    epsilon = usual["eps"].default if "eps" in usual else None
    if isinstance(group.get("eps"), (float, int)) and isinstance(epsilon, float) and group["eps"] >= EPSILON_LARGE > epsilon:
        found.append(("eps", group["eps"], epsilon))
    if isinstance(group.get("momentum"), (float, int)) and group["momentum"] > MOMENTUM_LARGE:
        found.append(("momentum", group["momentum"], MOMENTUM_USUAL))
    if isinstance(group.get("betas"), (tuple, list)) and group["betas"][0] > MOMENTUM_LARGE:
        found.append(("betas", group["betas"][0], MOMENTUM_USUAL))
    return found


def make_usual(optimizer):
    """Whether there was anything to change."""
    settings = unusual_settings(optimizer)
    for name, _, usual in settings:
        for group in optimizer.param_groups:
            group[name] = (usual, *group[name][1:]) if name == "betas" else usual
    return bool(settings)


class Settings(Check):
    MENDS = ("usual_settings",)

    def listen(self):
        self.seen = None  # what is unusual about the main optimizer, its kind and place
        self.on("before_step", self.before_step)

    def before_step(self, optimizer, is_primary):
        if is_primary and self.seen is None:
            self.seen = unusual_settings(optimizer), type(optimizer).__name__, self.usage.place_of(optimizer)

    def tell(self):
        settings, kind, place = self.seen or ((), None, None)
        if not settings:
            return
        listed = " and ".join("%s of %.3g in place of %.3g" % (name, usual, value) for name, value, usual in settings)
        self.usage.found("usual_settings", "wrong_optimizer", "%s with %s" % (kind, listed), "%s was made with %s" % (
            kind, " and ".join("%s %.6g" % (name, value) for name, value, _ in settings)), place, "leave %s at the customary value" % " and ".join(name for name, *_ in settings), prior=0.5)

    def turn(self, name, known):
        turned = Turned("the optimizer's first step")

        def before_step(optimizer, is_primary):
            if is_primary and make_usual(optimizer):
                turned.happened()
        self.on("before_step", before_step)
        return turned


CHECKS = (Settings,)
