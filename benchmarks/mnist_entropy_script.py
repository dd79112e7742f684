"""Active learning by entropy on MNIST as an ordinary torch program: what `mnist_entropy.py` compares `mnist` with.

python benchmarks/mnist_entropy_script.py DATA [--seed 0] [--start 12000] [--size 1000] [--rounds 5]

The procedure of the project `mnist`, in float32 on two threads: each round trains 2 epochs on the labelled images,
tests, scores the other images of the pool, and labels the most uncertain ones. Prints the test accuracy of each
round as JSON.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.datasets import MNIST

EPOCHS, BATCH, TEST_BATCH = 2, 64, 1000


class Net(nn.Module):
    """The network `mnist-net`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.dropout1, self.dropout2 = nn.Dropout2d(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return log probabilities (n, 10)."""
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        x = self.dropout1(functional.max_pool2d(x, 2))
        x = self.dropout2(functional.relu(self.fc1(torch.flatten(x, 1))))
        return functional.log_softmax(self.fc2(x), dim=1)


def load(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return images (n, 1, 28, 28), scaled to -1..1, and their classes."""
    data = MNIST(root, train=train)
    return (data.data[:, None].float() / 255 - 0.5) / 0.5, data.targets


def train(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, classes: Tensor) -> None:
    """Train the epochs of a round."""
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss = functional.nll_loss(network(images[rows]), classes[rows])
            loss.backward()
            optimizer.step()


@torch.no_grad()
def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return log probabilities (n, 10)."""
    network.eval()
    return torch.cat([network(batch) for batch in images.split(TEST_BATCH)])


def main() -> None:
    """Run the rounds."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    for name, default in {"seed": 0, "start": 12_000, "size": 1000, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(arguments.seed)
    images, classes = load(arguments.data, train=True)
    test_images, test_classes = load(arguments.data, train=False)
    network = Net()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    order = torch.randperm(len(images))
    labelled, pool = order[: arguments.start], order[arguments.start :]
    accuracies = []
    for number in range(arguments.rounds + 1):
        if number:
            logs = predict(network, images[pool])
            entropy = -(logs.exp() * logs).sum(dim=1)
            chosen = entropy.topk(arguments.size).indices
            labelled = torch.cat([labelled, pool[chosen]])
            rest = torch.ones(len(pool), dtype=torch.bool)
            rest[chosen] = False
            pool = pool[rest]
        train(network, optimizer, images[labelled], classes[labelled])
        correct = predict(network, test_images).argmax(dim=1) == test_classes
        accuracies.append(float(correct.float().mean()))
    print(json.dumps(accuracies))


if __name__ == "__main__":
    main()
