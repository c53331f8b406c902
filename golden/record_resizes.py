"""Records what PyTorch's antialiased bilinear interpolation makes of a small picture.

    python golden/record_resizes.py

Writes crates/duoc-data/tests/data/resizes.txt: the sides asked for and the pixels, row after row.
"""

import pathlib

import torch

TARGET = pathlib.Path(__file__).resolve().parent.parent / "crates/duoc-data/tests/data/resizes.txt"


def main():
    """Writes the file."""
    picture = (torch.arange(35) * 37 % 101).reshape(1, 1, 5, 7).float()
    lines = []
    for size in [(3, 4), (2, 2), (9, 11), (1, 7), (5, 3), (8, 3)]:
        done = torch.nn.functional.interpolate(picture, size=size, mode="bilinear", antialias=True)
        lines.append(f"{size[0]} {size[1]}: {' '.join(repr(x) for x in done.flatten().tolist())}\n")
    TARGET.write_text("".join(lines))


if __name__ == "__main__":
    main()
