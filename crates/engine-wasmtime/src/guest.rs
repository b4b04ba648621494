//! One guest: a suspended future that owns the instance, polled by hand.
//!
//! The future is pending for two reasons only: the host waits (then the note in [`Shared`] is set), or the
//! slice is over. Nobody wakes it: whoever resumes the guest polls.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use thimble_runtime::engine::{Budget, Guest, Host, Interrupt, Trap, TrapKind, Yield};
use wasmtime::{AsContextMut as _, Store, TypedFunc};

use crate::lend::panic_text;
use crate::preempt::Slice;
use crate::state::{Shared, State, note_memory};
use crate::trap::{self, Origin};

/// An entry function, found and checked.
pub(crate) enum Entry {
    /// Returns nothing.
    Plain(TypedFunc<(), ()>),
    /// Returns what may be an exit code.
    Code(TypedFunc<(), i32>),
}

type Body = Pin<Box<dyn Future<Output = Yield> + Send>>;

/// A guest.
pub(crate) struct NativeGuest {
    /// `None` after its end. Declared first: it is dropped before what it uses.
    body: Option<Body>,
    shared: Arc<Shared>,
    slice: Arc<Slice>,
}

impl NativeGuest {
    /// A guest that will call these entries.
    pub(crate) fn new(
        store: Store<State>,
        entries: Vec<Entry>,
        origin: Origin,
        shared: Arc<Shared>,
        slice: Arc<Slice>,
    ) -> Self {
        Self {
            body: Some(Box::pin(run(store, entries, origin, Arc::clone(&slice)))),
            shared,
            slice,
        }
    }

    /// A guest that ended while it was made: its first resume says how.
    pub(crate) fn ended(ending: Trap, shared: Arc<Shared>, slice: Arc<Slice>) -> Self {
        Self {
            body: Some(Box::pin(std::future::ready(Yield::Trapped(ending)))),
            shared,
            slice,
        }
    }
}

impl Drop for NativeGuest {
    fn drop(&mut self) {
        if self.body.is_some() {
            self.slice.restore();
        }
    }
}

impl Guest for NativeGuest {
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield {
        let Some(body) = self.body.as_mut() else {
            return engine_trap("resumed after its end".into());
        };
        let poll = || {
            let mut context = Context::from_waker(Waker::noop());
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut context)))
        };
        let ending = match self
            .shared
            .host
            .lend(host, || self.slice.run(budget.time, poll))
        {
            Ok(None) => return Yield::Preempted,
            Ok(Some(Ok(Poll::Pending))) if self.shared.take_blocked() => return Yield::Blocked,
            Ok(Some(Ok(Poll::Pending))) => return Yield::Preempted,
            Ok(Some(Ok(Poll::Ready(ending)))) => ending,
            Ok(Some(Err(panic))) => engine_trap(format!(
                "the engine panicked: {}",
                panic_text(panic.as_ref())
            )),
            Err(error) => engine_trap(format!("no timer for the slice: {error}")),
        };
        self.body = None;
        ending
    }

    fn memory_bytes(&self) -> u64 {
        self.shared.memory_bytes()
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.shared.set_memory_bytes_max(memory_bytes_max);
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::clone(&self.slice) as Arc<dyn Interrupt>
    }
}

fn engine_trap(detail: String) -> Yield {
    Yield::Trapped(Trap::with_detail(TrapKind::Engine, detail))
}

/// Calls the entries one after the other.
async fn run(
    mut store: Store<State>,
    entries: Vec<Entry>,
    origin: Origin,
    slice: Arc<Slice>,
) -> Yield {
    let mut code = 0;
    for entry in entries {
        let entered = slice.enter();
        let outcome = match entry {
            Entry::Plain(function) => function.call_async(&mut store, ()).await.map(|()| 0),
            Entry::Code(function) => function.call_async(&mut store, ()).await,
        };
        drop(entered);
        code = match outcome {
            Ok(code) => code,
            Err(error) => {
                note_memory(&store.as_context_mut());
                return ending(&mut store, &error, origin);
            }
        };
    }
    note_memory(&store.as_context_mut());
    Yield::Exited(code)
}

/// Why a call ended early.
fn ending(store: &mut Store<State>, error: &wasmtime::Error, origin: Origin) -> Yield {
    match store.data_mut().ending.take() {
        Some(Yield::Trapped(mut trap)) => {
            if trap.backtrace.is_empty() {
                trap.backtrace = trap::frames(error, origin);
            }
            Yield::Trapped(trap)
        }
        Some(ending) => ending,
        None => Yield::Trapped(trap::from_error(error, origin)),
    }
}
