//! Values in rows that are sealed with the hub's key: sealed anew with another, or taken out.

use serde_json::{Map, Value, json};

use super::BackupError;
use crate::authority::MasterKey;

type Row = Map<String, Value>;

/// Seals what is sealed in a row of this table with another key.
pub(super) fn reseal(
    table: &str,
    row: &mut Row,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<(), BackupError> {
    let Some((column, context)) = place(table, row)? else {
        return Ok(());
    };
    let sealed = match row.get(column) {
        None | Some(Value::Null) => return Ok(()),
        Some(value) => value.get("hex").and_then(Value::as_str).and_then(from_hex),
    };
    let sealed = sealed.ok_or_else(|| BackupError::malformed(format!("{table}.{column}")))?;
    // What was switched off when it was left out before has no value.
    if sealed.is_empty() {
        return Ok(());
    }
    let resealed = new.reseal(old, &context, &sealed)?;
    row.insert(column.to_owned(), json!({ "hex": to_hex(&resealed) }));
    Ok(())
}

/// Takes secrets out of a row of this table; whether anything of it is left. A webhook without a secret is switched off.
pub(super) fn leave_out(table: &str, row: &mut Row) -> bool {
    match table {
        "secret_revisions" | "keys" => false,
        "webhooks" => {
            row.insert("secret".into(), json!({ "hex": "" }));
            row.insert("is_disabled".into(), json!(1));
            true
        }
        _ => true,
    }
}

/// The column of a table that is sealed, and for what.
fn place(table: &str, row: &Row) -> Result<Option<(&'static str, String)>, BackupError> {
    let text = |name: &str| {
        let text = row.get(name).and_then(Value::as_str);
        text.ok_or_else(|| BackupError::malformed(format!("a row of {table} has no {name}")))
    };
    Ok(match table {
        "secret_revisions" => {
            let number = row.get("number").and_then(Value::as_u64);
            let number = number.ok_or_else(|| BackupError::malformed("a secret has no number"))?;
            Some(("ciphertext", format!("secret/{}/{number}", text("secret")?)))
        }
        "webhooks" => Some(("secret", format!("webhook/{}", text("id")?))),
        "keys" => Some(("ciphertext", format!("key:{}", text("id")?))),
        _ => None,
    })
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
