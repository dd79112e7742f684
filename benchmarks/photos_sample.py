"""Writes the sample that ships with the checkpoint of `photos`: 500 of the images of CIFAR-10 that it held out.

The project's hold-out is 1,000 of CIFAR-10's training images. The sample is 500 of them, and 100 of the
sample are held out where the sample is the pool. Both are drawn by one seed. No label is written.

    NEXTLABEL_DATA=data python benchmarks/photos_sample.py trained/photos/proden-1/sample.png
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nextlabel.app import build_services, prepare
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.datasets.sample_file import Sample, write_sample
from nextlabel.engine.settings import Settings
from nextlabel.store import items

SEED = 0
SIZE = 500
HELD_OUT = 100
SOURCE = (
    "500 of CIFAR-10's training images: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. "
    f"Drawn with the seed {SEED} from the hold-out of the project photos; the ids are their numbers in CIFAR-10."
)


def draw(data: Path) -> Sample:
    """Return the sample. Raises DatasetMissing if CIFAR-10 is not in the folder `data`."""
    with TemporaryDirectory() as home:
        settings = Settings(home=Path(home), data=data)
        prepare(settings, bundled=False)
        services = build_services(settings)
        try:
            config = services.projects.get("photos")
            import_dataset(config, services.registry, settings, services.database, services.home)
            with services.database.read() as connection:
                held_out = np.flatnonzero(items.holdout_flags(connection, "photos", 0))
            rng = np.random.Generator(np.random.PCG64(SEED))
            drawn = np.sort(rng.choice(held_out, SIZE, replace=False))
            images = services.items(services.state(services.row("photos")))
            return Sample(
                ids=tuple(str(number) for number in drawn),
                pixels=images.take(drawn).pixels((32, 32), 3),
                holdout=np.isin(np.arange(SIZE), rng.choice(SIZE, HELD_OUT, replace=False)),
                source=SOURCE,
            )
        finally:
            services.database.dispose()


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path, help="the PNG file to write")
    target = parser.parse_args().target
    if target.suffix != ".png":
        parser.error(f"{target} does not end in .png")
    sample = draw(Path(os.environ["NEXTLABEL_DATA"]))
    write_sample(target, sample)
    print(f"{target}: {len(sample.ids)} images, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
