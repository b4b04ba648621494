//! Blobs, for those whose state names them.

use thimble_hub::authority::TenantId;
use thimble_hub_store::Id as _;
use thimble_image::Digest;
use thimble_protocol::manifest::{Container, Image, Limits, UpdateRules};
use thimble_protocol::sign::sign_manifest;
use thimble_protocol::{DeploymentId, Item, Manifest};
use thimble_tests_fleet::client::Device;
use thimble_tests_fleet::node::{empty_state, now};

use super::{World, id};

const MODULE: &[u8] = &[42; 10_000];

async fn put(world: &World, tenant: thimble_hub_store::TenantId, bytes: &[u8]) -> Digest {
    let digest = Digest::of(bytes);
    let space = world
        .node
        .blobs
        .space(tenant.to_string().parse().unwrap(), None);
    let source = thimble_hub_blobs::source_of(bytes.to_vec().into());
    space.put(digest, source).await.unwrap();
    digest
}

/// Gives a device a state with one deployment of one module; the manifest's digest and the module's.
async fn deploy(world: &World, device: &Device) -> (Digest, Digest) {
    let tenant = world.tenant;
    let layer = put(world, tenant, MODULE).await;
    let image = Image {
        reference: "app:1".to_owned(),
        manifest: put(world, tenant, b"image manifest").await,
        manifest_bytes: 14,
        config: put(world, tenant, b"image configuration").await,
        config_bytes: 19,
        layer,
        layer_bytes: 10_000,
        referrers: Vec::new(),
    };
    let manifest = Manifest {
        deployment: DeploymentId([7; 16]),
        app: "app".to_owned(),
        version: "1".to_owned(),
        containers: vec![Container {
            name: "main".to_owned(),
            image,
            args: None,
            env: Vec::new(),
            secret_env: Vec::new(),
            grants: Vec::new(),
            mounts: Vec::new(),
            listen: Vec::new(),
            limits: Limits::default(),
            restart: "always".to_owned(),
            health: None,
            depends_on: Vec::new(),
        }],
        update: UpdateRules::default(),
        depends_on: Vec::new(),
    };
    let keys = world
        .node
        .vault
        .tenant_keys(TenantId(tenant.bytes()), now())
        .await
        .unwrap();
    let envelope = sign_manifest(&manifest, keys.present()).unwrap();
    let digest = put(world, tenant, &envelope).await;
    let mut state = empty_state(id(device), 1);
    state.items.push(Item {
        deployment: manifest.deployment,
        manifest: digest,
        manifest_bytes: u32::try_from(envelope.len()).unwrap(),
        override_reason: None,
    });
    world.node.publish(tenant, &[state]).await.unwrap();
    let device = id(device);
    world
        .until(|node| node.side.versions().known(device).unwrap().version.0 == 1)
        .await;
    (digest, layer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_gets_what_its_state_names_in_pieces_too() {
    let world = World::new().await;
    let device = world.device("1").await;
    let (manifest, layer) = deploy(&world, &device).await;
    let mut connection = world.connect(&device).await;
    let target = format!("/d/v1/blob/{layer}");
    let whole = connection.get(&target, &[]).await.unwrap();
    assert_eq!(
        (whole.status, &whole.body[..]),
        (200, MODULE),
        "{}",
        whole.text()
    );
    let cases = [
        ("bytes=0-", 206, "bytes 0-9999/10000", 10_000),
        ("bytes=9990-", 206, "bytes 9990-9999/10000", 10),
        ("bytes=4096-8191", 206, "bytes 4096-8191/10000", 4096),
        ("bytes=9000-99999", 206, "bytes 9000-9999/10000", 1000),
        ("bytes=10000-", 416, "bytes */10000", 0),
    ];
    for (range, status, content_range, bytes) in cases {
        let part = connection.get(&target, &[("Range", range)]).await.unwrap();
        let told = (part.status, part.header("content-range"), part.body.len());
        assert_eq!(told, (status, Some(content_range), bytes), "{range}");
    }
    for range in [
        "bytes=-5",
        "bytes=5-4",
        "lines=1-",
        "bytes=0-1,3-4",
        "bytes=+1-",
    ] {
        let part = connection.get(&target, &[("Range", range)]).await.unwrap();
        assert_eq!(
            (part.status, part.problem().as_deref()),
            (400, Some("malformed")),
            "{range}"
        );
    }
    let envelope = connection
        .get(&format!("/d/v1/blob/{manifest}"), &[])
        .await
        .unwrap();
    assert_eq!(Digest::of(&envelope.body), manifest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_state_does_not_name_is_not_found() {
    let world = World::new().await;
    let device = world.device("1").await;
    let (_, layer) = deploy(&world, &device).await;
    let secret = put(
        &world,
        world.tenant,
        b"of the same tenant, but not of this state",
    )
    .await;
    let sibling = world.device("2").await;
    let other_tenant = world.node.tenant("other").await.unwrap();
    world
        .node
        .claim_code(other_tenant, "other", 1)
        .await
        .unwrap();
    let mut stranger = Device::new("1").unwrap();
    let (address, root) = (world.node.address, world.node.root());
    stranger.enrol(address, root, Some("other")).await.unwrap();
    let nowhere = Digest::of(b"nowhere");
    let cases = [
        (&device, secret),
        (&device, nowhere),
        (&sibling, layer),
        (&stranger, layer),
    ];
    for (device, digest) in cases {
        let mut connection = world.connect(device).await;
        let answer = connection
            .get(&format!("/d/v1/blob/{digest}"), &[])
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (404, Some("no-such-blob"))
        );
    }
    let mut connection = world.connect(&device).await;
    for digest in ["sha256:12", "../../etc/passwd", "md5:00"] {
        let answer = connection
            .get(&format!("/d/v1/blob/{digest}"), &[])
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (400, Some("malformed")),
            "{digest}"
        );
    }
}
