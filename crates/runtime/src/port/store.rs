//! Key-value data of containers; it survives a restart.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::{Context, Poll};

use thimble_abi::Errno;

/// The key-value data of every container, apart from each other by the container's name.
pub trait KeyValue: Sync {
    /// Carries out a request for the container of this name; repeated with the same arguments until done.
    fn poll(
        &self,
        context: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>>;
}

impl<S: KeyValue + Send + ?Sized> KeyValue for Arc<S> {
    fn poll(
        &self,
        context: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        (**self).poll(context, container, request)
    }
}

/// What can be asked.
pub enum StoreRequest<'a> {
    /// A key's value; answered by [`StoreReply::Value`] or [`Errno::NoEntry`].
    Get {
        /// The key.
        key: &'a [u8],
    },
    /// Set a key; it is on storage when this is done. [`Errno::NoSpace`] when the sum of keys and values
    /// would pass the limit; nothing is changed then.
    Set {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
        /// Bytes that all keys and values of this container may have together.
        limit_bytes: u64,
    },
    /// Delete a key; [`Errno::NoEntry`] if there is none.
    Delete {
        /// The key.
        key: &'a [u8],
    },
}

/// The answer.
pub enum StoreReply {
    /// Done, nothing to tell.
    Done,
    /// A value.
    Value(Vec<u8>),
}
