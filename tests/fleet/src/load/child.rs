//! The node that is measured: a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use thimble_hub::authority::{self, DeviceIdentity, DeviceKey, Lifetime};
use thimble_hub_store::{Audit, Device, DeviceId, DeviceState, Id as _, Scope, TenantId};
use tokio_rustls::TlsConnector;

use super::{devices_file, process};
use crate::client::connector;
use crate::node::{Node, Start, empty_state, now};

/// The code that the figures enrol with.
pub(super) const CODE: &str = "load";
/// Rows of one transaction.
const ROWS: usize = 20_000;

/// Runs a node in a folder until its input ends: `node FOLDER [--devices N] [--certificates N]`.
///
/// # Errors
/// The node does not start.
pub fn node(mut arguments: pico_args::Arguments) -> Result<()> {
    let devices: usize = arguments.opt_value_from_str("--devices")?.unwrap_or(0);
    let certificates: usize = arguments
        .opt_value_from_str("--certificates")?
        .unwrap_or(devices);
    let folder: PathBuf = arguments.free_from_str()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(serve(&folder, devices, certificates))
}

async fn serve(folder: &Path, devices: usize, certificates: usize) -> Result<()> {
    let mut start = Start::in_folder(folder);
    start.settings.connections_per_address_max = u32::MAX;
    start.settings.handshakes_per_address_max = u32::MAX;
    start.settings.wait_max_s = 3600;
    let before_kib = process::resident_kib(std::process::id())?;
    let began = std::time::Instant::now();
    let node = Node::start(start).await?;
    let told = json!({
        "address": node.address.to_string(),
        "root": node.root(),
        "start_ms": began.elapsed().as_secs_f64() * 1000.0,
        "fill_ms": node.fill_ms,
        "known": node.side.versions().len(),
        "before_kib": before_kib,
        "after_kib": process::resident_kib(std::process::id())?,
    });
    if devices > 0 {
        register(&node, folder, devices, certificates).await?;
    }
    let mut output = std::io::stdout();
    writeln!(output, "{told}")?;
    let mut lines = {
        use tokio::io::AsyncBufReadExt as _;
        tokio::io::BufReader::new(tokio::io::stdin()).lines()
    };
    while lines.next_line().await?.is_some() {
        let told = json!({
            "connections": node.side.connections(),
            "parked": node.side.versions().parked(),
        });
        writeln!(output, "{told}")?;
    }
    node.stop().await;
    Ok(())
}

/// Registers devices with a state each, and the first of them with a certificate, all of one key; tells of these in a file.
async fn register(node: &Node, folder: &Path, count: usize, certificates: usize) -> Result<()> {
    let tenant = node.tenant("load").await?;
    node.claim_code(tenant, CODE, 10_000_000).await?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let request = CertificateParams::default().serialize_request(&key)?;
    let device_key = DeviceKey::from_request(request.der())?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(devices_file(folder))?);
    write_piece(&mut file, &key.serialize_der())?;
    let scope = Scope::authenticated(tenant);
    let lifetime = Lifetime::from_now(now(), 86_400);
    let ids: Vec<DeviceId> = (0..count).map(|_| DeviceId::fresh()).collect();
    let mut certificates = 0..certificates;
    for ids in ids.chunks(ROWS) {
        let rows: Vec<Device> = ids.iter().map(|id| row(*id, tenant)).collect();
        let mut write = node.store.write().await?;
        let audit = Audit::new(1, "load", "devices.register", "load");
        write.insert_all(&scope, &rows, &audit).await?;
        write.commit().await?;
        let states = ids
            .iter()
            .map(|id| empty_state(thimble_protocol::DeviceId(id.bytes()), 1));
        let states: Vec<_> = states.collect();
        node.publish(tenant, &states).await?;
        for (state, _) in states.iter().zip(certificates.by_ref()) {
            let identity = DeviceIdentity {
                tenant: authority::TenantId(tenant.bytes()),
                device: state.device,
            };
            let issued = node
                .authority
                .issue(&device_key, &identity, lifetime, now())?;
            write_piece(&mut file, &issued.der)?;
        }
    }
    file.flush()?;
    node.side.fill().await?;
    Ok(())
}

fn row(id: DeviceId, tenant: TenantId) -> Device {
    Device {
        id,
        tenant,
        edition: 0,
        created_ms: 1,
        name: format!("device-{id}"),
        model: "test-board".to_owned(),
        serial: Some(id.to_string()),
        state: DeviceState::Active,
        fingerprint: id.to_string(),
        public_key: Vec::new(),
        csr: None,
        claim_code: None,
        capabilities: None,
        is_held: false,
        hold_until_ms: None,
        hold_reason: None,
        windows: json!([]),
        override_reason: None,
        failures: 0,
    }
}

fn write_piece(file: &mut impl std::io::Write, bytes: &[u8]) -> Result<()> {
    file.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
    Ok(file.write_all(bytes)?)
}

/// A node that was started, as the generator has it.
pub(super) struct Started {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
    /// What it told when it had started.
    pub(super) told: Value,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its root.
    pub(super) root: Vec<u8>,
}

impl Started {
    /// Starts a node with so many devices more, each with a certificate.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn new(folder: &Path, devices: usize) -> Result<Self> {
        Self::with(folder, devices, devices)
    }

    /// Starts a node with so many devices more, the first of them with a certificate.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn with(folder: &Path, devices: usize, certificates: usize) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("node")
            .args(["--devices", &devices.to_string()])
            .args(["--certificates", &certificates.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().context("no output")?);
        let told = read_line(&mut output).context("the node did not start")?;
        let address = told["address"].as_str().unwrap_or_default().parse()?;
        let root = serde_json::from_value(told["root"].clone())?;
        Ok(Self {
            process,
            input,
            output,
            folder: folder.to_owned(),
            told,
            address,
            root,
        })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its polls that wait.
    ///
    /// # Errors
    /// It ended.
    pub(super) fn parked(&mut self) -> Result<u64> {
        let input = self.input.as_mut().context("no input")?;
        input.write_all(b"\n")?;
        input.flush()?;
        let told = read_line(&mut self.output)?;
        told["parked"].as_u64().context("no number")
    }

    /// TLS of its first so many devices, which share one key.
    ///
    /// # Errors
    /// It has fewer.
    pub(super) fn devices(&self, count: usize) -> Result<Vec<TlsConnector>> {
        let mut file = BufReader::new(std::fs::File::open(devices_file(&self.folder))?);
        let key = read_piece(&mut file)?;
        let mut connectors = Vec::new();
        for _ in 0..count {
            let certificate = CertificateDer::from(read_piece(&mut file)?);
            connectors.push(connector(
                &self.root,
                Some((vec![certificate], key.clone())),
            )?);
        }
        Ok(connectors)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// A line of what a process of this program tells.
///
/// # Errors
/// It ended.
pub(super) fn read_line(output: &mut BufReader<ChildStdout>) -> Result<Value> {
    let mut line = String::new();
    if output.read_line(&mut line)? == 0 {
        bail!("the node ended");
    }
    Ok(serde_json::from_str(&line)?)
}

fn read_piece(file: &mut impl std::io::Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    file.take(u64::from(u32::from_le_bytes(length)))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
