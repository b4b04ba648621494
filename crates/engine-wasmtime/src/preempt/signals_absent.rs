//! Preemption by signals, where it does not exist: never supported, so never used.

use std::convert::Infallible;
use std::ffi::c_void;

use wasmtime::{Engine, Func, Module, Store};

use crate::state::State;

pub(super) const fn supported() -> bool {
    false
}

pub(crate) struct Preparation(Infallible);

impl Preparation {
    pub(super) fn of(_: &Engine, _: &Module) -> wasmtime::Result<Self> {
        Err(wasmtime::Error::msg(
            "guests cannot be preempted by signals here",
        ))
    }

    pub(super) fn attach(
        &self,
        _: &Target,
        _: &mut Store<State>,
        _: &[Func],
    ) -> wasmtime::Result<()> {
        match self.0 {}
    }
}

#[expect(dead_code, reason = "nothing is ever stopped by signals here")]
pub(super) enum Stopping {
    Done,
    OnReturn(i64),
    NotYet(i64),
}

pub(crate) struct Target;

impl Target {
    pub(super) const fn new() -> Self {
        Self
    }

    pub(super) const fn begin(&self) {}

    pub(super) const fn enter(&self) {}

    pub(super) const fn leave(&self) {}

    pub(super) const fn restore(&self) {}

    pub(super) const fn yields_on_return(&self) -> bool {
        false
    }

    pub(super) const unsafe fn stop(&self, _: *mut c_void) -> Stopping {
        Stopping::Done
    }
}
