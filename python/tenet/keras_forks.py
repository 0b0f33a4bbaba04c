"""Where a Keras program on JAX is forked (fork_server.py): before the first layer or optimizer is made. Data are read by then, as a rule, and JAX, which computes in threads that no fork keeps, has not begun;
a program that has it compute before is started for each trial.

The parts that watch a training are put in place in the forks: they go by the trial.
"""
import functools
import os
import sys

from .fork_server import ForkServer
from .keras_attach import definer, wrap

CACHE = "jax"  # in the folder of the trials


def set_threads(_count):
    """XLA takes what the processors give."""


def why_not():
    return None


def serve(session, keras, install_parts):
    server = ForkServer(session, sys.modules[__name__])
    for made in (keras.layers.Layer, keras.optimizers.Optimizer):
        wrap(definer(made, "__init__"), "__init__", functools.partial(forking, server, install_parts, made))


def forking(server, install_parts, made, original):
    def __init__(self, *args, **kwargs):
        if not server.is_waiting:
            return original(self, *args, **kwargs)
        server.reached()
        install_parts()
        return made.__init__(self, *args, **kwargs)  # as a part may have wrapped it by now
    return __init__


def share_compiled(session):
    """Most trials compile the same steps: what one has compiled, the others read. The folder goes when the debug ends."""
    folder = session.trial.get("folder")
    if folder and not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        import jax
        jax.config.update("jax_compilation_cache_dir", os.path.join(folder, CACHE))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
