//! What the devices' listener is set to.

use core::time::Duration;

/// Limits and rhythms. The defaults keep 100,000 devices on 2 cores and 4 GB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where devices are told to call: `https://host:port`.
    pub public_url: String,
    /// Connections at once; more are closed at once.
    pub connections_max: usize,
    /// Connections of one address at once (of one /64 of IPv6). Many devices may be behind one address.
    pub connections_per_address_max: u32,
    /// Handshakes at once; more wait in the system's queue, so that those that began end in time.
    pub handshakes_max: usize,
    /// Handshakes of one address at once; more are closed at once.
    pub handshakes_per_address_max: u32,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take from its first byte on.
    pub head_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// How long a connection may say nothing between requests.
    pub idle_timeout: Duration,
    /// The longest that a poll waits.
    pub wait_max_s: u32,
    /// The shortest and longest pause between polls that devices are told.
    pub next_poll_min_s: u32,
    /// See [`Self::next_poll_min_s`].
    pub next_poll_max_s: u32,
    /// Polls per second that this node wants of all devices together.
    pub polls_per_s: u32,
    /// Devices put off a change by up to so many seconds, each by another time, so that they do not fetch all at once.
    pub delay_apply_max_s: u32,
    /// Things at once that devices make the store do.
    pub store_tasks_max: usize,
    /// How many more may wait for that; beyond it devices are sent away for a while.
    pub store_queue_max: usize,
    /// How long one may wait for that.
    pub store_wait: Duration,
    /// Blobs that are sent at once.
    pub blobs_max: usize,
    /// How often the times of devices' last contacts are written.
    pub seen_flush: Duration,
    /// How long devices' certificates are valid.
    pub certificate_s: u64,
    /// Devices are told to renew when so much is left of their certificate.
    pub renew_left_s: u64,
    /// What a device that waits for approval is told to wait.
    pub pending_retry_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "https://localhost:7443".to_owned(),
            connections_max: 250_000,
            connections_per_address_max: 4096,
            handshakes_max: 512,
            handshakes_per_address_max: 128,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            // Longer than any pause that is told, so that those who come back in time find their connection.
            idle_timeout: Duration::from_secs(4000),
            wait_max_s: 600,
            next_poll_min_s: 5,
            next_poll_max_s: 3600,
            polls_per_s: 2000,
            delay_apply_max_s: 0,
            store_tasks_max: 16,
            store_queue_max: 20_000,
            store_wait: Duration::from_secs(20),
            blobs_max: 512,
            seen_flush: Duration::from_secs(5),
            certificate_s: 90 * 86_400,
            renew_left_s: 30 * 86_400,
            pending_retry_s: 60,
        }
    }
}
