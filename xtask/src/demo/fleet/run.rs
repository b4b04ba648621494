//! Commands whose output is shown as it comes, and looked at.

use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// What belongs to one text comes in one go.
const ONE_GO: Duration = Duration::from_millis(200);
/// How long a program gets to end when it is asked to.
const ASK_WAIT: Duration = Duration::from_secs(5);

/// What a command wrote, and how it ended.
pub(super) struct Outcome {
    text: String,
    /// None if it was ended when it had said enough.
    status: Option<ExitStatus>,
}

impl Outcome {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn ended_with(&self, exit: i32) -> Result<()> {
        let code = self.status.and_then(|status| status.code());
        ensure!(
            code == Some(exit),
            "its exit code was {code:?}, and should have been {exit}"
        );
        Ok(())
    }

    pub(super) fn says(&self, words: &[&str]) -> Result<()> {
        for word in words {
            ensure!(says(&self.text, word), "it should have said `{word}`");
        }
        Ok(())
    }

    pub(super) fn first_word(&self) -> Result<String> {
        let word = self.text.split_whitespace().next();
        Ok(word.context("it printed nothing")?.to_owned())
    }
}

/// Whether a text has a word in it, however many blanks stand between its parts: columns are as wide as they need to be.
fn says(text: &str, word: &str) -> bool {
    let narrow = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    narrow(text).contains(&narrow(word))
}

/// Runs a command to its end without showing it.
pub(super) fn quietly(mut command: Command) -> Result<Outcome> {
    let output = command
        .output()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    let mut text = process::both(&output);
    text.push('\n');
    Ok(Outcome {
        text,
        status: Some(output.status),
    })
}

/// Runs a command to its end, which must come within a time, and shows what it writes.
pub(super) fn run_to_end(command: Command, limit: Duration) -> Result<Outcome> {
    attend(command, limit, |_| false)
}

/// Runs a command until it has said all of these words, then ends it as a person does: with Ctrl-C.
pub(super) fn follow(command: Command, words: &[&str], limit: Duration) -> Result<Outcome> {
    attend(command, limit, |text| {
        words.iter().all(|word| says(text, word))
    })
}

fn attend(
    mut command: Command,
    limit: Duration,
    is_enough: impl Fn(&str) -> bool,
) -> Result<Outcome> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    let (sender, parts) = mpsc::channel();
    for pipe in [
        child.stdout.take().map(boxed),
        child.stderr.take().map(boxed),
    ]
    .into_iter()
    .flatten()
    {
        let sender = sender.clone();
        thread::spawn(move || pass_on(pipe, &sender));
    }
    drop(sender);
    let mut text = String::new();
    let came = listen(&parts, &mut text, limit, is_enough);
    if !matches!(came, Ok(Came::End)) {
        end(&mut child)?;
    }
    match came? {
        Came::End => Ok(Outcome {
            text,
            status: Some(child.wait()?),
        }),
        Came::Enough => Ok(Outcome { text, status: None }),
    }
}

enum Came {
    /// The command ended.
    End,
    /// It said what was waited for.
    Enough,
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

fn pass_on(mut pipe: Box<dyn Read + Send>, to: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        let part = buffer.get(..count).unwrap_or_default().to_vec();
        if to.send(part).is_err() {
            return;
        }
    }
}

/// Shows what comes until there is enough of it, or no more comes.
fn listen(
    parts: &Receiver<Vec<u8>>,
    text: &mut String,
    limit: Duration,
    is_enough: impl Fn(&str) -> bool,
) -> Result<Came> {
    let deadline = Instant::now() + limit;
    loop {
        let left = match is_enough(text) {
            true => ONE_GO,
            false => deadline.saturating_duration_since(Instant::now()),
        };
        match parts.recv_timeout(left) {
            Ok(part) => {
                let part = String::from_utf8_lossy(&part);
                print!("{part}");
                std::io::stdout().flush()?;
                text.push_str(&part);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(Came::End),
            Err(RecvTimeoutError::Timeout) if is_enough(text) => return Ok(Came::Enough),
            Err(RecvTimeoutError::Timeout) => {
                bail!("it did not come to that within {} s", limit.as_secs());
            }
        }
    }
}

fn end(child: &mut std::process::Child) -> Result<()> {
    // One that has ended meanwhile cannot be asked, and need not be.
    let _ = process::run(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let deadline = Instant::now() + ASK_WAIT;
    while child.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! A shell that says what it is told.

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn an_exit_code_and_a_word_that_are_not_as_expected_are_errors() {
        let outcome = run_to_end(shell("echo one   two; exit 3"), ASK_WAIT).unwrap();
        outcome.ended_with(3).unwrap();
        outcome.says(&["one two"]).unwrap();
        outcome.ended_with(0).unwrap_err();
        outcome.says(&["one", "three"]).unwrap_err();
    }

    #[test]
    fn what_is_followed_is_ended_when_it_said_enough() {
        let script = "echo begun; echo paused; exec sleep 1000";
        let outcome = follow(shell(script), &["begun", "paused"], ASK_WAIT).unwrap();
        assert!(outcome.status.is_none());
        // One that ends without a word is no success.
        let outcome = follow(shell("echo begun"), &["paused"], ASK_WAIT).unwrap();
        outcome.says(&["paused"]).unwrap_err();
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let limit = Duration::from_millis(1);
        assert!(run_to_end(shell("exec sleep 1000"), limit).is_err());
    }
}
