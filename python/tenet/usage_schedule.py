"""A learning-rate scheduler that is stepped wrongly: after every batch where its numbers mean epochs, so that the rate is gone before the first one is over; or after every epoch where they mean
batches, so that it never warms up."""
import weakref

from . import torch_usage_wraps
from .torch_trace import here
from .torch_usage import Check, Turned

CALLS_MIN = 20
GONE = 0.1  # of its first value, where a rate counts as gone; the mend decides whether that matters
COLD = 0.3  # of the rate that it is to reach, where it counts as not warmed up


def rate_of(optimizer):
    return float(optimizer.param_groups[0].get("lr") or 0)


class Schedule(Check):
    MENDS = ("schedule_by_epochs", "schedule_by_batches")

    def listen(self):
        self.calls = []  # of the first scheduler: steps of the optimizer by then
        self.scheduler = self.place = self.first = None
        self.highest = 0.0
        torch_usage_wraps.around_schedulers(self.stepped)
        self.session.on("before_step", self.usage.within(self.before_step))

    def before_step(self, optimizer, is_primary):
        if is_primary:
            self.last = rate_of(optimizer)
            self.first = self.first if self.first is not None else self.last
            self.highest = max(self.highest, self.last)

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
        base = self.wanted(scheduler)
        if base and epoch > 1 and calls <= 2 * steps / epoch + 1 and self.highest < COLD * base and steps >= 2 * epoch:
            self.usage.found(
                "schedule_by_batches", "wrong_schedule", "%s stepped once a batch" % kind,
                "%s.step() was called %d times in %d steps of the optimizer, once an epoch of %d batches; the rate is to reach %.3g, and was never above %.3g" % (
                    kind, calls, steps, epoch, base, self.highest),
                self.place, "call it after every step of the optimizer", prior=0.75)

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
