//! Loops over independent parts: on all threads natively, in turn where there is only one (a page's
//! worker). Each part's result depends on the part alone, so results are the same for any number of
//! threads.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Results of two pieces of work.
pub(crate) fn join<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(first, second);
    #[cfg(not(feature = "rayon"))]
    (first(), second())
}

/// Results of `work` on `0..count`, in order.
pub(crate) fn map_range<R: Send>(count: usize, work: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    #[cfg(feature = "rayon")]
    return (0..count).into_par_iter().map(work).collect();
    #[cfg(not(feature = "rayon"))]
    (0..count).map(work).collect()
}

/// Runs `work(index, chunk)` on successive chunks of `length`, the last perhaps shorter.
pub(crate) fn for_each_chunk(
    data: &mut [f32],
    length: usize,
    work: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    for_each_chunk_with(data, length, || (), |(), index, chunk| work(index, chunk));
}

/// The same with something that each thread makes once and reuses.
pub(crate) fn for_each_chunk_with<S>(
    data: &mut [f32],
    length: usize,
    make: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [f32]) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    data.par_chunks_mut(length)
        .enumerate()
        .for_each_init(make, |state, (index, chunk)| work(state, index, chunk));
    #[cfg(not(feature = "rayon"))]
    {
        let mut state = make();
        data.chunks_mut(length)
            .enumerate()
            .for_each(|(index, chunk)| work(&mut state, index, chunk));
    }
}
