"""Makes the npy and npz files of this folder, as NumPy itself writes them. Run it here; the files are in the tree, so that tests need no NumPy.

Every array holds, in row-major order, the numbers 0, 1, 2, ... modulo 2 (bool) or 100, halved where the type has fractions.
"""

import io
import zipfile

import numpy as np


def numbers(shape, kind):
    count = int(np.prod(shape))
    if kind == "bool":
        return (np.arange(count) % 2).astype(bool).reshape(shape)
    values = np.arange(count) % 100
    return (values / 2 if np.dtype(kind).kind == "f" else values).astype(kind).reshape(shape)


for kind in ["bool", "u1", "i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "<u2", "<u4", "<u8", "<f4", ">f4", "<f8", ">f8"]:
    name = kind.replace("<", "little_").replace(">", "big_")
    np.save(f"{name}.npy", numbers((5, 3), kind))
np.save("images.npy", numbers((4, 3, 2), "u1"))
np.save("images_fortran.npy", np.asfortranarray(numbers((4, 3, 2), "u1")))
np.save("table_fortran.npy", np.asfortranarray(numbers((5, 3), "<f8")))
np.save("objects.npy", np.array([1, "a"], dtype=object))
np.save("records.npy", np.zeros(2, dtype=[("a", "<f4")]))
np.save("complex.npy", np.zeros(2, dtype="<c8"))
np.save("scalar.npy", np.float32(1))
np.save("five_axes.npy", np.zeros((1, 1, 1, 1, 1), dtype="f4"))

arrays = {"x": numbers((40, 3), "<f4"), "y": np.arange(40) % 4}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)


class Pipe(io.RawIOBase):
    """Cannot seek, so zipfile has to write its sizes behind the data."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


pipe = Pipe("descriptors.npz")
with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        archive.writestr(name + ".npy", buffer.getvalue())
pipe.file.close()
