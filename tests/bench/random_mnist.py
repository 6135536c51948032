"""MNIST's files with random pixels, for clocks."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def write_random_mnist(data_dir: Path) -> Path:
    """Write the four files where torchvision looks for them; return the folder above MNIST/raw."""
    folder = data_dir / "MNIST" / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8).tobytes()
        labels = generator.integers(0, 10, count, dtype=np.uint8).tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + pixels)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + labels)
    return data_dir
