"""Random streams are the same on every machine, and independent of each other."""

from __future__ import annotations

from nextlabel.engine.random_streams import derive, generator, share_hash


def test_a_seed_is_the_same_on_every_machine() -> None:
    assert derive(0, "query", 1) == 4413273948570369836
    assert 0 <= derive(2**53, "x") < 2**63


def test_purposes_are_independent() -> None:
    seeds = {derive(seed, purpose, number) for seed in range(4) for purpose in "ab" for number in range(50)}
    assert len(seeds) == 400
    assert generator(0, "a").random() == generator(0, "a").random() != generator(0, "b").random()


def test_share_hashes_fill_the_unit_interval() -> None:
    shares = [share_hash(0, "holdout", str(number)) for number in range(2000)]
    assert 0 <= min(shares) < 0.01
    assert 0.99 < max(shares) < 1
