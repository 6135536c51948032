"""Data files in MNIST's format, as small as a test needs them."""

from __future__ import annotations

import struct
from pathlib import Path

import torch
from torch import Tensor


def write_idx(folder: Path, *, train: int, held_out: int) -> None:
    """Write the four files: images whose one bright row is their label, labels 0 to 9 in turn."""
    folder.mkdir(parents=True)
    for prefix, count in (("train", train), ("t10k", held_out)):
        images, labels = striped(count)
        header = struct.pack(">IIII", 0x0803, count, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
        header = struct.pack(">II", 0x0801, count)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.to(torch.uint8).numpy().tobytes())


def striped(count: int) -> tuple[Tensor, Tensor]:
    """Return images of shape (count, 28, 28) and their labels."""
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    images[torch.arange(count), 2 * labels + 4] = 255
    return images, labels
