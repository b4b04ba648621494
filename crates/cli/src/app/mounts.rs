//! The volumes and folders of a container.

use std::collections::BTreeSet;

use thimble_builder::yaml::{Fields, Node, Place, Problem, Value, Wrong, value};
use thimble_device_api::{Mount, MountKind};

use crate::declare;

use super::Context;

const KEYS: &[&str] = &["type", "source", "target", "read_only"];
const FOREIGN: &[(&str, &str)] = &[
    ("bind", "a folder is mounted as it is"),
    ("consistency", "a folder is mounted as it is"),
    ("tmpfs", "a volume is all there is"),
    ("volume", "a volume is mounted as it is"),
];

/// Reads the list of what is mounted, short or long.
pub(super) fn read(
    fields: &mut Fields,
    volumes: &BTreeSet<String>,
    context: &Context<'_>,
) -> Result<Vec<Mount>, Wrong> {
    let Some(node) = fields.take("volumes") else {
        return Ok(Vec::new());
    };
    let Value::List(items) = node.value else {
        return Err(node
            .place
            .wrong(value("volumes", "a list, each line with `- `")));
    };
    let mut mounts: Vec<Mount> = Vec::new();
    for item in items {
        let place = item.place;
        let mount = match &item.value {
            Value::Text(text) => declare::mount(text, context.folder)
                .map_err(|must| place.wrong(value("volumes", must)))?,
            _ => long(item, context)?,
        };
        check(&mount, place, volumes)?;
        if mounts.iter().any(|known| known.target == mount.target) {
            return Err(place.refused(format!("two volumes at {}; one must go", mount.target)));
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

fn check(mount: &Mount, place: Place, volumes: &BTreeSet<String>) -> Result<(), Wrong> {
    if mount.kind == MountKind::Volume && !volumes.contains(&mount.source) {
        return Err(place.refused(format!(
            "the volume `{0}` is not declared; write `volumes: {{{0}: }}` at the top of the file, or `./{0}` for a folder",
            mount.source
        )));
    }
    Ok(())
}

fn long(node: Node, context: &Context<'_>) -> Result<Mount, Wrong> {
    let mut fields = Fields::of("volumes", node, KEYS)?;
    fields.refuse(FOREIGN)?;
    let place = fields.place();
    let missing = |key| place.wrong(Problem::Missing { key });
    let kind = fields
        .parsed("type", |text| match text {
            "volume" => Ok(MountKind::Volume),
            "bind" => Ok(MountKind::Bind),
            _ => Err("`volume` or `bind`"),
        })?
        .unwrap_or_default();
    let source = fields
        .parsed("source", |text| match kind {
            MountKind::Volume => declare::volume_name(text),
            MountKind::Bind => declare::bind_source(text, context.folder),
        })?
        .ok_or_else(|| missing("`source`, the volume's name or the folder,"))?;
    let target = fields
        .parsed("target", declare::mount_target)?
        .ok_or_else(|| missing("`target`, the path inside the container,"))?;
    let read_only = fields.parsed("read_only", super::container::truth)?;
    fields.finish()?;
    Ok(Mount {
        kind,
        source,
        target,
        read_only: read_only.unwrap_or_default(),
    })
}
