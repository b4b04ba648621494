//! Stops everything when the daemon does. What is declared stays: at the next start it runs again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::container::Entry;
use crate::device::Device;

impl Device {
    /// Stops all containers, each after those that depend on it.
    pub(crate) fn stop_all(&self) {
        let mut left: Vec<Arc<Entry>> = self.entries();
        left.retain(|entry| entry.inner().run.is_some());
        while !left.is_empty() {
            let needed: BTreeSet<String> = left
                .iter()
                .flat_map(|entry| {
                    let spec = Arc::clone(&entry.inner().spec);
                    let names: Vec<String> = spec
                        .depends_on
                        .iter()
                        .map(|dependency| dependency.name.clone())
                        .collect();
                    names
                })
                .collect();
            let (mut first, mut later): (Vec<_>, Vec<_>) = left
                .into_iter()
                .partition(|entry| !needed.contains(&entry.name));
            if first.is_empty() {
                // They depend on each other in a circle.
                first = std::mem::take(&mut later);
            }
            for entry in &first {
                self.ask_to_stop(entry);
            }
            for entry in &first {
                self.wait_for_rest(entry);
            }
            left = later;
        }
    }

    /// Asks a container to stop without declaring that it should.
    fn ask_to_stop(&self, entry: &Entry) {
        let _operation = entry.operate();
        let run = {
            let inner = entry.inner();
            inner
                .run
                .as_ref()
                .map(|run| (run.runtime, inner.phase == crate::container::Phase::Paused))
        };
        if let Some((runtime, was_paused)) = run {
            if was_paused {
                let _ = self.machine.unpause(runtime);
            }
            let _ = self.machine.stop_within(runtime, None);
        }
    }
}
