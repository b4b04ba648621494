//! Docker's credential helpers: programs `docker-credential-NAME` that keep secrets in what a system has for them.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use thimble_image::registry::{Credentials, Secret};

use crate::credentials::CredentialError;

/// How long a helper may take; people may be asked for a password meanwhile.
const HELPER_TIME: Duration = Duration::from_secs(60);
/// Bytes that a helper may say.
const HELPER_BYTES_MAX: u64 = 64 << 10;
/// The name that says that the secret is a token (Docker's credential helper protocol).
const TOKEN_NAME: &str = "<token>";
/// What a helper says if it has nothing, and fails.
const NOTHING: &str = "credentials not found in native keychain";

/// The credentials that a helper has for a server.
pub(crate) fn get(helper: &str, server: &str) -> Result<Option<Credentials>, CredentialError> {
    let answer = run(helper, "get", server.as_bytes())?;
    if !answer.is_success {
        return if answer.text.trim() == NOTHING {
            Ok(None)
        } else {
            Err(failed(helper, &answer.text))
        };
    }
    let parsed: serde_json::Value = serde_json::from_str(&answer.text)
        .map_err(|_| failed(helper, "its answer is not the JSON it should be"))?;
    let text = |name: &str| parsed.get(name).and_then(serde_json::Value::as_str);
    match (text("Username"), text("Secret")) {
        (Some(TOKEN_NAME), Some(secret)) => {
            Ok(Some(Credentials::IdentityToken(Secret::new(secret.into()))))
        }
        (Some(username), Some(secret)) => Ok(Some(Credentials::Password {
            username: username.into(),
            password: Secret::new(secret.into()),
        })),
        _ => Err(failed(helper, "its answer has no name or no secret")),
    }
}

/// Gives a helper credentials to keep.
pub(crate) fn store(
    helper: &str,
    server: &str,
    username: &str,
    password: &Secret,
) -> Result<(), CredentialError> {
    let entry = serde_json::json!({
        "ServerURL": server, "Username": username, "Secret": password.expose(),
    });
    let answer = run(helper, "store", entry.to_string().as_bytes())?;
    if answer.is_success {
        Ok(())
    } else {
        Err(failed(helper, &answer.text))
    }
}

/// Lets a helper forget what it has for a server.
pub(crate) fn erase(helper: &str, server: &str) -> Result<(), CredentialError> {
    let answer = run(helper, "erase", server.as_bytes())?;
    if answer.is_success {
        Ok(())
    } else {
        Err(failed(helper, &answer.text))
    }
}

struct Answer {
    is_success: bool,
    text: String,
}

fn run(helper: &str, verb: &str, input: &[u8]) -> Result<Answer, CredentialError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if helper.is_empty() || !helper.bytes().all(is_name) {
        return Err(failed(
            "?",
            "its name has characters that names do not have",
        ));
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(helper, &format!("it cannot be started: {error}")))?;
    let outcome = converse(&mut child, input);
    let Some(text) = outcome else {
        // It may have ended by itself; either way nothing of it stays.
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed(
            helper,
            &format!("it has not answered for {} s", HELPER_TIME.as_secs()),
        ));
    };
    let status = child
        .wait()
        .map_err(|error| failed(helper, &error.to_string()))?;
    Ok(Answer {
        is_success: status.success(),
        text,
    })
}

/// Says what is to be said and listens until the other side has closed; `None` if that takes too long.
fn converse(child: &mut Child, input: &[u8]) -> Option<String> {
    let mut stdin = child.stdin.take()?;
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let outcome = stdout.take(HELPER_BYTES_MAX).read_to_end(&mut text);
        // Nobody listens any more if it took too long.
        let _ = sender.send(outcome.map(|_| text));
    });
    let input = input.to_vec();
    std::thread::spawn(move || {
        // A helper that does not listen is known by what it answers.
        let _ = stdin.write_all(&input);
    });
    let text = receiver.recv_timeout(HELPER_TIME).ok()?.ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn failed(helper: &str, reason: &str) -> CredentialError {
    let shown: String = reason
        .chars()
        .filter(|character| !character.is_control())
        .take(200)
        .collect();
    CredentialError::Helper {
        helper: helper.into(),
        reason: shown,
    }
}
