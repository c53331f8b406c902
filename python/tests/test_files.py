"""Files of tensors, and loaders of data: as a tutorial reader uses them."""

import io
import os
import pathlib
import pickle
import tempfile
import unittest

import duoc as torch
from duoc import nn
from duoc.utils.data import (
    ConcatDataset, DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler, get_worker_info, random_split,
)


class Numbers(Dataset):
    def __init__(self, bad=None):
        self.bad = bad

    def __len__(self):
        return 10

    def __getitem__(self, i):
        if i == 7 and self.bad == "error":
            raise ValueError("seven")
        if i == 7 and self.bad == "death":
            os._exit(3)
        return torch.tensor([i]), float(i)


class Stream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        return iter(range(first, 10, step))


class Files(unittest.TestCase):
    def test_a_state_goes_round(self):
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        opt = torch.optim.Adam(net.parameters())
        net(torch.ones(2, 3)).sum().backward()
        opt.step()
        base = torch.arange(12.0).reshape(3, 4)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "state.pt"
            torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "views": [base[1], base.t()], "kind": torch.float16}, path)
            self.assertEqual([p.name for p in path.parent.iterdir()], ["state.pt"])
            back = torch.load(path)
        other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        other.load_state_dict(back["net"])
        self.assertTrue(torch.equal(other[0].weight, net[0].weight))
        torch.optim.Adam(other.parameters()).load_state_dict(back["opt"])
        self.assertIs(back["kind"], torch.float16)
        back["views"][0].fill_(-1)
        self.assertEqual(back["views"][1][:, 1].tolist(), [-1.0] * 4)

    def test_files_run_no_code_unless_told(self):
        file = io.BytesIO()
        torch.save(nn.Linear(2, 2), file)
        file.seek(0)
        with self.assertRaisesRegex(pickle.UnpicklingError, "weights_only=False"):
            torch.load(file)
        file.seek(0)
        self.assertEqual(repr(torch.load(file, weights_only=False)), "Linear(in_features=2, out_features=2, bias=True)")

        class Evil:
            def __reduce__(self):
                return os.mkdir, ("never",)

        file = io.BytesIO(pickle.dumps(Evil()))
        with self.assertRaises(pickle.UnpicklingError):
            torch.load(file)
        self.assertFalse(os.path.exists("never"))

    def test_broken_files_are_errors(self):
        file = io.BytesIO()
        torch.save(torch.ones(100), file)
        whole = file.getvalue()
        for data in (b"PK\x03\x04junk", whole[:200], whole[:-30]):
            with self.assertRaises(RuntimeError):
                torch.load(io.BytesIO(data))
        with self.assertRaises(EOFError):
            torch.load(io.BytesIO(b""))
        with self.assertRaisesRegex(RuntimeError, "does not exist"):
            torch.save(1, "no/such/folder/file.pt")


class Loaders(unittest.TestCase):
    def test_order_and_batches(self):
        def batches(**more):
            generator = torch.Generator().manual_seed(1)
            return [b[0].flatten().tolist() for b in DataLoader(Numbers(), 3, shuffle=True, generator=generator, **more)]

        # PyTorch's order for this seed.
        self.assertEqual(batches(), [[4, 6, 9], [2, 3, 1], [0, 7, 8], [5]])
        self.assertEqual(batches(num_workers=2), batches())
        self.assertEqual(len(batches(drop_last=True)), 3)

    def test_workers_share_a_stream(self):
        self.assertEqual([b.tolist() for b in DataLoader(Stream(), 3, num_workers=2)], [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]])
        loader = DataLoader(Numbers(), 4, num_workers=2, persistent_workers=True)
        self.assertEqual([len(list(loader)), len(list(loader))], [3, 3])

    def test_trouble_in_a_worker_reaches_the_caller(self):
        with self.assertRaisesRegex(ValueError, "worker process 1"):
            list(DataLoader(Numbers("error"), 2, num_workers=2))
        with self.assertRaisesRegex(RuntimeError, "exited unexpectedly"):
            list(DataLoader(Numbers("death"), 2, num_workers=2))

    def test_sets_and_samplers(self):
        data = TensorDataset(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 2]))
        self.assertEqual(len(ConcatDataset([data, data])), 6)
        self.assertEqual(ConcatDataset([data, data])[4][1].item(), 1)
        torch.manual_seed(0)
        parts = random_split(Numbers(), [0.8, 0.2])
        self.assertEqual([len(p) for p in parts], [8, 2])
        self.assertEqual(set(WeightedRandomSampler([0.0, 1.0], 4)), {1})
        with self.assertRaisesRegex(ValueError, "mutually exclusive"):
            DataLoader(data, shuffle=True, sampler=[0])


if __name__ == "__main__":
    unittest.main()
