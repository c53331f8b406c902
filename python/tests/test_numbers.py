"""Linear algebra, windows, masked reductions, unique: against identities and numbers that are known."""

import math
import unittest

import duoc as torch


class Numbers(unittest.TestCase):
    def near(self, a, b, tolerance=1e-10):
        self.assertTrue(torch.allclose(a, b, rtol=tolerance, atol=tolerance), f"{a} is not {b}")

    def test_factors_multiply_out(self):
        torch.manual_seed(0)
        a = torch.randn(2, 4, 4, dtype=torch.float64)
        one = torch.eye(4, dtype=torch.float64).expand(2, 4, 4)
        p, l, u = torch.linalg.lu(a)
        self.near(p @ l @ u, a)
        q, r = torch.linalg.qr(a)
        self.near(q @ r, a)
        u, s, vh = torch.linalg.svd(a)
        self.near(u * s.unsqueeze(-2) @ vh, a)
        w, v = torch.linalg.eigh(a + a.mT)
        self.near((a + a.mT) @ v, v * w.unsqueeze(-2))
        w, v = torch.linalg.eig(a)
        self.near(a.to(v.dtype) @ v, v * w.unsqueeze(-2))
        self.near(a @ torch.linalg.inv(a), one)
        self.near(torch.linalg.det(a), torch.linalg.eigvals(a).prod(-1).real)
        self.near(torch.linalg.matrix_exp(a) @ torch.linalg.matrix_exp(-a), one)

    def test_a_singular_matrix_is_named(self):
        with self.assertRaisesRegex(torch.linalg.LinAlgError, "singular"):
            torch.linalg.solve(torch.zeros(2, 2), torch.ones(2))
        with self.assertRaisesRegex(torch.linalg.LinAlgError, "order 2"):
            torch.linalg.cholesky(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))

    def test_gradients_are_those_of_finite_differences(self):
        torch.manual_seed(1)
        a = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
        b = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
        for f in (torch.linalg.inv, torch.linalg.det, torch.linalg.svdvals, torch.linalg.qr, torch.linalg.lu_factor,
                  torch.linalg.matrix_exp, torch.linalg.pinv, lambda x: torch.linalg.eigvals(x).abs()):
            self.assertTrue(torch.autograd.gradcheck(lambda x, f=f: f(x)[0] if isinstance(f(x), tuple) else f(x), (a,)))
        self.assertTrue(torch.autograd.gradcheck(torch.linalg.solve, (a, b)))

    def test_second_gradients_through_conjugates(self):
        torch.manual_seed(2)
        v = torch.randn(3, 3, dtype=torch.complex128, requires_grad=True)
        gaps = lambda v: ((v[0].unsqueeze(-2) - v[0].unsqueeze(-1)).conj() * v * v).real  # noqa: E731
        self.assertTrue(torch.autograd.gradgradcheck(lambda v: gaps(v).sum(), (v,)))
        x = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradgradcheck(lambda x: torch.linalg.eig(x)[1].abs() ** 3, (x,)))
        self.assertEqual((v.conj().real == v.real).all().item(), True)

    def test_windows(self):
        w = torch.signal.windows
        self.near(w.hann(5), torch.tensor([0.0, 0.5, 1.0, 0.5, 0.0]), 1e-6)
        self.near(w.bartlett(5), torch.tensor([0.0, 0.5, 1.0, 0.5, 0.0]), 1e-6)
        self.near(w.kaiser(3, beta=0.0), torch.ones(3), 1e-6)
        self.assertEqual(w.cosine(0).shape, (0,))
        with self.assertRaisesRegex(ValueError, "Tau must be positive"):
            w.exponential(4, tau=0)

    def test_masks(self):
        x = torch.tensor([[1.0, 5.0, 3.0], [2.0, 7.0, 4.0]])
        mask = torch.tensor([[True, False, True], [False, False, False]])
        m = torch.masked
        self.assertEqual(m.sum(x, 1, mask=mask).tolist(), [4.0, 0.0])
        self.assertEqual(m.amax(x, 1, mask=mask).tolist(), [3.0, -math.inf])
        self.assertEqual(m.mean(x, 1, mask=mask)[0].item(), 2.0)
        self.assertTrue(m.mean(x, 1, mask=mask)[1].isnan())
        self.assertEqual(m.softmax(x, 1, mask=mask)[0, 1].item(), 0.0)
        with self.assertRaises(IndexError):
            m.sum(x[0], mask=mask)

    def test_unique(self):
        x = torch.tensor([3, 1, 3, 2, 1])
        values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
        self.assertEqual((values.tolist(), counts.tolist()), ([1, 2, 3], [2, 1, 2]))
        self.assertTrue(torch.equal(values[inverse], x))
        self.assertEqual(torch.tensor([1, 1, 2, 2, 1]).unique_consecutive().tolist(), [1, 2, 1])
        self.assertEqual(torch.unique(torch.tensor([[2, 1], [0, 1], [2, 1]]), dim=0).tolist(), [[0, 1], [2, 1]])

    def test_special_functions(self):
        x = torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64)
        self.near(torch.special.gammaln(x), torch.tensor([math.lgamma(v) for v in x.tolist()], dtype=torch.float64))
        self.near(torch.erf(torch.special.erfinv(x[:1])), x[:1])
        self.near(torch.special.i0(x), torch.tensor([1.0634833707413236, 1.2660658777520084, 3.2898391440501231], dtype=torch.float64))


if __name__ == "__main__":
    unittest.main()
