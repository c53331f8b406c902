"""Binding of arguments: overloads, keyword names, sizes as separate arguments, out=, and the errors."""

import unittest

import duoc as torch


class Calls(unittest.TestCase):
    def test_positional_keyword_and_numpy_names(self):
        x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        y = torch.ones(2, 2)
        want = [[2.0, 3.0], [4.0, 5.0]]
        for got in (torch.add(x, y), torch.add(x, other=y), torch.add(input=x, other=y), x.add(y), x.add(other=y),
                    torch.add(x1=x, x2=y), torch.add(x, 1), x + 1, 1 + x):
            self.assertEqual(got.tolist(), want)

    def test_sizes_as_separate_arguments(self):
        for x in (torch.zeros(2, 3), torch.zeros((2, 3)), torch.zeros([2, 3]), torch.zeros(size=(2, 3)),
                  torch.zeros(torch.Size([2, 3]))):
            self.assertEqual(x.shape, torch.Size([2, 3]))
        x = torch.zeros(2, 3)
        self.assertEqual(x.view(3, 2).shape, (3, 2))
        self.assertEqual(x.view((6,)).shape, (6,))
        self.assertEqual(x.reshape(-1).shape, (6,))
        self.assertEqual(x.permute(1, 0).shape, (3, 2))
        self.assertEqual(torch.permute(x, (1, 0)).shape, (3, 2))

    def test_warnings_are_pythons(self):
        import warnings

        x, out = torch.ones(3), torch.ones(6)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.add(x, x, out=out)
        self.assertEqual([w.category for w in seen], [UserWarning])
        self.assertEqual(out.tolist(), [2.0, 2.0, 2.0])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertRaises(UserWarning, torch.add, x, x, out=torch.ones(6))

    def test_factories_take_requires_grad(self):
        self.assertTrue(torch.zeros(2, requires_grad=True).requires_grad)
        self.assertEqual(torch.ones(2, dtype=float).dtype, torch.float64)
        self.assertEqual(torch.ones(2, dtype=torch.int32, device="cpu", layout=torch.strided).dtype, torch.int32)

    def test_out(self):
        out = torch.empty(0)
        got = torch.add(torch.ones(3), 1, out=out)
        self.assertIs(got, out)
        self.assertEqual(out.tolist(), [2.0, 2.0, 2.0])
        self.assertEqual(torch.add(torch.ones(3), 1, out=None).tolist(), [2.0] * 3)

    def test_in_place_returns_the_object(self):
        x = torch.ones(3)
        self.assertIs(x.add_(1), x)
        y = x
        y += 1
        self.assertIs(y, x)
        self.assertEqual(x.tolist(), [3.0] * 3)

    def test_a_result_that_is_an_argument_is_its_object(self):
        x = torch.ones(3)
        self.assertIs(x.contiguous(), x)
        self.assertIs(x.to(torch.float32), x)

    def test_errors_name_types_and_signatures(self):
        x = torch.ones(2)
        with self.assertRaisesRegex(TypeError, r"argument 'dim' \(position 2\) must be int, not str"):
            torch.unsqueeze(x, "a")
        with self.assertRaisesRegex(TypeError, r"unexpected keyword argument 'nope'"):
            torch.zeros(2, nope=1)
        with self.assertRaisesRegex(TypeError, r"missing 1 required positional arguments: \"dim\""):
            x.unsqueeze()
        with self.assertRaisesRegex(TypeError, r"takes 1 positional argument but 2 were given"):
            x.unsqueeze(1, 2)
        with self.assertRaisesRegex(TypeError, r"got \(str\), but expected one of:"):
            x.squeeze("a")
        with self.assertRaises(TypeError):
            x + "a"
        with self.assertRaises(TypeError):
            x + object()

    def test_an_operand_of_another_type_gets_its_chance(self):
        class Other:
            def __radd__(self, other):
                return "mine"

        self.assertEqual(torch.ones(1) + Other(), "mine")

    def test_kinds_of_errors(self):
        x = torch.ones(2, 3)
        with self.assertRaises(IndexError):
            x.select(5, 0)
        with self.assertRaises(RuntimeError):
            x + torch.ones(4)
        with self.assertRaises(RuntimeError):
            torch.zeros(-1)
        with self.assertRaises(RuntimeError):
            torch.zeros(2**62)
