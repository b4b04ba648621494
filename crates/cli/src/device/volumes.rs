//! `thimble volumes`.

use serde_json::json;

use crate::arguments::{VolumesArguments, VolumesCommand};
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::{Output, REMOVED, VOLUME, write};

use super::{client, each, ours};

/// Lists volumes, or removes them.
pub(super) fn volumes(arguments: &VolumesArguments) -> Result<(), Failure> {
    if let Some(VolumesCommand::Rm { shape, volumes }) = &arguments.command {
        let output = Output::new(shape, REMOVED)?;
        let mut removed = Vec::new();
        let result = each(
            volumes,
            |client, name| client.remove_volume(name),
            |name, ()| {
                if output.is_text() {
                    return write(&format!("{}\n", printable(name)));
                }
                removed.push(json!({"name": name}));
                Ok(())
            },
        );
        if !output.is_text() {
            output.list(&removed, String::new)?;
        }
        return result;
    }
    let output = Output::new(&arguments.shape, VOLUME)?;
    let volumes = client()?.volumes().map_err(ours)?;
    output.list(&volumes, || {
        let mut rows = vec![["NAME", "SIZE", "CONTAINERS"].map(str::to_owned).to_vec()];
        rows.extend(volumes.iter().map(|volume| {
            vec![
                printable(&volume.name),
                mebibytes(volume.used_bytes),
                printable(&volume.containers.join(", ")),
            ]
        }));
        table(&rows)
    })
}
