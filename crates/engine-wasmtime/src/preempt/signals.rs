//! Preemption by signals: costs compiled code nothing.
//!
//! Where the signal finds the guest decides how it is made to call `yield`, an ordinary host function that
//! waits once:
//!
//! - In a function of the guest: the handler continues the thread in a trampoline instead, on the guest's
//!   own stack. It saves every register and calls `yield` as if the guest had called an import at that
//!   very instruction.
//! - In a host function that the guest called: the handler replaces that call's return address, so that
//!   the guest calls `yield` when the host function returns.
//! - In the few instructions between: it tries again 20 µs later.
//!
//! What is assumed about Wasmtime's internals comes from the crate that its own compiler takes it from
//! (`layout`), and is checked for each guest. x86-64 only.

mod code;
mod layout;
mod target;
mod trampoline;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use wasmtime::{AsContextMut as _, Caller, Engine, Func, Linker, Module, Store};

use self::code::GuestCode;
use self::target::{Callee, Guest};
pub(super) use self::target::{Stopping, Target};
use crate::state::{State, note_memory};

/// The processor saves all of its registers with one instruction, and the system lets programs use it.
pub(super) fn supported() -> bool {
    trampoline::prepare()
}

/// What the guests of a module share.
pub(crate) struct Preparation {
    code: Arc<GuestCode>,
    host: Linker<State>,
}

const YIELD: (&str, &str) = ("thimble", "yield");

impl Preparation {
    pub(super) fn of(engine: &Engine, native: &Module) -> wasmtime::Result<Self> {
        let mut host = Linker::new(engine);
        host.func_wrap_async(YIELD.0, YIELD.1, |mut caller: Caller<'_, State>, ()| {
            Box::new(async move {
                note_memory(&caller.as_context_mut());
                let mut asked = false;
                poll_fn(|_| {
                    if std::mem::replace(&mut asked, true) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            })
        })?;
        Ok(Self {
            code: Arc::new(GuestCode::of(native)?),
            host,
        })
    }

    pub(super) fn attach(
        &self,
        target: &Target,
        store: &mut Store<State>,
        functions: &[Func],
    ) -> wasmtime::Result<()> {
        let Some(caller) = functions
            .iter()
            .find_map(|function| layout::own_context(function.to_raw(&mut *store)))
        else {
            // Every function that will be called is the host's: none of the guest's code runs.
            return Ok(());
        };
        let yields = self
            .host
            .get(&mut *store, YIELD.0, YIELD.1)?
            .into_func()
            .map(|function| function.to_raw(&mut *store));
        let (wasm_call, callee) = yields
            .and_then(layout::host_function)
            .filter(|(wasm_call, _)| self.code.is_trampoline(*wasm_call))
            .ok_or_else(|| wasmtime::Error::msg("native code lacks the trampoline to `yield`"))?;
        target.attach(Guest {
            code: Arc::clone(&self.code),
            callee: Callee {
                wasm_call,
                callee,
                caller,
            },
        });
        Ok(())
    }
}
