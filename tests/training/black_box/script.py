"""A script as people have it: plain PyTorch, and argparse."""

import argparse

import torch
from torch import nn


def circle(count, seed):
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()


def accuracy(model, points, labels):
    with torch.no_grad():
        return (model(points).argmax(dim=1) == labels).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train, test = circle(2000, seed=0), circle(500, seed=1)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    for step in range(1, args.steps + 1):
        rows = torch.randint(len(train[0]), (args.batch_size,))
        loss = nn.functional.cross_entropy(model(train[0][rows]), train[1][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step}: loss {loss.item():.4f}")
        if step % 20 == 0:
            print(f"step {step}: accuracy {accuracy(model, *test):.4f}")


if __name__ == "__main__":
    main()
