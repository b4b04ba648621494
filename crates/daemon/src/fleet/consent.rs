//! Asking an app whether it may be replaced now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thimble_agent::event::Consent;
use thimble_runtime::config::ContainerId;
use thimble_runtime::kernel::Asked;
use tokio::sync::mpsc;

use crate::container::Entry;
use crate::device::Device;

/// Questions that are open, and who waits for their answers.
#[derive(Default)]
pub(crate) struct Questions {
    open: Mutex<BTreeMap<u32, mpsc::UnboundedSender<Answer>>>,
    last: AtomicU32,
}

/// What a container said.
struct Answer {
    container: ContainerId,
    is_allowed: bool,
    reason: String,
}

/// A question that is forgotten with this.
struct Open<'a> {
    questions: &'a Questions,
    number: u32,
}

impl Questions {
    /// Hears what a container answered. Called while it runs: it waits for nothing.
    pub(crate) fn answered(
        &self,
        container: ContainerId,
        question: u32,
        is_allowed: bool,
        reason: &str,
    ) {
        if let Some(sender) = self.open.lock().get(&question) {
            // Whoever asked may have given up.
            drop(sender.send(Answer {
                container,
                is_allowed,
                reason: reason.to_owned(),
            }));
        }
    }

    fn open(&self) -> (Open<'_>, mpsc::UnboundedReceiver<Answer>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.open.lock().insert(number, sender);
        let open = Open {
            questions: self,
            number,
        };
        (open, receiver)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.questions.open.lock().remove(&self.number);
    }
}

/// Asks all containers of an app; one that refuses speaks for all.
pub(super) async fn ask(device: &Device, entries: Vec<Arc<Entry>>, within: Duration) -> Consent {
    let (open, mut answers) = device.wires.questions.open();
    let mut waited_for = Vec::new();
    for entry in entries {
        let Some(runtime) = entry.inner().run.as_ref().map(|run| run.runtime) else {
            continue;
        };
        // One that has ended meanwhile has nothing to say.
        if let Ok(Asked::Asked) = device.machine.ask_update(runtime, open.number, within) {
            waited_for.push((runtime, entry));
        }
    }
    if waited_for.is_empty() {
        return Consent::NotAsked;
    }
    let hearing = async {
        while let Some(answer) = answers.recv().await {
            let place = waited_for
                .iter()
                .position(|(runtime, _)| *runtime == answer.container);
            let Some(place) = place else { continue };
            let (_, entry) = waited_for.swap_remove(place);
            if !answer.is_allowed {
                return Consent::No(format!("{}: {}", entry.name, answer.reason));
            }
            if waited_for.is_empty() {
                return Consent::Yes;
            }
        }
        Consent::Silent
    };
    match tokio::time::timeout(within, hearing).await {
        Ok(consent) => consent,
        Err(_) => Consent::Silent,
    }
}
