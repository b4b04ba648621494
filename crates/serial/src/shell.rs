//! A device's text console: the commands of `thimble`, typed on a terminal.
//!
//! It does nothing itself. Bytes that are typed go in, requests come out; their replies go in, text comes out. Time is an
//! argument. Commands and options have the names that they have on the command line.

mod calendar;
mod command;
mod editor;
mod history;
mod key;
mod options;
mod print;
mod render;
mod status;
mod task;
mod units;
mod words;

use alloc::vec::Vec;
use core::fmt::Write;

use crate::message::{Reply, Request};
use command::Command;
use editor::{Edited, Editor};
use key::Key;
use print::Printer;
use task::Task;

pub use options::{set_option, time_ms};

/// Bytes that may be typed ahead of a command's end.
const AHEAD_BYTES_MAX: usize = 256;

/// A console.
///
/// The device calls [`feed`](Self::feed) with what is typed, carries out what [`next_request`](Self::next_request) gives, and
/// hands the answer to [`reply`](Self::reply). [`wake_at_ms`](Self::wake_at_ms) says when there may be a request without
/// anything typed.
#[derive(Debug, Default)]
pub struct Shell {
    editor: Editor,
    task: Option<Task>,
    /// Whoever typed `factory-reset` was asked whether it is meant and has not answered yet.
    is_unconfirmed: bool,
    /// A request was given out and has no reply yet.
    is_awaiting: bool,
    /// And nobody wants to see that reply any more.
    is_abandoned: bool,
    ahead: Vec<u8>,
}

impl Shell {
    /// Makes a console.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the prompt: to be called once, after what the device says when it starts.
    pub fn start(&self, out: &mut dyn Write) {
        self.editor.draw(&mut Printer::new(out));
    }

    /// Takes a byte that was typed.
    pub fn feed(&mut self, byte: u8, out: &mut dyn Write) {
        let mut printer = Printer::new(out);
        if self.task.is_some() {
            return self.feed_ahead(byte, &mut printer);
        }
        let Some(key) = self.editor.key(byte) else {
            return;
        };
        if key == Key::Interrupt {
            self.is_unconfirmed = false;
        }
        if let Edited::Entered(line) = self.editor.apply(key, &mut printer) {
            self.enter(&line, &mut printer);
        }
    }

    /// The request to carry out now, if there is one. It counts as being carried out until [`reply`](Self::reply).
    pub fn next_request(&mut self, now_ms: u64) -> Option<Request> {
        if self.is_awaiting {
            return None;
        }
        let request = self.task.as_mut()?.next_request(now_ms)?;
        self.is_awaiting = true;
        Some(request)
    }

    /// When to call [`next_request`](Self::next_request) again though nothing is typed and nothing answered.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        let task = self.task.as_ref().filter(|_| !self.is_awaiting)?;
        task.wake_at_ms()
    }

    /// Takes the reply to the last request.
    #[inline(never)]
    pub fn reply(&mut self, reply: &Reply, now_ms: u64, out: &mut dyn Write) {
        self.is_awaiting = false;
        if core::mem::take(&mut self.is_abandoned) {
            return;
        }
        let mut printer = Printer::new(out);
        if let Some(task) = &mut self.task
            && !task.reply(reply, now_ms, &mut printer)
        {
            self.finish(&mut printer);
        }
    }

    /// Writes a line of the device's own between what is typed.
    pub fn notice(&self, text: &str, out: &mut dyn Write) {
        let mut printer = Printer::new(out);
        if self.task.is_some() {
            return printer.line(text);
        }
        printer.raw("\r\x1b[K");
        printer.line(text);
        self.editor.draw(&mut printer);
    }

    /// While a command is carried out, only Ctrl-C counts at once.
    fn feed_ahead(&mut self, byte: u8, printer: &mut Printer<'_>) {
        const CONTROL_C: u8 = 3;
        if byte != CONTROL_C {
            if self.ahead.len() < AHEAD_BYTES_MAX {
                self.ahead.push(byte);
            }
            return;
        }
        self.ahead.clear();
        printer.raw("^C");
        printer.end();
        if let Some(task) = &mut self.task
            && !task.interrupt()
        {
            self.is_abandoned = self.is_awaiting;
            self.finish(printer);
        }
    }

    /// A command is over: the next may be typed, or was already.
    fn finish(&mut self, printer: &mut Printer<'_>) {
        self.task = None;
        self.editor.draw(printer);
        let ahead = core::mem::take(&mut self.ahead);
        for byte in ahead {
            self.feed(byte, printer.out());
        }
    }

    fn enter(&mut self, line: &str, printer: &mut Printer<'_>) {
        if core::mem::take(&mut self.is_unconfirmed) {
            if line.trim_ascii() == "yes" {
                self.task = Some(Task::asking(Request::FactoryReset));
            } else {
                printer.line("Nothing was done.");
                self.editor.draw(printer);
            }
            return;
        }
        match command::parse(line) {
            Ok(command) => self.begin(command, printer),
            Err(problem) => render::problem(&problem.subject, problem.what, printer),
        }
        if self.task.is_none() {
            self.editor.draw(printer);
        }
    }

    fn begin(&mut self, command: Command, printer: &mut Printer<'_>) {
        match command {
            Command::Nothing => {}
            Command::Help => help(printer),
            Command::FactoryReset => {
                printer.line(
                    "This removes every container, every image and all data. Type yes to do it.",
                );
                self.is_unconfirmed = true;
            }
            command => self.task = Task::new(command, printer),
        }
    }
}

fn help(printer: &mut Printer<'_>) {
    for (words, does) in command::COMMANDS {
        printer.cell(words, 38).line(does);
    }
    printer.line(command::OPTIONS);
}
