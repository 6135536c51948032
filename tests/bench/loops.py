"""The loops that a trial is measured against: a bare one, and the script that people write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from bs_study.training.kernels import KernelName, use_kernels
from bs_study.workloads.mnist import Mnist

LR, MOMENTUM = 0.02, 0.5


def synchronized() -> float:
    """Return the time at which the device has done all that was asked of it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def bare_loop(data: tuple[Tensor, Tensor], batch_size: int, device: torch.device) -> Callable[[int], float]:
    """Return what trains so many iterations on resident data, recording nothing, and says the seconds of one."""
    torch.manual_seed(0)
    workload, model = Mnist(), Mnist().model().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, fused=True)
    images, labels = (tensor.to(device) for tensor in data)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            order = torch.randperm(len(images)).to(device)
            for start in range(0, len(order), batch_size):
                indices = order[start : start + batch_size]
                yield images.index_select(0, indices), labels.index_select(0, indices)

    source = batches()

    def train(iterations: int, kernels: KernelName = "onednn") -> float:
        use_kernels(kernels, model)
        start = synchronized()
        for _ in range(iterations):
            optimizer.zero_grad(set_to_none=True)
            inputs, targets = workload.prepare(*next(source))
            workload.loss(model, inputs, targets).backward()
            optimizer.step()
        return (synchronized() - start) / iterations

    return train


def plain_script(data_dir: Path, batch_size: int, device: torch.device) -> Callable[[int], float]:
    """Return the same for the script that people write: images one by one, the loss read at every iteration."""
    torch.manual_seed(0)
    model: nn.Module = Mnist().model().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loader = DataLoader(MNIST(str(data_dir), transform=ToTensor()), batch_size=batch_size, shuffle=True)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    source = batches()

    def train(iterations: int) -> float:
        use_kernels("onednn", nn.Identity())
        losses = []
        start = synchronized()
        for _ in range(iterations):
            images, labels = next(source)
            optimizer.zero_grad()
            loss = cross_entropy(model(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return (synchronized() - start) / iterations

    return train
