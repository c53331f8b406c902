"""Records the orders in which PyTorch's samplers and loaders take samples.

    python golden/record_orders.py

Writes crates/duoc-data/tests/data/orders.txt: a name and the indices of each order.
"""

import pathlib

import torch
from torch.utils import data

TARGET = pathlib.Path(__file__).resolve().parent.parent / "crates/duoc-data/tests/data/orders.txt"


def generator(seed):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def orders():
    """Names and orders; each begins with the default generator at seed 7."""
    n = range(11)
    samplers = {
        "random": lambda: data.RandomSampler(n),
        "random_70": lambda: data.RandomSampler(n, num_samples=30),
        "random_replacement": lambda: data.RandomSampler(n, replacement=True, num_samples=70),
        "random_own": lambda: data.RandomSampler(n, generator=generator(3)),
        "subset": lambda: data.SubsetRandomSampler([5, 3, 9, 1, 7]),
        "subset_own": lambda: data.SubsetRandomSampler([5, 3, 9, 1, 7], generator=generator(3)),
        "weighted": lambda: data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 12),
        "weighted_once": lambda: data.WeightedRandomSampler([0.9, 0.4, 0.05, 0.2, 0.3, 0.1], 5, replacement=False),
    }
    for rank in range(3):
        for drop in (False, True):
            samplers[f"distributed_{rank}_{drop}".lower()] = lambda rank=rank, drop=drop: data.DistributedSampler(
                n, num_replicas=3, rank=rank, seed=5, drop_last=drop
            )
    for name, make in samplers.items():
        torch.manual_seed(7)
        sampler = make()
        # Two epochs: the second one shows what the first one left behind.
        yield name, [*sampler, *sampler]
    for name, kwargs in {
        "loader": {},
        "loader_shuffle": {"shuffle": True},
        "loader_shuffle_own": {"shuffle": True, "generator": generator(3)},
        "loader_drop": {"shuffle": True, "drop_last": True},
    }.items():
        torch.manual_seed(7)
        loader = data.DataLoader(torch.arange(11), batch_size=4, **kwargs)
        batches = [batch.tolist() for _ in range(2) for batch in loader]
        yield name, [i for batch in batches for i in batch]
        yield f"{name}_after", torch.randint(1000, (3,)).tolist()
    torch.manual_seed(7)
    parts = data.random_split(range(11), [4, 7])
    yield "split", [i for part in parts for i in part.indices]
    parts = data.random_split(range(11), [0.3, 0.3, 0.4], generator=generator(3))
    yield "split_shares", [i for part in parts for i in part.indices]
    yield "split_lengths", [len(part) for part in parts]


def main():
    """Writes the file."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}: {' '.join(map(str, order))}\n" for name, order in orders()]
    TARGET.write_text("".join(lines))


if __name__ == "__main__":
    main()
