//! What compose has and we have not, with the reason and what there is instead.

const NETWORK: &str = "containers have the device's network, as far as grants allow: `grants: [\"net.connect:HOST:PORT\"]`, `listen`; \
     among themselves they speak over the bus";
const PRIVILEGE: &str =
    "a container has no privileges of the system to give or take; write what it may do as `grants`";
const BUILD: &str = "images are built beforehand: `thimble build -t NAME .`, then `image: NAME`";
const USER: &str = "a container is no process of the system and has no user";
const PROCESS: &str = "a container is no process of the system";
const ONE: &str = "write each container under a name of its own";
const FILES: &str = "put the file into a volume or an image, or the value into `environment`";
const DEVICES: &str = "pins and sensors are granted: `grants: [\"gpio:led0\", \"sensor:temp\"]`";
const NAME: &str = "on the device it is called APP.NAME";
const MEMORY: &str =
    "linear memory is reserved and never swapped; `limits: {memory: 64m}` is all there is";
const CPU: &str = "`cpus` is a share among those that want the processor";

/// At the top.
pub(super) const APP: &[(&str, &str)] = &[
    ("networks", NETWORK),
    ("secrets", FILES),
    ("configs", FILES),
    ("include", "an app is one file"),
];

/// Of a volume.
pub(super) const VOLUME: &[(&str, &str)] = &[
    ("driver", "a volume is a folder that the daemon keeps"),
    ("driver_opts", "a volume is a folder that the daemon keeps"),
    (
        "external",
        "an app's volumes are its own, APP.NAME on the device",
    ),
    ("name", "on the device it is called APP.NAME"),
];

/// Of a container.
pub(super) const CONTAINER: &[(&str, &str)] = &[
    ("blkio_config", PROCESS),
    ("build", BUILD),
    ("cap_add", PRIVILEGE),
    ("cap_drop", PRIVILEGE),
    ("cgroup", PROCESS),
    ("cgroup_parent", PROCESS),
    ("configs", FILES),
    ("container_name", NAME),
    ("cpu_count", CPU),
    ("cpu_percent", CPU),
    ("cpu_period", CPU),
    ("cpu_quota", CPU),
    ("cpu_shares", CPU),
    ("cpuset", CPU),
    ("device_cgroup_rules", DEVICES),
    ("devices", DEVICES),
    ("dns", "names are looked up as the device looks them up"),
    (
        "dns_search",
        "names are looked up as the device looks them up",
    ),
    ("domainname", NETWORK),
    ("expose", "containers speak with each other over the bus"),
    (
        "extends",
        "write it out, or keep it in a template of your own",
    ),
    ("external_links", NETWORK),
    (
        "extra_hosts",
        "names are looked up as the device looks them up",
    ),
    ("gpus", DEVICES),
    ("group_add", USER),
    ("hostname", NETWORK),
    ("init", PROCESS),
    ("ipc", PROCESS),
    ("isolation", "every container is isolated in the same way"),
    ("links", NETWORK),
    ("mac_address", NETWORK),
    ("mem_reservation", MEMORY),
    ("mem_swappiness", MEMORY),
    ("memswap_limit", MEMORY),
    ("network_mode", NETWORK),
    ("networks", NETWORK),
    (
        "oom_kill_disable",
        "a container that wants more memory than its limit is refused it, not killed",
    ),
    (
        "oom_score_adj",
        "a container that wants more memory than its limit is refused it, not killed",
    ),
    ("pid", PROCESS),
    ("pids_limit", "a container has one thread"),
    ("platform", "every image is for WebAssembly"),
    ("privileged", PRIVILEGE),
    (
        "profiles",
        "an app is started as a whole; write another app",
    ),
    (
        "pull_policy",
        "an image that is not there is fetched when the app is brought up",
    ),
    (
        "read_only",
        "a container has no file system but its volumes; write `:ro` behind one",
    ),
    ("runtime", "the daemon has one engine"),
    ("scale", ONE),
    ("secrets", FILES),
    ("security_opt", PRIVILEGE),
    ("shm_size", PROCESS),
    (
        "stop_signal",
        "a container is asked to stop by an event, and killed after `stop_grace_period`",
    ),
    ("storage_opt", "write `limits: {storage: 1m}`"),
    ("sysctls", PRIVILEGE),
    ("tmpfs", "a volume is all there is"),
    ("tty", "a container has streams and no terminal"),
    ("ulimits", "write `limits: {descriptors: 64, sockets: 16}`"),
    ("user", USER),
    ("userns_mode", USER),
    ("volumes_from", "name the volume in both containers"),
    ("working_dir", "a container's paths begin at `/`"),
];

/// Of `deploy`.
pub(super) const DEPLOY: &[(&str, &str)] = &[
    ("endpoint_mode", NETWORK),
    ("labels", "write `labels` at the container"),
    ("mode", ONE),
    ("placement", "an app runs on one device"),
    ("replicas", ONE),
    ("restart_policy", "write `restart` at the container"),
    ("rollback_config", "an app runs on one device"),
    ("update_config", "an app runs on one device"),
];

/// Of `healthcheck`.
pub(super) const HEALTH: &[(&str, &str)] = &[
    ("disable", "leave `healthcheck` out"),
    ("retries", "the first report that is missing counts"),
    (
        "start_interval",
        "reports come when the container sends them",
    ),
    (
        "test",
        "a container reports its health itself, with `thimble`'s `health_report`; nothing is run inside it",
    ),
    (
        "timeout",
        "a report that is not there after `interval` is missing",
    ),
];
