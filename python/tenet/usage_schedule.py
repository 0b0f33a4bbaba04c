"""A learning-rate scheduler that takes the rate away. It is stepped wrongly: after every batch where its numbers mean epochs, so that the rate is gone before the first one is over; or after every epoch where they mean
batches, so that it never warms up. Or its numbers do so, however it is stepped: a warm-up of a million steps, a tenth of the rate after each epoch."""
import weakref

from . import torch_usage_wraps
from .torch_optimizers import rate_of
from .torch_trace import here
from .torch_usage import Check, Turned

CALLS_MIN = 20
GONE = 0.1  # of its first value, where a rate counts as gone; the mend decides whether that matters
COLD = 0.3  # of the rate that it is to reach, where it counts as not warmed up
PATIENCE = 10  # so many times the steps seen are no slow start any more
FADED, FADED_SHARE = 0.01, 0.5  # of its highest value, for at least this share of the steps: a rate that was gone most of the time


def warmed_up(scheduler, calls):
    """The largest part of its rate that it reaches in so many calls; 1 where its kind does not tell."""
    if type(scheduler).__name__ == "LambdaLR":
        try:
            return max(float(scheduler.lr_lambdas[0](calls * part // PATIENCE)) for part in range(1, PATIENCE + 1))
        except Exception:  # the program's own function, asked beyond its end
            return 1
    if type(scheduler).__name__ == "LinearLR":
        return scheduler.start_factor + (scheduler.end_factor - scheduler.start_factor) * min(1, calls / max(1, scheduler.total_iters))
    return 1


class Schedule(Check):
    MENDS = ("schedule_by_epochs", "schedule_by_batches", "schedule_left_out")

    def listen(self):
        self.calls = []  # of the first scheduler: steps of the optimizer by then
        self.scheduler = self.place = self.first = None
        self.highest = 0.0
        self.faded_since = None  # the step since which the rate is gone
        torch_usage_wraps.around_schedulers(self.stepped)
        self.on("before_step", self.before_step)

    def before_step(self, optimizer, is_primary):
        if is_primary:
            self.last = rate_of(optimizer)
            self.first = self.first if self.first is not None else self.last
            self.highest = max(self.highest, self.last)
            if self.last > FADED * self.highest:
                self.faded_since = None
            elif self.faded_since is None:
                self.faded_since = self.session.step

    def stepped(self, scheduler, natural):
        if self.session.step > 0 and not self.session.ended:
            if self.scheduler is None:
                self.scheduler, self.place = weakref.ref(scheduler), here()
            if self.scheduler() is scheduler:
                self.calls.append(self.session.step)
        return natural()

    def epoch(self):
        return int(self.session.facts.get("steps_per_epoch") or 0)

    def tell(self):
        steps, scheduler = self.session.step, self.scheduler() if self.scheduler else None
        if scheduler is None or not self.first:
            return
        kind, epoch, calls = type(scheduler).__name__, self.epoch(), len(self.calls)
        if calls >= max(CALLS_MIN, 0.9 * (steps - 1)) and epoch > 1 and self.last <= GONE * self.first:
            self.usage.found(
                "schedule_by_epochs", "wrong_schedule", "%s stepped once an epoch" % kind,
                "%s.step() was called %d times in %d steps of the optimizer, once a batch; an epoch has %d batches, and the rate fell from %.3g to %.3g" % (
                    kind, calls, steps, epoch, self.first, self.last),
                self.place, "call it once an epoch, after its last batch", prior=0.75, known={"epoch": epoch})
            return
        base = self.wanted(scheduler)
        is_cold = base and self.highest < COLD * base
        if is_cold and epoch > 1 and calls <= 2 * steps / epoch + 1 and steps >= 2 * epoch:
            self.usage.found(
                "schedule_by_batches", "wrong_schedule", "%s stepped once a batch" % kind,
                "%s.step() was called %d times in %d steps of the optimizer, once an epoch of %d batches; the rate is to reach %.3g, and was never above %.3g" % (
                    kind, calls, steps, epoch, base, self.highest),
                self.place, "call it after every step of the optimizer", prior=0.75)
            return
        if steps < CALLS_MIN:
            return
        if is_cold and warmed_up(scheduler, PATIENCE * max(1, calls)) < COLD:
            self.left_out(kind, "in %d steps it brought the rate to %.3g of the %.3g that it is to reach, and %d times as many calls would not bring it to a third of that" % (
                steps, self.highest, base, PATIENCE))
        elif self.faded_since is not None and steps - self.faded_since >= FADED_SHARE * steps:
            self.left_out(kind, "it had brought the rate from %.3g to %.3g by step %d of %d" % (self.highest, self.last, self.faded_since, steps))

    def left_out(self, kind, seen):
        self.usage.found("schedule_left_out", "wrong_schedule", "%s left out: the rate stays as the optimizer was given it" % kind, kind + ": " + seen, self.place,
                         "let it change the rate over the steps that the training has", prior=0.6)

    @staticmethod
    def wanted(scheduler):
        """The rate that it climbs to, of those kinds that climb; None of others."""
        group = scheduler.optimizer.param_groups[0]
        if "max_lr" in group:
            return float(group["max_lr"])
        if type(scheduler).__name__ in ("LambdaLR", "LinearLR", "ConstantLR", "SequentialLR"):
            return float(group.get("initial_lr") or 0)
        return None

    def turn(self, name, known):
        turned = Turned()
        if name == "schedule_by_epochs":
            passed, epoch = weakref.WeakKeyDictionary(), max(1, int(known.get("epoch") or 1))

            def once(scheduler, natural):
                whole = self.session.step // epoch
                if self.session.step == 0 or whole > passed.get(scheduler, 0):
                    passed[scheduler] = whole
                    return natural()
                return None
            torch_usage_wraps.around_schedulers(once)
            return turned
        if name == "schedule_left_out":
            def undone(scheduler, natural):
                result = natural()
                for group in scheduler.optimizer.param_groups:
                    group["lr"] = group.get("max_lr", group.get("initial_lr", group["lr"]))
                return result
            torch_usage_wraps.around_schedulers(undone)
            return turned
        known_ones = weakref.WeakSet()

        def held(scheduler, natural):
            if scheduler not in known_ones and self.session.step == 0:
                known_ones.add(scheduler)
                return natural()
            return natural() if self.is_stepping else None

        def after_step(optimizer, is_primary):
            if is_primary:
                self.is_stepping = True
                try:
                    for scheduler in list(known_ones):
                        if scheduler.optimizer is optimizer:
                            scheduler.step()
                finally:
                    self.is_stepping = False
        self.is_stepping = False
        torch_usage_wraps.around_schedulers(held)
        self.on("after_step", after_step)
        return turned


CHECKS = (Schedule,)
