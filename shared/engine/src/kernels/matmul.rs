//! A safe face for the `gemm` crate: row-major matrices in slices, each as it is or transposed.

/// Numbers that `gemm` multiplies.
pub trait Element: Copy + 'static {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
}

impl Element for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

impl Element for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

/// A row-major matrix in a slice, perhaps read as its transpose.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows × columns` values, row after row.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a {rows}×{columns} matrix");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// A part of a larger matrix, whose rows lie `row_stride` apart.
    pub fn part(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        let reached = rows.saturating_sub(1) * row_stride + columns;
        assert!(data.len() >= reached, "{rows} rows of {columns}, {row_stride} apart");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transpose, without moving anything.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What happens to the values that the destination holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// The product takes their place.
    Replace,
    /// The product is added to them.
    Add,
}

/// `destination = left · right`, or `+=`, on the calling thread alone: callers share the work out
/// themselves, in parts whose results do not depend on the number of threads.
///
/// # Shapes
/// - `left`: `[rows, inner]`, `right`: `[inner, columns]`
/// - `destination`: `[rows, columns]`, row-major
pub fn matmul<T: Element>(
    left: Matrix<T>,
    right: Matrix<T>,
    destination: &mut [T],
    mode: WriteMode,
) {
    assert_eq!(destination.len(), left.rows * right.columns, "size of a matrix product");
    matmul_into_part(left, right, destination, right.columns, mode);
}

/// The same where the destination is a part of a larger matrix, whose rows lie `row_stride` apart.
pub fn matmul_into_part<T: Element>(
    left: Matrix<T>,
    right: Matrix<T>,
    destination: &mut [T],
    row_stride: usize,
    mode: WriteMode,
) {
    assert_eq!(left.columns, right.rows, "inner sizes of a matrix product");
    assert!(right.columns <= row_stride, "rows that do not overlap");
    let reached = left.rows.saturating_sub(1) * row_stride + right.columns;
    assert!(destination.len() >= reached, "{} rows, {row_stride} apart", left.rows);
    let add = mode == WriteMode::Add;
    // SAFETY: the constructors checked that each slice holds all elements that its strides reach,
    // the assertions above that the three shapes fit and that the destination holds its rows, and
    // the borrows that the destination does not overlap its sources.
    #[allow(unsafe_code, reason = "the gemm crate takes pointers")]
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            destination.as_mut_ptr(),
            1,
            row_stride as isize,
            add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            // The destination's factor and the product's.
            if add { T::ONE } else { T::ZERO },
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
