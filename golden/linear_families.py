"""Linear algebra that the database lacks: shapes, layouts, singular input, wrong arguments."""

import torch

from complex_families import z


def r(*shape, seed=0):
    return z(*shape, seed=seed).real.contiguous()


def spd(*shape, seed=0, dtype=torch.float64):
    a = z(*shape, seed=seed) if dtype.is_complex else r(*shape, seed=seed)
    return a @ a.mH + 2 * torch.eye(shape[-1], dtype=a.dtype)


def triangular(*shape, upper=True, seed=0, complex=False):
    a = (z if complex else r)(*shape, seed=seed) + 3 * torch.eye(shape[-1])
    return a.triu() if upper else a.tril()


SIZES = ((2, 2), (3, 3), (5, 5), (2, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3))
WRONG = (torch.ones(3), torch.ones(2, 3), torch.ones(3, 3, dtype=torch.int64), torch.ones(3, 3).half(), torch.tensor(1.0))
SINGULAR = (torch.zeros(3, 3), torch.ones(2, 2, dtype=torch.float64), torch.stack([torch.eye(2), torch.ones(2, 2)]))


def square_functions():
    for f in ("linalg_det", "det", "linalg_slogdet", "slogdet", "logdet", "linalg_inv", "inverse", "linalg_inv_ex",
              "linalg_matrix_exp", "matrix_exp"):
        for size in SIZES:
            yield f, [r(*size)], {}
            yield f, [z(*size)], {}
        yield f, [r(3, 3).float()], {}
        yield f, [z(3, 3).to(torch.complex64)], {}
        yield f, [r(3, 3).t()], {}
        yield f, [r(4, 4)[::2, ::2]], {}
        for x in (*WRONG, *SINGULAR):
            yield f, [x], {}
    yield "linalg_matrix_exp", [r(3, 3) * 30], {}
    yield "linalg_matrix_exp", [torch.ones(2, 2).bfloat16()], {}
    for f in ("linalg_matrix_power", "matrix_power"):
        for n in (0, 1, 2, 3, 5, -1, -3):
            yield f, [r(3, 3), n], {}
            yield f, [z(2, 2, 2), n], {}
        yield f, [torch.tensor([[1, 1], [1, 0]]), 10], {}
        yield f, [torch.ones(2, 2), -1], {}
        yield f, [torch.ones(2, 3), 2], {}


def factors():
    for f in ("linalg_lu_factor_ex", "linalg_lu_factor", "linalg_lu"):
        for size in (*SIZES, (2, 4), (4, 2), (3, 2, 4), (2, 4, 3)):
            yield f, [r(*size)], {}
            yield f, [z(*size)], {}
        yield f, [r(3, 3).float()], {}
        yield f, [r(3, 3)], {"pivot": False}
        for x in (*WRONG, *SINGULAR):
            yield f, [x], {}
    yield "linalg_lu_factor_ex", [torch.zeros(2, 2)], {"check_errors": True}
    yield "_lu_with_info", [r(3, 3)], {}
    yield "_lu_with_info", [torch.zeros(2, 2), True, False], {}
    yield "linalg_lu_factor", [torch.stack([torch.eye(2), torch.zeros(2, 2)])], {}
    lu, pivots = torch.linalg.lu_factor(r(2, 3, 3))
    for data in (True, False):
        for permutation in (True, False):
            yield "lu_unpack", [lu, pivots, data, permutation], {}
    tall, tall_pivots = torch.linalg.lu_factor(z(4, 2))
    yield "lu_unpack", [tall, tall_pivots], {}
    yield "lu_unpack", [lu, pivots.long()], {}
    yield "lu_unpack", [lu, pivots[0]], {}
    for b in (r(2, 3, 2), r(3, 2), r(1, 3, 1)):
        for adjoint in (False, True):
            yield "linalg_lu_solve", [lu, pivots, b], {"adjoint": adjoint}
            yield "linalg_lu_solve", [lu, pivots, b.mT.contiguous()], {"left": False, "adjoint": adjoint}
    c, c_pivots = torch.linalg.lu_factor(z(3, 3))
    yield "linalg_lu_solve", [c, c_pivots, z(3, 2)], {"adjoint": True}
    yield "lu_solve", [r(3, 2), lu, pivots], {}
    yield "lu_solve", [r(2, 2), lu, pivots], {}
    yield "linalg_lu_solve", [lu, pivots.long(), r(3, 2)], {}
    for f in ("linalg_cholesky", "linalg_cholesky_ex"):
        for size in SIZES:
            yield f, [spd(*size)], {}
            yield f, [spd(*size, dtype=torch.complex128)], {}
        yield f, [spd(3, 3)], {"upper": True}
        yield f, [spd(2, 3, 3, dtype=torch.complex128)], {"upper": True}
        yield f, [spd(3, 3).float()], {}
        yield f, [-torch.eye(3)], {}
        for x in WRONG:
            yield f, [x], {}
    for upper in (False, True):
        l = triangular(3, 3, upper=upper)
        c = torch.linalg.cholesky(spd(2, 3, 3, dtype=torch.complex128), upper=upper)
        yield "cholesky_solve", [r(3, 2), l, upper], {}
        yield "cholesky_solve", [z(2, 3, 1), c, upper], {}
        yield "cholesky_inverse", [l, upper], {}
        yield "cholesky_inverse", [c, upper], {}
    yield "cholesky_solve", [r(2, 2), triangular(3, 3)], {}
    yield "cholesky_solve", [r(3), triangular(3, 3)], {}
    yield "cholesky_inverse", [torch.zeros(2, 2)], {}
    for x in WRONG:
        yield "cholesky_inverse", [x], {}
    for f in ("linalg_ldl_factor", "linalg_ldl_factor_ex"):
        for size in SIZES:
            a = r(*size)
            yield f, [(a + a.mT).detach()], {}
            b = z(*size)
            yield f, [b + b.mH], {"hermitian": True}
            yield f, [b + b.mT], {}
        for x in WRONG:
            yield f, [x], {}
    yield "linalg_ldl_factor_ex", [torch.zeros(2, 2)], {}
    yield "linalg_ldl_factor", [torch.tensor([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]], dtype=torch.float64)], {}


def indefinite():
    for hermitian in (False, True):
        for make in (r, z):
            a = make(2, 4, 4)
            ld, pivots = torch.linalg.ldl_factor(a + (a.mH if hermitian else a.mT), hermitian=hermitian)
            yield "linalg_ldl_solve", [ld, pivots, make(2, 4, 2, seed=1)], {"hermitian": hermitian}
            yield "linalg_ldl_solve", [ld, pivots, make(4, 1, seed=1)], {"hermitian": hermitian}
    yield "linalg_ldl_solve", [ld, pivots, z(3, 2)], {}
    yield "linalg_ldl_solve", [ld, pivots[0], z(4, 2)], {}


def solving():
    for f in ("linalg_solve", "linalg_solve_ex"):
        for make in (r, z):
            yield f, [make(3, 3), make(3, seed=1)], {}
            yield f, [make(3, 3), make(3, 2, seed=1)], {}
            yield f, [make(2, 3, 3), make(2, 3, seed=1)], {}
            yield f, [make(2, 3, 3), make(3, 4, seed=1)], {}
            yield f, [make(3, 3), make(2, 3, 1, seed=1)], {}
            yield f, [make(3, 3), make(2, 3, seed=1)], {"left": False}
            yield f, [make(2, 3, 3), make(2, 2, 3, seed=1)], {"left": False}
        yield f, [r(3, 3), r(3)], {"left": False}
        yield f, [r(3, 3), r(2, 3)], {}
        yield f, [r(2, 3), r(2)], {}
        yield f, [r(3, 3), r(3).float()], {}
        yield f, [torch.ones(2, 2), torch.ones(2)], {}
        yield f, [torch.zeros(2, 2, 2), torch.ones(2, 2)], {}
        yield f, [torch.zeros(0, 0), torch.zeros(0, 2)], {}
    for upper in (False, True):
        for unit in (False, True):
            a = triangular(3, 3, upper=upper)
            yield "linalg_solve_triangular", [a, r(3, 2)], {"upper": upper, "unitriangular": unit}
            yield "linalg_solve_triangular", [r(3, 3), r(2, 3)], {"upper": upper, "left": False, "unitriangular": unit}
            yield "linalg_solve_triangular", [triangular(2, 3, 3, upper=upper, complex=True), z(3, 1)], {
                "upper": upper, "unitriangular": unit}
            for turned in (False, True):
                yield "triangular_solve", [r(3, 2), a, upper, turned, unit], {}
    yield "linalg_solve_triangular", [torch.zeros(2, 2), torch.ones(2, 1)], {"upper": True}
    yield "linalg_solve_triangular", [r(3, 3), r(2, 3)], {"upper": True}
    yield "triangular_solve", [r(3), r(3, 3)], {}


def orthogonal():
    for size in (*SIZES, (2, 4), (4, 2), (3, 2, 4), (2, 4, 3), (0, 3), (3, 0)):
        for make in (r, z):
            for mode in ("reduced", "complete", "r"):
                yield "linalg_qr", [make(*size), mode], {}
            yield "geqrf", [make(*size)], {}
    yield "linalg_qr", [r(3, 3).float()], {}
    yield "linalg_qr", [r(3, 3), "x"], {}
    for x in WRONG[:4:2] + WRONG[3:4]:
        yield "linalg_qr", [x], {}
        yield "geqrf", [x], {}
    for f in ("linalg_householder_product", "orgqr"):
        for make in (r, z):
            yield f, [make(4, 2), make(2, seed=1)], {}
            yield f, [make(3, 3), make(2, seed=1)], {}
            yield f, [make(2, 4, 3), make(2, 3, seed=1)], {}
            yield f, [make(3, 2), make(0, seed=1)], {}
        yield f, [r(2, 3), r(2)], {}
        yield f, [r(3, 2), r(3)], {}
        yield f, [r(3), r(3)], {}
    for left in (True, False):
        for transpose in (True, False):
            yield "ormqr", [r(4, 2), r(2, seed=1), r(4, 3) if left else r(3, 4), left, transpose], {}
            yield "ormqr", [z(2, 3, 2), z(2, 2, seed=1), z(2, 3, 3), left, transpose], {}
    yield "ormqr", [r(4, 2), r(2), r(3, 3)], {}


def spectra():
    for size in SIZES:
        for make in (r, z):
            a = make(*size)
            yield "linalg_eigvalsh", [a + a.mH], {}
        b = r(*size)
        yield "linalg_svdvals", [b], {}
        yield "linalg_eigvalsh", [b, "U"], {}
    for size in ((2, 4), (4, 2), (2, 3, 2), (0, 3), (3, 0)):
        yield "linalg_svdvals", [r(*size)], {}
        yield "linalg_svdvals", [z(*size).to(torch.complex64)], {}
        yield "svd", [r(*size), True, False], {}
    # The vectors of diagonal matrices are known but for their signs; only what does not depend on them is recorded here.
    for x in (*WRONG[1:], torch.full((2, 2), torch.nan)):
        yield "linalg_svdvals", [x], {}
    for x in WRONG:
        for f in ("linalg_eigh", "linalg_eigvalsh", "linalg_eig", "linalg_eigvals"):
            yield f, [x], {}
    yield "linalg_eigvalsh", [torch.eye(2), "X"], {}
    yield "linalg_svd", [torch.eye(2)], {"driver": "gesvd"}


def norms():
    for make in (r, z):
        for ord in (1, -1, 2, -2, torch.inf, -torch.inf, "fro", "nuc"):
            for a, more in ((make(3, 3), {}), (make(2, 3, 4), {}), (make(2, 3, 4), {"dim": [2, 0], "keepdim": True}),
                            (make(4, 2), {"keepdim": True})):
                yield "linalg_matrix_norm", [a, ord], more
            yield "linalg_norm", [make(3, 2), ord], {}
            yield "linalg_cond", [make(3, 3), ord], {}
        yield "linalg_norm", [make(3, 2)], {}
        yield "linalg_norm", [make(2, 3, 2)], {"dim": [1]}
        yield "linalg_norm", [make(4), 3], {}
        yield "linalg_norm", [make(2, 2, 2), 2], {"dim": [0, 2], "keepdim": True}
        yield "linalg_cond", [make(3, 3)], {}
    a = torch.ones(2, 2)
    yield "linalg_matrix_norm", [r(3, 3).float(), "fro"], {"dtype": torch.float64}
    yield "linalg_matrix_norm", [a, 3], {}
    yield "linalg_matrix_norm", [a, "x"], {}
    yield "linalg_matrix_norm", [a, 1], {"dim": [0, 0]}
    yield "linalg_matrix_norm", [a, 1], {"dim": [0]}
    yield "linalg_matrix_norm", [torch.ones(3), 1], {}
    yield "linalg_norm", [torch.ones(2, 2, 2), 2], {}
    yield "linalg_norm", [torch.ones(3), "fro"], {}
    yield "linalg_cond", [a, 1], {}
    yield "linalg_cond", [a, "x"], {}
    yield "linalg_cond", [torch.ones(2, 3), 1], {}
    yield "linalg_cond", [torch.ones(0, 0)], {}
    yield "nuclear_norm", [r(3, 3)], {}
    yield "nuclear_norm", [r(2, 3, 3), [0, 2]], {}
    yield "frobenius_norm", [r(2, 3, 3), [0, 2]], {}


def least():
    for make in (r, z):
        for size in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3), (2, 0, 2)):
            yield "linalg_pinv", [make(*size)], {}
            yield "linalg_pinv", [make(*size)], {"rtol": 0.3}
            yield "linalg_pinv", [make(*size), 0.2], {}
            yield "linalg_matrix_rank", [make(*size)], {}
            yield "linalg_matrix_rank", [make(*size), 0.5], {}
        a = spd(3, 3, dtype=make(1).dtype)
        yield "linalg_pinv", [a], {"hermitian": True}
        yield "linalg_matrix_rank", [a], {"hermitian": True, "atol": 1.0}
        yield "linalg_pinv", [make(2, 3, 3)], {"rtol": torch.tensor([0.1, 0.9])}
        yield "linalg_pinv", [make(2, 3, 3), torch.tensor([0.1, 0.9])], {}
        yield "linalg_matrix_rank", [make(2, 3, 3), torch.tensor([0.1, 0.9])], {}
        for driver in (None, "gels", "gelsd", "gelss"):
            yield "linalg_lstsq", [make(4, 2), make(4, 3, seed=1)], {"driver": driver}
            yield "linalg_lstsq", [make(2, 4), make(2, 1, seed=1)], {"driver": driver}
            yield "linalg_lstsq", [make(2, 3, 3), make(2, 3, 1, seed=1)], {"driver": driver}
    yield "linalg_pinv", [torch.ones(3, 3)], {}
    yield "pinverse", [r(3, 2)], {}
    yield "linalg_lstsq", [torch.ones(3, 2), torch.ones(3, 1)], {"driver": "gels"}
    yield "linalg_lstsq", [r(3, 2), r(3)], {}
    yield "linalg_lstsq", [r(3, 2), r(2, 1)], {}
    yield "linalg_lstsq", [r(3, 2), r(3, 1)], {"driver": "x"}
    for make in (r, z):
        yield "linalg_tensorinv", [make(2, 3, 6)], {}
        yield "linalg_tensorinv", [make(4, 2, 2)], {"ind": 1}
        yield "linalg_tensorsolve", [make(2, 2, 4), make(2, 2, seed=1)], {}
        yield "linalg_tensorsolve", [make(4, 2, 2), make(2, 2, seed=1)], {"dims": [0]}
        for size in ((3, 3), (4, 2), (2, 3, 2)):
            yield "linalg_polar", [make(*size)], {}
    yield "linalg_tensorinv", [torch.ones(2, 3, 2, 2)], {}
    yield "linalg_tensorinv", [torch.eye(2), 0], {}
    yield "linalg_tensorsolve", [torch.ones(2, 3, 2, 2), torch.ones(2, 2)], {}
    yield "linalg_polar", [torch.ones(2, 3)], {}


FAMILIES = [square_functions, factors, indefinite, solving, orthogonal, spectra, norms, least]
