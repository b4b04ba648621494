//! Descriptors themselves: what they are, their flags and rights, closing and moving them.

use thimble_abi::Errno;
use thimble_abi::wasi::{FDSTAT_BYTES, PRESTAT_BYTES, rights};

use super::Attempt;
use super::layout::{self, check};
use crate::host::descriptors::{FdFlags, Kind};
use crate::host::{Arguments, Context};
use crate::memory;

pub(super) fn close(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    context.state.descriptors.close(arguments.u32(0))?;
    Ok(())
}

#[inline(never)]
pub(super) fn renumber(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    context
        .state
        .descriptors
        .renumber(arguments.u32(0), arguments.u32(1))?;
    Ok(())
}

#[inline(never)]
pub(super) fn get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    check(memory, arguments.u32(1), FDSTAT_BYTES)?;
    let descriptor = context.state.descriptors.entry(arguments.u32(0))?;
    let stat = layout::fdstat(
        descriptor.filetype(),
        descriptor.flags.bits(),
        descriptor.rights,
        descriptor.inheriting,
    );
    memory::write(memory, arguments.u32(1), &stat)?;
    Ok(())
}

pub(super) fn set_flags(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let flags = FdFlags::parse(arguments.u32(1))?;
    let descriptor = context
        .state
        .descriptors
        .with_rights(arguments.u32(0), rights::FD_FDSTAT_SET_FLAGS)?;
    if matches!(descriptor.kind, Kind::Directory(_)) {
        return Err(Errno::BadDescriptor.into());
    }
    if flags.is_synchronous() && !descriptor.flags.is_synchronous() {
        return Err(Errno::Invalid.into());
    }
    descriptor.flags = descriptor.flags.with_changeable(flags);
    Ok(())
}

#[inline(never)]
pub(super) fn set_rights(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let (rights, inheriting) = (arguments.u64(1), arguments.u64(2));
    let descriptor = context.state.descriptors.entry(arguments.u32(0))?;
    if rights & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
        return Err(Errno::NotCapable.into());
    }
    descriptor.rights = rights;
    descriptor.inheriting = inheriting;
    Ok(())
}

#[inline(never)]
pub(super) fn prestat_get(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    check(memory, arguments.u32(1), PRESTAT_BYTES)?;
    let path = preopened(context, arguments.u32(0))?;
    let prestat = layout::prestat(u32::try_from(path.len()).map_err(|_| Errno::Overflow)?);
    memory::write(memory, arguments.u32(1), &prestat)?;
    Ok(())
}

#[inline(never)]
pub(super) fn prestat_dir_name(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffer = memory::bytes_mut(memory, arguments.u32(1), arguments.u32(2))?;
    let path = preopened(context, arguments.u32(0))?.as_bytes();
    buffer
        .get_mut(..path.len())
        .ok_or(Errno::NameTooLong)?
        .copy_from_slice(path);
    Ok(())
}

fn preopened<'a>(context: &'a mut Context<'_>, number: u32) -> Result<&'a str, Errno> {
    match &context.state.descriptors.entry(number)?.kind {
        Kind::Directory(directory) => directory.preopen.as_deref().ok_or(Errno::BadDescriptor),
        _ => Err(Errno::BadDescriptor),
    }
}
