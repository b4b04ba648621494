//! What an operator does with containers.

use thimble_device_api::client::{EventQuery, Milestone};
use thimble_device_api::{
    ContainerSpec, EndReason, EventKind, LimitsSpec, ProblemKind, State, Update,
};

use super::device::{Device, problem};
use super::guests::{ECHO, GROWS, IDLE, SPIN, TRAP, ends, plain, wants};

#[test]
fn a_container_is_made_run_looked_at_and_removed() {
    let device = Device::started();
    device.image("hello", &ends("hello", 3), plain());
    let client = device.client();
    let spec = ContainerSpec {
        name: Some("greeter".into()),
        labels: [("line".to_owned(), "1".to_owned())].into(),
        ..Device::spec("hello")
    };
    let created = client.create(&spec, false).unwrap();
    assert_eq!(created.name, "greeter");
    assert_eq!(client.container("greeter").unwrap().state, State::Created);
    assert_eq!(client.containers(false, None).unwrap().len(), 0);
    assert_eq!(client.containers(true, None).unwrap().len(), 1);

    client.start("greeter").unwrap();
    let end = client.wait_ended("greeter").unwrap();
    assert_eq!((end.reason, end.exit_code), (EndReason::Exited, 3));
    assert_eq!(end.last_output, "hello\n");
    // By the beginning of its id as well.
    let container = client.container(&created.id[..6]).unwrap();
    assert_eq!(container.state, State::Failed);
    assert_eq!(container.ends, [end]);
    assert_eq!(device.lines("greeter"), ["hello"]);

    assert_eq!(
        problem(client.create(&spec, false)).kind,
        ProblemKind::NameInUse
    );
    client.remove("greeter", false, false).unwrap();
    assert_eq!(
        problem(client.container("greeter")).kind,
        ProblemKind::NoSuchContainer
    );
    let events = client.events(&EventQuery::default()).unwrap();
    let kinds: Vec<EventKind> = events.map(|event| event.unwrap().kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::DaemonReady,
            EventKind::Create,
            EventKind::Start,
            EventKind::End,
            EventKind::Remove
        ]
    );
}

#[test]
fn what_runs_is_stopped_killed_and_paused_in_the_middle_of_anything() {
    let device = Device::started();
    device.image("spin", SPIN, plain());
    device.image("idle", IDLE, plain());
    let client = device.client();
    for image in ["spin", "idle"] {
        device.run(image, Device::spec(image));
        assert_eq!(
            client.wait_for(image, Milestone::Running).unwrap().state,
            State::Running
        );
        assert_eq!(client.pause(image).unwrap().state, State::Paused);
        assert_eq!(problem(client.pause(image)).kind, ProblemKind::WrongState);
        assert_eq!(client.unpause(image).unwrap().state, State::Running);
        assert_eq!(
            problem(client.remove(image, false, false)).kind,
            ProblemKind::WrongState
        );

        let killed = client.kill(image).unwrap();
        assert_eq!(
            (killed.state, killed.ends[0].reason),
            (State::Failed, EndReason::Killed)
        );
        assert_eq!(problem(client.kill(image)).kind, ProblemKind::WrongState);
        client.start(image).unwrap();
        let stopped = client.stop(image, Some(100)).unwrap();
        assert_eq!(stopped.state, State::Exited, "{:?}", stopped.ends[0]);
        // Asked again it is as it is.
        assert_eq!(client.stop(image, None).unwrap().state, State::Exited);
        assert_eq!(client.restart(image, None).unwrap().state, State::Running);
        client.remove(image, true, false).unwrap();
    }
    assert_eq!(client.containers(true, None).unwrap().len(), 0);
}

#[test]
fn a_trap_is_a_failure_with_a_reason_and_a_place() {
    let device = Device::started();
    device.image("trap", TRAP, plain());
    device.run("trap", Device::spec("trap"));
    let container = device.until_state("trap", State::Failed);
    let end = &container.ends[0];
    assert_eq!((end.reason, end.exit_code), (EndReason::Trapped, 134));
    assert_eq!(end.detail, "unreachable instruction executed");
}

#[test]
fn standard_input_is_written_by_whoever_attaches() {
    let device = Device::started();
    device.image("echo", ECHO, plain());
    let client = device.client();
    device.run("closed", Device::spec("echo"));
    assert_eq!(client.wait_ended("closed").unwrap().exit_code, 0);
    let interactive = ContainerSpec {
        interactive: true,
        ..Device::spec("echo")
    };
    device.run("open", interactive);
    client
        .send_stdin("open", std::io::Cursor::new(b"one\ntwo\n".to_vec()), false)
        .unwrap();
    device.until_line("open", "two");
    let attached = device.client();
    let lines = attached.attach("open").unwrap();
    client
        .send_stdin("open", std::io::Cursor::new(b"three\n".to_vec()), true)
        .unwrap();
    let lines: Vec<String> = lines.map(|line| line.unwrap().text).collect();
    assert_eq!(lines, ["three"]);
    assert_eq!(client.wait_ended("open").unwrap().exit_code, 0);
    assert_eq!(device.lines("open"), ["one", "two", "three"]);
    let late = client.send_stdin("open", std::io::Cursor::new(b"four\n".to_vec()), false);
    assert_eq!(problem(late).kind, ProblemKind::WrongState);
}

#[test]
fn limits_change_while_it_runs() {
    let device = Device::started();
    device.image("grows", GROWS, plain());
    let limited = |bytes| LimitsSpec {
        memory_bytes: Some(bytes),
        ..LimitsSpec::default()
    };
    device.run(
        "grows",
        ContainerSpec {
            limits: limited(4 << 16),
            ..Device::spec("grows")
        },
    );
    device.until_line("grows", "no more");
    assert_eq!(
        device
            .client()
            .container("grows")
            .unwrap()
            .stats
            .memory_bytes,
        4 << 16
    );
    let update = Update {
        limits: limited(8 << 16),
        restart: Some("always".into()),
        ..Update::default()
    };
    let updated = device.client().update("grows", &update).unwrap();
    assert_eq!(updated.stats.memory_bytes_limit, 8 << 16);
    assert_eq!(updated.spec.restart.as_deref(), Some("always"));
    device.until("grows", |container| container.stats.memory_bytes == 8 << 16);
    let bad = Update {
        limits: limited(1 << 40),
        ..Update::default()
    };
    assert_eq!(
        problem(device.client().update("grows", &bad)).kind,
        ProblemKind::Invalid
    );
}

#[test]
fn what_is_not_granted_is_told_and_not_given() {
    let device = Device::started();
    device.image("idle", IDLE, wants(&["timer", "kv"]));
    let spec = ContainerSpec {
        name: Some("modest".into()),
        grants: vec!["timer".into()],
        ..Device::spec("idle")
    };
    let created = device.client().create(&spec, true).unwrap();
    assert_eq!(created.unmet, ["kv, which --allow kv gives"]);
    let container = device.client().container("modest").unwrap();
    assert_eq!(container.grants, ["timer"]);
}

#[test]
fn one_that_removes_itself_leaves_nothing() {
    let device = Device::started();
    device.image("hello", &ends("hello", 0), plain());
    let spec = ContainerSpec {
        name: Some("once".into()),
        auto_remove: true,
        ..Device::spec("hello")
    };
    let client = device.client();
    client.create(&spec, false).unwrap();
    client.start("once").unwrap();
    while client.containers(true, None).unwrap().len() == 1 {
        std::thread::yield_now();
    }
    assert_eq!(device.states(), 0);
}

#[test]
fn what_cannot_be_started_is_not_made() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    let client = device.client();
    let missing = client.create(&Device::spec("nothing"), true);
    assert_eq!(problem(missing).kind, ProblemKind::NoSuchImage);
    let spec = ContainerSpec {
        name: Some("x".into()),
        entry: Some("no_such_function".into()),
        ..Device::spec("idle")
    };
    let started = problem(client.create(&spec, true));
    assert_eq!(started.kind, ProblemKind::CannotStart, "{started}");
    assert_eq!(client.containers(true, None).unwrap().len(), 0);
    let listens = ContainerSpec {
        listen: vec!["tcp/127.0.0.1:0".into()],
        ..Device::spec("idle")
    };
    let listening = device.run("listens", listens).listening;
    let taken = ContainerSpec {
        listen: listening,
        ..Device::spec("idle")
    };
    assert_eq!(
        problem(client.create(&taken, true)).kind,
        ProblemKind::CannotStart
    );
}
