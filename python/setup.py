"""Builds the package: the extension is compiled from the C sources that the rest of tenet is made of (sources.txt), with a C compiler and
nothing else.

In the repository those lie in ../src and ../include. A source distribution carries them under c/.
"""

import glob
import os
import shutil

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
CARRIED = os.path.join(HERE, "c")
ROOT = CARRIED if os.path.isdir(CARRIED) else os.path.dirname(HERE)
LIMITED_API = "0x03090000"
# As the rest of tenet is built: NaN and Inf are tested for, and sums are what they say.
FLAGS = ["-std=c17", "-O3", "-fno-math-errno", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra"]


def common_sources():
    with open(os.path.join(HERE, "sources.txt"), encoding="utf-8") as file:
        patterns = [line.strip() for line in file if line[:1].islower()]
    found = sorted(path for pattern in patterns for path in glob.glob(os.path.join(ROOT, "src", pattern)))
    if not found:
        raise FileNotFoundError(
            "the C sources of tenet are not in %s: build from the repository (pip 21.3 or later builds in place) "
            "or from a source distribution"
            % ROOT
        )
    return found


def headers():
    return glob.glob(os.path.join(ROOT, "src", "*", "*.h")) + glob.glob(os.path.join(ROOT, "include", "*.h"))


class Build(build_ext):
    def build_extension(self, ext):
        # Named here and not in the Extension, whose sources must lie below this folder.
        ext.sources = ext.sources + common_sources()
        ext.include_dirs += [os.path.join(HERE, "csrc"), os.path.join(ROOT, "src"), os.path.join(ROOT, "include")]
        ext.depends = headers()
        super().build_extension(ext)


class Distribute(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        own = [os.path.join(HERE, "sources.txt"), os.path.join(HERE, "bootstrap", "sitecustomize.py")] + glob.glob(
            os.path.join(HERE, "csrc", "*.h")
        )
        for path in common_sources() + headers() + own:
            is_own = path in own
            target = (
                os.path.join(base_dir, os.path.relpath(path, HERE)) if is_own else os.path.join(base_dir, "c", os.path.relpath(path, ROOT))
            )
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)


setup(
    packages=["tenet"],
    ext_modules=[
        Extension(
            "tenet._tenet",
            sorted(glob.glob("csrc/*.c")),
            define_macros=[("_GNU_SOURCE", None), ("Py_LIMITED_API", LIMITED_API)],
            extra_compile_args=FLAGS,
            libraries=["m", "pthread"],
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": Build, "sdist": Distribute},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
