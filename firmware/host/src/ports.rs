//! Ports behind which there is nothing.

use alloc::boxed::Box;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_port_mcu::machine::Devices;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{
    Clock, Interest, KeyValue, Lookup, Network, NoBoard, Observer, Protocol, Random, Readiness,
    Socket, StoreReply, StoreRequest, Stream,
};
use thimble_runtime::record::Trace;
use thimble_runtime::time::Instant;

/// What a device without drivers has.
pub(crate) fn devices() -> Devices {
    Devices {
        clock: Box::new(Nowhere),
        random: Box::new(Nowhere),
        network: Box::new(Nowhere),
        board: Box::new(NoBoard),
        store: Box::new(Nowhere),
        observer: Box::new(Nowhere),
    }
}

/// Every port at once.
pub(crate) struct Nowhere;

impl Clock for Nowhere {
    fn now(&self) -> Instant {
        Instant::from_nanos(firmware_boards::instructions())
    }

    fn realtime_nanos(&self) -> u64 {
        firmware_boards::instructions()
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

impl Random for Nowhere {
    fn fill(&self, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::Io)
    }
}

impl Network for Nowhere {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NotSupported)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::Again)
    }
}

impl KeyValue for Nowhere {
    fn poll(
        &self,
        _: &mut Context<'_>,
        _: &str,
        _: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        Poll::Ready(Err(Errno::NoEntry))
    }
}

impl Observer for Nowhere {
    fn trace(&self, _: ContainerId, trace: Trace<'_>) {
        if let Trace::Refused { grant } = trace {
            firmware_boards::say!("refused={grant}");
        }
    }
}

impl Stream for Nowhere {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 1,
            hangup: false,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

/// Nothing interrupts.
struct Alone;

critical_section::set_impl!(Alone);

// SAFETY: firmware has one thread, and no handler of interrupts.
unsafe impl critical_section::Impl for Alone {
    unsafe fn acquire() {}

    unsafe fn release((): ()) {}
}
