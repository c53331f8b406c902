"""Autograd from Python: backward, grad, hooks, modes, functions written in Python."""

import gc
import unittest
import weakref

import duoc as torch


class Autograd(unittest.TestCase):
    def test_backward_and_grad(self):
        x = torch.tensor([2.0, 3.0], requires_grad=True)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        self.assertEqual(x.grad.tolist(), [4.0, 6.0])
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), [x])
        self.assertEqual(h.tolist(), [2.0, 2.0])
        with self.assertRaisesRegex(RuntimeError, "grad can be implicitly created only for scalar outputs"):
            (x * 2).backward()
        with self.assertRaises(RuntimeError):
            torch.ones(1).backward()

    def test_modes(self):
        x = torch.ones(1, requires_grad=True)
        with torch.no_grad():
            self.assertFalse((x * 2).requires_grad)
            with torch.enable_grad():
                self.assertTrue((x * 2).requires_grad)

        @torch.no_grad()
        def f():
            return x * 2

        self.assertFalse(f().requires_grad)
        self.assertTrue(torch.is_grad_enabled())
        with torch.set_grad_enabled(False):
            self.assertFalse(torch.is_grad_enabled())
        self.assertTrue(torch.is_grad_enabled())
        with torch.inference_mode():
            self.assertTrue(torch.ones(1).is_inference())

    def test_hooks(self):
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        seen = []
        handle = y.register_hook(lambda g: g * 3)
        x.register_hook(lambda g: seen.append(g.tolist()))
        y.sum().backward()
        self.assertEqual(x.grad.tolist(), [6.0, 6.0])
        self.assertEqual(seen, [[6.0, 6.0]])
        handle.remove()

    def test_an_exception_in_a_hook_comes_out(self):
        class Mine(Exception):
            pass

        def fail(g):
            raise Mine("here")

        x = torch.ones(1, requires_grad=True)
        (x * 1).register_hook(fail)
        y = x * 2
        y.register_hook(fail)
        with self.assertRaisesRegex(Mine, "here"):
            y.backward()

    def test_functions_in_python(self):
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, factor):
                ctx.save_for_backward(x)
                ctx.factor = factor
                return x * x * x * factor

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 3 * x * x * ctx.factor, None

        x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
        y = Cube.apply(x, 2.0)
        self.assertEqual(y.grad_fn.name(), "CubeBackward")
        y.backward()
        self.assertEqual(x.grad.tolist(), [24.0])
        self.assertTrue(torch.autograd.gradcheck(lambda t: Cube.apply(t, 2.0), (x,)))
        self.assertTrue(torch.autograd.gradgradcheck(lambda t: Cube.apply(t, 2.0), (x,)))

    def test_a_function_does_not_keep_its_outputs(self):
        class Double(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 2
                ctx.save_for_backward(y)
                return y

            @staticmethod
            def backward(ctx, g):
                return g * 2

        x = torch.ones(1, requires_grad=True)
        y = Double.apply(x)
        gone = weakref.ref(y)
        del y
        gc.collect()
        self.assertIsNone(gone())

    def test_errors(self):
        x = torch.ones(2, requires_grad=True)
        y = (x * x).sum()
        y.backward()
        with self.assertRaises(RuntimeError):
            y.backward()
        with self.assertRaises(RuntimeError):
            x.add_(1)
        with self.assertRaises(RuntimeError):
            torch.ones(1, dtype=torch.int64, requires_grad=True)
