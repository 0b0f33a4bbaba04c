"""The calls of torch's functions in some training passes of a look (the first, and the one after each step whose number is a power of two), from the call of a root module to backward(), for the checks of torch_usage.py.

Unlike torch_trace.py, which describes a network in the words of the hypes or not at all, this keeps every call as it is: name, arguments, results, the line of the program that it comes from, and
the module of torch's that made it, if one did. What it holds is let go as soon as the checks have read it, at the backward pass.
"""
import torch

from . import session as sessions
from .torch_ops import plain_name
from .torch_trace import _MODULES, _TENET, Modes, TorchFunctionMode, Watcher, frame_of_call, is_loss_module, place_of, tensors_in

PASSES = 3  # that are recorded from the start
KEEPS_VALUES = {"view", "reshape", "squeeze", "unsqueeze", "flatten", "contiguous", "to", "float", "double", "clone", "view_as", "reshape_as", "ravel", "type", "__get__", "expand", "expand_as"}


class Call:
    """One call. `file` and `line` are the program's, wherever below them the function was called."""

    __slots__ = ("name", "args", "kwargs", "results", "file", "line", "module", "under")

    def __init__(self, name, args, kwargs, results, file, line, module, under):
        self.name, self.args, self.kwargs, self.results = name, args, kwargs, results
        self.file, self.line, self.module = file, line, module
        self.under = under  # (file, line) of the no_grad() that it runs in

    @property
    def inputs(self):
        return tensors_in(list(self.args) + list(self.kwargs.values()))

    def argument(self, place, name, default=None):
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    @property
    def site(self):
        """How a trial finds it again."""
        return [self.name, self.file, self.line]


def origin_of(frame):
    """(file, line, module) of a call: the program's innermost line, and the innermost module of torch's in between, or None. (None, 0, None) where tenet called."""
    module = None
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_TENET) and frame.f_code.co_name != "__call__":  # of what tenet puts around a module's call
            return None, 0, None
        if name.startswith(_MODULES):
            module = module or frame.f_locals.get("self")
        elif not sessions.is_foreign(name):
            return name, frame.f_lineno, module
        frame = frame.f_back
    return None, 0, None


class Pass:
    def __init__(self, usage):
        self.usage = usage
        self.calls = []
        self.producers = {}  # id of a tensor: the call that made it
        self.roots = []  # (module, args, kwargs)
        self.losses = []  # calls of loss functions
        self.held = []  # so that ids stay what they are

    def see(self, func, args, kwargs, result, frame):
        found = tensors_in([result] if isinstance(result, torch.Tensor) else result if isinstance(result, (list, tuple)) else [])
        if not found:
            return
        file, line, module = origin_of(frame)
        if file is None:
            return
        call = Call(plain_name(func), args, kwargs or {}, found, file, line, module, self.usage.pass_recorder.no_grad.line())
        if call.name == "__get__" and not call.inputs:
            return
        self.calls.append(call)
        self.held.append((args, kwargs, result))
        for tensor in found:
            self.producers[id(tensor)] = call

    def origin(self, tensor):
        """The call that made the values of a tensor, seen through whatever only reshapes; None where that lies outside of the pass."""
        seen = set()
        call = self.producers.get(id(tensor))
        while call is not None and call.name in KEEPS_VALUES and call.inputs and id(call) not in seen:
            seen.add(id(call))
            call = self.producers.get(id(call.inputs[0]))
        return call if call is not None and call.name not in KEEPS_VALUES else None

    def place(self, call):
        """The line that a person would change: where the module was made, where one of torch's computes it."""
        return (self.usage.made_at(call.module) if call.module is not None else None) or place_of(call.file, call.line)

    def rows(self):
        """Samples of the pass, by the loss's target, else by the first input."""
        for call in self.losses:
            if isinstance(call.target, torch.Tensor) and call.target.dim() > 0:
                return len(call.target)
        for _, args, kwargs in self.roots:
            for tensor in tensors_in(list(args) + list(kwargs.values())):
                if tensor.dim() > 0:
                    return len(tensor)
        return 0


class Recording:
    """Records into a pass while its `with` lasts."""

    def __init__(self, recorded):
        self.recorded = recorded
        self.mode = Watcher(recorded.see)

    def __enter__(self):
        self.mode.__enter__()
        return self.recorded

    def __exit__(self, *error):
        self.mode.__exit__(None, None, None)


class PassRecorder:
    """Records passes, and shows each to those who asked, with the tensors that backward() is called on."""

    def __init__(self, usage):
        self.usage = usage
        self.readers = []
        self.left = PASSES if TorchFunctionMode is not None else 0
        self.now = None
        self.late = 0  # the last step after which a later pass was recorded
        self.no_grad = None  # torch_usage_wraps.NoGrad, of the check that needs it
        self.mode = Modes(Watcher(self.see)) if self.left else None
        session = usage.session
        if self.left:
            session.on("root_input", usage.within(self.root_input))
            session.on("loss_input", usage.within(self.loss_input))
            session.on("backward_of", usage.within(self.backward_of))
            session.on("before_step", usage.within(self.before_step))

    def is_due(self):
        """Whether this pass is one to record: what breaks late is seen as well, and a long training costs hardly more than a short one."""
        step = self.usage.session.step
        return self.now is not None or self.left > 0 or (self.left == 0 and step > max(PASSES, self.late) and step & (step - 1) == 0)

    def root_input(self, module, args, kwargs):
        if not self.is_due() or not torch.is_grad_enabled() or is_loss_module(module) or hasattr(module, "_orig_mod"):
            return
        if self.now is None:
            self.now = Pass(self.usage)
        self.now.roots.append((module, args, kwargs))
        self.mode.enter()

    def see(self, *args):
        if self.now is not None:
            self.usage.guarded(self.now.see, *args)

    def loss_input(self, call):
        if self.now is not None and call.training:
            self.now.losses.append(call)

    def backward_of(self, tensors):
        if self.now is None:
            return
        found, self.now = self.now, None
        self.left, self.late = max(0, self.left - 1), self.usage.session.step
        self.mode.leave()
        tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        for reader in self.readers:
            self.usage.guarded(reader, found, tensors)

    def before_step(self, optimizer, is_primary):
        if self.mode.is_on and self.now is None:
            self.mode.leave()  # backward() ran within the mode

    def stop(self):
        self.left, self.now = -1, None  # none is due any more
        if self.mode is not None:
            self.mode.leave()


class Catcher:
    """In a trial: calls of functions at known sites of the program, replaced. `sites`: [[name, file, line], ...]. From the call of a root module to the optimizer's step; everywhere: from step to step,
    what is made of the data before the network included."""

    def __init__(self, check, sites, handler, training_only=True, everywhere=False):
        self.sites = {tuple(site) for site in sites}
        self.names = {site[0] for site in self.sites}
        self.handler, self.training_only = handler, training_only
        self.mode = Modes(_Replacing(self))
        check.on("root_input", self.root_input)
        check.on("before_step", self.before_step)
        if everywhere:
            check.on("step_done", self.step_done)
            self.mode.enter()

    def step_done(self, step):
        self.mode.enter()

    def root_input(self, module, args, kwargs):
        if (torch.is_grad_enabled() or not self.training_only) and not is_loss_module(module):
            self.mode.enter()

    def before_step(self, optimizer, is_primary):
        self.mode.leave()

    def call(self, func, args, kwargs, frame):
        name = plain_name(func)
        if name not in self.names:
            return func(*args, **kwargs)
        file, line, _ = origin_of(frame)
        if (name, file, line) not in self.sites:
            return func(*args, **kwargs)
        return self.handler(func, args, kwargs, (name, file, line))


if TorchFunctionMode is not None:
    class _Replacing(TorchFunctionMode):
        def __init__(self, catcher):
            super().__init__()
            self.catcher = catcher

        def __torch_function__(self, func, types, args=(), kwargs=None):
            return self.catcher.call(func, args, kwargs or {}, frame_of_call())
