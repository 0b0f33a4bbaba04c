"""Steps of optimizers that call a closure."""

import functools


class FirstOf:
    """A closure that is called again and again within one step: the first call is the step's loss and gradients, before anything was
    updated."""

    def __init__(self, watch, closure, optimizer, is_primary):
        self.watch, self.closure, self.optimizer, self.is_primary = watch, closure, optimizer, is_primary
        self.seen = None
        functools.update_wrapper(self, closure, updated=())

    def __call__(self, *args, **kwargs):
        result = self.closure(*args, **kwargs)
        self.look()
        return result

    def look(self):
        watch, pulse = self.watch, self.watch.pulse
        if self.seen is None:
            watch.look_before(self.optimizer, self.is_primary)
            self.seen = pulse.loss, pulse.backwards, pulse.rows
            watch.unhook()
            watch.watcher.pause()
        pulse.loss, pulse.backwards, pulse.rows = self.seen
