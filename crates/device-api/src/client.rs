//! A client over the daemon's socket: HTTP/1.1, one connection for each request.
//!
//! It waits for its answers like a function does. Inside, each client has a runtime of its own on the thread that calls;
//! nothing of it runs between two calls. What the daemon sends is bounded before it is kept.

mod error;
mod exchange;
mod query;
mod stream;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::PathBuf;

use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{AppSpec, AppStatus, Plan};
use crate::bus::{BusMessage, BusStatus, Publish, Published};
use crate::container::{Container, Created};
use crate::device::{Device, LoadedImage, PullProgress, PullRequest, Volume};
use crate::event::Event;
use crate::fleet::{FleetEnrol, FleetStatus};
use crate::log::LogLine;
use crate::record::ExitRecord;
use crate::spec::{ContainerSpec, Update};
use crate::stats::Stats;

use exchange::{Answer, Outgoing, Wire};
use query::Target;

pub use error::ClientError;
pub use query::{EventQuery, LogQuery};
pub use stream::{Canceller, Download, LINE_BYTES_MAX, Lines};

/// Bytes of an answer that is kept whole at most.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What is waited for until a container is so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// It runs.
    Running,
    /// It has reported that it is healthy.
    Healthy,
}

impl Milestone {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Healthy => "healthy",
        }
    }
}

/// Asks the daemon, and waits for what it says.
///
/// Containers are named by their name, their id, or the beginning of an id that only one has.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
}

/// What the daemon said, or why it did not.
type Said<T> = Result<T, ClientError>;

impl Client {
    /// A client of the daemon that listens on this socket. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Io`] if the system has no descriptor left.
    pub fn new(socket: PathBuf) -> Said<Self> {
        Ok(Self {
            wire: Wire::new(socket)?,
        })
    }

    /// The daemon and the device.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn device(&self) -> Said<Device> {
        self.fetch(&Target::new(["device"])?)
    }

    /// The device as one of a fleet.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn fleet(&self) -> Said<FleetStatus> {
        self.fetch(&Target::new(["fleet"])?)
    }

    /// Makes the device one of a hub's fleet.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn enrol(&self, enrol: &FleetEnrol) -> Said<()> {
        let target = Target::new(["fleet", "enrol"])?;
        self.send(Method::POST, &target, Outgoing::json(enrol)?)
            .map(drop)
    }

    /// Keeps everything as it is, whatever the hub wants; or takes that back.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn hold_fleet(&self, hold: bool) -> Said<()> {
        let word = if hold { "hold" } else { "release" };
        self.done(Method::POST, &Target::new(["fleet", word])?)
    }

    /// Takes the device's state from a bundle.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn import_bundle(&self, bundle: impl Read + Send + 'static) -> Said<()> {
        let target = Target::new(["fleet", "import"])?;
        self.send(Method::POST, &target, Outgoing::bytes(bundle))
            .map(drop)
    }

    /// Whether the daemon is ready; if it is not, its problem says why.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn health(&self) -> Said<()> {
        self.done(Method::GET, &Target::new(["health"])?)
    }

    /// The containers: those that have not ended, or all; of one app, or of any.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn containers(&self, all: bool, app: Option<&str>) -> Said<Vec<Container>> {
        self.fetch(
            &Target::new(["containers"])?
                .flag("all", all)
                .value("app", app),
        )
    }

    /// Makes a container, and starts it if that is wanted.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn create(&self, spec: &ContainerSpec, start: bool) -> Said<Created> {
        let target = Target::new(["containers"])?.flag("start", start);
        self.post(&target, spec)
    }

    /// A container.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn container(&self, name: &str) -> Said<Container> {
        self.fetch(&Target::new(["containers", name])?)
    }

    /// Removes a container: one that runs only by force. Its volumes stay unless they are to go.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn remove(&self, name: &str, force: bool, volumes: bool) -> Said<()> {
        let target = Target::new(["containers", name])?
            .flag("force", force)
            .flag("volumes", volumes);
        self.done(Method::DELETE, &target)
    }

    /// Changes a container, whether it runs or not.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn update(&self, name: &str, update: &Update) -> Said<Container> {
        let target = Target::new(["containers", name])?;
        self.send(Method::PATCH, &target, Outgoing::json(update)?)?
            .json()
    }

    /// Starts a container.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn start(&self, name: &str) -> Said<Container> {
        self.order(name, "start", None)
    }

    /// Stops a container, and waits for its end.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn stop(&self, name: &str, grace_ms: Option<u64>) -> Said<Container> {
        self.order(name, "stop", grace_ms)
    }

    /// Kills a container.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn kill(&self, name: &str) -> Said<Container> {
        self.order(name, "kill", None)
    }

    /// Keeps a container from running.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn pause(&self, name: &str) -> Said<Container> {
        self.order(name, "pause", None)
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn unpause(&self, name: &str) -> Said<Container> {
        self.order(name, "unpause", None)
    }

    /// Stops a container and starts it again.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn restart(&self, name: &str, grace_ms: Option<u64>) -> Said<Container> {
        self.order(name, "restart", grace_ms)
    }

    fn order(&self, name: &str, order: &str, grace_ms: Option<u64>) -> Said<Container> {
        let target = Target::new(["containers", name, order])?.value("grace_ms", grace_ms);
        self.send(Method::POST, &target, Outgoing::Empty)?.json()
    }

    /// Waits for the end of a container's run, for as long as it takes.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn wait_ended(&self, name: &str) -> Said<ExitRecord> {
        self.fetch(&Target::new(["containers", name, "wait"])?.value("condition", Some("ended")))
    }

    /// Waits until a container is so far, for as long as it takes.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn wait_for(&self, name: &str, milestone: Milestone) -> Said<Container> {
        let target = Target::new(["containers", name, "wait"])?;
        self.fetch(&target.value("condition", Some(milestone.name())))
    }

    /// The lines that are kept of a container's output, and, if that is wanted, those that come.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn logs(&self, name: &str, query: &LogQuery) -> Said<Lines<LogLine>> {
        self.lines(&query.on(Target::new(["containers", name, "logs"])?))
    }

    /// A container's output from now on, until its run ends.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn attach(&self, name: &str) -> Said<Lines<LogLine>> {
        self.lines(&Target::new(["containers", name, "attach"])?)
    }

    /// Passes bytes to a container's standard input as they come, and ends it then if that is wanted.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn send_stdin(
        &self,
        name: &str,
        input: impl Read + Send + 'static,
        close: bool,
    ) -> Said<()> {
        let target = Target::new(["containers", name, "stdin"])?.flag("close", close);
        self.send(Method::POST, &target, Outgoing::bytes(input))?
            .ignore()
    }

    /// What containers use: these, or all that run.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn stats(&self, names: &[String]) -> Said<Vec<Stats>> {
        self.fetch(&Target::new(["stats"])?.values("container", names))
    }

    /// The same again and again, every second.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn stats_stream(&self, names: &[String]) -> Said<Lines<Vec<Stats>>> {
        let target = Target::new(["stats"])?.flag("stream", true);
        self.lines(&target.values("container", names))
    }

    /// What happened, and, if that is wanted, what happens.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn events(&self, query: &EventQuery) -> Said<Lines<Event>> {
        self.lines(&query.on(Target::new(["events"])?))
    }

    /// A file or folder of a container's volumes, as a tar archive.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn files(&self, name: &str, path: &str) -> Said<Download> {
        let target = Target::new(["containers", name, "files"])?.value("path", Some(path));
        Ok(self.send(Method::GET, &target, Outgoing::Empty)?.download())
    }

    /// Puts what a tar archive holds into a folder of a container's volumes.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn put_files(
        &self,
        name: &str,
        path: &str,
        archive: impl Read + Send + 'static,
    ) -> Said<()> {
        let target = Target::new(["containers", name, "files"])?.value("path", Some(path));
        self.send(Method::PUT, &target, Outgoing::archive(archive))?
            .ignore()
    }

    /// The apps.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn apps(&self) -> Said<Vec<AppStatus>> {
        self.fetch(&Target::new(["apps"])?)
    }

    /// An app, with what was declared.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn app(&self, name: &str) -> Said<AppStatus> {
        self.fetch(&Target::new(["apps", name])?)
    }

    /// Brings an app to what is declared, and says what was done for that.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn apply_app(&self, name: &str, spec: &AppSpec) -> Said<Plan> {
        let target = Target::new(["apps", name])?;
        self.send(Method::PUT, &target, Outgoing::json(spec)?)?
            .json()
    }

    /// What would be done to bring an app to what is declared.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn plan_app(&self, name: &str, spec: &AppSpec) -> Said<Plan> {
        self.post(&Target::new(["apps", name, "plan"])?, spec)
    }

    /// Removes an app with its containers. Its volumes stay unless they are to go.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn remove_app(&self, name: &str, volumes: bool) -> Said<()> {
        let target = Target::new(["apps", name])?.flag("volumes", volumes);
        self.done(Method::DELETE, &target)
    }

    /// Fetches an image, and tells how it goes.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn pull(&self, request: &PullRequest) -> Said<Lines<PullProgress>> {
        let target = Target::new(["images", "pull"])?;
        Ok(self
            .send(Method::POST, &target, Outgoing::json(request)?)?
            .lines())
    }

    /// Reads an image from a tar archive of an OCI image layout.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn load(&self, archive: impl Read + Send + 'static) -> Said<LoadedImage> {
        let target = Target::new(["images", "load"])?;
        self.send(Method::POST, &target, Outgoing::archive(archive))?
            .json()
    }

    /// The volumes.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn volumes(&self) -> Said<Vec<Volume>> {
        self.fetch(&Target::new(["volumes"])?)
    }

    /// Removes a volume with what is in it.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn remove_volume(&self, name: &str) -> Said<()> {
        self.done(Method::DELETE, &Target::new(["volumes", name])?)
    }

    /// The message bus.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn bus(&self) -> Said<BusStatus> {
        self.fetch(&Target::new(["bus"])?)
    }

    /// Publishes a message.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn publish(&self, message: &Publish) -> Said<Published> {
        self.post(&Target::new(["bus", "publish"])?, message)
    }

    /// The messages of the topics that match, as they come.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub fn subscribe(&self, filter: &str) -> Said<Lines<BusMessage>> {
        self.lines(&Target::new(["bus", "subscribe"])?.value("filter", Some(filter)))
    }

    fn fetch<T: DeserializeOwned>(&self, target: &Target) -> Said<T> {
        self.send(Method::GET, target, Outgoing::Empty)?.json()
    }

    fn lines<T: DeserializeOwned>(&self, target: &Target) -> Said<Lines<T>> {
        Ok(self.send(Method::GET, target, Outgoing::Empty)?.lines())
    }

    fn post<T: DeserializeOwned>(&self, target: &Target, body: &impl Serialize) -> Said<T> {
        self.send(Method::POST, target, Outgoing::json(body)?)?
            .json()
    }

    fn done(&self, method: Method, target: &Target) -> Said<()> {
        self.send(method, target, Outgoing::Empty)?.ignore()
    }

    fn send(&self, method: Method, target: &Target, body: Outgoing) -> Said<Answer> {
        self.wire.send(method, target, body)
    }
}
