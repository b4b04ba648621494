//! Devices that are expected: a CSV (RFC 4180) becomes rows, or a list of what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use thimble_hub_store::{ExpectedDevice, ExpectedDeviceId, Id as _, TenantId};

use super::names;
use crate::identity::TokenHash;

/// Devices of one table at most.
pub const DEVICES_MAX: usize = 100_000;
/// Characters of a serial number or a model at most.
const CHARACTERS_MAX: usize = 128;
/// The columns that there are.
const COLUMNS: [&str; 5] = ["serial", "model", "name", "labels", "code"];

/// A line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Which, from 1.
    pub line: u64,
    /// Why, and what to do.
    pub reason: String,
}

/// Reads a table.
///
/// # Errors
/// Every line that is wrong.
pub fn read_expected(
    table: &[u8],
    tenant: TenantId,
    now_ms: i64,
) -> Result<Vec<ExpectedDevice>, Vec<WrongLine>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(table);
    let columns = columns(table, &mut reader).map_err(|wrong| vec![wrong])?;
    let mut devices = Vec::new();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for record in reader.records() {
        if devices.len().saturating_add(wrong.len()) >= DEVICES_MAX {
            return Err(vec![WrongLine {
                line: u64::try_from(DEVICES_MAX)
                    .unwrap_or(u64::MAX)
                    .saturating_add(2),
                reason: format!(
                    "a table has at most {DEVICES_MAX} devices: send the rest by itself"
                ),
            }]);
        }
        let read = match &record {
            Ok(record) => {
                let line = record.position().map_or(1, |begin| line(table, begin));
                device(record, &columns, tenant, now_ms)
                    .and_then(|device| {
                        if seen.insert(device.serial.clone()) {
                            Ok(device)
                        } else {
                            Err(format!(
                                "the serial number `{}` is there twice",
                                device.serial
                            ))
                        }
                    })
                    .map_err(|reason| WrongLine { line, reason })
            }
            Err(error) => Err(malformed(table, error)),
        };
        match read {
            Ok(device) => devices.push(device),
            Err(line) => wrong.push(line),
        }
    }
    if wrong.is_empty() {
        Ok(devices)
    } else {
        Err(wrong)
    }
}

/// The line on which a record begins: empty lines before it are passed over with it.
fn line(table: &[u8], begin: &csv::Position) -> u64 {
    let offset = usize::try_from(begin.byte()).unwrap_or(usize::MAX);
    let rest = table.get(offset..).unwrap_or_default();
    let empty = rest
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|byte| **byte == b'\n');
    begin.line().saturating_add(empty.count() as u64)
}

fn malformed(table: &[u8], error: &csv::Error) -> WrongLine {
    WrongLine {
        line: error.position().map_or(1, |begin| line(table, begin)),
        reason: format!("it is not CSV: {error}"),
    }
}

fn columns(
    table: &[u8],
    reader: &mut csv::Reader<&[u8]>,
) -> Result<BTreeMap<&'static str, usize>, WrongLine> {
    let head = reader.headers().map_err(|error| malformed(table, &error))?;
    let mut columns = BTreeMap::new();
    for (index, title) in head.iter().enumerate() {
        let known = COLUMNS.into_iter().find(|column| *column == title);
        match known {
            Some(column) if columns.insert(column, index).is_none() => {}
            _ => {
                return Err(WrongLine {
                    line: 1,
                    reason: format!(
                        "the column `{title}` is not known or there twice: there are {}, with commas between them",
                        COLUMNS.join(", ")
                    ),
                });
            }
        }
    }
    if columns.contains_key("serial") {
        return Ok(columns);
    }
    Err(WrongLine {
        line: 1,
        reason: "the first line must name the columns, and `serial` among them".to_owned(),
    })
}

fn device(
    record: &csv::StringRecord,
    columns: &BTreeMap<&'static str, usize>,
    tenant: TenantId,
    now_ms: i64,
) -> Result<ExpectedDevice, String> {
    let field = |name: &str| {
        columns
            .get(name)
            .and_then(|index| record.get(*index))
            .filter(|text| !text.is_empty())
    };
    let serial = field("serial").ok_or("there is no serial number")?;
    names::words("the serial number", serial, CHARACTERS_MAX).map_err(|error| error.to_string())?;
    if let Some(model) = field("model") {
        names::words("the model", model, CHARACTERS_MAX).map_err(|error| error.to_string())?;
    }
    if let Some(name) = field("name") {
        names::device(name).map_err(|error| error.to_string())?;
    }
    let labels = labels(field("labels").unwrap_or_default())?;
    Ok(ExpectedDevice {
        id: ExpectedDeviceId::fresh(),
        tenant,
        edition: 0,
        created_ms: now_ms,
        model: field("model").map(str::to_owned),
        serial: serial.to_owned(),
        name: field("name").map(str::to_owned),
        labels: serde_json::json!(labels),
        code_hash: field("code").map(|code| TokenHash::of(code).0.to_vec()),
        device: None,
    })
}

/// `line=1;site=a`.
fn labels(text: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut labels = BTreeMap::new();
    for part in text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is not a label: write KEY=VALUE;KEY=VALUE"))?;
        if labels.insert(key, value).is_some() {
            return Err(format!("the label `{key}` is there twice"));
        }
    }
    names::labels(&labels).map_err(|error| error.to_string())?;
    Ok(labels)
}
