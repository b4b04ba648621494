//! The keys of records and the numbers of choices: they are the protocol. Add, never change; `spec/fleet.cddl` has them too.

use super::DecodeError;
use super::checks;
use super::field::{Decoder, Encoder, Entry, Field, Limit, written, wrong_type};
use crate::capabilities::Capabilities;
use crate::enrol::{EnrolReply, EnrolRequest, Issued};
use crate::limits as max;
use crate::manifest::{
    Blob, Container, Health, Image, Limits, Manifest, Mount, SecretVariable, UpdateRules,
};
use crate::report::{
    ContainerStatus, DeploymentState, DeploymentStatus, LogAnswer, LogRequest, Note, Phase, Reason,
    ReasonCode, Report, ReportReply, Usage,
};
use crate::state::{
    DesiredState, Escalation, Item, Rung, SealedSecret, SigningKey, UpdatePolicy, Window,
};

const NONE: Limit = Limit::NONE;
const NAME: Limit = Limit::text(max::NAME_BYTES_MAX);
const WORD: Limit = Limit::text(max::WORD_BYTES_MAX);
const PATH: Limit = Limit::text(max::PATH_BYTES_MAX);
const TEXT: Limit = Limit::text(max::TEXT_BYTES_MAX);
const CONTAINER_PATH: Limit = Limit::text(2 * max::NAME_BYTES_MAX + 1);
const DER: u32 = max::CERTIFICATE_BYTES_MAX;

/// Records: key, field, how much the field may hold; then the rules that the whole obeys.
macro_rules! records {
    ($($record:ident { $($key:literal $field:ident: $limit:expr),* $(,)? } $check:expr;)*) => {$(
        impl Field for $record {
            fn absent() -> Option<Self> {
                Some(Self { $($field: Field::absent()?),* })
            }

            fn is_blank(&self) -> bool {
                $(self.$field.is_blank())&&*
            }

            fn write(&self, encoder: &mut Encoder) {
                let entries = 0_u64 $(+ u64::from(!self.$field.is_blank()))*;
                written(encoder.map(entries));
                $(if !self.$field.is_blank() {
                    written(encoder.u32($key));
                    self.$field.write(encoder);
                })*
            }

            fn read(decoder: &mut Decoder<'_>, _: Limit, name: &'static str) -> Result<Self, DecodeError> {
                $(let mut $field = None;)*
                read_map(decoder, name, stringify!($record), &mut |key, decoder| {
                    match key {
                        $($key => {
                            $field = Some(Field::read(
                                decoder,
                                $limit,
                                concat!(stringify!($record), ".", stringify!($field)),
                            )?);
                        })*
                        _ => decoder.skip().map_err(wrong_type(name))?,
                    }
                    Ok(())
                })?;
                let record = Self {
                    $($field: $field.or_else(Field::absent).ok_or(DecodeError::Missing {
                        field: concat!(stringify!($record), ".", stringify!($field)),
                    })?),*
                };
                let check: fn(&Self) -> Result<(), DecodeError> = $check;
                check(&record)?;
                Ok(record)
            }
        }

        impl Entry for $record {}
    )*};
}

/// Reads a map whose keys are numbers and ascend.
fn read_map(
    decoder: &mut Decoder<'_>,
    field: &'static str,
    record: &'static str,
    read: &mut dyn FnMut(u64, &mut Decoder<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let entries = decoder.map().map_err(wrong_type(field))?.unwrap_or(0);
    let mut last = None;
    for _ in 0..entries {
        let key = decoder.u64().map_err(wrong_type(record))?;
        if last.is_some_and(|last| key <= last) {
            return Err(DecodeError::KeyOrder { record, key });
        }
        last = Some(key);
        read(key, decoder)?;
    }
    Ok(())
}

/// Choices and their numbers; what an unknown number is read as, if it may be passed over. That has the greatest number of one
/// byte, so that a message never becomes longer by being read.
macro_rules! choices {
    ($($choice:ident { $($variant:ident = $number:literal),* $(,)? } $absent:expr, $unknown:expr;)*) => {$(
        impl Field for $choice {
            fn absent() -> Option<Self> {
                $absent
            }

            fn is_blank(&self) -> bool {
                Some(*self) == $absent
            }

            fn write(&self, encoder: &mut Encoder) {
                let number: u32 = match self {
                    $(Self::$variant => $number),*
                };
                written(encoder.u32(number));
            }

            fn read(decoder: &mut Decoder<'_>, _: Limit, field: &'static str) -> Result<Self, DecodeError> {
                let unknown: Option<Self> = $unknown;
                let number = decoder.u64().map_err(wrong_type(field))?;
                match number {
                    $($number => Ok(Self::$variant),)*
                    _ => unknown.ok_or(DecodeError::UnknownChoice { field, number }),
                }
            }
        }
    )*};
}

records! {
    DesiredState {
        1 device: NONE,
        2 version: NONE,
        3 issued_at: NONE,
        4 items: Limit::list(max::DEPLOYMENTS_MAX),
        5 policy: NONE,
        6 secrets: Limit::list(max::SECRETS_MAX),
        7 ladder: Limit::list(max::RUNGS_MAX),
        8 recovery_urls: Limit::texts(max::RECOVERY_URLS_MAX, max::URL_BYTES_MAX),
        9 next_keys: Limit::list(max::KEYS_MAX),
    } checks::state;
    Item { 1 deployment: NONE, 2 manifest: NONE, 3 manifest_bytes: NONE, 4 override_reason: TEXT } checks::item;
    UpdatePolicy { 1 windows: Limit::list(max::WINDOWS_MAX), 2 hold_until: NONE, 3 is_held: NONE } checks::none;
    Window { 1 days: NONE, 2 begin_minute: NONE, 3 minutes: NONE, 4 utc_offset_minutes: NONE } checks::window;
    SealedSecret {
        1 name: WORD,
        2 revision: NONE,
        3 sealed: Limit::text(max::SECRET_BYTES_MAX + max::SEAL_BYTES),
    } checks::sealed;
    Rung { 1 after_s: NONE, 2 step: NONE } checks::none;
    SigningKey { 1 id: NONE, 2 point: Limit::text(33) } checks::signing_key;

    Manifest {
        1 deployment: NONE,
        2 app: NAME,
        3 version: WORD,
        4 containers: Limit::list(max::CONTAINERS_MAX),
        5 update: NONE,
        6 depends_on: Limit::list(max::DEPENDENCIES_MAX),
    } checks::manifest;
    Container {
        1 name: NAME,
        2 image: NONE,
        3 args: Limit::texts(max::ARGUMENTS_MAX, max::LINE_BYTES_MAX),
        4 env: Limit::texts(max::VARIABLES_MAX, max::LINE_BYTES_MAX),
        5 secret_env: Limit::list(max::VARIABLES_MAX),
        6 grants: Limit::texts(max::GRANTS_MAX, max::PATH_BYTES_MAX),
        7 mounts: Limit::list(max::MOUNTS_MAX),
        8 listen: Limit::texts(max::LISTEN_MAX, max::PATH_BYTES_MAX),
        9 limits: NONE,
        10 restart: WORD,
        11 health: NONE,
        12 depends_on: Limit::texts(max::CONTAINERS_MAX, max::NAME_BYTES_MAX),
    } checks::container;
    Image {
        1 reference: PATH,
        2 manifest: NONE,
        3 manifest_bytes: NONE,
        4 config: NONE,
        5 config_bytes: NONE,
        6 layer: NONE,
        7 layer_bytes: NONE,
        8 referrers: Limit::list(max::REFERRERS_MAX),
    } checks::none;
    Blob { 1 digest: NONE, 2 bytes: NONE } checks::none;
    SecretVariable { 1 variable: WORD, 2 secret: WORD } checks::secret_variable;
    Mount { 1 volume: NAME, 2 target: PATH, 3 is_read_only: NONE } checks::mount;
    Limits {
        1 memory_bytes: NONE,
        2 cpu_share_thousandths: NONE,
        3 storage_bytes: NONE,
        4 key_value_bytes: NONE,
        5 descriptors: NONE,
        6 sockets: NONE,
        7 timers: NONE,
        8 subscriptions: NONE,
    } checks::none;
    Health { 1 start_ms: NONE, 2 heartbeat_ms: NONE } checks::none;
    UpdateRules { 1 consent_ms: NONE, 2 ask_again_s: NONE, 3 probation_s: NONE, 4 hub_within_s: NONE } checks::none;

    Report {
        1 sequence: NONE,
        2 adopted: NONE,
        3 committed: NONE,
        4 now: NONE,
        5 up_s: NONE,
        6 deployments: Limit::list(max::DEPLOYMENTS_MAX),
        7 capabilities: NONE,
        8 usage: NONE,
        9 notes: Limit::list(max::NOTES_MAX),
        10 logs: NONE,
    } checks::report;
    DeploymentStatus {
        1 deployment: NONE,
        2 manifest: NONE,
        3 running: NONE,
        4 state: NONE,
        5 phase: NONE,
        6 reason: NONE,
        7 containers: Limit::list(max::CONTAINERS_MAX),
    } checks::none;
    Reason { 1 code: NONE, 2 text: TEXT } checks::none;
    ContainerStatus { 1 name: NAME, 2 state: WORD, 3 health: WORD, 4 restarts: NONE, 5 last_end: TEXT } checks::none;
    Usage { 1 ram_bytes: NONE, 2 storage_bytes: NONE } checks::none;
    Note { 1 at: NONE, 2 code: WORD, 3 text: TEXT } checks::none;
    LogAnswer {
        1 request: NONE,
        2 lines: Limit::texts(max::LOG_LINES_MAX, max::LINE_BYTES_MAX),
        3 error: TEXT,
    } checks::none;
    ReportReply {
        1 sequence: NONE,
        2 requests: Limit::list(max::REQUESTS_MAX),
        3 renew_certificate: NONE,
        4 send_all: NONE,
    } checks::none;
    LogRequest { 1 request: NONE, 2 container: CONTAINER_PATH, 3 lines: NONE } checks::none;

    EnrolRequest { 1 csr: Limit::text(max::CSR_BYTES_MAX), 2 claim_code: WORD, 3 capabilities: NONE } checks::enrol_request;
    Issued {
        1 device: NONE,
        2 chain: Limit::texts(max::CERTIFICATES_MAX, DER),
        3 authorities: Limit::texts(max::CERTIFICATES_MAX, DER),
        4 keys: Limit::list(max::KEYS_MAX),
        5 hub: Limit::text(max::URL_BYTES_MAX),
    } checks::issued;
    Pending { 1 retry_s: NONE, 2 fingerprint: WORD } checks::none;

    Capabilities {
        1 vendor: WORD,
        2 model: WORD,
        3 serial: WORD,
        4 architecture: WORD,
        5 runtime: WORD,
        6 engine: WORD,
        7 cores: NONE,
        8 ram_bytes: NONE,
        9 storage_bytes: NONE,
        10 containers_max: NONE,
        11 grants: Limit::texts(max::GRANTS_MAX, max::PATH_BYTES_MAX),
        12 labels: Limit::texts(max::LABELS_MAX, max::PATH_BYTES_MAX),
    } checks::none;
}

choices! {
    Escalation { Reconnect = 0, Recovery = 1, RollBack = 2, RestartAgent = 3, RestartDevice = 4 } None, None;
    DeploymentState {
        Pending = 0, Installing = 1, Installed = 2, Failed = 3, Removing = 4, Removed = 5,
    } Some(Self::Pending), None;
    Phase {
        Idle = 0, Fetching = 1, Verifying = 2, Asking = 3, Vetoed = 4, Waiting = 5, Switching = 6, Probation = 7,
        RollingBack = 8, RolledBack = 9, Other = 23,
    } Some(Self::Idle), Some(Self::Other);
    ReasonCode {
        Unavailable = 0, WrongDigest = 1, Untrusted = 2, DoesNotFit = 3, Unsupported = 4, Invalid = 5, Vetoed = 6,
        OutsideWindow = 7, Held = 8, StartFailed = 9, Crashed = 10, Unhealthy = 11, HubNotReached = 12, FailedBefore = 13,
        Dependency = 14, Secret = 15, Other = 23,
    } None, Some(Self::Other);
}

/// The fields of [`EnrolReply::Pending`].
struct Pending {
    retry_s: u32,
    fingerprint: alloc::string::String,
}

/// Which of the two it is, is the key.
impl Field for EnrolReply {
    fn absent() -> Option<Self> {
        None
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.map(1));
        match self {
            Self::Issued(issued) => {
                written(encoder.u32(1));
                issued.write(encoder);
            }
            Self::Pending {
                retry_s,
                fingerprint,
            } => {
                let pending = Pending {
                    retry_s: *retry_s,
                    fingerprint: fingerprint.clone(),
                };
                written(encoder.u32(2));
                pending.write(encoder);
            }
        }
    }

    fn read(decoder: &mut Decoder<'_>, _: Limit, name: &'static str) -> Result<Self, DecodeError> {
        let mut reply = None;
        read_map(decoder, name, name, &mut |key, decoder| {
            match key {
                1 => {
                    reply = Some(Self::Issued(Field::read(
                        decoder,
                        NONE,
                        "EnrolReply.issued",
                    )?))
                }
                2 => {
                    let Pending {
                        retry_s,
                        fingerprint,
                    } = Field::read(decoder, NONE, "EnrolReply.pending")?;
                    reply = Some(Self::Pending {
                        retry_s,
                        fingerprint,
                    });
                }
                _ => decoder.skip().map_err(wrong_type(name))?,
            }
            Ok(())
        })?;
        reply.ok_or(DecodeError::Missing {
            field: "EnrolReply.issued",
        })
    }
}
