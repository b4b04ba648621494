//! The listening sockets of a container: ours, and compose's `ports` as far as they mean the same.

use thimble_builder::yaml::{Fields, Node, Problem, Value, Wrong, value};

use crate::declare;

const KEYS: &[&str] = &["target", "published", "host_ip", "protocol"];
const FOREIGN: &[(&str, &str)] = &[
    ("app_protocol", "a socket carries what the container sends"),
    ("mode", "an app runs on one device"),
    ("name", "a socket has no name"),
];
const PORT: &str = "PORT, PORT:PORT with twice the same, or ADDRESS:PORT:PORT; each opens a TCP socket on the device";

/// Reads `listen` and `ports`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<String>, Wrong> {
    let mut sockets = Vec::new();
    for node in items(fields, "listen")? {
        let place = node.place;
        let text = thimble_builder::yaml::text("listen", node)?;
        let socket = declare::listen(&text).map_err(|must| place.wrong(value("listen", must)))?;
        sockets.push((place, socket));
    }
    for node in items(fields, "ports")? {
        let place = node.place;
        let socket = match node.value {
            Value::Text(text) => short(&text).map_err(|must| place.wrong(value("ports", must)))?,
            _ => long(node)?,
        };
        sockets.push((place, socket));
    }
    let mut known = std::collections::BTreeSet::new();
    for (place, socket) in &sockets {
        if !known.insert(socket) {
            return Err(place.refused(format!("{socket} stands here twice; one must go")));
        }
    }
    Ok(sockets.into_iter().map(|(_, socket)| socket).collect())
}

fn items(fields: &mut Fields, name: &str) -> Result<Vec<Node>, Wrong> {
    match fields.take(name) {
        None => Ok(Vec::new()),
        Some(Node {
            value: Value::List(items),
            ..
        }) => Ok(items),
        Some(node) => Err(node.place.wrong(value(name, "a list, each line with `- `"))),
    }
}

/// `[[ADDRESS:]PORT:]PORT[/tcp]`.
fn short(text: &str) -> Result<String, &'static str> {
    let (text, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (text, inside) = match text.rsplit_once(':') {
        Some((text, inside)) => (text, inside),
        None => (text, text),
    };
    let (address, outside) = match text.rsplit_once(':') {
        Some((address, outside)) => (Some(address), outside),
        None => (None, text),
    };
    socket(address, outside, inside, protocol)
}

fn long(node: Node) -> Result<String, Wrong> {
    let mut fields = Fields::of("ports", node, KEYS)?;
    fields.refuse(FOREIGN)?;
    let place = fields.place();
    let inside = fields.text("target")?.ok_or(place.wrong(Problem::Missing {
        key: "`target`, the port,",
    }))?;
    let outside = fields.text("published")?;
    let address = fields.text("host_ip")?;
    let protocol = fields.text("protocol")?;
    fields.finish()?;
    socket(
        address.as_ref().map(|(address, _)| address.as_str()),
        outside.as_ref().map_or(&inside.0, |(port, _)| port),
        &inside.0,
        protocol.as_ref().map_or("tcp", |(protocol, _)| protocol),
    )
    .map_err(|must| place.wrong(value("ports", must)))
}

/// There is no translation of ports: the socket is the device's, and the container is given it.
fn socket(
    address: Option<&str>,
    outside: &str,
    inside: &str,
    protocol: &str,
) -> Result<String, &'static str> {
    if protocol != "tcp" {
        return Err(
            "TCP; for UDP the container opens its socket itself, with `grants: [\"net.listen:udp/PORT\"]`",
        );
    }
    if outside != inside {
        return Err("the same port on both sides: the container is given the device's socket");
    }
    let text = match address {
        Some(address) => format!("tcp/{address}:{outside}"),
        None => format!("tcp/{outside}"),
    };
    declare::listen(&text).map_err(|_| PORT)
}
