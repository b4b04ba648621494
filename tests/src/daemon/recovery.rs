//! What is left after the daemon or the device died: everything that was acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use thimble_device_api::{ContainerSpec, EndReason, ProblemKind, State};
use thimble_testkit::random::{Random, seed};

use super::device::{Device, problem};
use super::guests::{COUNTS_STARTS, IDLE, ends, plain, wants};

/// Lives that are ended at a random moment; `THIMBLE_KILLS` sets another number.
const KILLS: u32 = 300;

/// What was acknowledged last of a container: its policy is `always`, and it runs, is paused, or is stopped.
type Known = BTreeMap<String, State>;

#[test]
fn nothing_that_was_acknowledged_is_lost_however_often_the_daemon_is_killed() {
    let seed = seed(11);
    let kills = std::env::var("THIMBLE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = Random::new(seed);
    let mut device = Device::new();
    device.image("counts", COUNTS_STARTS, wants(&["kv"]));
    let mut known = Known::new();
    let mut starts: BTreeMap<String, u32> = BTreeMap::new();
    let mut operations = 0;
    for life in 0..kills {
        device.start();
        check(&device, &known, seed, life);
        // What a container has written and stored is there as well.
        for (name, state) in known.iter().filter(|(_, state)| **state == State::Running) {
            assert_eq!(*state, State::Running);
            let before = starts.get(name).copied().unwrap_or(0);
            starts.insert(name.clone(), starts_after(&device, name, before));
        }
        // However slow the machine is, some lives have acknowledged something; the moment is any after that.
        let acknowledged = random.below(4);
        let micros = random.below(40_000);
        let done = (0..acknowledged).all(|_| operate(&device, &mut random, &mut known).is_some());
        assert!(done, "seed {seed}, life {life}: {}", device.log());
        operations += acknowledged;
        let pid = device.pid();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_micros(micros));
            std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status()
                .unwrap();
        });
        while operate(&device, &mut random, &mut known).is_some() {
            operations += 1;
        }
        killer.join().unwrap();
        device.kill();
    }
    assert!(
        operations > u64::from(kills),
        "seed {seed}: only {operations} operations in {kills} lives"
    );
    device.start();
    check(&device, &known, seed, kills);
}

/// Does something; `None` if the daemon died meanwhile. What it was about may then be either way, and is forgotten.
fn operate(device: &Device, random: &mut Random, known: &mut Known) -> Option<()> {
    let client = device.client();
    let names: Vec<String> = known.keys().cloned().collect();
    let picks = u64::try_from(names.len()).unwrap();
    // Never the name of another one, also not of one that is gone.
    let fresh = format!("c{:x}", random.below(1 << 60));
    if picks < 4 || random.below(4) == 0 && picks < 12 {
        let spec = ContainerSpec {
            name: Some(fresh.clone()),
            restart: Some("always".into()),
            allow_requested: true,
            ..Device::spec("counts")
        };
        let starts = random.below(2) == 0;
        client.create(&spec, starts).ok()?;
        known.insert(
            fresh,
            if starts {
                State::Running
            } else {
                State::Created
            },
        );
        return Some(());
    }
    let name = &names[usize::try_from(random.below(picks)).unwrap()];
    // Until it is acknowledged it may be before or after.
    let before = known.remove(name)?;
    let after = match random.below(5) {
        0 => client.start(name).ok().map(|_| match before {
            State::Paused => State::Paused,
            _ => State::Running,
        }),
        1 => client.stop(name, None).ok().map(|_| match before {
            State::Created => State::Created,
            _ => State::Exited,
        }),
        2 if before == State::Running => client.pause(name).ok().map(|_| State::Paused),
        3 if before == State::Paused => client.unpause(name).ok().map(|_| State::Running),
        4 => {
            client.remove(name, true, true).ok()?;
            return Some(());
        }
        _ => Some(before),
    };
    known.insert(name.clone(), after?);
    Some(())
}

/// Checks that everything acknowledged is there, once, and as it was.
fn check(device: &Device, known: &Known, seed: u64, life: u32) {
    let containers = device.client().containers(true, None).unwrap();
    let mut names: Vec<&str> = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(
        names.len(),
        all,
        "seed {seed}, life {life}: a container is there twice"
    );
    for (name, state) in known {
        let found = containers.iter().find(|container| container.name == *name);
        let found = found.unwrap_or_else(|| panic!("seed {seed}, life {life}: {name} is lost"));
        let as_before = found.state == *state
            // A run that was stopped by the kill of the daemon has no end of its own.
            || *state == State::Exited && matches!(found.state, State::Created | State::Failed);
        assert!(
            as_before,
            "seed {seed}, life {life}: {name} was {state:?}: {found:#?}\n{}",
            device.log()
        );
    }
    for container in &containers {
        if !known.contains_key(&container.name) {
            // It was under way when the daemon died; gone is as good as there.
            let _ = device.client().remove(&container.name, true, true);
        }
    }
}

/// Waits until a container has begun more often than it had; how often that is. It counts in its own store.
fn starts_after(device: &Device, name: &str, before: u32) -> u32 {
    let begun = std::time::Instant::now();
    loop {
        let lines = device.lines(name);
        let last = lines
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("start "));
        if let Some(count) = last.map(|number| number.parse().unwrap())
            && count > before
        {
            return count;
        }
        assert!(
            begun.elapsed().as_secs() < 60,
            "{name} does not begin anew after {before}: {lines:?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn an_orderly_end_brings_everything_back_too() {
    let mut device = Device::started();
    device.image("idle", IDLE, plain());
    device.image("hello", &ends("hello", 0), plain());
    for (name, policy) in [
        ("always", "always"),
        ("failures", "on-failure"),
        ("once", "no"),
    ] {
        device.run(
            name,
            ContainerSpec {
                restart: Some(policy.into()),
                ..Device::spec("idle")
            },
        );
    }
    device.run("done", Device::spec("hello"));
    device.until_state("done", State::Exited);
    assert_eq!(device.stop(), 0);
    assert!(!device.socket().exists());
    device.start();
    for (name, state) in [
        ("always", State::Running),
        ("failures", State::Running),
        // It was stopped with the daemon, and is not to be started again.
        ("once", State::Exited),
        ("done", State::Exited),
    ] {
        assert_eq!(
            device.until(name, |_| true).state,
            state,
            "{name}\n{}",
            device.log()
        );
    }
    // Logs are there from before.
    assert_eq!(device.lines("done"), ["hello"]);
}

#[test]
fn one_that_is_not_to_be_restarted_is_told_to_have_been_interrupted() {
    let mut device = Device::started();
    device.image("idle", IDLE, plain());
    device.run("job", Device::spec("idle"));
    device.kill();
    device.start();
    let container = device.client().container("job").unwrap();
    assert_eq!(container.state, State::Failed);
    assert_eq!(container.ends[0].reason, EndReason::Interrupted);
}

#[test]
fn a_damaged_state_is_set_aside_and_the_rest_comes_up() {
    let mut device = Device::started();
    device.image("idle", IDLE, plain());
    for name in ["a", "b", "c"] {
        device.run(
            name,
            ContainerSpec {
                restart: Some("always".into()),
                ..Device::spec("idle")
            },
        );
    }
    let id = device.client().container("b").unwrap().id;
    device.kill();
    let path = device.root().join(format!("daemon/containers/{id}.state"));
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    device.start();
    let names: Vec<String> = device
        .client()
        .containers(false, None)
        .unwrap()
        .into_iter()
        .map(|container| container.name)
        .collect();
    assert_eq!(names, ["a", "c"]);
    let told = device.client().device().unwrap().damaged;
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(&format!("{id}.state.damaged")), "{told:?}");
    assert!(device.log().contains("damaged"));
    // The name is free again.
    device.run("b", Device::spec("idle"));
}

/// A device without a battery begins in 1970 after a power cut; one whose clock is corrected jumps the other way.
#[test]
fn a_clock_that_jumped_either_way_while_it_was_down_is_no_obstacle() {
    let mut device = Device::started();
    device.image("counts", COUNTS_STARTS, wants(&["kv"]));
    let years = [("future", "2999"), ("past", "1970")];
    for (name, _) in years {
        device.run(
            name,
            ContainerSpec {
                restart: Some("always".into()),
                allow_requested: true,
                ..Device::spec("counts")
            },
        );
        device.until_line(name, "start 001");
    }
    let ids = years.map(|(name, _)| device.client().container(name).unwrap().id);
    device.kill();
    for ((_, year), id) in years.into_iter().zip(ids) {
        let moved = |text: &str| {
            let now = thimble_device_api::Timestamp::now().to_string();
            let moved = text.replace(&now[..5], &format!("{year}-"));
            assert_ne!(moved, text);
            moved
        };
        let state = device.root().join(format!("daemon/containers/{id}.state"));
        let text = fs::read_to_string(&state).unwrap();
        let (head, body) = text.split_once('\n').unwrap();
        let mark = head.rsplit_once(' ').unwrap().0;
        let body = moved(body);
        let digest = thimble_image::Digest::of(body.as_bytes());
        fs::write(&state, format!("{mark} {digest}\n{body}")).unwrap();
        for log in fs::read_dir(device.root().join(format!("daemon/logs/{id}"))).unwrap() {
            let log = log.unwrap().path();
            let text = fs::read_to_string(&log).unwrap();
            fs::write(&log, moved(&text)).unwrap();
        }
    }
    device.start();
    assert_eq!(device.client().device().unwrap().damaged, [""; 0]);
    for (name, _) in years {
        device.until_line(name, "start 002");
        let container = device.until_state(name, State::Running);
        assert_eq!(container.restarts, 0);
        assert_eq!(device.lines(name), ["start 001", "start 002"]);
        // It is stopped when its grace is over, not years later.
        let stopped = device.client().stop(name, Some(50)).unwrap();
        assert_eq!(stopped.state, State::Exited);
        device.client().start(name).unwrap();
        device.until_line(name, "start 003");
    }
    let shown = device.command().args(["ps", "-a"]).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
}

#[test]
fn the_supervisor_starts_it_again_with_every_container() {
    let mut device = Device::new();
    device.set("supervisor = true");
    device.image("idle", IDLE, plain());
    device.start();
    let spec = ContainerSpec {
        restart: Some("always".into()),
        ..Device::spec("idle")
    };
    device.run("a", spec.clone());
    device.run("b", spec);
    let parent = device.pid();
    for signal in ["KILL", "SEGV", "ABRT"] {
        let before = device.client().device().unwrap().started_at;
        let child = child_of(parent);
        let status = std::process::Command::new("kill")
            .args([format!("-{signal}"), child.to_string()])
            .status();
        assert!(status.unwrap().success());
        // Clients wait meanwhile and are not refused.
        let begun = std::time::Instant::now();
        while device
            .client()
            .device()
            .map_or(true, |found| found.started_at == before)
        {
            assert!(begun.elapsed().as_secs() < 60, "{}", device.log());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        for name in ["a", "b"] {
            device.until_state(name, State::Running);
        }
        assert_ne!(child_of(parent), child);
    }
    assert_eq!(device.stop(), 0);
}

fn child_of(parent: u32) -> u32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(path).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn two_daemons_do_not_share_a_folder() {
    let device = Device::started();
    let mut second = device
        .command()
        .args(["daemon", "--engine", "wasmi"])
        .env("THIMBLE_SOCKET", device.root().join("other.sock"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(second.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(125));
    assert!(said.contains(&device.pid().to_string()), "{said}");
    assert!(device.client().health().is_ok());
}

#[test]
fn a_socket_that_was_left_behind_is_no_obstacle_and_a_file_is() {
    let mut device = Device::started();
    device.kill();
    assert!(device.socket().exists());
    device.start();
    device.stop();
    fs::write(device.socket(), "somebody's").unwrap();
    device.launch();
    assert_eq!(device.end(), 125);
    assert_eq!(fs::read_to_string(device.socket()).unwrap(), "somebody's");
    assert!(device.log().contains("daemon.sock"), "{}", device.log());
}

#[test]
fn a_full_disk_refuses_what_is_new_and_loses_nothing() {
    let mut device = Device::new();
    let Some(_disk) = SmallDisk::mount(&device.root().join("daemon"), 512 << 10) else {
        eprintln!("skipped: a small disk cannot be mounted here");
        return;
    };
    device.image("idle", IDLE, plain());
    device.start();
    let spec = ContainerSpec {
        restart: Some("always".into()),
        ..Device::spec("idle")
    };
    device.run("early", spec.clone());
    let client = device.client();
    let mut made = vec!["early".to_owned()];
    let refused = loop {
        let name = format!("c{}", made.len());
        let spec = ContainerSpec {
            name: Some(name.clone()),
            labels: [("big".to_owned(), "x".repeat(20_000))].into(),
            ..spec.clone()
        };
        match client.create(&spec, true) {
            Ok(_) => made.push(name),
            refused => break problem(refused),
        }
    };
    assert_eq!(refused.kind, ProblemKind::NoSpace, "{refused}");
    assert!(made.len() > 3);
    // What is there runs on and can be looked at and removed.
    assert_eq!(client.containers(false, None).unwrap().len(), made.len());
    let last = made.pop().unwrap();
    client.remove(&last, true, false).unwrap();
    device.kill();
    device.start();
    for name in &made {
        device.until_state(name, State::Running);
    }
}

#[test]
fn a_disk_that_cannot_be_written_to_refuses_changes_and_loses_nothing() {
    let mut device = Device::new();
    let folder = device.root().join("daemon/containers");
    let Some(disk) = SmallDisk::mount(&folder, 4 << 20) else {
        eprintln!("skipped: a small disk cannot be mounted here");
        return;
    };
    device.image("idle", IDLE, plain());
    device.start();
    let spec = ContainerSpec {
        restart: Some("always".into()),
        ..Device::spec("idle")
    };
    device.run("early", spec.clone());
    disk.remount("ro");
    let client = device.client();
    let late = ContainerSpec {
        name: Some("late".into()),
        ..spec
    };
    let says_why = |refused: thimble_device_api::Problem| {
        assert_eq!(refused.kind, ProblemKind::DeviceFault, "{refused}");
        assert!(refused.detail.contains("mount it read-write"), "{refused}");
    };
    says_why(problem(client.create(&late, true)));
    // What cannot be kept is not done.
    says_why(problem(client.stop("early", Some(0))));
    says_why(problem(client.remove("early", true, false)));
    let containers = client.containers(true, None).unwrap();
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0].state, State::Running);
    device.kill();
    // What is there comes up all the same.
    device.start();
    device.until_state("early", State::Running);
    device.kill();
    disk.remount("rw");
    device.start();
    device.until_state("early", State::Running);
}

/// A disk in memory.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &std::path::Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(path)
            .status()
            .ok()?;
        status.success().then(|| Self(path.to_owned()))
    }

    /// Makes it read-only (`ro`) or not (`rw`).
    fn remount(&self, how: &str) {
        let status = std::process::Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}
