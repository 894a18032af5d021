//! What becomes of memory that was freed.
//!
//! A network on the CPU takes tensors of megabytes and frees them again, thousands of times. The
//! allocator of glibc gives such blocks back to the system at once, which clears each page of the next
//! one when it is first touched: a tenth of the time that training a narrow network takes.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator {
    use std::ffi::c_int;

    /// Bytes from which a block is the system's own, and that may lie free at the end of the heap: more
    /// than any tensor has, and than a process frees at once.
    const BLOCK: c_int = 1 << 30;
    const FREE: c_int = c_int::MAX;

    pub fn keep_freed() {
        // One heap, which all threads share: others than the first hold 64 MiB at most.
        let settings = [
            (libc::M_MMAP_THRESHOLD, BLOCK),
            (libc::M_TRIM_THRESHOLD, FREE),
            (libc::M_ARENA_MAX, 1),
        ];
        for (setting, value) in settings {
            // What is refused stays as it was, which is slower and nothing worse.
            // SAFETY: both are plain numbers; the allocator takes them under its own lock.
            #[allow(unsafe_code, reason = "a function of the C library")]
            unsafe {
                libc::mallopt(setting, value);
            }
        }
    }

    pub fn give_back() {
        // SAFETY: it moves no block that is in use.
        #[allow(unsafe_code, reason = "a function of the C library")]
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// Other allocators keep what they do.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod allocator {
    pub fn keep_freed() {}
    pub fn give_back() {}
}

/// From now on the process keeps what is freed, for the next tensor.
pub fn keep_freed() {
    allocator::keep_freed();
}

/// Gives what is kept and free back to the system: for a process that has nothing to compute now.
pub fn give_back() {
    allocator::give_back();
}
