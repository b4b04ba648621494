//! Examines one input: a panic is a violation too, named after its place.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use crate::finding::Violation;
use crate::shapes::Shapes;
use crate::targets::Target;

thread_local! {
    static LAST_PANIC: RefCell<Option<Violation>> = const { RefCell::new(None) };
}

/// Makes panics silent and remembers them.
pub(crate) fn catch_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        LAST_PANIC.set(Some(Violation::new(format!("panic at {place}"), message)));
    }));
}

/// Lets the target examine an input.
pub(crate) fn examine(
    target: &mut dyn Target,
    input: &[u8],
    shapes: &mut Shapes,
) -> Result<(), Violation> {
    panic::catch_unwind(AssertUnwindSafe(|| target.examine(input, shapes))).unwrap_or_else(|_| {
        Err(LAST_PANIC
            .take()
            .unwrap_or_else(|| Violation::new("panic", "place unknown")))
    })
}
