//! What becomes of memory that was freed.
//!
//! A network on the CPU takes tensors of megabytes and frees them again, thousands of times. The
//! allocator of glibc gives such blocks back to the system at once, which clears each page of the next
//! one when it is first touched: a tenth of the time that training a narrow network takes.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator {
    use std::ffi::c_int;

    /// Bytes from which a block is the system's own: more than any tensor has, or the most that
    /// versions before 2.35 take.
    const BLOCKS: [c_int; 2] = [1 << 30, 1 << 25];
    /// Bytes that may lie free at the end of the heap: more than a process frees at once.
    const FREE: c_int = c_int::MAX;

    pub fn keep_freed() {
        // Without the first the second would make every tensor a block of the system's own.
        if BLOCKS.iter().any(|&bytes| set(libc::M_MMAP_THRESHOLD, bytes)) {
            set(libc::M_TRIM_THRESHOLD, FREE);
            // One heap, which all threads share: others than the first hold 64 MiB at most.
            set(libc::M_ARENA_MAX, 1);
        }
    }

    /// Whether the allocator took the setting.
    fn set(setting: c_int, value: c_int) -> bool {
        // SAFETY: both are plain numbers, and the caller's process has no other thread yet that could
        // read the setting meanwhile.
        #[allow(unsafe_code, reason = "a function of the C library")]
        let taken = unsafe { libc::mallopt(setting, value) };
        taken == 1
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

/// From now on the process keeps what is freed, for the next tensor. To be called before the process
/// begins any thread: those that have a heap of their own keep it.
pub fn keep_freed() {
    allocator::keep_freed();
}

/// Gives what is kept and free back to the system: for a process that has nothing to compute now.
pub fn give_back() {
    allocator::give_back();
}
