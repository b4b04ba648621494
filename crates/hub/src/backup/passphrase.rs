//! A key made of a passphrase (argon2id, RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::{Map, Value, json};

use super::BackupError;
use crate::authority::MasterKey;

/// Memory of the derivation: 64 MiB, the RFC's second recommendation.
const MEMORY_KIB: u32 = 65_536;
/// Its passes.
const PASSES: u32 = 3;
/// Memory that a file may ask for at most.
const MEMORY_KIB_MAX: u64 = 1 << 20;
/// Passes that a file may ask for at most.
const PASSES_MAX: u64 = 16;
/// What the check value is sealed for.
const CHECK: &str = "export/check";

/// A new key of a passphrase, and what the file says so that it can be made again.
pub(super) fn new_key(passphrase: &str) -> Result<(MasterKey, Value), BackupError> {
    let salt = uuid::Uuid::new_v4().simple().to_string();
    let key = derive(passphrase, &salt, MEMORY_KIB, PASSES)?;
    let check = key.seal(CHECK, &[])?;
    let said = json!({
        "kdf": "argon2id", "salt": salt, "memory_kib": MEMORY_KIB, "passes": PASSES,
        "check": super::sealed::to_hex(&check),
    });
    Ok((key, said))
}

/// The key of a passphrase, as a file says that it was made.
pub(super) fn known_key(passphrase: &str, said: &Value) -> Result<MasterKey, BackupError> {
    let wrong = || BackupError::malformed("how the passphrase is used is not understood");
    let said: &Map<String, Value> = said.as_object().ok_or_else(wrong)?;
    let text = |name: &str| said.get(name).and_then(Value::as_str).ok_or_else(wrong);
    let number = |name: &str, max: u64| {
        let number = said.get(name).and_then(Value::as_u64);
        let number = number.filter(|number| *number <= max).ok_or_else(wrong)?;
        u32::try_from(number).map_err(|_| wrong())
    };
    if text("kdf")? != "argon2id" {
        return Err(wrong());
    }
    let memory_kib = number("memory_kib", MEMORY_KIB_MAX)?;
    let key = derive(
        passphrase,
        text("salt")?,
        memory_kib,
        number("passes", PASSES_MAX)?,
    )?;
    let check = super::sealed::from_hex(text("check")?).ok_or_else(wrong)?;
    match key.open(CHECK, &check) {
        Ok(_) => Ok(key),
        Err(_) => Err(BackupError::WrongPassphrase),
    }
}

fn derive(
    passphrase: &str,
    salt: &str,
    memory_kib: u32,
    passes: u32,
) -> Result<MasterKey, BackupError> {
    let failed = |error: argon2::Error| BackupError::malformed(error.to_string());
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(failed)?;
    let mut bytes = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt.as_bytes(), &mut bytes)
        .map_err(failed)?;
    Ok(MasterKey::from_bytes(&bytes))
}
