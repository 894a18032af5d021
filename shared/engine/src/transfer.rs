//! Values on their way between the host and a device.

use std::cell::Cell;

use burn::tensor::{Device, ExecutionError, Tensor, TensorData};

thread_local! {
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// A tensor of the device from values of the host, row-major in `shape`.
pub fn upload<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Values of a device's tensor, row-major. Asynchronous, because a browser's GPU can be read in no
/// other way. It waits until the device has computed all that it was given before.
///
/// # Errors
/// If the device was lost or ran out of memory.
pub async fn download<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ExecutionError> {
    READS.set(READS.get() + 1);
    let data = tensor.into_data_async().await?;
    Ok(data.convert::<f32>().try_into_vec().expect("the data was converted to f32 above"))
}

/// How often this thread has begun to [`download`]: what says whether a GPU would be waited for,
/// also where there is none.
pub fn reads() -> usize {
    READS.get()
}
