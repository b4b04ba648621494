//! Leaves out of a reply that is too long for a message what matters least, a little at a time.

use alloc::string::String;
use alloc::vec::Vec;

use crate::message::{ContainerStatus, LimitOverrides, Reply, RunEnd};

/// Bytes of a text that go at a time.
const STEP_BYTES: usize = 16;

/// Bytes of a reason that tell what happened.
const REASON_BYTES: usize = 32;

/// Bytes of a digest that tell an image from others: `sha256:` and 12 digits.
const DIGEST_BYTES: usize = 19;

/// Leaves something out, if there is something that can be spared.
pub(super) fn shorten(reply: &mut Reply) -> bool {
    match reply {
        Reply::Refused(refusal) => cut(&mut refusal.message, 0),
        Reply::Device(device) => cut(&mut device.recovered, 0),
        Reply::Image(image) => image.references.pop().is_some(),
        Reply::Created { refused, .. } => refused.pop().is_some(),
        Reply::Container(container) => shorten_container(container),
        Reply::Records(ends) => shorten_ends(ends),
        Reply::Fault(fault) => cut(&mut fault.message, 0) || cut(&mut fault.container, 0),
        _ => false,
    }
}

fn shorten_container(container: &mut ContainerStatus) -> bool {
    let declaration = &mut container.declaration;
    if let Some(end) = &mut container.end
        && (cut_front(&mut end.last_output) || cut(&mut end.reason, 2 * REASON_BYTES))
    {
        return true;
    }
    if cut(&mut container.health_message, REASON_BYTES)
        || clear(&mut declaration.env)
        || declaration.args.take().is_some()
        || clear(&mut declaration.grants)
    {
        return true;
    }
    if declaration.limits != LimitOverrides::default() {
        declaration.limits = LimitOverrides::default();
        return true;
    }
    cut(&mut container.digest, DIGEST_BYTES)
        || declaration.entry.take().is_some()
        || cut(&mut container.health_message, 0)
        || container
            .end
            .as_mut()
            .is_some_and(|end| cut(&mut end.reason, 0))
}

/// The outputs of older ends go first, then those ends, and then some of the newest.
fn shorten_ends(ends: &mut Vec<RunEnd>) -> bool {
    let Some((newest, older)) = ends.split_first_mut() else {
        return false;
    };
    if older.is_empty() {
        return cut_front(&mut newest.last_output) || cut(&mut newest.reason, 0);
    }
    let oldest_output = older.iter_mut().rev().map(|end| &mut end.last_output);
    if let Some(output) = oldest_output.into_iter().find(|output| !output.is_empty()) {
        output.clear();
        return true;
    }
    ends.pop().is_some()
}

fn clear(list: &mut Vec<String>) -> bool {
    let had_any = !list.is_empty();
    list.clear();
    had_any
}

/// Takes something from a text's end, unless it has no more bytes than that.
fn cut(text: &mut String, bytes_min: usize) -> bool {
    if text.len() <= bytes_min {
        return false;
    }
    let length = text.len().saturating_sub(STEP_BYTES).max(bytes_min);
    text.truncate(text.floor_char_boundary(length));
    true
}

/// Takes something from a text's beginning.
fn cut_front(text: &mut String) -> bool {
    if text.is_empty() {
        return false;
    }
    let length = text.ceil_char_boundary(STEP_BYTES.min(text.len()));
    text.drain(..length);
    true
}
