//! What is wrong, with the exact words.

use super::{LONG, read};

/// What stands in a container, and the error.
const IN_A_CONTAINER: &[(&str, &str)] = &[
    (
        "comand: x",
        "4:5: unknown key `comand`; did you mean `command`?",
    ),
    (
        "build: .",
        "4:5: `build` has no meaning here: images are built beforehand: `thimble build -t NAME .`, then `image: NAME`",
    ),
    (
        "privileged: true",
        "4:5: `privileged` has no meaning here: a container has no privileges of the system to give or take; write what it may do as `grants`",
    ),
    (
        "command: x\n    args: [y]",
        "5:11: `command` and `args` mean the same; keep one",
    ),
    (
        "command: {a: b}",
        "4:14: `command` must be a list, or a text",
    ),
    (
        "command: \"'a\"",
        "4:14: `command` must be words whose quotes are closed; or write a list",
    ),
    (
        "entrypoint: [a]",
        "4:17: `entrypoint` must be the name of the exported function to run; arguments are `command`",
    ),
    (
        "environment: [=x]",
        "4:19: `environment` must be names and values: NAME=VALUE",
    ),
    (
        "environment: [A=1, A=2]",
        "4:24: `A` stands here twice; one must go",
    ),
    (
        "environment: x",
        "4:18: `environment` must be a map of names and values, or a list of NAME=VALUE",
    ),
    (
        "env_file: none.env",
        "4:15: none.env: there is no such file",
    ),
    (
        "env_file: [vars.env, broken.env]",
        "4:26: broken.env: line 2: write NAME=VALUE",
    ),
    (
        "volumes: [data:/data]",
        "4:15: the volume `data` is not declared; write `volumes: {data: }` at the top of the file, or `./data` for a folder",
    ),
    (
        "volumes: [\"/a:/b:rx\"]",
        "4:15: `volumes` must be VOLUME:PATH or FOLDER:PATH, and `:ro` behind it if it is read-only",
    ),
    (
        "volumes: [\"/a:b\"]",
        "4:15: `volumes` must be a path inside the container that begins with `/`, not \"b\"",
    ),
    (
        "volumes: [\"a b:/b\"]",
        "4:15: `volumes` must be a volume's name (1 to 128 characters of a-z, 0-9, `.`, `_` and `-`) or a folder that begins with `/`, `./` or `~/`, not \"a b\"",
    ),
    (
        "volumes: [\"/a:/b\", \"/c:/b\"]",
        "4:24: two volumes at /b; one must go",
    ),
    (
        "volumes: [{type: tmpfs, target: /b}]",
        "4:22: `type` must be `volume` or `bind`",
    ),
    (
        "volumes: [{type: bind, source: /a}]",
        "4:15: `target`, the path inside the container, is missing",
    ),
    (
        "ports: [\"8080:80\"]",
        "4:13: `ports` must be the same port on both sides: the container is given the device's socket",
    ),
    (
        "ports: [\"53/udp\"]",
        "4:13: `ports` must be TCP; for UDP the container opens its socket itself, with `grants: [\"net.listen:udp/PORT\"]`",
    ),
    (
        "ports: [99999]",
        "4:13: `ports` must be PORT, PORT:PORT with twice the same, or ADDRESS:PORT:PORT; each opens a TCP socket on the device",
    ),
    (
        "listen: [80]",
        "4:14: `listen` must be `tcp/PORT` or `tcp/ADDRESS:PORT`, for example tcp/8080",
    ),
    (
        "listen: [tcp/80]\n    ports: [80]",
        "5:13: tcp/80 stands here twice; one must go",
    ),
    (
        "allow_requested: yes",
        "4:22: `allow_requested` must be `true` or `false`",
    ),
    (
        "restart: sometimes",
        "4:14: `restart` must be `no`, `on-failure`, `on-failure:N` or `always`",
    ),
    (
        "restart: on-failure:0",
        "4:14: `restart` must be `no`, `on-failure`, `on-failure:N` or `always`",
    ),
    (
        "depends_on: [b]",
        "4:18: there is no container `b` in this app that could be depended on",
    ),
    (
        "depends_on: [a]",
        "4:18: `a` would wait for itself: `a` depends on it, directly or not",
    ),
    (
        "depends_on: {b: {condition: now}}",
        "4:33: `condition` must be `started`, `healthy` or `completed`",
    ),
    (
        "depends_on: {b: {restart: true}}",
        "4:22: `restart` has no meaning here: a container goes on when another one is changed",
    ),
    (
        "healthcheck: {test: [x]}",
        "4:19: `test` has no meaning here: a container reports its health itself, with `thimble`'s `health_report`; nothing is run inside it",
    ),
    (
        "healthcheck: {interval: 1s}",
        "4:18: `start_period`, the time until the first report, is missing",
    ),
    (
        "stop_grace_period: soon",
        "4:24: `stop_grace_period` must be a time: a number with ms, s, m or h, for example 500ms, 1.5s or 2m",
    ),
    (
        "limits: {memory: lots}",
        "4:22: `memory` must be a size: a whole number with b, k, m or g, for example 512k or 64m",
    ),
    (
        "limits: {mem: 1m}",
        "4:14: unknown key `mem`; did you mean `memory`?",
    ),
    (
        "limits: {memory: 1m}\n    mem_limit: 2m",
        "5:16: the limit of memory stands in two places; keep the one under `limits`",
    ),
    (
        "deploy: {replicas: 2}",
        "4:14: `replicas` has no meaning here: write each container under a name of its own",
    ),
    (
        "bus: {queue: 0}",
        "4:18: `queue` must be a whole number, at least 1",
    ),
    (
        "bus: {policy: wait}",
        "4:19: `policy` must be `drop-oldest` or `refuse`",
    ),
    (
        "bus: {queue_bytes: 5g}",
        "4:24: `queue_bytes` must be a size below 4g",
    ),
    (
        "logging: {driver: syslog}",
        "4:23: `driver` must be left out: the daemon keeps the output; `thimble logs` shows it",
    ),
    (
        "labels: [=x]",
        "4:14: `labels` must be a map, or a list of NAME=VALUE",
    ),
    (
        "args: [\"$\"]",
        "4:12: behind a `$` stands the name of a variable; write `$$` for a `$` that stands for itself",
    ),
    (
        "args: [\"${\"]",
        "4:12: a `${` has no `}`; write `$$` for a `$` that stands for itself",
    ),
    (
        "args: [\"${A B}\"]",
        "4:12: `${A B}` is not understood; write ${NAME}, ${NAME:-DEFAULT} or ${NAME:?MESSAGE}",
    ),
    (
        "args: [\"${A:}\"]",
        "4:12: `${A:}` is not understood; write ${NAME}, ${NAME:-DEFAULT} or ${NAME:?MESSAGE}",
    ),
    (
        "args: [$NONE]",
        "4:12: the variable NONE is not set; set it, write it into .env, or write ${NONE:-DEFAULT}",
    ),
    (
        "args: [\"${EMPTY:?must be there}\"]",
        "4:12: the variable EMPTY is not set: must be there",
    ),
];

#[test]
fn what_is_wrong_in_a_container_is_told_with_its_place() {
    for (lines, expected) in IN_A_CONTAINER {
        let text = format!("containers:\n  a:\n    image: x\n    {lines}\n");
        assert_eq!(read(&text).unwrap_err(), *expected, "{text}");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    let long = format!(
        "containers:\n  a:\n    image: x\n    args: [{}]\n",
        ["$LONG"; 20].join(", ")
    );
    let nested = format!(
        "containers:\n  a:\n    image: x\n    args: ['{}{}']\n",
        "${A:-".repeat(10),
        "}".repeat(10)
    );
    for (text, expected) in [
        ("", "1:1: `containers`, what the app is made of, is missing"),
        ("- a\n", "1:1: `the app` must be a map of keys and values"),
        (
            "containers: {}\n",
            "1:13: an app has 1 to 256 containers, not 0",
        ),
        (
            "containers: [a]\n",
            "1:13: `containers` must be a map of names and containers",
        ),
        (
            "containers: {a: {}}\n",
            "1:17: `image`, what the container is made from, is missing",
        ),
        (
            "containers: {a: {image: 'a b'}}\n",
            "1:25: `image` must be the name of an image",
        ),
        (
            "containers: {A: {image: a}}\n",
            "1:14: `containers` must be a name of 1 to 64 characters",
        ),
        (
            "containers: {a.b: {image: a}}\n",
            "1:14: `containers` must be a name of 1 to 64 characters",
        ),
        (
            "container: {a: {image: a}}\n",
            "1:1: unknown key `container`; did you mean `containers`?",
        ),
        (
            "containers: {a: {image: a}}\nservices: {b: {image: b}}\n",
            "2:11: `containers` and `services` mean the same; keep one",
        ),
        (
            "name: A B\ncontainers: {a: {image: a}}\n",
            "1:7: `name` must be a name of 1 to 64 characters",
        ),
        (
            "networks: {}\ncontainers: {a: {image: a}}\n",
            "1:1: `networks` has no meaning here: containers have the device's network",
        ),
        (
            "volumes: {a: {external: true}}\n",
            "1:15: `external` has no meaning here: an app's volumes are its own",
        ),
        (
            "volumes: [a]\n",
            "1:10: `volumes` must be a map of names, each with nothing behind it",
        ),
        (
            "a: &a [x]\n",
            "1:4: anchors are not allowed; write the value itself",
        ),
        ("a: *a\n", "1:"),
        (
            "a: !!str x\n",
            "1:4: tags are not allowed; write the value itself",
        ),
        ("a: 1\na: 2\n", "2:1: `a` stands here twice; one must go"),
        ("a: {\n", "2:1: it is not YAML"),
        ("containers:\n\ta: x\n", "2:"),
        (&long, "4:"),
        (
            &nested,
            "4:12: there may be at most 8 `${` inside each other",
        ),
        (
            "containers:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n",
            "2:30: `a` would wait for itself: `b` depends on it, directly or not",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}\n{error}\n{expected}");
    }
    assert!(LONG.len() * 20 > 1 << 20);
}
