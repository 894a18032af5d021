//! The CPU kernels against burn's own operations, outputs and gradients.

use burn::tensor::{Device, Distribution, Tensor, Tolerance, activation};
use rrlab_engine::kernels::{self, Finish, SquaredGradient};
use rrlab_types::{Padding, Window};

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.3, 1.0), device)
}

fn assert_close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>) {
    ours.into_data().assert_approx_eq::<f32>(&theirs.into_data(), Tolerance::rel_abs(1e-4, 1e-3));
}

/// Shape of the input, channels out, groups and window: batches that do and do not fill a matrix
/// product, odd sides, strides, padding wider than needed and of one side alone, kernels that are
/// not square, with gaps, and channels in groups down to one each.
fn cases() -> [([usize; 4], usize, usize, Window); 23] {
    let square = Window::square;
    let one_side = Padding { top: 2, left: 0, bottom: 0, right: 1 };
    let rectangle = Window {
        kernel: [3, 2],
        stride: [2, 3],
        padding: Padding { top: 1, left: 0, bottom: 2, right: 3 },
        dilation: [2, 1],
    };
    [
        ([3, 3, 32, 32], 8, 1, square(3, 1, 1)),
        ([33, 5, 9, 9], 6, 1, square(3, 2, 1)),
        ([7, 4, 8, 8], 3, 1, square(1, 2, 0)),
        ([9, 4, 5, 7], 3, 1, square(1, 1, 0)),
        ([2, 3, 6, 5], 4, 1, square(5, 1, 2)),
        ([70, 2, 4, 4], 2, 1, square(3, 1, 2)),
        ([5, 4, 9, 8], 6, 1, rectangle),
        ([5, 4, 9, 8], 6, 2, rectangle),
        ([3, 6, 7, 7], 6, 6, square(3, 1, 1)),
        ([3, 4, 7, 7], 8, 4, square(3, 2, 1)),
        ([40, 4, 3, 3], 4, 2, square(1, 1, 0)),
        ([2, 3, 11, 11], 4, 1, Window { dilation: [3, 3], ..square(3, 1, 3) }),
        ([3, 6, 6, 7], 4, 2, square(3, 1, 1)),
        ([3, 2, 5, 6], 3, 1, Window { padding: one_side, ..square(3, 1, 0) }),
        ([3, 2, 5, 6], 3, 1, square(3, 1, 3)),
        // In tiles: rows of them that fill vectors and that leave one, two and three over, tiles that
        // reach over the edge, more than one block of them, and padding of every kind.
        ([2, 16, 32, 32], 16, 1, square(3, 1, 1)),
        ([3, 17, 9, 14], 19, 1, square(3, 1, 1)),
        ([70, 33, 4, 4], 16, 1, square(3, 1, 1)),
        ([5, 16, 7, 11], 20, 1, square(3, 1, 0)),
        ([5, 16, 2, 2], 16, 1, square(3, 1, 1)),
        ([3, 16, 5, 6], 16, 1, square(3, 1, 2)),
        ([3, 18, 5, 6], 16, 1, square(3, 1, 3)),
        ([3, 16, 5, 6], 17, 1, Window { padding: one_side, ..square(3, 1, 0) }),
    ]
}

#[test]
fn convolution_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(7);
    for (shape, out, groups, window) in cases() {
        let [rows, columns] = window.kernel;
        let input = random(shape, &device).require_grad();
        let weight = random([out, shape[1] / groups, rows, columns], &device).require_grad();
        let ours = kernels::conv2d(input.clone(), weight.clone(), window);
        let theirs = kernels::conv2d_by_burn(input.clone(), weight.clone(), window);
        let direction = random(ours.dims(), &device);
        let ours_gradients = (ours.clone() * direction.clone()).sum().backward();
        let theirs_gradients = (theirs.clone() * direction).sum().backward();
        assert_close(ours.inner(), theirs.inner());
        assert_close(input.grad(&ours_gradients).unwrap(), input.grad(&theirs_gradients).unwrap());
        assert_close(
            weight.grad(&ours_gradients).unwrap(),
            weight.grad(&theirs_gradients).unwrap(),
        );
    }
}

#[test]
fn products_of_patches_and_outputs_equal_burns() {
    let device = Device::flex();
    device.seed(9);
    for (shape, out_channels, groups, window) in cases() {
        let [batch, _, height, width] = shape;
        let sides = window.places([height, width]).unwrap();
        let input: Tensor<4> = random(shape, &device);
        let output = random([batch, out_channels, sides[0], sides[1]], &device);
        let ours = kernels::patch_products(input.clone(), output.clone(), window, groups);
        assert_close(ours, kernels::patch_products_by_burn(input, output, window, groups));
    }
}

#[test]
fn batch_norm_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(8);
    let shapes = [[4, 3, 8, 8], [1, 5, 3, 7], [64, 2, 1, 1]];
    for (shape, rectified) in shapes.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let input = random(shape, &device).require_grad();
        let [gamma, beta] = [0, 1].map(|_| random([shape[1]], &device).require_grad());
        let of = || (input.clone(), gamma.clone(), beta.clone());
        let (x, scale, shift) = of();
        let ours = kernels::batch_norm(x, scale, shift, 1e-5, rectified);
        let (x, scale, shift) = of();
        let theirs = kernels::batch_norm_by_burn(x, scale, shift, 1e-5, rectified);
        let direction = random(shape, &device);
        let ours_gradients = (ours.output.clone() * direction.clone()).sum().backward();
        let theirs_gradients = (theirs.output.clone() * direction).sum().backward();
        assert_close(ours.output.inner(), theirs.output.inner());
        assert_close(ours.mean, theirs.mean.inner());
        assert_close(ours.variance, theirs.variance.inner());
        assert_close(input.grad(&ours_gradients).unwrap(), input.grad(&theirs_gradients).unwrap());
        assert_close(gamma.grad(&ours_gradients).unwrap(), gamma.grad(&theirs_gradients).unwrap());
        assert_close(beta.grad(&ours_gradients).unwrap(), beta.grad(&theirs_gradients).unwrap());
    }
}

#[test]
fn rectifiers_and_sums_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(12);
    // Less than a task has, and more.
    for shape in [[4, 3, 8, 8], [1, 5, 3, 7], [20, 4, 16, 16]] {
        let [one, other] = [0, 1].map(|_| random(shape, &device).require_grad());
        let sum = kernels::sum(kernels::relu(one.clone()), other.clone());
        let ours = kernels::rectified_sum(sum, one.clone());
        let theirs = activation::relu(activation::relu(one.clone()) + other.clone() + one.clone());
        let direction = random(shape, &device);
        // Turned: gradients need not lie in the order of their dimensions.
        let turned =
            |values: Tensor<4>| (values.swap_dims(2, 3) * direction.clone().swap_dims(2, 3)).sum();
        let (ours_gradients, theirs_gradients) =
            (turned(ours.clone()).backward(), turned(theirs.clone()).backward());
        assert_close(ours.inner(), theirs.inner());
        for values in [&one, &other] {
            let gradients = [&ours_gradients, &theirs_gradients];
            let [ours, theirs] = gradients.map(|gradients| values.grad(gradients).unwrap());
            assert_close(ours, theirs);
        }
    }
    let odd = Tensor::<1>::from_floats([f32::NAN, -0.5, 0.5, f32::INFINITY], &Device::flex());
    let rectified =
        kernels::relu(odd.reshape([1, 1, 2, 2])).into_data().try_to_vec::<f32>().unwrap();
    assert!(rectified[0].is_nan());
    assert_eq!(rectified[1..], [0.0, 0.5, f32::INFINITY]);
}

#[test]
fn squares_of_watched_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(8);
    let input = random([5, 4, 3, 7], &device);
    let of = |watched: fn(Tensor<4>) -> (Tensor<4>, SquaredGradient)| {
        let input = input.clone().detach().require_grad();
        let (output, squares) = watched(input.clone() * input.clone());
        // Of what needs no gradient before, and of what nothing depends on.
        let (unrecorded, of_unrecorded) = watched(input.clone().detach());
        let (_, of_unused) = watched(input.clone());
        let gradients = (output.clone() * output * unrecorded).sum().backward();
        let sums = [squares, of_unrecorded, of_unused].map(|squares| squares.sums(&gradients));
        (input.grad(&gradients).unwrap(), sums)
    };
    let (gradient, sums) = of(kernels::watched);
    let (by_burn, sums_by_burn) = of(kernels::watched_by_burn);
    assert_close(gradient, by_burn);
    sums.into_iter().zip(sums_by_burn).for_each(|(ours, theirs)| assert_close(ours, theirs));
}

/// A convolution finished in its pass, by patches and in tiles, with a pixel that is not a number: no
/// rectifier hides what it touched.
#[test]
fn finished_convolutions_equal_burns() {
    let device = Device::flex();
    device.seed(13);
    for channels in [4, 16] {
        let mut image = random([3, channels, 6, 5], &device);
        let nan = Tensor::full([1, 1, 1, 1], f32::NAN, &device);
        image = image.slice_assign([1..2, 2..3, 3..4, 3..4], nan);
        let weight: Tensor<4> = random([channels, channels, 3, 3], &device);
        let [scale, shift] = [0, 1].map(|_| random([channels], &device));
        let summand: Tensor<4> = random([3, channels, 6, 5], &device);
        let window = Window::square(3, 1, 1);
        let convolved = kernels::conv2d_by_burn(image.clone(), weight.clone(), window);
        let scaled =
            kernels::scale_and_shift_by_burn(convolved, scale.clone(), shift.clone(), false);
        let theirs = activation::relu(scaled + summand.clone());
        let finish = Finish { scale, shift, summand: Some(summand), rectified: true };
        let ours = kernels::conv2d_finished(image, weight, window, finish);
        let untouched =
            |all: Tensor<4>| Tensor::cat(vec![all.clone().narrow(0, 0, 1), all.narrow(0, 2, 1)], 0);
        assert_close(untouched(ours.clone()), untouched(theirs));
        let touched = ours.slice([1..2, 0..1, 2..5, 2..5]).into_data().try_to_vec::<f32>().unwrap();
        assert!(touched.iter().all(|value| value.is_nan()), "{touched:?}");
    }
}

#[test]
fn channels_scaled_and_shifted_and_their_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(11);
    for shape in [[4, 3, 8, 8], [1, 5, 3, 7], [64, 2, 1, 1]] {
        // As they are, and otherwise in memory: numbers are read in the order of their dimensions.
        for (turned, rectified) in [(false, false), (true, false), (false, true), (true, true)] {
            let input: Tensor<4> = random(shape, &device).require_grad();
            let [scale, shift] = [0, 1].map(|_| random([shape[1]], &device).require_grad());
            let values = || if turned { input.clone().swap_dims(2, 3) } else { input.clone() };
            let (by, and) = (scale.clone(), shift.clone());
            let ours = kernels::scale_and_shift(values(), by, and, rectified);
            let (by, and) = (scale.clone(), shift.clone());
            let theirs = kernels::scale_and_shift_by_burn(values(), by, and, rectified);
            let direction = random(ours.dims(), &device);
            let ours_gradients = (ours.clone() * direction.clone()).sum().backward();
            let theirs_gradients = (theirs.clone() * direction).sum().backward();
            assert_close(ours.inner(), theirs.inner());
            let gradients = [&ours_gradients, &theirs_gradients];
            let [ours, theirs] = gradients.map(|all| input.grad(all).unwrap());
            assert_close(ours, theirs);
            for vector in [&scale, &shift] {
                let [ours, theirs] = gradients.map(|all| vector.grad(all).unwrap());
                assert_close(ours, theirs);
            }
        }
    }
}

/// What is close is measured by the size of what it is a part of.
fn assert_close_in_all<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>) {
    let size = theirs.clone().abs().max().into_scalar::<f32>();
    assert_close(ours.div_scalar(size), theirs.div_scalar(size));
}

#[test]
fn correlations_equal_burns() {
    let device = Device::flex();
    device.seed(9);
    let few: &[_] = &[(0, 0), (0, 2), (1, -2), (2, -1), (2, 2)];
    let all: Vec<_> = (0..3).flat_map(|row| (-2..=2).map(move |column| (row, column))).collect();
    // Products of pixels, where channels are few or offsets are; of more channels than one task has;
    // spectra, of sides even and odd, of images that fill a block of frequencies and more.
    let cases: [([usize; 4], &[_]); 11] = [
        ([5, 3, 8, 8], few),
        ([17, 2, 1, 5], few),
        ([3, 4, 2, 1], few),
        ([1, 1, 4, 4], few),
        ([300, 70, 10, 10], &few[..1]),
        ([2, 70, 4, 3], &few[..2]),
        ([90, 40, 8, 7], &all),
        ([100, 130, 5, 6], &all),
        ([130, 64, 16, 16], &all),
        // Some, or all but one, of the offsets leave nothing of the image inside it.
        ([9, 64, 1, 1], &all),
        ([9, 80, 2, 2], &all),
    ];
    for (shape, offsets) in cases {
        let input = random(shape, &device);
        assert_close_in_all(
            kernels::correlate(input.clone(), offsets),
            kernels::correlate_by_burn(input, offsets),
        );
    }
}

#[test]
fn sums_and_products_of_channels_equal_burns() {
    let device = Device::flex();
    device.seed(12);
    for shape in [[4, 3, 8, 8], [1, 5, 3, 7], [64, 2, 1, 1]] {
        let [one, other]: [Tensor<4>; 2] = [0, 1].map(|_| random(shape, &device));
        let turned = other.clone().swap_dims(2, 3).swap_dims(3, 2);
        let ours = kernels::channel_products(&one, &turned);
        assert_close(ours, kernels::channel_sums_by_burn(one.clone() * other));
        assert_close(
            kernels::channel_sums(one.clone().swap_dims(2, 3)),
            kernels::channel_sums_by_burn(one),
        );
    }
}

#[test]
fn sums_over_patches_equal_burns() {
    let device = Device::flex();
    device.seed(10);
    // More entries of a patch than one task sums.
    let wide = ([5, 30, 6, 6], 1, 1, Window::square(3, 2, 1));
    for (shape, _, groups, window) in cases().into_iter().chain([wide]) {
        let input = random(shape, &device);
        let ours = kernels::patch_sums(input.clone(), window, groups);
        let theirs = kernels::patch_sums_by_burn(input, window, groups);
        // Sums over hundreds of positions.
        assert_close_in_all(ours, theirs);
    }
}
