//! Where content is kept and how much of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where content is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Storage {
    /// A folder of this machine. It is for one node, or for several that share it.
    Folder(PathBuf),
    /// A bucket of an S3-compatible store.
    S3(S3Settings),
}

/// How to reach a bucket.
#[derive(Clone)]
pub struct S3Settings {
    /// `https://HOST[:PORT]`; the bucket goes into the path.
    pub endpoint: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// The region, `us-east-1` where the store has none.
    pub region: String,
    /// Who we are.
    pub access_key_id: String,
    /// The secret that proves it.
    pub secret_access_key: String,
    /// What stands before all names in the bucket, without slashes at its ends. May be empty.
    pub prefix: String,
    /// Whether `http://` will do: everything is readable on the way.
    pub is_http_allowed: bool,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Settings")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("access_key_id", &self.access_key_id)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// How much is accepted.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one blob.
    pub blob_bytes_max: u64,
    /// Uploads of one name space that are open at a time.
    pub uploads_max: usize,
    /// Bodies that are taken in at a time, all name spaces together: each needs up to 10 MiB of memory.
    pub parallel_bodies_max: usize,
    /// How long a body may stand still.
    pub idle_timeout: Duration,
    /// Bytes a second that a body must have brought on average, beyond the time that it may stand still.
    pub body_bytes_per_second_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // More than any module that a device holds, and room for images of other kinds.
            blob_bytes_max: 4 << 30,
            uploads_max: 256,
            parallel_bodies_max: 32,
            idle_timeout: Duration::from_secs(30),
            // A poor mobile line.
            body_bytes_per_second_min: 1 << 10,
        }
    }
}
