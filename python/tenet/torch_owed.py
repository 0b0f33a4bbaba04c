"""What is owed of the last step: weights and updates that the next backward pass leaves time for, and the record of the step, which comes after them.

A weight stays as it is from one step to the next, so where torch leaves a processor idle a second thread takes them during the next backward pass (_tenet.Parameters says which, and why then). Before anything else
is told, before the next step, before load_state_dict, and at the end, whoever comes first settles what is owed. A lock guards it, since programs have threads.
"""

import functools
import threading

import torch.optim.optimizer as torch_optimizer


class Owed:
    def __init__(self, session):
        self.session = session
        self.stops = False  # the parent wants the program to stop
        self.parameters = self.scalars = None  # _tenet.Parameters, and what its step is told as; None: nothing
        self.lock = threading.RLock()
        session.settle = self.settle

    def see(self, parameters, step, later):
        """Updates and weights after a step: now, or left to settle() where `later` and that can be."""
        if later and parameters.owe(step):
            self.parameters = parameters
        else:
            parameters.after(step)

    def begin(self):
        """A backward pass begins."""
        if self.parameters is not None:
            with self.lock:
                if self.parameters is not None:
                    self.parameters.begin()

    def tell_step(self, *scalars):
        """The end of a step: told after what is owed of it."""
        if self.parameters is not None:
            self.scalars = scalars
        elif not self.session.link.step(*scalars):
            self.stops = True

    def settle(self):
        with self.lock:
            parameters, scalars = self.parameters, self.scalars
            self.parameters = self.scalars = None
            if parameters is None:
                return
            parameters.tell()
            if scalars is not None:
                self.tell_step(*scalars)

    def forget(self):
        """Nothing is owed any more, told or not: another trial begins, or this is the child of a fork, where another thread may hold the lock for ever."""
        parameters = self.parameters
        self.parameters = self.scalars = None
        self.lock = threading.RLock()
        self.stops = False
        if parameters is not None:
            parameters.drop()


@functools.lru_cache(maxsize=None)
def is_written_by_torch(kind, function):
    return all(str(getattr(one, "__module__", "")).startswith("torch.optim.") for one in (kind, function))


def is_torchs(function, optimizer):
    """Whether nothing but torch's own code runs in a step."""
    return (
        is_written_by_torch(type(optimizer), function)
        and not getattr(optimizer, "_optimizer_step_pre_hooks", None)
        and not getattr(torch_optimizer, "_global_optimizer_pre_hooks", None)
    )
