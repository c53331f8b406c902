"""Write data/digits.zlib: scikit-learn's copy of the handwritten digits, 1797 x 64 pixels and then 1797 labels, one byte each."""

import pathlib
import zlib

from sklearn.datasets import load_digits

digits = load_digits()
raw = digits.data.astype("uint8").tobytes() + digits.target.astype("uint8").tobytes()
target = pathlib.Path(__file__).parent.parent / "data" / "digits.zlib"
target.write_bytes(zlib.compress(raw, 9))
print(len(raw), "bytes in", target.stat().st_size)
