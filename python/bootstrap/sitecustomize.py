"""Python's start-up hook in a program that tenet watches: runs the program's own sitecustomize, then waits for torch or keras to be
imported.

tenet puts this folder first on PYTHONPATH. Nothing of the package is loaded before a framework is, so a program that uses none pays next to
nothing. Whatever goes wrong here is told to the parent over its socket; the program goes on as if nobody watched.
"""

import os
import sys

FRAMEWORKS = ("torch", "keras")
NOTE = 9  # of src/run/wire.h


def run_own_sitecustomize():
    """The module that Python would have imported without us: the next of its name on the path. Its errors are told as Python tells them, by
    being raised."""
    import importlib.machinery
    import importlib.util

    here = os.path.dirname(os.path.abspath(__file__))
    path = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    mine = sys.modules.get("sitecustomize")
    sys.modules["sitecustomize"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if mine is not None:
            sys.modules["sitecustomize"] = mine
        raise


def tell(text):
    """A NOTE to the parent without the package, for where the package is what does not work."""
    import json
    import socket
    import struct

    address = os.environ.get("TENET_SOCKET", "")
    body = json.dumps({"text": text}).encode("utf-8")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect("\0" + address[1:] if address.startswith("@") else address)
            link.sendall(struct.pack("<IB", len(body) + 1, NOTE) + body)
    except OSError:
        pass  # nobody listens


def load_package():
    """tenet.attach of the package beside this folder; under a name of its own where the program has another module called tenet."""
    import importlib
    import importlib.util

    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tenet")
    loaded = sys.modules.get("tenet")
    if loaded is not None:
        is_ours = os.path.realpath(os.path.dirname(getattr(loaded, "__file__", None) or "")) == os.path.realpath(folder)
        name = "tenet" if is_ours else "tenet_debugger"
    else:
        spec = importlib.util.find_spec("tenet")
        where = list(spec.submodule_search_locations or ()) if spec else []
        # An installed copy of this package gives way to the one that belongs to the running tenet.
        name = "tenet" if spec is None or any(os.path.isfile(os.path.join(one, "torch_watch.py")) for one in where) else "tenet_debugger"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return importlib.import_module(name + ".attach")


def attach(framework):
    try:
        load_package().attach(framework)
    except Exception as error:  # whatever it is, the program must not suffer from it
        tell("tenet could not be loaded into the program's Python %s: %s: %s" % (sys.version.split()[0], type(error).__name__, error))


class Finder:
    """Finds the frameworks as the other finders do, and has `attach` called when one has been executed."""

    busy = False

    def find_spec(self, name, path=None, target=None):
        if name not in FRAMEWORKS or self.busy:
            return None
        import importlib.util

        self.busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.busy = False
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        loader, execute = spec.loader, spec.loader.exec_module

        def exec_module(module):
            try:
                del loader.exec_module
            except AttributeError:
                pass
            execute(module)
            attach(name)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            tell("%s is loaded in a way that leaves no room for tenet's hooks (%s)" % (name, type(loader).__name__))
        return spec


def start():
    if os.environ.get("TENET_SOCKET") and not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        if package not in sys.path:
            # At the end: a module of the program's that has the same name as something here comes first.
            sys.path.append(package)


start()
run_own_sitecustomize()
