//! The devices' side of a hub, as devices find it: real TLS, a real store, real blobs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise, its parts that are no test functions too"
)]

mod blobs;
mod certificates;
mod enrolment;
mod hostile;
mod reports;
mod states;

use anyhow::Result;
use tempfile::TempDir;
use thimble_hub::device::Settings;
use thimble_hub_store::{Device as Row, DeviceState, Id as _, Scope, TenantId};
use thimble_protocol::DeviceId;
use thimble_tests_fleet::client::{Connection, Device};
use thimble_tests_fleet::node::{Node, Start};

/// A node with a tenant and a code that a thousand devices can use.
struct World {
    folder: TempDir,
    node: Node,
    tenant: TenantId,
}

const CODE: &str = "let-me-in";

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut start = Start::in_folder(folder.path());
        set(&mut start.settings);
        let node = Node::start(start).await.unwrap();
        let tenant = node.tenant("acme").await.unwrap();
        node.claim_code(tenant, CODE, 1000).await.unwrap();
        Self {
            folder,
            node,
            tenant,
        }
    }

    /// The same hub again, started as `set` says.
    async fn again(self, set: impl FnOnce(&mut Start)) -> Self {
        self.node.stop().await;
        let mut start = Start::in_folder(self.folder.path());
        set(&mut start);
        let node = Node::start(start).await.unwrap();
        Self { node, ..self }
    }

    async fn device(&self, serial: &str) -> Device {
        let mut device = Device::new(serial).unwrap();
        device
            .enrol(self.node.address, self.node.root(), Some(CODE))
            .await
            .unwrap();
        device
    }

    async fn connect(&self, device: &Device) -> Connection {
        self.try_connect(device).await.unwrap()
    }

    async fn try_connect(&self, device: &Device) -> Result<Connection> {
        let connector = device.tls(self.node.root())?;
        Connection::open(self.node.address, &connector, None).await
    }

    async fn stranger(&self) -> Connection {
        self.connect(&Device::new("stranger").unwrap()).await
    }

    /// Changes a device's row as the operators' side does.
    async fn set_state(&self, device: &Device, state: DeviceState) {
        let id = thimble_hub_store::DeviceId::from_bytes(id(device).0);
        let scope = Scope::whole_hub_for_its_own_work();
        let mut write = self.node.store.write().await.unwrap();
        let mut row: Row = write.one(&scope, id).await.unwrap();
        row.state = state;
        let audit = thimble_hub_store::Audit::new(1, "test", "device.state", id.to_string());
        write.update(&scope, &row, &audit).await.unwrap();
        write.wake(
            thimble_hub_store::Topic::Device,
            Some(row.tenant),
            Some(id.to_string()),
        );
        write.commit().await.unwrap();
    }

    /// Waits until a condition of the node's memory is true: wake-ups take a moment, and each look gives them one.
    async fn until(&self, is_so: impl Fn(&Node) -> bool) {
        while !is_so(&self.node) {
            tokio::task::yield_now().await;
        }
    }
}

fn id(device: &Device) -> DeviceId {
    device.issued.as_ref().unwrap().device
}
