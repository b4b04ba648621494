//! How much of everything a message may hold.
//!
//! A microcontroller has some 256 KiB of memory, and reads a state or a manifest as a whole before it believes it; a hub reads
//! reports of a hundred thousand devices. Both refuse what is larger than this, whoever signed it.

/// Bytes of a desired state at most: 64 deployments with a name's worth of text take 6 KB, and the rest is for secrets.
pub const STATE_BYTES_MAX: u32 = 64 << 10;
/// Bytes of a manifest at most: 32 containers with 2 KB of environment and grants each.
pub const MANIFEST_BYTES_MAX: u32 = 64 << 10;
/// Bytes of a report at most: 64 deployments with all their containers, or 1,000 log lines of 250 bytes.
pub const REPORT_BYTES_MAX: u32 = 256 << 10;
/// Bytes of the answer to a report at most: 16 requests take 2 KB.
pub const REPLY_BYTES_MAX: u32 = 8 << 10;
/// Bytes of an enrolment's request at most: a certification request for P-256 has 300 to 2,000 bytes.
pub const ENROL_REQUEST_BYTES_MAX: u32 = 32 << 10;
/// Bytes of an enrolment's answer at most: 8 certificates with 4 KiB each.
pub const ENROL_REPLY_BYTES_MAX: u32 = 48 << 10;
/// Bytes of capabilities at most, which are also part of other messages.
pub const CAPABILITIES_BYTES_MAX: u32 = 24 << 10;
/// Bytes that an envelope has beside its payload at most: tag, headers, signature. Ours has 124 and 127.
pub const ENVELOPE_EXTRA_BYTES_MAX: u32 = 1 << 10;

/// Data items of a message at most, whoever they are inside of: some 30 bytes of memory for each.
pub const DATA_ITEMS_MAX: u32 = 16_384;
/// Maps and lists inside each other at most: the deepest message that is known, a manifest, has 6, and later ones may have more.
pub const DEPTH_MAX: u32 = 8;

/// Deployments of a device at most.
pub const DEPLOYMENTS_MAX: u32 = 64;
/// Containers of a deployment at most.
pub const CONTAINERS_MAX: u32 = 32;
/// Windows of a device at most: one for each day and shift.
pub const WINDOWS_MAX: u32 = 32;
/// Secrets of a device at most.
pub const SECRETS_MAX: u32 = 64;
/// Rungs of a ladder at most: there are five steps, and some are worth a second try.
pub const RUNGS_MAX: u32 = 16;
/// Recovery URLs at most.
pub const RECOVERY_URLS_MAX: u32 = 4;
/// Keys that may sign at a time: one that is being replaced, one that replaces it, and one for the worst.
pub const KEYS_MAX: u32 = 4;
/// Deployments that one depends on at most.
pub const DEPENDENCIES_MAX: u32 = 16;
/// Arguments of a container at most.
pub const ARGUMENTS_MAX: u32 = 64;
/// Environment variables of a container at most.
pub const VARIABLES_MAX: u32 = 64;
/// Grants at most.
pub const GRANTS_MAX: u32 = 64;
/// Volumes of a container at most.
pub const MOUNTS_MAX: u32 = 16;
/// Addresses that a container listens on at most.
pub const LISTEN_MAX: u32 = 16;
/// Blobs that come with an image at most.
pub const REFERRERS_MAX: u32 = 16;
/// Labels that a device sets itself at most.
pub const LABELS_MAX: u32 = 32;
/// Notes of a report at most.
pub const NOTES_MAX: u32 = 32;
/// Log lines of a report at most.
pub const LOG_LINES_MAX: u32 = 1_000;
/// Requests of an answer at most.
pub const REQUESTS_MAX: u32 = 16;
/// Certificates of a chain, and authorities, at most.
pub const CERTIFICATES_MAX: u32 = 4;

/// Bytes of a name at most: a DNS label (RFC 1035), so that names can become host names.
pub const NAME_BYTES_MAX: u32 = 63;
/// Bytes of a word at most: a state, a version, a model.
pub const WORD_BYTES_MAX: u32 = 128;
/// Bytes of a path, a grant, or an image's reference at most.
pub const PATH_BYTES_MAX: u32 = 255;
/// Bytes of a URL at most.
pub const URL_BYTES_MAX: u32 = 512;
/// Bytes of what people read at most: a sentence or two.
pub const TEXT_BYTES_MAX: u32 = 1_024;
/// Bytes of an argument, a variable or a log line at most.
pub const LINE_BYTES_MAX: u32 = 4_096;
/// Bytes of a secret at most, before it is sealed: a private key with its certificates.
pub const SECRET_BYTES_MAX: u32 = 4_096;
/// Bytes that sealing adds: the encapsulated key (65) and the tag (16).
pub const SEAL_BYTES: u32 = 81;
/// Bytes of a certificate at most.
pub const CERTIFICATE_BYTES_MAX: u32 = 4_096;
/// Bytes of a certification request at most.
pub const CSR_BYTES_MAX: u32 = 4_096;
