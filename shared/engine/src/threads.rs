//! Loops over independent parts: on all threads natively, in turn where there is only one (a page's
//! worker). Each part's result depends on the part alone, so results are the same for any number of
//! threads.

use std::mem::MaybeUninit;

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

/// `length` numbers: `work(index, chunk)` writes successive chunks of them, of one number at least and
/// the last perhaps shorter, which it finds at 0. Each thread clears its own, where
/// `vec![0.0; length]` would keep the others waiting.
pub(crate) fn filled(
    length: usize,
    chunk_length: usize,
    work: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    filled_with(length, chunk_length, || (), |(), index, chunk| work(index, chunk))
}

/// The same with something that each thread makes once and reuses.
pub(crate) fn filled_with<S>(
    length: usize,
    chunk_length: usize,
    make: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let mut data = Vec::with_capacity(length);
    let unwritten = &mut data.spare_capacity_mut()[..length];
    for_each_chunk_with(unwritten, chunk_length, make, |state, index, chunk| {
        chunk.fill(MaybeUninit::new(0.0));
        // SAFETY: all of it was just written.
        #[allow(unsafe_code, reason = "no safe way lets several threads write a new vector")]
        let chunk = unsafe { chunk.assume_init_mut() };
        work(state, index, chunk);
    });
    // SAFETY: the chunks cover the first `length` numbers, and each was written.
    #[allow(unsafe_code, reason = "no safe way lets several threads write a new vector")]
    unsafe {
        data.set_len(length);
    }
    data
}

/// Runs `work(index, chunk)` on successive chunks of `length`, the last perhaps shorter.
pub(crate) fn for_each_chunk<T: Send>(
    data: &mut [T],
    length: usize,
    work: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    for_each_chunk_with(data, length, || (), |(), index, chunk| work(index, chunk));
}

/// The same with something that each thread makes once and reuses.
pub(crate) fn for_each_chunk_with<S, T: Send>(
    data: &mut [T],
    length: usize,
    make: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [T]) + Sync + Send,
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
