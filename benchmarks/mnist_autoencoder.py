"""The project `mnist-autoencoder` beside the same classifier without pre-training, at 100 to 10,000 labels.

python benchmarks/mnist_autoencoder.py           5 seeds of `nextlabel train` at each number of labels; only those that
                                                 are not stored yet; --only PROJECT: those of one project; --labels N
python benchmarks/mnist_autoencoder.py --draw    draws docs/mnist-autoencoder.svg from the stored results, and
                                                 docs/mnist-autoencoder.png: ten test images above their reconstructions
python benchmarks/mnist_autoencoder.py --check   a few random images: checks that all of them run, stores nothing
python benchmarks/mnist_autoencoder.py --show    prints the table of docs/mnist-autoencoder.md

NEXTLABEL_DATA must name the folder with MNIST. Results are stored in benchmarks/results/mnist_autoencoder.jsonl, one
line per seed.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
from mnist_entropy import write_random_mnist
from seeds_by_labels import ROOT, chart, load, png, run

RESULTS = Path(__file__).parent / "results" / "mnist_autoencoder.jsonl"
LABELS = (100, 300, 1000, 3000, 10_000)
TITLES = {
    "mnist-autoencoder": "`mnist-autoencoder`",
    "mnist-autoencoder-pool": "`mnist-autoencoder-pool`",
    "mnist-autoencoder-without": "without pre-training",
}


def reconstructions(path: Path) -> None:
    """Draw the first ten test images above what the autoencoder of `mnist-autoencoder` makes of them."""
    import torch  # noqa: PLC0415 - for this picture only

    from nextlabel.engine.plugins.parameters import build  # noqa: PLC0415 - as above
    from nextlabel_plugins.datasets import nextlabel_datasets  # noqa: PLC0415
    from nextlabel_plugins.learners.autoencoder import AutoencoderParameters  # noqa: PLC0415
    from nextlabel_plugins.networks.architectures.factory import build_network  # noqa: PLC0415
    from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415
    from nextlabel_plugins.networks.training.train_autoencoder import AutoencoderConfig, pretrain  # noqa: PLC0415

    options = AutoencoderParameters()  # those of the project
    config = AutoencoderConfig(**{field.name: getattr(options, field.name) for field in fields(AutoencoderConfig)})
    record = next(record for record in nextlabel_datasets() if record.name == "mnist")
    contents = build(record, {}, "[dataset]").read(Path(os.environ["NEXTLABEL_DATA"]), 0)
    pool, test = (
        torch.from_numpy(array.copy())[:, None]
        for array in (contents.content.array[: options.pretrain_items], contents.test.content.array[:10])
    )
    torch.manual_seed(0)
    network = build_network(Shape(28, 28, 1, 10, options.codes, 0.0, "encoder"))
    decoder = pretrain(network, pool, config, lambda _share, _metrics: None)
    with torch.no_grad():
        drawn = 255 * decoder(network.embed(test.float())).sigmoid()
    png([test[:, 0].numpy(), np.rint(drawn.view(-1, 28, 28).numpy())], path)


def draw_pictures() -> None:
    """Draw the pictures of the page."""
    (ROOT / "docs" / "mnist-autoencoder.svg").write_text(
        chart(load(RESULTS), TITLES, LABELS, "A classifier of 32 codes on MNIST")
    )
    reconstructions(ROOT / "docs" / "mnist-autoencoder.png")


if __name__ == "__main__":
    run(__doc__, RESULTS, TITLES, LABELS, write_random_mnist, draw_pictures)
