//! The keys of records and the numbers of choices. The order here is the protocol: append, never move.

use super::field::{Blank, Decoder, Encoder, Field, Item, read_fields, write_fields, written};
use super::{DecodeError, EncodeError};
use crate::message::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, HealthStatus, ImageStatus,
    LimitOverrides, LogEntry, LogStream, Policy, Refusal, RefusalKind, RunEnd, RunState, Space,
    StorageStatus,
};

/// Records: the key of a field is its place.
macro_rules! records {
    ($($record:ident { $($field:ident),* $(,)? })*) => {$(
        impl Blank for $record {
            fn blank() -> Self {
                Self { $($field: Blank::blank()),* }
            }
        }

        impl Field for $record {
            fn is_blank(&self) -> bool {
                let fields: &[&dyn Field] = &[$(&self.$field),*];
                fields.iter().all(|field| field.is_blank())
            }

            fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
                write_fields(&[$(&self.$field),*], encoder)
            }

            fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
                read_fields(&mut [$(&mut self.$field),*], decoder)
            }
        }
    )*};
}

/// Choices: their number is their place.
macro_rules! choices {
    ($($choice:ident { $first:ident $(, $variant:ident)* $(,)? })*) => {$(
        impl $choice {
            const CHOICES: &[Self] = &[Self::$first, $(Self::$variant),*];
        }

        impl Blank for $choice {
            fn blank() -> Self {
                Self::$first
            }
        }

        impl Field for $choice {
            fn is_blank(&self) -> bool {
                *self == Self::blank()
            }

            fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
                write_choice(Self::CHOICES.iter().position(|choice| choice == self), encoder)
            }

            fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
                let mut number = 0_u32;
                number.read(decoder)?;
                let choice = Self::CHOICES.get(number as usize);
                *self = *choice.ok_or(DecodeError::UnknownNumber { number })?;
                Ok(())
            }
        }
    )*};
}

records! {
    Refusal { kind, message }
    Declaration {
        name, image, args, env, grants, limits, restart, is_stopped, is_removed_after, entry, timeout_ms,
    }
    LimitOverrides {
        memory_bytes, stack_bytes, cpu_share_thousandths, storage_bytes, key_value_bytes, log_bytes, descriptors,
        sockets, timers, subscriptions, queue_messages, message_bytes,
    }
    DeviceStatus {
        board, version, protocol, message_bytes_max, uptime_ms, unix_ms, started_by, recovered, heap, heap_peak_bytes,
        stack_peak_bytes, idle_wakeups, idle_ms, has_fault,
    }
    Space { used_bytes, total_bytes }
    StorageStatus {
        images, images_largest_free_bytes, log, log_records, log_records_max, erasures_max, erasures_min,
    }
    ImageStatus { digest, references, module_bytes, table_bytes, stored_bytes, used_by }
    ContainerStatus {
        declaration, digest, state, health, health_message, restarts, restart_in_ms, up_ms, cpu_us, memory_bytes,
        memory_bytes_max, stack_bytes, slices, end,
    }
    RunEnd {
        reason, exit_code, started_unix_ms, ended_unix_ms, cpu_us, memory_bytes_max, memory_refused, last_output,
    }
    LogEntry { stream, at_ms, bytes }
    FaultReport { kind, message, pc, lr, sp, cause, address, uptime_ms, container, count }
}

choices! {
    RefusalKind { NotFound, Conflict, Invalid, Image, NoRoom, Device }
    RunState { Created, Running, Paused, Exited, Failed, Restarting }
    HealthStatus { Unknown, Starting, Healthy, Degraded, Failing }
    LogStream { Output, Error, Guest, Device }
}

impl Item for RunEnd {}
impl Item for LogEntry {}

impl Blank for Policy {
    fn blank() -> Self {
        Self::No
    }
}

/// A policy is a record of its number and the tries of `OnFailure`.
impl Field for Policy {
    fn is_blank(&self) -> bool {
        *self == Self::No
    }

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let (number, tries) = match self {
            Self::No => (0, 0),
            Self::OnFailure { tries } => (1, *tries),
            Self::UnlessStopped => (2, 0),
            Self::Always => (3, 0),
        };
        write_fields(&[&number as &dyn Field, &tries], encoder)
    }

    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
        let (mut number, mut tries) = (0_u32, 0_u32);
        read_fields(&mut [&mut number, &mut tries], decoder)?;
        *self = match number {
            0 => Self::No,
            1 => Self::OnFailure { tries },
            2 => Self::UnlessStopped,
            3 => Self::Always,
            number => return Err(DecodeError::UnknownNumber { number }),
        };
        Ok(())
    }
}

fn write_choice(place: Option<usize>, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    let bytes_max = encoder.writer().bytes_max();
    let number = place.unwrap_or_default() as u64;
    written(encoder.u64(number).map(|_| ()), bytes_max)
}
