//! Waiting until something is so, by looking: only a failure takes long.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

/// The longest that anything may take; only a failure takes as long.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until something is so.
///
/// # Panics
/// It does not come to that; `otherwise` says what there is instead.
pub fn until<D: Display>(
    what: &str,
    mut is_so: impl FnMut() -> bool,
    otherwise: impl FnOnce() -> D,
) {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() >= PATIENCE {
            panic!("it does not come to that: {what}\n{}", otherwise());
        }
        tokio::task::block_in_place(|| std::thread::sleep(LOOK));
    }
}

/// Waits until a future gives something.
///
/// # Panics
/// It does not come to that.
pub async fn until_async<T, F: Future<Output = Result<T, String>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) if begun.elapsed() >= PATIENCE => {
                panic!("it does not come to that: {what}\n{instead}")
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
