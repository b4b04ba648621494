//! A command that is being carried out: which request comes next, and what its reply looks like.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::IntoIter;
use alloc::vec::Vec;

use super::command::{Command, Listing, Show};
use super::print::Printer;
use super::render;
use crate::message::{ContainerStatus, Declaration, Reply, Request, RunState};

/// The time between two looks at a log to which nothing was added.
const FOLLOW_MS: u64 = 250;

/// A command that is being carried out.
#[derive(Debug)]
pub(super) enum Task {
    /// Requests one after the other.
    Ask {
        requests: IntoIter<Request>,
        show: Show,
        /// Whose answer comes.
        asked: String,
    },
    /// A list.
    List {
        listing: Listing,
        /// The last that was shown, `None` at the end.
        after: Option<String>,
    },
    /// A container that is being declared, to be followed.
    Run(Option<Box<Declaration>>),
    /// A log.
    Follow(Follow),
}

/// A log that is shown.
#[derive(Debug)]
pub(super) struct Follow {
    name: String,
    from: u64,
    is_followed: bool,
    /// For a container that was run here, how often it was interrupted.
    interrupts: Option<u8>,
    /// Whether an interrupt is still to be told to it.
    is_interrupting: bool,
    /// Whether the next reply is the one to that.
    is_interrupted: bool,
    /// Whether its end is still to be told.
    is_over: bool,
    /// Whether the last line that was shown has no end yet.
    is_open: bool,
    next_at_ms: u64,
}

impl Task {
    /// Begins a command, if it asks anything.
    pub(super) fn new(command: Command, printer: &mut Printer<'_>) -> Option<Self> {
        match command {
            Command::Nothing | Command::Help | Command::FactoryReset => None,
            Command::Ask(requests, show) => Some(Self::Ask {
                requests: requests.into_iter(),
                show,
                asked: String::new(),
            }),
            Command::List(listing) => {
                match listing {
                    Listing::Containers { .. } => render::containers_head(printer),
                    Listing::Stats => render::stats_head(printer),
                    Listing::Images => render::images_head(printer),
                }
                Some(Self::List {
                    listing,
                    after: Some(String::new()),
                })
            }
            Command::Logs { name, follow } => Some(Self::Follow(Follow::new(name, follow, None))),
            Command::Run(declaration) => Some(Self::Run(Some(declaration))),
        }
    }

    /// Asks for one thing.
    pub(super) fn asking(request: Request) -> Self {
        Self::Ask {
            requests: Vec::from([request]).into_iter(),
            show: Show::Reply,
            asked: String::new(),
        }
    }

    /// The next request.
    pub(super) fn next_request(&mut self, now_ms: u64) -> Option<Request> {
        match self {
            Self::Ask {
                requests, asked, ..
            } => {
                let request = requests.next()?;
                *asked = subject(&request);
                Some(request)
            }
            Self::List { listing, after } => {
                let after = after.clone()?;
                Some(match listing {
                    Listing::Images => Request::Image { after },
                    Listing::Containers { .. } | Listing::Stats => Request::Container { after },
                })
            }
            Self::Run(declaration) => Some(Request::Create {
                declaration: *declaration.take()?,
                replace: false,
            }),
            Self::Follow(follow) => follow.next_request(now_ms),
        }
    }

    /// When there may be another request.
    pub(super) fn wake_at_ms(&self) -> Option<u64> {
        match self {
            Self::Follow(follow) => Some(follow.next_at_ms),
            _ => None,
        }
    }

    /// Takes a reply, and tells whether it goes on.
    pub(super) fn reply(&mut self, reply: &Reply, now_ms: u64, printer: &mut Printer<'_>) -> bool {
        match (&mut *self, reply) {
            (Self::Follow(follow), reply) => follow.reply(reply, now_ms, printer),
            (Self::Ask { requests, .. }, Reply::Refused(refusal)) => {
                render::refusal(refusal, printer);
                !requests.as_slice().is_empty()
            }
            (_, Reply::Refused(refusal)) => {
                render::refusal(refusal, printer);
                false
            }
            (Self::Run(_), Reply::Created { name, refused }) => {
                render::created(name, refused, printer);
                *self = Self::Follow(Follow::new(name.clone(), true, Some(0)));
                true
            }
            (Self::Run(_), _) => false,
            (Self::List { listing, after }, reply) => {
                *after = listed(*listing, reply, printer);
                after.is_some()
            }
            (
                Self::Ask {
                    requests,
                    show,
                    asked,
                },
                reply,
            ) => {
                shown(*show, asked, reply, printer);
                !requests.as_slice().is_empty()
            }
        }
    }

    /// Ctrl-C: tells whether it goes on all the same.
    pub(super) fn interrupt(&mut self) -> bool {
        match self {
            Self::Follow(Follow {
                interrupts: Some(interrupts),
                is_interrupting,
                is_over: false,
                ..
            }) if *interrupts < 2 => {
                *interrupts = interrupts.saturating_add(1);
                *is_interrupting = true;
                true
            }
            _ => false,
        }
    }
}

impl Follow {
    fn new(name: String, is_followed: bool, interrupts: Option<u8>) -> Self {
        Self {
            name,
            from: 0,
            is_followed,
            interrupts,
            is_interrupting: false,
            is_interrupted: false,
            is_over: false,
            is_open: false,
            next_at_ms: 0,
        }
    }

    fn next_request(&mut self, now_ms: u64) -> Option<Request> {
        let name = self.name.clone();
        if core::mem::take(&mut self.is_interrupting) {
            self.is_interrupted = true;
            return Some(match self.interrupts {
                Some(0 | 1) => Request::Stop {
                    name,
                    grace_ms: None,
                },
                _ => Request::Kill { name },
            });
        }
        if self.is_over {
            return Some(Request::Inspect { name });
        }
        let from = self.from;
        (now_ms >= self.next_at_ms).then_some(Request::Log { name, from })
    }

    fn reply(&mut self, reply: &Reply, now_ms: u64, printer: &mut Printer<'_>) -> bool {
        let was_interrupted = core::mem::take(&mut self.is_interrupted);
        let goes_on = match reply {
            Reply::Log {
                entries,
                next,
                lost_bytes,
                is_over,
            } => {
                if *lost_bytes > 0 {
                    printer
                        .text("[")
                        .number(*lost_bytes)
                        .line(" bytes are lost]");
                }
                self.is_open = render::log(entries, printer).unwrap_or(self.is_open);
                let is_all = *next == self.from || entries.is_empty();
                self.from = *next;
                self.next_at_ms = if is_all {
                    now_ms.saturating_add(FOLLOW_MS)
                } else {
                    now_ms
                };
                self.is_over = *is_over && self.interrupts.is_some();
                match (is_over, is_all) {
                    (true, _) => self.is_over,
                    (false, true) => self.is_followed,
                    (false, false) => true,
                }
            }
            Reply::Container(container) => {
                self.close(printer);
                told(container, printer);
                false
            }
            Reply::Done => was_interrupted,
            // It had ended already: what it wrote last is still to be shown.
            Reply::Refused(_) if was_interrupted => true,
            Reply::Refused(refusal) => {
                self.close(printer);
                // A container that is removed after its end is not there any more.
                if !self.is_over {
                    render::refusal(refusal, printer);
                }
                false
            }
            _ => false,
        };
        if !goes_on {
            self.close(printer);
        }
        goes_on
    }

    /// Ends the last line.
    fn close(&mut self, printer: &mut Printer<'_>) {
        if core::mem::take(&mut self.is_open) {
            printer.end();
        }
    }
}

/// What a request is about: what is told when it is done.
fn subject(request: &Request) -> String {
    match request {
        Request::Start { name }
        | Request::Stop { name, .. }
        | Request::Kill { name }
        | Request::Pause { name }
        | Request::Unpause { name }
        | Request::Restart { name }
        | Request::Remove { name, .. } => name.clone(),
        Request::RemoveImage { image } => image.clone(),
        _ => String::new(),
    }
}

fn shown(show: Show, asked: &str, reply: &Reply, printer: &mut Printer<'_>) {
    match reply {
        Reply::Done if asked.is_empty() => printer.line("done"),
        Reply::Done => printer.line(asked),
        Reply::Device(device) if show == Show::Time => render::moment(device.unix_ms, printer),
        Reply::Device(device) => render::device(device, printer),
        Reply::Created { name, refused } => render::created(name, refused, printer),
        Reply::Container(container) => render::inspected(container, printer),
        Reply::NoMore => printer.line("none"),
        Reply::Records(records) => render::records(records, printer),
        Reply::Storage(storage) => render::storage(storage, printer),
        Reply::Fault(fault) => render::fault(fault, printer),
        Reply::Installed { digest } => printer.line(digest),
        Reply::Image(image) => render::image(image, printer),
        Reply::Refused(_) | Reply::Received { .. } | Reply::Log { .. } => {}
    }
}

/// Shows an item of a list, and tells after which one it goes on.
fn listed(listing: Listing, reply: &Reply, printer: &mut Printer<'_>) -> Option<String> {
    match reply {
        Reply::Container(container) => {
            match listing {
                Listing::Containers { all } if all || is_live(container.state) => {
                    render::container(container, printer);
                }
                Listing::Stats if is_live(container.state) => render::stats(container, printer),
                _ => {}
            }
            Some(container.declaration.name.clone())
        }
        Reply::Image(image) => {
            render::image(image, printer);
            Some(image.digest.clone())
        }
        _ => None,
    }
}

fn is_live(state: RunState) -> bool {
    matches!(
        state,
        RunState::Running | RunState::Paused | RunState::Restarting
    )
}

/// How a container that was run here ended, if not well.
fn told(container: &ContainerStatus, printer: &mut Printer<'_>) {
    if let Some(end) = container.end.as_ref().filter(|end| end.exit_code != 0) {
        render::problem(&container.declaration.name, &end.reason, printer);
    }
}
