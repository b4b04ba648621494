//! The containers of the device, which only pretend.

use std::collections::BTreeMap;

use thimble_serial::{
    ContainerStatus, Declaration, HealthStatus, LogEntry, LogStream, RefusalKind, Reply, Request,
    RunEnd, RunState,
};

use super::refused;

/// Entries of a log that one answer has at most.
const ENTRIES_MAX: usize = 2;

#[derive(Default)]
pub(super) struct Containers {
    declared: BTreeMap<String, Container>,
}

struct Container {
    status: ContainerStatus,
    log: Vec<LogEntry>,
    ends: Vec<RunEnd>,
}

impl Containers {
    pub(super) fn create(
        &mut self,
        declaration: &Declaration,
        digest: String,
        replace: bool,
    ) -> Reply {
        let mut declaration = declaration.clone();
        if declaration.name.is_empty() {
            declaration.name = format!("c{}", self.declared.len());
        }
        let name = declaration.name.clone();
        if self.declared.contains_key(&name) && !replace {
            return refused(
                RefusalKind::Conflict,
                "there is a container of that name; remove it",
            );
        }
        let is_stopped = declaration.is_stopped;
        let mut container = Container {
            status: created(declaration, digest),
            log: Vec::new(),
            ends: Vec::new(),
        };
        if !is_stopped {
            container.start();
        }
        self.declared.insert(name.clone(), container);
        let refused = vec!["timer".into()];
        Reply::Created { name, refused }
    }

    /// Carries out what is about containers.
    pub(super) fn carry_out(&mut self, request: &Request) -> Reply {
        if let Request::Container { after } = request {
            let next = self.declared.iter().find(|(name, _)| *name > after);
            let status = next.map(|(_, container)| container.status.clone());
            return status.map_or(Reply::NoMore, Reply::Container);
        }
        let name = match request {
            Request::Start { name }
            | Request::Stop { name, .. }
            | Request::Kill { name }
            | Request::Pause { name }
            | Request::Unpause { name }
            | Request::Restart { name }
            | Request::Remove { name, .. }
            | Request::Inspect { name }
            | Request::Log { name, .. }
            | Request::Records { name } => name,
            other => panic!("the device is not asked for {other:?}"),
        };
        let Some(container) = self.declared.get_mut(name) else {
            return refused(
                RefusalKind::NotFound,
                &format!("there is no container {name}"),
            );
        };
        match request {
            Request::Start { .. } => container.start(),
            Request::Stop { .. } => container.end("stopped", 143),
            Request::Kill { .. } => container.end("killed", 137),
            Request::Pause { .. } => container.status.state = RunState::Paused,
            Request::Unpause { .. } => container.status.state = RunState::Running,
            Request::Restart { .. } => {
                container.end("stopped", 143);
                container.start();
            }
            Request::Remove { force, .. } => {
                if container.status.state == RunState::Running && !force {
                    return refused(RefusalKind::Conflict, "it runs; stop it first, or use -f");
                }
                self.declared.remove(name);
            }
            Request::Inspect { .. } => return Reply::Container(container.status.clone()),
            Request::Log { from, .. } => return container.log(*from),
            _ => return Reply::Records(container.ends.clone()),
        }
        Reply::Done
    }
}

impl Container {
    fn start(&mut self) {
        self.status.state = RunState::Running;
        let env = self.status.declaration.env.clone();
        let said = env.iter().filter_map(|text| text.strip_prefix("SAY="));
        self.log.extend(said.map(|line| LogEntry {
            stream: LogStream::Output,
            at_ms: 5,
            bytes: format!("{line}\n").into_bytes(),
        }));
        if env.iter().any(|text| text.starts_with("FOREVER=")) {
            return;
        }
        let exit = env.iter().find_map(|text| text.strip_prefix("EXIT="));
        self.end("exited", exit.map_or(0, |code| code.parse().unwrap()));
    }

    fn end(&mut self, reason: &str, exit_code: i32) {
        if !matches!(self.status.state, RunState::Running | RunState::Paused) {
            return;
        }
        let end = RunEnd {
            reason: reason.into(),
            exit_code,
            started_unix_ms: 951_827_696_000,
            ended_unix_ms: 951_827_697_500,
            cpu_us: 1500,
            memory_bytes_max: 65_536,
            memory_refused: false,
            last_output: String::new(),
        };
        self.ends.insert(0, end.clone());
        self.status.end = Some(end);
        self.status.state = match exit_code {
            0 | 143 => RunState::Exited,
            _ => RunState::Failed,
        };
    }

    fn log(&self, from: u64) -> Reply {
        let from = usize::try_from(from).unwrap().min(self.log.len());
        let entries: Vec<_> = self.log[from..].iter().take(ENTRIES_MAX).cloned().collect();
        let next = from + entries.len();
        let is_live = matches!(self.status.state, RunState::Running | RunState::Paused);
        Reply::Log {
            is_over: !is_live && next == self.log.len(),
            entries,
            next: next as u64,
            lost_bytes: 0,
        }
    }
}

fn created(declaration: Declaration, digest: String) -> ContainerStatus {
    ContainerStatus {
        declaration,
        digest,
        state: RunState::Created,
        health: HealthStatus::Unknown,
        health_message: String::new(),
        restarts: 0,
        restart_in_ms: None,
        up_ms: 1500,
        cpu_us: 1500,
        memory_bytes: 65_536,
        memory_bytes_max: 65_536,
        stack_bytes: 4096,
        slices: 3,
        end: None,
    }
}
