//! The container's key-value store.

use core::task::{Context as TaskContext, Poll};

use thimble_abi::{Errno, event as abi};

use crate::memory;
use crate::port::{StoreReply, StoreRequest};

use super::super::{Arguments, Context};
use super::Answer;

pub(super) fn get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Result<Answer, Errno> {
    let (buffer, capacity) = (arguments.u32(2), arguments.u32(3));
    let key = key(memory, arguments)?;
    memory::bytes(memory, buffer, capacity)?;
    let value = match ask(context, StoreRequest::Get { key })? {
        Poll::Pending => return Ok(Answer::Blocked),
        Poll::Ready(StoreReply::Value(value)) => value,
        Poll::Ready(StoreReply::Done) => return Err(Errno::Io),
    };
    let len = u32::try_from(value.len()).map_err(|_| Errno::Overflow)?;
    if len > capacity {
        if capacity >= 4 {
            memory::write_u32(memory, buffer, len)?;
        }
        return Err(Errno::Overflow);
    }
    memory::write(memory, buffer, &value)?;
    i32::try_from(len)
        .map(Answer::Value)
        .map_err(|_| Errno::Overflow)
}

pub(super) fn set(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<Answer, Errno> {
    let key = key(memory, arguments)?;
    let value = memory::bytes(memory, arguments.u32(2), arguments.u32(3))?;
    let limit_bytes = context.state.config.limits.store_bytes;
    let result = match u64::try_from(value.len()) {
        Ok(len) if len <= limit_bytes => ask(
            context,
            StoreRequest::Set {
                key,
                value,
                limit_bytes,
            },
        ),
        _ => Err(Errno::NoSpace),
    };
    if result.as_ref().is_err_and(|errno| *errno == Errno::NoSpace) {
        context.limit_reached("store_bytes");
    }
    Ok(answer(&result?))
}

pub(super) fn delete(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Result<Answer, Errno> {
    let key = key(memory, arguments)?;
    Ok(answer(&ask(context, StoreRequest::Delete { key })?))
}

fn answer(reply: &Poll<StoreReply>) -> Answer {
    if reply.is_pending() {
        Answer::Blocked
    } else {
        Answer::Value(0)
    }
}

fn key<'a>(memory: &'a [u8], arguments: Arguments<'_>) -> Result<&'a [u8], Errno> {
    let key = memory::bytes(memory, arguments.u32(0), arguments.u32(1))?;
    match arguments.u32(1) {
        0 => Err(Errno::Invalid),
        len if len > abi::KEY_BYTES_MAX => Err(Errno::NameTooLong),
        _ => Ok(key),
    }
}

fn ask(context: &mut Context<'_>, request: StoreRequest<'_>) -> Result<Poll<StoreReply>, Errno> {
    if !context.state.config.grants.key_value() {
        context.refuse("kv");
        return Err(Errno::Permission);
    }
    let mut task = TaskContext::from_waker(context.waker);
    match context
        .ports
        .store
        .poll(&mut task, &context.state.config.name, request)
    {
        Poll::Ready(reply) => reply.map(Poll::Ready),
        Poll::Pending => Ok(Poll::Pending),
    }
}
