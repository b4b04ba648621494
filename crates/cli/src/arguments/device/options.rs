//! What the daemon keeps for a container and a run in the foreground does not have.

use clap::Args;

// What can be changed later, too.
#[derive(Args)]
#[command(next_help_heading = "In the daemon")]
pub(crate) struct Changeable {
    /// Set another limit: storage=1m, kv=64k, descriptors=64, sockets=16, timers=8 or subscriptions=8.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) limit: Vec<String>,

    /// When to start it again after its end: no, on-failure, on-failure:N or always.
    #[arg(long, value_name = "POLICY")]
    pub(crate) restart: Option<String>,

    /// Messages that may wait for it.
    #[arg(long, value_name = "N")]
    pub(crate) queue_messages: Option<String>,

    /// Bytes of the messages that may wait for it.
    #[arg(long, value_name = "SIZE")]
    pub(crate) queue_bytes: Option<String>,

    /// What happens to a message that does not fit: drop-oldest or refuse.
    #[arg(long, value_name = "POLICY")]
    pub(crate) queue_policy: Option<String>,

    /// Bytes of one message at most.
    #[arg(long, value_name = "SIZE")]
    pub(crate) message_bytes: Option<String>,

    /// Size of a file of its output, after which the next is begun.
    #[arg(long, value_name = "SIZE")]
    pub(crate) log_max_size: Option<String>,

    /// Files of its output that are kept.
    #[arg(long, value_name = "N")]
    pub(crate) log_max_file: Option<String>,
}

// The rest.
#[derive(Args)]
#[command(next_help_heading = "In the daemon")]
pub(crate) struct DeviceOptions {
    #[command(flatten)]
    pub(crate) changeable: Changeable,

    /// Start it after another container is started, healthy or completed.
    #[arg(long, value_name = "NAME[:CONDITION]")]
    pub(crate) depends_on: Vec<String>,

    /// Give it a label.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,

    /// Time until it must have reported that it is healthy.
    #[arg(long, value_name = "TIME", visible_alias = "health-start-period")]
    pub(crate) health_start: Option<String>,

    /// Longest time between two of its reports.
    #[arg(
        long,
        value_name = "TIME",
        visible_alias = "health-interval",
        requires = "health_start"
    )]
    pub(crate) health_heartbeat: Option<String>,

    /// What is done when it is unhealthy: restart or report.
    #[arg(long, value_name = "ACTION", requires = "health_start")]
    pub(crate) health_action: Option<String>,
}

impl Changeable {
    /// The first of these that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        [
            (!self.limit.is_empty(), "--limit"),
            (self.restart.is_some(), "--restart"),
            (self.queue_messages.is_some(), "--queue-messages"),
            (self.queue_bytes.is_some(), "--queue-bytes"),
            (self.queue_policy.is_some(), "--queue-policy"),
            (self.message_bytes.is_some(), "--message-bytes"),
            (self.log_max_size.is_some(), "--log-max-size"),
            (self.log_max_file.is_some(), "--log-max-file"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

impl DeviceOptions {
    /// The first of these that was given: without the daemon none of them can be.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        self.changeable.first_given().or_else(|| {
            [
                (!self.depends_on.is_empty(), "--depends-on"),
                (!self.label.is_empty(), "--label"),
                (self.health_start.is_some(), "--health-start"),
            ]
            .into_iter()
            .find_map(|(given, name)| given.then_some(name))
        })
    }
}
