//! Calls to the operating system, each with a portable fallback.

/// Bytes that the process may still allocate: free memory of the machine or what the control group leaves,
/// whichever is less. None where it cannot be told.
pub fn available_memory() -> Option<usize> {
    let mut best = meminfo("MemAvailable:");
    for (limit, usage) in [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ] {
        if let (Some(l), Some(u)) = (number(limit), number(usage)) {
            let left = l.saturating_sub(u);
            best = Some(best.map_or(left, |b| b.min(left)));
        }
    }
    best
}

/// Bytes of memory that the machine has. None where it cannot be told.
pub fn total_memory() -> Option<usize> {
    meminfo("MemTotal:")
}

fn number(path: &str) -> Option<usize> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn meminfo(key: &str) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with(key))?;
    line[key.len()..]
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<usize>()
        .ok()?
        .checked_mul(1024)
}

/// Asks for huge pages on a large block: a block that is touched for the first time then costs a page fault per
/// 2 MiB instead of one per 4 KiB.
pub fn advise_huge_pages(ptr: *mut u8, len: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the advice does not change the contents of the caller's own block.
    unsafe {
        libc::madvise(ptr.cast(), len, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (ptr, len);
}
