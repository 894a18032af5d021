//! What batches leave on their device until the host reads it: sums over them, and their rows one
//! after the other.
//!
//! A read waits until the device has computed all that it was given. So it is read once for several
//! batches, and can go on with the next while the host prepares one more.

use burn::tensor::{ExecutionError, Tensor};

use crate::kernels;
use crate::threads;
use crate::transfer::download;

/// Batches that one read is for. Sums are in f32 over these and in f64 over all: eight of them lose
/// less to rounding than the positions of one batch do.
pub const BATCHES_PER_READ: usize = 8;
/// Bytes of rows that are read at once at most, or one batch's: a browser's buffers end at 128 MiB.
const BYTES_PER_READ: usize = 32 << 20;
/// Values that are one task.
const VALUES_PER_TASK: usize = 1 << 16;

/// Sums over batches: in f32 on the device over some of them, in f64 on the host over
/// all.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Over the batches since the last read.
    on_device: Option<Tensor<1>>,
    /// How many those are.
    unread: usize,
    /// Over the batches before; empty before the first read.
    on_host: Vec<f64>,
}

/// Rows of a table that batches give one after the other, `[rows, columns]`.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// What batches since the last read gave, `[rows, columns]` each.
    on_device: Vec<Tensor<2>>,
    /// The rows before them.
    on_host: Vec<f32>,
}

impl Sums {
    /// Takes a batch's values into account, of one shape each time.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn add<const D: usize>(&mut self, of_batch: Tensor<D>) -> Result<(), ExecutionError> {
        let of_batch = of_batch.flatten(0, D - 1);
        self.on_device = Some(match self.on_device.take() {
            Some(sums) => kernels::sum(sums, of_batch),
            None => of_batch,
        });
        self.unread += 1;
        if self.unread == BATCHES_PER_READ {
            self.read().await?;
        }
        Ok(())
    }

    /// The sums over all batches, row-major; none of no batch.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn finish(mut self) -> Result<Vec<f64>, ExecutionError> {
        self.read().await?;
        Ok(self.on_host)
    }

    async fn read(&mut self) -> Result<(), ExecutionError> {
        self.unread = 0;
        if let Some(sums) = self.on_device.take() {
            add_values(&mut self.on_host, &download(sums).await?);
        }
        Ok(())
    }
}

impl Rows {
    /// Appends a batch's rows, `[rows, columns]`, of as many columns each time.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn add(&mut self, of_batch: Tensor<2>) -> Result<(), ExecutionError> {
        let bytes = |rows: &Tensor<2>| rows.dims().iter().product::<usize>() * size_of::<f32>();
        let unread: usize = self.on_device.iter().map(bytes).sum();
        if unread + bytes(&of_batch) > BYTES_PER_READ {
            self.read().await?;
        }
        self.on_device.push(of_batch);
        if self.on_device.len() == BATCHES_PER_READ {
            self.read().await?;
        }
        Ok(())
    }

    /// All rows, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn finish(mut self) -> Result<Vec<f32>, ExecutionError> {
        self.read().await?;
        Ok(self.on_host)
    }

    async fn read(&mut self) -> Result<(), ExecutionError> {
        let unread = std::mem::take(&mut self.on_device);
        if !unread.is_empty() {
            self.on_host.extend(download(Tensor::cat(unread, 0)).await?);
        }
        Ok(())
    }
}

/// Adds values to the sums so far, which are empty at first.
fn add_values(sums: &mut Vec<f64>, values: &[f32]) {
    if sums.is_empty() {
        sums.resize(values.len(), 0.0);
    }
    assert_eq!(sums.len(), values.len(), "values of one shape each time");
    threads::for_each_chunk(sums, VALUES_PER_TASK, |task, sums| {
        let values = &values[task * VALUES_PER_TASK..][..sums.len()];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += f64::from(*value);
        }
    });
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, read_sync};

    use super::*;
    use crate::transfer::{reads, upload};

    /// More than two reads are for, and a few left over.
    const BATCHES: usize = 2 * BATCHES_PER_READ + 3;

    fn value(batch: usize, index: usize) -> f32 {
        (batch * 7 + index * 3) as f32 / 8.0 - 5.0
    }

    #[test]
    fn sums_are_over_all_batches_and_read_once_for_several() {
        let (device, mut sums, before) = (Device::flex(), Sums::default(), reads());
        let summed = read_sync(async {
            for batch in 0..BATCHES {
                let values = [0, 1, 2].map(|index| value(batch, index));
                sums.add(upload(&values, [3], &device)).await.unwrap();
            }
            sums.finish().await.unwrap()
        });
        let sum = |index| (0..BATCHES).map(|batch| f64::from(value(batch, index))).sum::<f64>();
        assert_eq!(summed, [0, 1, 2].map(sum));
        assert_eq!(reads() - before, 3);
        assert_eq!(read_sync(Sums::default().finish()).unwrap(), Vec::<f64>::new());
    }

    /// What f32 loses between two reads is all that is lost, however many batches there are.
    #[test]
    fn rounding_does_not_grow_with_batches() {
        const MANY: usize = 20_000;
        const TOLERANCE: f64 = BATCHES_PER_READ as f64 * f32::EPSILON as f64 / 2.0;
        const VALUE: f32 = 0.1;
        let (device, mut sums) = (Device::flex(), Sums::default());
        let summed = read_sync(async {
            for _ in 0..MANY {
                sums.add(upload(&[VALUE], [1], &device)).await.unwrap();
            }
            sums.finish().await.unwrap()[0]
        });
        let exact = f64::from(VALUE) * MANY as f64;
        let in_single = f64::from(std::iter::repeat_n(VALUE, MANY).sum::<f32>());
        assert!((summed - exact).abs() <= TOLERANCE * exact, "{summed} against {exact}");
        assert!((in_single - exact).abs() > 10.0 * TOLERANCE * exact, "f32 would do");
    }

    #[test]
    fn rows_stay_in_their_order() {
        let (device, mut rows, before) = (Device::flex(), Rows::default(), reads());
        let all = read_sync(async {
            for batch in 0..BATCHES {
                let values = [0, 1, 2, 3].map(|index| value(batch, index));
                rows.add(upload(&values, [2, 2], &device)).await.unwrap();
            }
            rows.finish().await.unwrap()
        });
        let expected = (0..BATCHES).flat_map(|batch| [0, 1, 2, 3].map(|index| value(batch, index)));
        assert_eq!(all, expected.collect::<Vec<f32>>());
        assert_eq!(reads() - before, 3);
        assert_eq!(read_sync(Rows::default().finish()).unwrap(), Vec::<f32>::new());
    }
}
