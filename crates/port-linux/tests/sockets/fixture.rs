//! A device with real sockets and guests on it, without an engine: calls are made directly, on bytes that
//! stand for memory.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use thimble_abi::{Errno, calls};
use thimble_port_linux::clock::{SystemClock, SystemRandom};
use thimble_port_linux::network::LinuxNetwork;
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::streams;
use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::engine::{CallOutcome, Host};
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{HostState, Resources};
use thimble_runtime::module::Module;
use thimble_runtime::port::{
    Clock, KeyValue, Lookup, Network, NoBoard, Observer, Ports, Protocol, Socket, StoreReply,
    StoreRequest,
};
use thimble_runtime::record::Trace;
use thimble_runtime::{ContainerConfig, ContainerId, Instant, Limits};

/// Bytes of a guest's memory.
pub(crate) const MEMORY: u32 = 4096;
/// Where a call's results go.
pub(crate) const OUT: u32 = 16;
/// Where an address goes.
pub(crate) const ADDRESS: u32 = 64;
/// Where a list of one buffer lies.
pub(crate) const LIST: u32 = 128;
/// Where that buffer lies.
pub(crate) const BUFFER: u32 = 1024;

/// No error.
pub(crate) const OK: u16 = 0;

pub(crate) struct Device {
    pub(crate) reactor: Reactor,
    network: ScriptedNames,
    clock: AheadClock,
    bus: SharedBus,
    traces: Traces,
}

/// Real sockets, and names that need no name server.
struct ScriptedNames(LinuxNetwork, BTreeMap<&'static str, Vec<IpAddr>>);

struct Found(Option<Vec<IpAddr>>);

/// The system's clock, and then some.
#[derive(Default)]
struct AheadClock(AtomicU64);

#[derive(Default)]
struct SharedBus(Mutex<Bus>);

#[derive(Default)]
struct Traces(Mutex<Vec<String>>);

struct NoStore;

struct Bell(AtomicBool, Reactor);

impl Device {
    pub(crate) fn new() -> Self {
        Self::with_names(&[])
    }

    pub(crate) fn with_names(names: &[(&'static str, &[&str])]) -> Self {
        let reactor = Reactor::new().unwrap();
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let names = names
            .iter()
            .map(|(name, texts)| (*name, addresses(texts)))
            .collect();
        Self {
            network: ScriptedNames(LinuxNetwork::new(reactor.clone()), names),
            reactor,
            clock: AheadClock::default(),
            bus: SharedBus::default(),
            traces: Traces::default(),
        }
    }

    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports {
            clock: &self.clock,
            random: &SystemRandom,
            network: &self.network,
            board: &NoBoard,
            store: &NoStore,
            bus: &self.bus,
            observer: &self.traces,
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock
            .0
            .fetch_add(time.as_nanos().try_into().unwrap(), Ordering::Relaxed);
    }

    /// What was traced since it was last asked.
    pub(crate) fn traces(&self) -> Vec<String> {
        std::mem::take(&mut self.traces.0.lock().unwrap())
    }

    pub(crate) fn guest(&self, grants: &[&str]) -> Guest<'_> {
        self.guest_with(grants, Limits::default(), Vec::new())
    }

    pub(crate) fn guest_with(
        &self,
        grants: &[&str],
        limits: Limits,
        listeners: Vec<Box<dyn Socket>>,
    ) -> Guest<'_> {
        let grants = Grants::parse(grants.iter().copied()).unwrap();
        let config = ContainerConfig {
            grants,
            limits,
            ..ContainerConfig::new("guest")
        };
        let resources = Resources {
            stdin: streams::null(),
            stdout: streams::null(),
            stderr: streams::null(),
            mounts: Vec::new(),
            listeners,
        };
        let module = Module::parse(*b"\0asm\x01\0\0\0").unwrap();
        Guest {
            state: HostState::new(
                ContainerId::new(1),
                Arc::new(config),
                resources,
                &module.interface(),
            ),
            memory: vec![0; MEMORY.try_into().unwrap()],
            bell: Arc::new(Bell(AtomicBool::new(false), self.reactor.clone())),
            device: self,
        }
    }
}

/// A guest, between calls.
pub(crate) struct Guest<'d> {
    pub(crate) state: HostState,
    pub(crate) memory: Vec<u8>,
    bell: Arc<Bell>,
    device: &'d Device,
}

impl Guest<'_> {
    /// Makes a call; none if it waits.
    pub(crate) fn attempt(&mut self, name: &str, arguments: &[u64]) -> Option<u16> {
        let mut named = calls::named("wasi_snapshot_preview1", name);
        let spec = named
            .find(|spec| spec.parameters.len() == arguments.len())
            .unwrap();
        let waker = Waker::from(Arc::clone(&self.bell));
        let ports = self.device.ports();
        match self
            .state
            .bind(&ports, &waker)
            .call(spec.call, arguments, &mut self.memory)
        {
            CallOutcome::Done(errno) => Some(errno.try_into().unwrap()),
            CallOutcome::Blocked => None,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Makes a call and waits for it.
    pub(crate) fn call(&mut self, name: &str, arguments: &[u64]) -> u16 {
        loop {
            if let Some(errno) = self.attempt(name, arguments) {
                return errno;
            }
            self.sleep();
        }
    }

    /// Waits until something wakes the guest.
    pub(crate) fn sleep(&self) {
        for _ in 0..600 {
            if self.bell.0.swap(false, Ordering::AcqRel) {
                return;
            }
            self.device
                .reactor
                .turn(Some(Duration::from_millis(100)))
                .unwrap();
        }
        panic!("nothing woke the guest within a minute");
    }

    pub(crate) fn number(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.bytes(offset, 4).try_into().unwrap())
    }

    pub(crate) fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        &self.memory[offset as usize..(offset + len) as usize]
    }

    pub(crate) fn put(&mut self, offset: u32, bytes: &[u8]) {
        self.memory[offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn put_address(&mut self, address: &str) {
        let address: SocketAddr = address.parse().unwrap();
        let mut bytes = [0; 24];
        match address.ip() {
            IpAddr::V4(ip) => {
                bytes[4..8].copy_from_slice(&ip.octets());
                bytes[8..10].copy_from_slice(&address.port().to_le_bytes());
            }
            IpAddr::V6(ip) => {
                bytes[0] = 1;
                for (group, place) in ip.segments().iter().zip(bytes[4..20].chunks_mut(2)) {
                    place.copy_from_slice(&group.to_le_bytes());
                }
                bytes[20..22].copy_from_slice(&address.port().to_le_bytes());
            }
        }
        self.put(ADDRESS, &bytes);
    }

    pub(crate) fn address_at(&self, offset: u32) -> SocketAddr {
        let bytes = self.bytes(offset, 24);
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        if self.number(offset) == 0 {
            let octets: [u8; 4] = bytes[4..8].try_into().unwrap();
            SocketAddr::new(octets.into(), number(8))
        } else {
            let groups: [u16; 8] = std::array::from_fn(|index| number(4 + 2 * index));
            SocketAddr::new(groups.into(), number(20))
        }
    }

    /// A socket for an address's family.
    pub(crate) fn open(&mut self, protocol: Protocol, ipv6: bool) -> u64 {
        let kind = u64::from(protocol == Protocol::Tcp);
        assert_eq!(
            self.call(
                "sock_open",
                &[u64::from(u32::MAX), ipv6.into(), kind, OUT.into()]
            ),
            OK
        );
        self.number(OUT).into()
    }

    pub(crate) fn bind(&mut self, socket: u64, address: &str) -> u16 {
        self.put_address(address);
        self.call("sock_bind", &[socket, ADDRESS.into()])
    }

    pub(crate) fn connect(&mut self, socket: u64, address: &str) -> u16 {
        self.put_address(address);
        self.call("sock_connect", &[socket, ADDRESS.into()])
    }

    /// A socket that listens on a port of the device's choice.
    pub(crate) fn listener(&mut self, address: &str) -> (u64, SocketAddr) {
        let socket = self.open(Protocol::Tcp, address.starts_with('['));
        assert_eq!(self.bind(socket, address), OK);
        assert_eq!(self.call("sock_listen", &[socket, 16]), OK);
        (socket, self.local(socket))
    }

    pub(crate) fn local(&mut self, socket: u64) -> SocketAddr {
        assert_eq!(self.call("sock_addr_local", &[socket, ADDRESS.into()]), OK);
        self.address_at(ADDRESS)
    }

    pub(crate) fn nonblocking(&mut self, socket: u64) {
        assert_eq!(self.call("fd_fdstat_set_flags", &[socket, 4]), OK);
    }

    fn list(&mut self, len: u32) -> [u64; 2] {
        self.put(LIST, &BUFFER.to_le_bytes());
        self.put(LIST + 4, &len.to_le_bytes());
        [LIST.into(), 1]
    }

    pub(crate) fn send(&mut self, socket: u64, bytes: &[u8]) -> Result<u32, u16> {
        self.put(BUFFER, bytes);
        let [list, count] = self.list(bytes.len().try_into().unwrap());
        match self.call("sock_send", &[socket, list, count, 0, OUT.into()]) {
            OK => Ok(self.number(OUT)),
            errno => Err(errno),
        }
    }

    pub(crate) fn send_to(&mut self, socket: u64, bytes: &[u8], address: &str) -> Result<u32, u16> {
        self.put(BUFFER, bytes);
        self.put_address(address);
        let [list, count] = self.list(bytes.len().try_into().unwrap());
        match self.call(
            "sock_send_to",
            &[socket, list, count, 0, ADDRESS.into(), OUT.into()],
        ) {
            OK => Ok(self.number(OUT)),
            errno => Err(errno),
        }
    }

    pub(crate) fn receive_arguments(&mut self, socket: u64, len: u32, flags: u64) -> [u64; 6] {
        let [list, count] = self.list(len);
        [socket, list, count, flags, OUT.into(), u64::from(OUT) + 4]
    }

    /// Receives; the bytes, and whether a datagram was cut.
    pub(crate) fn receive(
        &mut self,
        socket: u64,
        len: u32,
        flags: u64,
    ) -> Result<(Vec<u8>, bool), u16> {
        let arguments = self.receive_arguments(socket, len, flags);
        match self.call("sock_recv", &arguments) {
            OK => Ok((
                self.bytes(BUFFER, self.number(OUT)).to_vec(),
                self.bytes(OUT + 4, 2) == [1, 0],
            )),
            errno => Err(errno),
        }
    }

    pub(crate) fn receive_from(
        &mut self,
        socket: u64,
        len: u32,
    ) -> Result<(Vec<u8>, SocketAddr), u16> {
        let [list, count] = self.list(len);
        match self.call(
            "sock_recv_from",
            &[socket, list, count, 0, ADDRESS.into(), OUT.into()],
        ) {
            OK => Ok((
                self.bytes(BUFFER, self.number(OUT)).to_vec(),
                self.address_at(ADDRESS),
            )),
            errno => Err(errno),
        }
    }

    pub(crate) fn accept(&mut self, listener: u64) -> Result<u64, u16> {
        match self.call("sock_accept", &[listener, 0, OUT.into()]) {
            OK => Ok(self.number(OUT).into()),
            errno => Err(errno),
        }
    }

    /// Looks a name up: the addresses and kinds that fit `capacity`, and how many there are.
    pub(crate) fn resolve(
        &mut self,
        host: &str,
        service: &str,
        hints: Option<(i32, u32)>,
        capacity: u32,
    ) -> Result<(Vec<(SocketAddr, u32)>, u32), u16> {
        self.put(256, format!("{host}\0").as_bytes());
        self.put(600, format!("{service}\0").as_bytes());
        let (kind, family) = hints.unwrap_or((77, 77));
        self.put(700, &kind.to_le_bytes());
        self.put(704, &family.to_le_bytes());
        self.put(708, &[u8::from(hints.is_some())]);
        match self.call(
            "sock_addr_resolve",
            &[256, 600, 700, 2048, capacity.into(), OUT.into()],
        ) {
            OK => {
                let count = self.number(OUT);
                let entry = |index: u32| {
                    (
                        self.address_at(2048 + index * 28),
                        self.number(2048 + index * 28 + 24),
                    )
                };
                Ok(((0..count.min(capacity)).map(entry).collect(), count))
            }
            errno => Err(errno),
        }
    }
}

impl Network for ScriptedNames {
    fn socket(&self, protocol: Protocol, ipv6: bool) -> Result<Box<dyn Socket>, Errno> {
        self.0.socket(protocol, ipv6)
    }

    fn lookup(&self, name: &str) -> Result<Box<dyn Lookup>, Errno> {
        match self.1.get(name) {
            Some(addresses) => Ok(Box::new(Found(Some(addresses.clone())))),
            None => self.0.lookup(name),
        }
    }
}

impl Lookup for Found {
    /// Waits once, as a name server would make it.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, Errno>> {
        let addresses = self.0.take().unwrap_or_default();
        if addresses.is_empty() {
            return Poll::Ready(Err(Errno::NoEntry));
        }
        context.waker().wake_by_ref();
        Poll::Ready(Ok(addresses))
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Instant {
        SystemClock.now() + Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn realtime_nanos(&self) -> u64 {
        SystemClock.realtime_nanos()
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        use_bus(&mut self.0.lock().unwrap());
    }
}

impl Observer for Traces {
    fn trace(&self, _: ContainerId, trace: Trace<'_>) {
        let line = match trace {
            Trace::Refused { grant } => grant.to_owned(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

impl KeyValue for NoStore {
    fn poll(
        &self,
        _: &mut Context<'_>,
        _: &str,
        _: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        Poll::Ready(Err(Errno::NotSupported))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
        self.1.interrupt();
    }
}
