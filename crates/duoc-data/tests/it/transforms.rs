//! Transforms against PyTorch's interpolation and torchvision's rules.

use duoc_core::{DType, Tensor, random, tensor};
use duoc_data::Transform;
use duoc_data::transform::{CenterCrop, Compose, Normalize, Pad, RandomCrop, RandomHorizontalFlip, Resize, to_tensor};

fn picture(h: i64, w: i64) -> Tensor {
    Tensor::arange(0, h * w).view(&[1, h, w]).to_dtype(DType::F32)
}

#[test]
fn resizing_is_pytorchs() {
    let pixels: Vec<f32> = (0..35).map(|i| (i * 37 % 101) as f32).collect();
    let x = Tensor::try_from_slice(&pixels, &[1, 5, 7]).unwrap();
    for line in include_str!("../data/resizes.txt").lines() {
        let (size, values) = line.split_once(": ").unwrap();
        let size: Vec<usize> = size.split(' ').map(|n| n.parse().unwrap()).collect();
        let expected: Vec<f32> = values.split(' ').map(|v| v.parse().unwrap()).collect();
        let got = Resize::To(size[0], size[1]).apply(x.clone()).unwrap();
        assert_eq!(got.shape(), [1, size[0], size[1]]);
        for (a, b) in got.to_vec::<f32>().iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-4, "{size:?}: {a} against {b}");
        }
    }
    assert_eq!(Resize::Shorter(3).apply(picture(6, 10)).unwrap().shape(), [1, 3, 5]);
    assert_eq!(Resize::Shorter(3).apply(picture(10, 6)).unwrap().shape(), [1, 5, 3]);
    let bytes = Resize::To(2, 2).apply(picture(4, 4).to_dtype(DType::U8)).unwrap();
    assert_eq!(bytes.dtype(), DType::U8);
    for bad in [Resize::To(0, 3), Resize::To(usize::MAX, 1), Resize::Shorter(0)] {
        assert!(bad.apply(picture(2, 3)).is_err());
    }
    assert!(Resize::To(2, 2).apply(Tensor::zeros(&[1, 0, 3])).is_err());
}

#[test]
fn crops_margins_and_flips() {
    let x = picture(3, 4);
    assert_eq!(CenterCrop(1, 2).apply(x.clone()).unwrap().to_vec::<f32>(), [5.0, 6.0]);
    let wide = CenterCrop(3, 6).apply(x.clone()).unwrap();
    assert_eq!(wide.to_vec::<f32>()[..6], [0.0, 0.0, 1.0, 2.0, 3.0, 0.0]);
    let padded = Pad {
        fill: 9.0,
        ..Pad::all(1)
    }
    .apply(x.clone())
    .unwrap();
    assert_eq!((padded.shape(), padded.to_vec::<f32>()[7]), (&[1, 5, 6][..], 0.0));
    assert_eq!(padded.to_vec::<f32>()[0], 9.0);
    assert!(Pad::all(usize::MAX / 2).apply(x.clone()).is_err());
    let g = random::Generator::new();
    g.manual_seed(0);
    random::with_generator(&g, || {
        let always = RandomHorizontalFlip(1.0).apply(x.clone()).unwrap();
        assert_eq!(always.to_vec::<f32>()[..4], [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(
            RandomHorizontalFlip(0.0).apply(x.clone()).unwrap().to_vec::<f32>(),
            x.to_vec::<f32>()
        );
        for _ in 0..20 {
            let part = RandomCrop {
                size: (2, 3),
                padding: 1,
            }
            .apply(x.clone())
            .unwrap();
            assert_eq!(part.shape(), [1, 2, 3]);
        }
        assert!(
            RandomCrop {
                size: (4, 4),
                padding: 0
            }
            .apply(x.clone())
            .is_err()
        );
    });
}

#[test]
fn one_after_another() {
    let bytes = Tensor::try_from_slice(&[0u8, 255, 51, 102], &[1, 2, 2]).unwrap();
    let all = Compose(vec![
        Box::new(|x: Tensor| to_tensor(&x)),
        Box::new(Normalize::new(&[0.2], &[0.4]).unwrap()),
    ]);
    let got = all.apply(bytes).unwrap().to_vec::<f32>();
    for (a, b) in got.iter().zip([-0.5f32, 2.0, 0.0, 0.5]) {
        assert!((a - b).abs() < 1e-6, "{got:?}");
    }
    assert!(Normalize::new(&[0.0], &[0.0]).is_err());
    assert!(Normalize::new(&[0.0, 1.0], &[1.0]).is_err());
    assert!(
        Normalize::new(&[0.0, 1.0], &[1.0, 1.0])
            .unwrap()
            .apply(picture(2, 2))
            .is_err()
    );
    assert!(Normalize::new(&[0.0], &[1.0]).unwrap().apply(tensor![1.0]).is_err());
}
