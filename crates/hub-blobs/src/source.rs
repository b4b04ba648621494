//! What is to be stored, as it comes in: pieces, or the reason why no more come.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};

use crate::settings::Limits;

/// Content that comes in pieces.
pub type Source = BoxStream<'static, Result<Bytes, SourceError>>;

/// Why content stopped coming.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceError {
    /// It came too slowly.
    Stalled {
        /// How long was waited for it in all.
        waited: Duration,
        /// What had come by then.
        received_bytes: u64,
    },
    /// The connection broke.
    Cut {
        /// What the connection said.
        reason: String,
    },
}

impl fmt::Display for SourceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled {
                waited,
                received_bytes,
            } => write!(
                formatter,
                "it came too slowly: {received_bytes} bytes in {} seconds",
                waited.as_secs()
            ),
            Self::Cut { reason } => write!(formatter, "the connection broke: {reason}"),
        }
    }
}

impl std::error::Error for SourceError {}

/// The content that these bytes are.
#[must_use]
pub fn source_of(bytes: Bytes) -> Source {
    stream::iter([Ok(bytes)]).boxed()
}

/// The content of a request, which has to come at some speed. Only time in which we wait for it counts.
pub(crate) fn of_body(body: Body, limits: &Limits) -> Source {
    let state = Timed {
        idle: limits.idle_timeout,
        bytes_per_second_min: limits.body_bytes_per_second_min.max(1),
        waited: Duration::ZERO,
        received_bytes: 0,
        is_over: false,
    };
    let pieces = body.into_data_stream();
    stream::unfold((pieces, state), |(mut pieces, mut state)| async move {
        if state.is_over {
            return None;
        }
        let began = Instant::now();
        let next = timeout(state.allowed(), pieces.next()).await;
        state.waited += began.elapsed();
        let item = match next {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => {
                state.received_bytes += piece.len() as u64;
                Ok(piece)
            }
            Ok(Some(Err(error))) => Err(SourceError::Cut {
                reason: error.to_string(),
            }),
            Err(_) => Err(SourceError::Stalled {
                waited: state.waited,
                received_bytes: state.received_bytes,
            }),
        };
        state.is_over = item.is_err();
        Some((item, (pieces, state)))
    })
    .boxed()
}

struct Timed {
    idle: Duration,
    bytes_per_second_min: u64,
    waited: Duration,
    received_bytes: u64,
    is_over: bool,
}

impl Timed {
    /// How long the next piece may take: never longer than it may stand still, nor than the average allows.
    fn allowed(&self) -> Duration {
        let earned = Duration::from_secs(self.received_bytes / self.bytes_per_second_min);
        (self.idle + earned)
            .saturating_sub(self.waited)
            .min(self.idle)
    }
}
