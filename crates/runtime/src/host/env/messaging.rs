//! Ocre's messages: texts end with a NUL, and a received message lies in the guest's app heap until the
//! guest gives it back.

use thimble_abi::{Errno, env as abi, event};

use crate::grant::check_topic;
use crate::memory;

use super::super::messages;
use super::{Arguments, Context, Heap, text};

/// What became of the message that is next.
pub(super) enum Delivered {
    /// It lies in the app heap: the numbers that tell the guest where.
    Event([u32; 6]),
    /// There is no room for it until the guest gives others back.
    NoRoom,
    /// It is larger than the app heap and was dropped.
    NeverFits,
}

pub(super) fn publish(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let [topic, content_type, payload, payload_len] =
        core::array::from_fn(|position| arguments.u32(position));
    if [topic, content_type, payload, payload_len].contains(&0) {
        return Err(Errno::Invalid);
    }
    let topic = text(memory, topic, event::TOPIC_BYTES_MAX).map_err(|_| Errno::Invalid)?;
    let content_type =
        text(memory, content_type, event::CONTENT_TYPE_BYTES_MAX).map_err(|_| Errno::Invalid)?;
    let payload = memory::bytes(memory, payload, payload_len)?;
    if content_type.is_empty() {
        return Err(Errno::Invalid);
    }
    let published = messages::publish(context, topic, content_type, payload, false).map_err(
        |errno| match errno {
            Errno::MessageTooLong => Errno::Invalid,
            errno => errno,
        },
    )?;
    if published.delivered == 0 {
        Err(Errno::NoEntry)
    } else {
        Ok(0)
    }
}

pub(super) fn subscribe(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<i32, Errno> {
    let offset = arguments.u32(0);
    if offset == 0 {
        return Err(Errno::Invalid);
    }
    let prefix = text(memory, offset, event::TOPIC_BYTES_MAX).map_err(|_| Errno::Invalid)?;
    // No topic has a wildcard in it, so neither does a prefix that could match one.
    check_topic(prefix).map_err(|_| Errno::Invalid)?;
    messages::subscribe_prefix(context, prefix).map(|_| 0)
}

pub(super) fn free(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    let [topic, content_type, payload] = core::array::from_fn(|position| arguments.u32(position));
    let heap = context.state.env.heap.as_mut().ok_or(Errno::Invalid)?;
    let distinct = topic != content_type && topic != payload && content_type != payload;
    if !distinct
        || ![topic, content_type, payload]
            .iter()
            .all(|offset| heap.is_used(*offset))
    {
        return Err(Errno::Invalid);
    }
    for offset in [topic, content_type, payload] {
        heap.free(offset);
    }
    Ok(0)
}

/// Puts the held message into the guest's app heap.
pub(super) fn deliver(context: &mut Context<'_>, memory: &mut [u8]) -> Result<Delivered, Errno> {
    let state = &mut *context.state;
    let Some(heap) = &mut state.env.heap else {
        return Ok(Delivered::NoRoom);
    };
    let Some(delivery) = &state.events.message else {
        return Err(Errno::NoMessage);
    };
    let message = &delivery.message;
    let parts = [message.topic(), message.content_type(), message.payload()];
    // Each has room for a NUL, the payload too: a guest that takes it for a text reads no further.
    let sizes = parts.map(|part| {
        u32::try_from(part.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    });
    if !heap.could_fit(&sizes) {
        state.events.message = None;
        return Ok(Delivered::NeverFits);
    }
    let Some(offsets) = allocate(heap, sizes) else {
        return Ok(Delivered::NoRoom);
    };
    let written =
        parts
            .into_iter()
            .zip(offsets)
            .zip(sizes)
            .try_for_each(|((part, offset), size)| {
                memory::write(memory, offset, part)?;
                memory::write(memory, offset.saturating_add(size.saturating_sub(1)), &[0])
            });
    if let Err(errno) = written {
        for offset in offsets {
            heap.free(offset);
        }
        return Err(errno);
    }
    state.env.received = state.env.received.wrapping_add(1);
    let [topic, content_type, payload] = offsets;
    let payload_len = u32::try_from(message.payload().len()).unwrap_or(u32::MAX);
    state.events.message = None;
    Ok(Delivered::Event([
        abi::RESOURCE_MESSAGING,
        state.env.received,
        topic,
        content_type,
        payload,
        payload_len,
    ]))
}

/// Takes all three blocks or none.
fn allocate(heap: &mut Heap, [topic, content_type, payload]: [u32; 3]) -> Option<[u32; 3]> {
    let topic = heap.allocate(topic)?;
    let Some(content_type) = heap.allocate(content_type) else {
        heap.free(topic);
        return None;
    };
    let Some(payload) = heap.allocate(payload) else {
        heap.free(topic);
        heap.free(content_type);
        return None;
    };
    Some([topic, content_type, payload])
}
