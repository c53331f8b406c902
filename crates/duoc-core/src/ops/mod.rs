//! The operations, one family a file: schema rows first, then the bodies with their gradients beside them.
//!
//! To add an op: write a row in its family's `ops!` block and the body below it. Nothing else: the registry, the
//! Python face, the stubs, the parity table and the suites read the row. Only a family's file is named here.

pub mod activation;
pub mod addr;
pub mod arith;
pub mod attention;
pub mod bilinear;
pub mod bits;
pub mod blend;
pub mod blocks;
pub mod compare;
pub mod contract;
pub mod conv;
pub mod copies;
pub mod copy;
pub mod ctc;
pub mod differences;
pub mod dims;
pub mod distance;
pub mod division;
mod draw;
pub mod dropout;
pub mod einsum;
pub mod embedding;
pub mod embedding_bag;
pub mod extreme;
pub mod factory;
pub mod fourier;
pub mod gamma;
pub mod grid_sample;
pub mod index;
pub mod index_fill;
pub mod join;
pub mod linalg;
pub mod loss;
pub mod margin;
pub mod mask;
pub mod matmul;
pub mod moments;
pub mod nll;
pub mod norm;
pub mod one_hot;
pub mod pad;
pub mod parts;
pub mod patch;
pub mod pointwise;
pub mod pool;
pub mod power;
pub mod product;
pub mod random;
pub mod range;
pub mod rearrange;
pub mod rectifier;
pub mod reduce;
pub mod resample;
pub mod rnn;
pub mod rnn_cell;
mod rnn_direction;
pub mod rnn_pack;
pub mod sample;
pub mod scan;
pub mod scatter;
pub mod shape;
pub mod shuffle;
pub mod sign;
pub mod smooth;
pub mod softmax;
pub mod sort;
pub mod special;
pub mod split;
pub mod statistics;
pub mod take;
pub mod unary;
pub mod vector_norm;
pub mod view;

use crate::op::Op;

/// The rows of all families.
pub static FAMILIES: &[&[&Op]] = &[
    activation::OPS,
    addr::OPS,
    arith::OPS,
    attention::OPS,
    bilinear::OPS,
    bits::OPS,
    blend::OPS,
    blocks::OPS,
    compare::OPS,
    contract::OPS,
    copies::OPS,
    conv::OPS,
    copy::OPS,
    ctc::OPS,
    differences::OPS,
    dims::OPS,
    distance::OPS,
    division::OPS,
    dropout::OPS,
    einsum::OPS,
    embedding::OPS,
    embedding_bag::OPS,
    extreme::OPS,
    factory::OPS,
    fourier::OPS,
    fourier::short::OPS,
    fourier::transforms::OPS,
    gamma::OPS,
    grid_sample::OPS,
    index::OPS,
    index_fill::OPS,
    join::OPS,
    linalg::cholesky::OPS,
    linalg::eigen::OPS,
    linalg::exp::OPS,
    linalg::ldl::OPS,
    linalg::least::OPS,
    linalg::lu::OPS,
    linalg::norms::OPS,
    linalg::qr::OPS,
    linalg::solve::OPS,
    linalg::svd::OPS,
    linalg::tensors::OPS,
    linalg::triangular::OPS,
    loss::OPS,
    margin::OPS,
    mask::OPS,
    matmul::OPS,
    moments::OPS,
    nll::OPS,
    norm::batch::OPS,
    norm::group::OPS,
    norm::layer::OPS,
    norm::weight::OPS,
    one_hot::OPS,
    pad::OPS,
    parts::OPS,
    patch::OPS,
    pool::adaptive::OPS,
    pool::average::OPS,
    pool::fractional::OPS,
    pool::max::OPS,
    pool::unpool::OPS,
    power::OPS,
    random::OPS,
    range::OPS,
    rearrange::OPS,
    rectifier::OPS,
    reduce::OPS,
    resample::antialias::OPS,
    resample::nearest::OPS,
    resample::smooth::OPS,
    rnn::OPS,
    rnn_cell::OPS,
    rnn_pack::OPS,
    sample::OPS,
    scan::OPS,
    scatter::OPS,
    shape::OPS,
    shuffle::OPS,
    sign::OPS,
    smooth::OPS,
    softmax::OPS,
    sort::OPS,
    special::OPS,
    special::bessel::OPS,
    special::gamma::OPS,
    special::polynomials::OPS,
    split::OPS,
    statistics::OPS,
    take::OPS,
    unary::OPS,
    vector_norm::OPS,
    view::OPS,
];
