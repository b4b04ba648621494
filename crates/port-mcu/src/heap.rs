//! What a device's allocator refuses although it is there.

/// What asks for so many bytes can be told that there is not enough: on a device, whoever allocates as much does so
/// fallibly.
const LARGE_BYTES: usize = 1024;

/// The most that is kept for what is small.
const RESERVE_BYTES_MAX: usize = 4096;

/// The share of the heap that is kept, where that is less.
const RESERVE_SHARE: usize = 16;

/// Whether an allocation of so many bytes would take what is kept for small ones, of which many have nobody to tell that
/// there is no memory: a device that is full goes on, and refuses what is large.
#[must_use]
pub const fn is_too_much(bytes: usize, used_bytes: usize, total_bytes: usize) -> bool {
    let share = total_bytes / RESERVE_SHARE;
    let reserve = if share < RESERVE_BYTES_MAX {
        share
    } else {
        RESERVE_BYTES_MAX
    };
    let free = total_bytes.saturating_sub(used_bytes);
    bytes >= LARGE_BYTES && (free < bytes || free - bytes < reserve)
}

#[cfg(test)]
mod tests;
