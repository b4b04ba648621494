//! Name look-up: `/etc/hosts` and the name servers of `/etc/resolv.conf`, on one thread of its own.
//!
//! The thread is started by the first look-up and never blocks: all look-ups are under way at once, each
//! with its time-outs, so a name server that hangs holds up nobody else. The libc's resolver is not used:
//! it blocks, and in a static binary it loads whatever libraries the device has.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_runtime::port::Lookup;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Look-ups under way at once; a container has at most one.
const LOOKUPS_MAX: usize = 256;
/// Addresses of one name that are told.
const ADDRESSES_MAX: usize = 64;
/// The time a look-up takes at most, over all servers and attempts.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(15);
/// Files whose change makes the resolver read its configuration again.
const CONFIGURATION: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

type Answer = Result<Vec<IpAddr>, Errno>;

/// Looks names up.
pub(super) struct Resolver {
    /// To the thread, once it was started.
    jobs: Mutex<Option<UnboundedSender<Job>>>,
    /// Room for look-ups, which bounds the queue of jobs too.
    room: Arc<Semaphore>,
}

struct Job {
    name: String,
    answer: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

/// A look-up under way; it is given up when this is dropped.
struct LinuxLookup(oneshot::Receiver<Answer>);

impl Default for Resolver {
    fn default() -> Self {
        Self {
            jobs: Mutex::new(None),
            room: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl Resolver {
    /// Begins a look-up.
    pub(super) fn lookup(&self, name: &str) -> Result<Box<dyn Lookup>, Errno> {
        let room = Arc::clone(&self.room)
            .try_acquire_owned()
            .map_err(|_| Errno::Again)?;
        let (answer, receiver) = oneshot::channel();
        let job = Job {
            name: name.to_owned(),
            answer,
            _room: room,
        };
        let mut jobs = self.jobs.lock();
        let jobs = match &*jobs {
            Some(jobs) => jobs,
            None => jobs.insert(start().map_err(|error| crate::errno::from_io(&error))?),
        };
        jobs.send(job).map_err(|_| Errno::Again)?;
        Ok(Box::new(LinuxLookup(receiver)))
    }
}

impl Lookup for LinuxLookup {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        // Without an answer, the thread has ended.
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(Errno::Again)))
    }
}

/// Starts the thread; it ends when the sender is dropped.
fn start() -> io::Result<UnboundedSender<Job>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let (sender, jobs) = unbounded_channel();
    std::thread::Builder::new()
        .name("resolver".into())
        .spawn(move || runtime.block_on(serve(jobs)))?;
    Ok(sender)
}

async fn serve(mut jobs: UnboundedReceiver<Job>) {
    let mut current: Option<Configured> = None;
    while let Some(job) = jobs.recv().await {
        let times = CONFIGURATION.map(changed);
        let configured = match current.take() {
            Some(configured) if configured.times == times => configured,
            _ => match configure() {
                Ok(resolver) => Configured { resolver, times },
                Err(_) => {
                    // Whoever asked may have gone.
                    let _ = job.answer.send(Err(Errno::Again));
                    continue;
                }
            },
        };
        let resolver = configured.resolver.clone();
        current = Some(configured);
        tokio::spawn(carry_out(resolver, job));
    }
}

struct Configured {
    resolver: TokioResolver,
    times: [Option<SystemTime>; 2],
}

fn changed(path: &str) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}

fn configure() -> Result<TokioResolver, NetError> {
    // Without a readable configuration, the names of `/etc/hosts` are all there are.
    let (config, mut options) =
        hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|_| {
            (
                ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
                ResolverOpts::default(),
            )
        });
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
}

async fn carry_out(resolver: TokioResolver, job: Job) {
    let Job {
        name,
        mut answer,
        _room,
    } = job;
    let found = {
        let mut search = pin!(tokio::time::timeout(
            LOOKUP_TIME_MAX,
            resolver.lookup_ip(name)
        ));
        poll_fn(|context| match answer.poll_closed(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => search.as_mut().poll(context).map(Some),
        })
        .await
    };
    let addresses = match found {
        None => return,
        Some(Err(_)) => Err(Errno::Again),
        Some(Ok(Ok(addresses))) => Ok(addresses.iter().take(ADDRESSES_MAX).collect()),
        Some(Ok(Err(error))) if error.is_no_records_found() => Err(Errno::NoEntry),
        Some(Ok(Err(NetError::Proto(_)))) => Err(Errno::NoEntry),
        Some(Ok(Err(_))) => Err(Errno::Again),
    };
    // Whoever asked may have gone.
    let _ = answer.send(addresses);
}
