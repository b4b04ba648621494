//! What a container of a microcontroller may use: the device's limits, what its image asks for, what was declared.

use thimble_image::config::LimitRequest;
use thimble_runtime::Limits;
use thimble_runtime::config::CpuShare;
use thimble_serial::{LimitOverrides, RefusalKind};

use crate::denied::{Denied, Outcome};
use crate::parts::Settings;

/// The limits of a device with a few hundred kilobytes of memory: one page of WebAssembly, and little of the rest.
pub(crate) fn small() -> Limits {
    Limits {
        memory_bytes: 64 << 10,
        table_elements: 1024,
        descriptors: 16,
        sockets: 4,
        timers: 8,
        subscriptions: 8,
        queue_messages: 16,
        queue_bytes: 4096,
        message_bytes: 1024,
        store_bytes: 4096,
        storage_bytes: 16 << 10,
        storage_files: 16,
        output_tail_bytes: 128,
        ..Limits::default()
    }
}

/// What a container may use.
pub(crate) struct Settled {
    /// What the runtime watches over.
    pub(crate) limits: Limits,
    /// Its share of the processor.
    pub(crate) cpu_share: CpuShare,
    /// Bytes of output that are kept.
    pub(crate) log_bytes: u32,
    /// Bytes of its stack.
    pub(crate) stack_bytes: u32,
}

/// Entries of tables that cost memory each.
const COUNT_MAX: u32 = 1024;

/// Settles the limits: an image may ask for less than the device gives, and more must be declared.
///
/// # Errors
/// A limit that makes no sense, by its name.
pub(crate) fn settle(
    settings: &Settings,
    image: &LimitRequest,
    declared: &LimitOverrides,
) -> Outcome<Settled> {
    check(settings, declared)?;
    let usual = &settings.limits;
    let at_most = |asked: Option<u64>, usual: u64| asked.map_or(usual, |asked| asked.min(usual));
    let wide = |declared: Option<u32>, given: u64| declared.map_or(given, u64::from);
    let stack_bytes = declared.stack_bytes.unwrap_or(settings.stack_bytes);
    let message_bytes = declared.message_bytes.unwrap_or(usual.message_bytes);
    let limits = Limits {
        stack_bytes: Some(stack_bytes),
        memory_bytes: wide(
            declared.memory_bytes,
            at_most(image.memory_bytes, usual.memory_bytes),
        ),
        storage_bytes: wide(
            declared.storage_bytes,
            at_most(image.storage_bytes, usual.storage_bytes),
        ),
        store_bytes: wide(
            declared.key_value_bytes,
            at_most(image.key_value_bytes, usual.store_bytes),
        ),
        descriptors: declared.descriptors.unwrap_or(usual.descriptors),
        sockets: declared.sockets.unwrap_or(usual.sockets),
        timers: declared.timers.unwrap_or(usual.timers),
        subscriptions: declared.subscriptions.unwrap_or(usual.subscriptions),
        queue_messages: declared.queue_messages.unwrap_or(usual.queue_messages),
        message_bytes,
        // A queue that cannot hold one message of the largest size would never get it.
        queue_bytes: usual.queue_bytes.max(message_bytes),
        ..usual.clone()
    };
    let asked = image
        .cpu_share_thousandths
        .and_then(CpuShare::from_thousandths);
    let cpu_share = match declared.cpu_share_thousandths {
        Some(thousandths) => CpuShare::from_thousandths(thousandths).unwrap_or(CpuShare::ONE),
        None => asked.map_or(CpuShare::ONE, |share| share.min(CpuShare::ONE)),
    };
    let log_bytes = declared.log_bytes.unwrap_or_else(|| {
        let asked = at_most(image.log_bytes, u64::from(settings.log_bytes));
        u32::try_from(asked).unwrap_or(settings.log_bytes)
    });
    Ok(Settled {
        limits,
        cpu_share,
        log_bytes,
        stack_bytes,
    })
}

/// Checks what was declared without looking at an image.
///
/// # Errors
/// A limit that makes no sense, by its name.
pub(crate) fn check(settings: &Settings, declared: &LimitOverrides) -> Outcome<()> {
    let most = |field: &str, said: Option<u32>, max: u32| match said {
        Some(said) if said > max => Err(Denied::new(
            RefusalKind::Invalid,
            format_args!("limits.{field}: {said} must be at most {max}"),
        )),
        _ => Ok(()),
    };
    most("descriptors", declared.descriptors, COUNT_MAX)?;
    most("sockets", declared.sockets, COUNT_MAX)?;
    most("timers", declared.timers, COUNT_MAX)?;
    most("subscriptions", declared.subscriptions, COUNT_MAX)?;
    most("queue_messages", declared.queue_messages, COUNT_MAX)?;
    most("log_bytes", declared.log_bytes, settings.log_bytes_max)?;
    if let Some(thousandths) = declared.cpu_share_thousandths
        && CpuShare::from_thousandths(thousandths).is_none()
    {
        return Err(Denied::new(
            RefusalKind::Invalid,
            format_args!(
                "limits.cpu_share_thousandths: {thousandths} must be from 1 to 10000000, where 1000 is one share"
            ),
        ));
    }
    Ok(())
}
