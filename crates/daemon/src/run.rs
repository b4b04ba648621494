//! The daemon from its start to its end.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use thimble_device_api::{EventKind, Timestamp};
use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::network::LinuxNetwork;
use thimble_port_linux::pool::{IDLE_MAX, Pool, THREADS_MAX};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::FileStore;
use thimble_runtime::engine::Engine;
use thimble_runtime::kernel::Schedule;
use thimble_runtime::port::NoBoard;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::bridge::{Bridge, BusPort};
use crate::control;
use crate::device::{Device, Facts, Wires, now};
use crate::events::{Events, Subject};
use crate::fleet::{Fleet, Questions};
use crate::identity::Id;
use crate::images::Images;
use crate::isolation::{self, Strictness};
use crate::logs::LogService;
use crate::observer::Teller;
use crate::recover::Failure;
use crate::service::{self, crash, notify, supervise};
use crate::settings::{self, Settings};
use crate::state::{StateStore, create_folders};
use crate::suspects;
use crate::telemetry::otlp::{self, Otlp};
use crate::telemetry::{self, Figures};
use crate::volumes::Volumes;
use crate::{api, bridge};

/// The longest time until the daemon is ready: what takes longer to be started is started while it is.
const READY_AFTER_MAX: Duration = Duration::from_secs(10);
/// The longest time that containers are given to stop when the daemon does.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Threads that wait for disks and containers at most.
const WAITING_THREADS_MAX: usize = 32;
/// Time without work after which such a thread ends.
const WAITING_THREAD_IDLE: Duration = Duration::from_secs(2);

/// Where the daemon keeps things, and how it is set.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of data.
    pub root: PathBuf,
    /// The API's socket, where none is handed over.
    pub socket: PathBuf,
    /// Other folders that the program needs: of native code, for example.
    pub writable: Vec<PathBuf>,
    /// Folders that the program reads: of settings, for example.
    pub readable: Vec<PathBuf>,
    /// What the owner sets.
    pub settings: Settings,
}

/// What the program that contains the daemon gives it.
pub trait Program {
    /// Makes the engine.
    ///
    /// # Errors
    /// Why it cannot be made.
    fn engine(&self) -> Result<Arc<dyn Engine>, String>;

    /// Opens the images.
    ///
    /// # Errors
    /// Why they cannot be opened.
    fn images(&self) -> Result<Arc<dyn Images>, String>;
}

/// Why the daemon cannot run, in words for its owner.
#[derive(Debug)]
pub struct DaemonError(String);

impl fmt::Display for DaemonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for DaemonError {}

/// An error with what was being done.
fn failed<E: fmt::Display>(doing: impl fmt::Display) -> impl FnOnce(E) -> DaemonError {
    move |error| DaemonError(format!("{doing}: {error}"))
}

/// Runs the daemon until it is asked to end. Call it while the process has one thread.
///
/// # Errors
/// [`DaemonError`] if it cannot start.
pub fn run(setup: &Setup, program: &dyn Program) -> Result<ExitCode, DaemonError> {
    let bind = service::Bind {
        path: &setup.socket,
        group: setup.settings.socket_group.as_deref(),
    };
    let sockets = service::sockets(&bind).map_err(failed("listening"))?;
    let is_child = supervise::supervisor().is_some();
    if !is_child && wants_supervisor(&setup.settings) {
        return supervise::run(&sockets, supervise::this_program)
            .map_err(failed("supervising the daemon"));
    }
    service::memory::share_one_arena();
    let parts = prepare(setup, program)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WAITING_THREADS_MAX)
        .thread_keep_alive(WAITING_THREAD_IDLE)
        .build()
        .map_err(failed("making the control thread"))?;
    let code = runtime.block_on(serve(setup, parts, sockets));
    // Whoever still waits for a disk is not waited for.
    runtime.shutdown_background();
    code
}

/// A service manager restarts it by itself; where there is none, a parent does.
fn wants_supervisor(settings: &Settings) -> bool {
    settings
        .supervisor
        .unwrap_or_else(|| std::env::var_os("NOTIFY_SOCKET").is_none())
}

/// What is there before anything runs.
struct Parts {
    device: Arc<Device>,
    told: mpsc::UnboundedReceiver<control::Control>,
    failure: Option<Failure>,
    metrics: Option<std::net::TcpListener>,
    /// The state belongs to this process as long as it lives.
    _lock: service::StateLock,
}

fn prepare(setup: &Setup, program: &dyn Program) -> Result<Parts, DaemonError> {
    let folder = setup.root.join("daemon");
    create_folders(&folder).map_err(failed(format_args!("making {}", folder.display())))?;
    let lock = service::lock(&folder).map_err(|error| DaemonError(error.to_string()))?;
    let failure = crash::take(&folder).map(|note| Failure {
        what: note.to_string(),
        container: note.container.map(Id::new),
    });
    let crash_file = crash::open(&folder).map_err(failed("opening the file that notes a crash"))?;
    crash::install(crash_file, suspects::running)
        .map_err(|error| DaemonError(error.to_string()))?;
    raise_descriptor_limit();

    let engine = program.engine().map_err(DaemonError)?;
    let images = program.images().map_err(DaemonError)?;
    let states = StateStore::open(folder.join("containers"))
        .map_err(failed("opening the states of the containers"))?;
    let reactor = Reactor::new().map_err(failed("making an epoll instance"))?;
    let pool = Pool::new(THREADS_MAX, IDLE_MAX);
    let key_values = Arc::new(FileStore::new(setup.root.join("kv"), pool.clone()));
    let (control, told) = mpsc::unbounded_channel();
    let wires = Arc::new(Wires {
        runs: RwLock::default(),
        control,
        events: Events::new(),
        questions: Questions::default(),
    });
    let machine = Machine::new(
        Devices {
            network: Box::new(LinuxNetwork::new(reactor.clone())),
            board: Box::new(NoBoard),
            store: Box::new(Arc::clone(&key_values)),
            observer: Box::new(Teller(Arc::clone(&wires))),
            reactor,
        },
        Schedule::default(),
    );
    let metrics = match setup.settings.metrics {
        None => None,
        Some(address) => Some(
            std::net::TcpListener::bind(address)
                .map_err(failed(format_args!("listening on {address} for metrics")))?,
        ),
    };
    let fleet = Fleet::prepare(&folder, setup.settings.fleet.as_ref()).map_err(DaemonError)?;
    let isolation = confine(setup, fleet.restart_program())?;
    let device = Device {
        machine,
        engine,
        images,
        states,
        logs: LogService::start().map_err(failed("starting the log"))?,
        log_folder: folder.join("logs"),
        volumes: Volumes::new(setup.root.join("volumes")),
        key_values,
        pool,
        binds: setup.settings.folders.clone(),
        wires,
        table: RwLock::default(),
        waiting: Mutex::default(),
        apps: Mutex::default(),
        bridges: Mutex::default(),
        fleet,
        ready: AtomicBool::new(false),
        closing: AtomicBool::new(false),
        facts: Facts {
            root: setup.root.clone(),
            workers: workers(&setup.settings),
            started_at: Timestamp::now(),
            started: now(),
            isolation,
            last_failure: failure.as_ref().map(|failure| failure.what.clone()),
            damaged: Mutex::default(),
        },
    };
    Ok(Parts {
        device: Arc::new(device),
        told,
        failure,
        metrics,
        _lock: lock,
    })
}

fn workers(settings: &Settings) -> u32 {
    let processors = || {
        std::thread::available_parallelism()
            .map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
    };
    settings.workers.map_or_else(processors, u32::from).max(1)
}

/// Containers that run may have a thousand files open each.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

/// Gives up what is not needed; what that was, in words.
fn confine(setup: &Setup, restart_program: Option<PathBuf>) -> Result<Vec<String>, DaemonError> {
    let strictness = match setup.settings.isolation {
        settings::Isolation::Require => Strictness::Require,
        settings::Isolation::BestEffort => Strictness::BestEffort,
        settings::Isolation::Off => Strictness::Off,
    };
    let there = |folder: &&PathBuf| folder.exists();
    let program = std::env::current_exe().map_err(failed("finding this program"))?;
    let mut read_write = vec![setup.root.clone()];
    read_write.extend(setup.writable.iter().filter(there).cloned());
    read_write.extend(setup.settings.folders.iter().filter(there).cloned());
    let wanted = isolation::Isolation {
        read_write,
        read_only: setup.readable.iter().filter(there).cloned().collect(),
        executables: std::iter::once(program).chain(restart_program).collect(),
        ..isolation::Isolation::default()
    };
    let report =
        isolation::apply(&wanted, strictness).map_err(|error| DaemonError(error.to_string()))?;
    for missing in report.missing() {
        tracing::warn!("{missing}");
    }
    Ok(report.in_force().to_vec())
}

async fn serve(
    setup: &Setup,
    parts: Parts,
    sockets: service::Sockets,
) -> Result<ExitCode, DaemonError> {
    let Parts {
        device,
        told,
        failure,
        metrics,
        _lock,
    } = parts;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("hearing signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("hearing signals"))?;
    let count = usize::try_from(device.facts.workers).unwrap_or(1);
    let workers = device
        .machine
        .spawn_workers(count)
        .map_err(failed("starting the workers"))?;
    tokio::spawn(control::run(Arc::clone(&device), told));

    let recovering = Arc::clone(&device);
    let recovered = spawn_blocking(move || recovering.recover(failure.as_ref()));
    let entries = recovered
        .await
        .map_err(failed("bringing the containers back"))?
        .map_err(|problem| DaemonError(problem.to_string()))?;
    let opening = Arc::clone(&device);
    spawn_blocking(move || opening.open_fleet())
        .await
        .map_err(failed("opening what the fleet keeps"))?;

    sockets
        .api
        .set_nonblocking(true)
        .map_err(failed("opening the socket"))?;
    let listener = sockets
        .api
        .try_clone()
        .map_err(failed("opening the socket"))?;
    let listener = UnixListener::from_std(listener).map_err(failed("opening the socket"))?;
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let router = api::router(Arc::clone(&device));
    let serving = tokio::spawn(api::serve(listener, router, async {
        // Its other end is dropped at the latest when the daemon ends.
        drop(closed.await);
    }));
    let _otlp = join_others(setup, &device, metrics.or(sockets.metrics))?;

    let resuming = Arc::clone(&device);
    let resumed = spawn_blocking(move || resuming.resume(&entries));
    tokio::select! {
        _ = resumed => {}
        () = tokio::time::sleep(READY_AFTER_MAX) => {}
    }
    service::memory::give_back();
    device.ready.store(true, Ordering::Release);
    device
        .wires
        .events
        .tell(EventKind::DaemonReady, Subject::default(), []);
    notify::ready(sockets.readiness).map_err(failed("saying that the daemon is ready"))?;
    tracing::info!("ready: {} containers", device.entries().len());
    watch(&device);
    device.join_fleet();

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("going down");
    drop(notify::stopping());
    close_down(&device).await;
    drop(close);
    drop(serving.await);
    let flushing = Arc::clone(&device);
    drop(spawn_blocking(move || flushing.logs.flush()).await);
    drop(workers);
    Ok(ExitCode::SUCCESS)
}

/// Starts what joins the device with others, where that is wanted. Figures are sent as long as the result lives.
fn join_others(
    setup: &Setup,
    device: &Arc<Device>,
    metrics: Option<std::net::TcpListener>,
) -> Result<Option<Otlp>, DaemonError> {
    let figures: Arc<dyn Figures> = Arc::clone(device) as Arc<dyn Figures>;
    if let Some(listener) = metrics {
        listener
            .set_nonblocking(true)
            .map_err(failed("serving metrics"))?;
        tokio::spawn(telemetry::serve(listener, Arc::clone(&figures)));
    }
    let otlp = match &setup.settings.otlp {
        None => None,
        Some(otlp) => {
            Some(otlp::spawn(otlp, figures, &resource()).map_err(failed("sending figures"))?)
        }
    };
    bridge::BridgeSettings::check_all(&setup.settings.bridge).map_err(failed("bridge"))?;
    for settings in &setup.settings.bridge {
        let machine = device.machine.clone();
        let port = BusPort {
            id: device.machine.new_id(),
            with_bus: Arc::new(move |use_bus| machine.with_bus(use_bus)),
            now,
        };
        let bridge = Bridge::spawn(settings.clone(), port);
        device.bridges.lock().push(bridge);
    }
    Ok(otlp)
}

/// Who sends figures, in the words of OpenTelemetry's semantic conventions.
fn resource() -> Vec<(String, String)> {
    let name = rustix::system::uname();
    [
        ("service.name", "thimble"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("host.name", name.nodename().to_str().unwrap_or("unknown")),
        ("os.type", "linux"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

/// Tells the service manager that the daemon lives, as long as containers can be looked at.
fn watch(device: &Arc<Device>) {
    let Some(watchdog) = notify::Watchdog::from_environment() else {
        return;
    };
    let device = Arc::clone(device);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(watchdog.interval / 2);
        loop {
            ticks.tick().await;
            let looking = Arc::clone(&device);
            // A lock that is never given back keeps this from coming back, and the watchdog from being fed.
            let alive = spawn_blocking(move || looking.is_alive())
                .await
                .unwrap_or(false);
            drop(watchdog.ping(|| alive));
        }
    });
}

/// Stops every container, those that others depend on last.
async fn close_down(device: &Arc<Device>) {
    device.leave_fleet().await;
    device.closing.store(true, Ordering::Release);
    device
        .wires
        .events
        .tell(EventKind::DaemonStopping, Subject::default(), []);
    let stopping = Arc::clone(device);
    let stopped = spawn_blocking(move || stopping.stop_all());
    tokio::select! {
        _ = stopped => {}
        () = tokio::time::sleep(STOP_MAX) => tracing::warn!("some containers did not stop in time"),
    }
    let bridges = std::mem::take(&mut *device.bridges.lock());
    for bridge in bridges {
        bridge.close().await;
    }
}

/// Writes what the daemon has to say to standard error, a line each.
pub fn log_to_standard_error(colored: bool) {
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(colored)
        .with_target(false)
        .with_writer(std::io::stderr)
        // A service manager notes the time by itself.
        .without_time()
        .with_max_level(tracing::Level::INFO)
        .finish();
    // There is one already where a test has made it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
