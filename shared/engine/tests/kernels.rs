//! The CPU kernels against burn's own operations, outputs and gradients.

use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use rrlab_engine::kernels::{self, Window};

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.3, 1.0), device)
}

fn assert_close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>) {
    ours.into_data().assert_approx_eq::<f32>(&theirs.into_data(), Tolerance::rel_abs(1e-4, 1e-3));
}

#[test]
fn convolution_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(7);
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    // Batches that do and do not fill a matrix product, odd sides, strides, and padding wider than
    // needed.
    let cases = [
        ([3, 3, 32, 32], 8, window(3, 1, 1)),
        ([33, 5, 9, 9], 6, window(3, 2, 1)),
        ([7, 4, 8, 8], 3, window(1, 2, 0)),
        ([9, 4, 5, 7], 3, window(1, 1, 0)),
        ([2, 3, 6, 5], 4, window(5, 1, 2)),
        ([70, 2, 4, 4], 2, window(3, 1, 2)),
    ];
    for (shape, out, window) in cases {
        let input = random(shape, &device).require_grad();
        let weight = random([out, shape[1], window.kernel, window.kernel], &device).require_grad();
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
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    let cases = [
        ([3, 3, 8, 8], window(3, 1, 1)),
        ([33, 5, 9, 7], window(3, 2, 1)),
        ([7, 4, 8, 8], window(1, 2, 0)),
        ([130, 6, 1, 1], window(1, 1, 0)),
        ([2, 3, 6, 5], window(5, 1, 2)),
    ];
    for (shape, window) in cases {
        let [batch, _, height, width] = shape;
        let sides = [height, width].map(|side| window.output_side(side));
        let input: Tensor<4> = random(shape, &device);
        let output = random([batch, 4, sides[0], sides[1]], &device);
        let ours = kernels::patch_products(input.clone(), output.clone(), window);
        assert_close(ours, kernels::patch_products_by_burn(input, output, window));
    }
}

#[test]
fn batch_norm_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    device.seed(8);
    for shape in [[4, 3, 8, 8], [1, 5, 3, 7], [64, 2, 1, 1]] {
        let input = random(shape, &device).require_grad();
        let [gamma, beta] = [0, 1].map(|_| random([shape[1]], &device).require_grad());
        let ours = kernels::batch_norm(input.clone(), gamma.clone(), beta.clone(), 1e-5);
        let theirs = kernels::batch_norm_by_burn(input.clone(), gamma.clone(), beta.clone(), 1e-5);
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
fn correlations_equal_burns() {
    let device = Device::flex();
    device.seed(9);
    let offsets = [(0, 0), (0, 2), (1, -2), (2, -1), (2, 2)];
    for shape in [[5, 3, 8, 8], [17, 2, 1, 5], [3, 4, 2, 1], [1, 1, 4, 4]] {
        let input = random(shape, &device);
        assert_close(
            kernels::correlate(input.clone(), &offsets),
            kernels::correlate_by_burn(input, &offsets),
        );
    }
}
