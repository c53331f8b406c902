"""The tensor object: construction from data, identity, NumPy, indexing, protocols."""

import copy
import gc
import pickle
import unittest
import weakref

import duoc as torch
import numpy as np


class Data(unittest.TestCase):
    def test_dtypes_are_inferred(self):
        for data, dtype in (([1, 2], torch.int64), ([1, 2.0], torch.float32), ([True, 2], torch.int64),
                            ([True], torch.bool), (1j, torch.complex64), ([], torch.float32),
                            ([np.float64(1)], torch.float64), (np.float32(2), torch.float32),
                            (np.arange(3, dtype=np.int16), torch.int16), ([torch.tensor(1)], torch.int64)):
            self.assertEqual(torch.tensor(data).dtype, dtype, data)

    def test_ragged_data_is_refused(self):
        with self.assertRaisesRegex(ValueError, r"expected sequence of length 2 at dim 1 \(got 3\)"):
            torch.tensor([[1, 2], [1, 2, 3]])
        with self.assertRaises(RuntimeError):
            torch.tensor([300], dtype=torch.uint8)
        with self.assertRaises(RuntimeError):
            torch.tensor([object()])

    def test_endless_data_is_refused(self):
        x = []
        x.append(x)
        with self.assertRaises(ValueError):
            torch.tensor(x)

    def test_numpy_shares_memory_both_ways(self):
        a = np.arange(6).reshape(2, 3)
        t = torch.from_numpy(a.T)
        a[0, 1] = 9
        self.assertEqual(t.tolist(), [[0, 3], [9, 4], [2, 5]])
        t[0, 0] = 7
        self.assertEqual(a[0, 0], 7)
        b = t.numpy()
        b[1, 1] = 8
        self.assertEqual(t[1, 1].item(), 8)
        del t
        gc.collect()
        self.assertEqual(b[1, 1], 8)
        with self.assertRaises(ValueError):
            torch.from_numpy(np.arange(3)[::-1])
        with self.assertRaises(TypeError):
            torch.from_numpy(np.array(["a"]))
        with self.assertRaises(RuntimeError):
            torch.ones(1, requires_grad=True).numpy()

    def test_the_owner_of_foreign_memory_lives(self):
        a = np.ones(1000)
        alive = weakref.ref(a)
        t = torch.from_numpy(a)
        del a
        gc.collect()
        self.assertIsNotNone(alive())
        self.assertEqual(t[999].item(), 1.0)
        del t
        gc.collect()
        self.assertIsNone(alive())

    def test_buffers(self):
        t = torch.frombuffer(bytearray(b"\x01\x02\x03\x04"), dtype=torch.uint8)
        self.assertEqual(t.tolist(), [1, 2, 3, 4])


class Objects(unittest.TestCase):
    def test_one_tensor_is_one_object(self):
        x = torch.ones(2, requires_grad=True)
        (x * x).sum().backward()
        self.assertIs(x.grad, x.grad)
        x.grad.note = 1
        self.assertEqual(x.grad.note, 1)
        self.assertIs((x * 2).grad_fn.next_functions[0][0].variable, x)

    def test_attributes_and_text(self):
        x = torch.tensor([[1, 2], [3, 4]])
        self.assertEqual(repr(x.shape), "torch.Size([2, 2])")
        self.assertEqual(repr(x.dtype), "torch.int64")
        self.assertEqual(repr(x.device), "device(type='cpu')")
        self.assertEqual(str(x.device), "cpu")
        self.assertEqual(x.size(1), 2)
        self.assertEqual(x.stride(), (2, 1))
        self.assertEqual(x.T.tolist(), [[1, 3], [2, 4]])
        self.assertEqual(repr(x), "tensor([[1, 2],\n        [3, 4]])")
        self.assertEqual(f"{torch.tensor(2.5):.2f}", "2.50")
        self.assertEqual(x.type(), "torch.LongTensor")

    def test_protocols(self):
        x = torch.tensor([[1, 2], [3, 4]])
        self.assertEqual(len(x), 2)
        self.assertEqual([r.tolist() for r in x], [[1, 2], [3, 4]])
        self.assertEqual((int(torch.tensor(3)), float(torch.tensor(2)), bool(torch.tensor(0))), (3, 2.0, False))
        self.assertEqual([10, 20, 30][torch.tensor(1)], 20)
        self.assertEqual(len({x, x}), 1)
        with self.assertRaises(RuntimeError):
            bool(x)
        with self.assertRaises(TypeError):
            len(torch.tensor(1))

    def test_copies(self):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        x.note = [1]
        for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            self.assertEqual(y.tolist(), x.tolist())
            self.assertTrue(y.requires_grad)
            self.assertEqual(y.note, [1])
            self.assertNotEqual(y.data_ptr(), x.data_ptr())
        self.assertIs(pickle.loads(pickle.dumps(torch.float32)), torch.float32)
        self.assertEqual(pickle.loads(pickle.dumps(torch.Size([2]))), torch.Size([2]))

    def test_subclasses(self):
        class Mine(torch.Tensor):
            pass

        x = torch.ones(2).as_subclass(Mine)
        self.assertIsInstance(x, Mine)
        self.assertIsInstance(x, torch.Tensor)
        self.assertEqual(x.tolist(), [1.0, 1.0])

    def test_data_is_replaced(self):
        x = torch.ones(2, requires_grad=True)
        x.data = torch.zeros(3)
        self.assertEqual(x.tolist(), [0.0] * 3)
        self.assertTrue(x.requires_grad)


class Indexing(unittest.TestCase):
    def test_reading(self):
        a = np.arange(24).reshape(2, 3, 4)
        x = torch.from_numpy(a.copy())
        mask = a[:, :, 0] > 3
        for i in (0, -1, slice(None), (0, 1), (0, 1, 2), (slice(None), slice(1, None)), (..., 0), (None, 0), [0, 1],
                  ([0, 1], [1, 2]), (slice(None), [0, 2]), np.array([1, 0]), np.int64(1), mask, (..., None), True,
                  ([0], slice(None), [1]), range(2), ()):
            index = tuple(torch.from_numpy(j) if isinstance(j, np.ndarray) else j for j in i) if isinstance(i, tuple) else i
            want = a[list(i) if isinstance(i, range) else i]
            np.testing.assert_array_equal(x[index].numpy(), want, repr(i))
        self.assertEqual(x[torch.tensor([1, 0]), 0].tolist(), a[[1, 0], 0].tolist())
        self.assertEqual(x[torch.from_numpy(mask), 1].tolist(), a[mask, 1].tolist())

    def test_writing(self):
        for index, value in ((0, 5), ((slice(None), 1), 7), (([0, 1], [1, 2]), 9), ((..., 0), 3), ([1], 2)):
            a = np.zeros((2, 3, 4))
            x = torch.from_numpy(a.copy())
            a[index] = value
            x[index] = value
            np.testing.assert_array_equal(x.numpy(), a)
        x = torch.zeros(3, dtype=torch.int64)
        x[x == 0] = 4
        x[1] = 1.7
        self.assertEqual(x.tolist(), [4, 1, 4])

    def test_errors(self):
        x = torch.zeros(2, 3)
        for index in (2, -3, (0, 0, 0), 1.0, torch.tensor([1.0]), [5], (0, 4)):
            with self.assertRaises(IndexError, msg=repr(index)):
                x[index]
        with self.assertRaises(ValueError):
            x[::-1]
        with self.assertRaises(TypeError):
            x["a"]
        with self.assertRaises(TypeError):
            x[0] = "a"
        with self.assertRaises(RuntimeError):
            x[0] = torch.ones(5)

    def test_gradients(self):
        x = torch.ones(3, requires_grad=True)
        (x[[0, 0, 1]] * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
        self.assertEqual(x.grad.tolist(), [3.0, 3.0, 0.0])
