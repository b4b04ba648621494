//! The module of paths and files on a device that has none: every call says that it is not supported.

use thimble_abi::Errno;
use thimble_abi::calls::WasiCall;

use super::{Attempt, Stop};
use crate::host::{Arguments, Context};

pub(super) fn call(_: &mut Context<'_>, _: WasiCall, _: Arguments<'_>, _: &mut [u8]) -> Attempt {
    Err(Stop::Failed(Errno::NotSupported))
}
