//! A line that is being typed, with its echo.
//!
//! Every character counts as one column, and a line as one row: one that is wider than the terminal is drawn oddly but right.

use alloc::string::String;

use super::history::History;
use super::key::{Key, Keys};
use super::print::Printer;

/// What stands before a line.
const PROMPT: &str = "thimble> ";

/// Bytes of a line at most.
const LINE_BYTES_MAX: usize = 256;

/// A line editor.
#[derive(Debug, Default)]
pub(super) struct Editor {
    keys: Keys,
    line: String,
    /// Where the cursor stands, at the beginning of a character.
    cursor: usize,
    history: History,
    /// Which line of the history is shown, 0 for the one that is new.
    back: usize,
}

/// What a byte led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edited {
    /// The line is being typed.
    Open,
    /// The line was entered.
    Entered(String),
}

impl Editor {
    /// Recognises a key.
    pub(super) fn key(&mut self, byte: u8) -> Option<Key> {
        self.keys.push(byte)
    }

    /// Shows the prompt and what is typed so far.
    pub(super) fn draw(&self, printer: &mut Printer<'_>) {
        printer.raw("\r");
        printer.raw(PROMPT);
        printer.raw(&self.line);
        printer.raw("\x1b[K");
        let behind = self.after_cursor().chars().count();
        if behind > 0 {
            printer.raw("\x1b[");
            printer.number(behind as u64).raw("D");
        }
    }

    /// Takes a key.
    pub(super) fn apply(&mut self, key: Key, printer: &mut Printer<'_>) -> Edited {
        match key {
            Key::Character(character) => {
                self.insert(character, printer);
                return Edited::Open;
            }
            Key::Enter => {
                printer.end();
                return Edited::Entered(self.enter());
            }
            Key::Interrupt => {
                printer.raw("^C\r\n");
                self.set("");
                self.back = 0;
            }
            Key::Backspace if self.cursor > 0 => {
                self.left();
                self.delete();
            }
            Key::Backspace => {}
            Key::Delete => self.delete(),
            Key::Left => self.left(),
            Key::Right => self.right(),
            Key::Up => self.recall(self.back.saturating_add(1)),
            Key::Down => self.recall(self.back.saturating_sub(1)),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            Key::DeleteToStart => self.delete_from(0),
            Key::DeleteToEnd => self.line.truncate(self.cursor),
            Key::DeleteWord => self.delete_word(),
            Key::Clear => printer.raw("\x1b[2J\x1b[H"),
        }
        self.draw(printer);
        Edited::Open
    }

    fn after_cursor(&self) -> &str {
        self.line.get(self.cursor..).unwrap_or_default()
    }

    fn before_cursor(&self) -> &str {
        self.line.get(..self.cursor).unwrap_or_default()
    }

    fn insert(&mut self, character: char, printer: &mut Printer<'_>) {
        let bytes = character.len_utf8();
        let is_full = self.line.len().saturating_add(bytes) > LINE_BYTES_MAX;
        if is_full || self.line.try_reserve(bytes).is_err() {
            printer.raw("\x07");
            return;
        }
        self.line.insert(self.cursor, character);
        self.cursor = self.cursor.saturating_add(bytes);
        if self.cursor == self.line.len() {
            printer.raw(character.encode_utf8(&mut [0; 4]));
        } else {
            self.draw(printer);
        }
    }

    fn enter(&mut self) -> String {
        self.history.add(self.line.trim_ascii());
        self.back = 0;
        self.cursor = 0;
        core::mem::take(&mut self.line)
    }

    fn left(&mut self) {
        let width = self
            .before_cursor()
            .chars()
            .next_back()
            .map_or(0, char::len_utf8);
        self.cursor = self.cursor.saturating_sub(width);
    }

    fn right(&mut self) {
        let width = self.after_cursor().chars().next().map_or(0, char::len_utf8);
        self.cursor = self.cursor.saturating_add(width);
    }

    fn delete(&mut self) {
        if self.cursor < self.line.len() {
            self.line.remove(self.cursor);
        }
    }

    /// Deletes from there to the cursor.
    fn delete_from(&mut self, start: usize) {
        self.line.drain(start..self.cursor);
        self.cursor = start;
    }

    fn delete_word(&mut self) {
        let kept = self.before_cursor().trim_ascii_end();
        let start = kept.rfind(' ').map_or(0, |blank| blank.saturating_add(1));
        self.delete_from(start);
    }

    fn recall(&mut self, back: usize) {
        match back.checked_sub(1) {
            None => self.set(""),
            Some(place) => match self.history.line(place).map(String::from) {
                Some(line) => self.set(&line),
                None => return,
            },
        }
        self.back = back;
    }

    fn set(&mut self, line: &str) {
        self.line.clear();
        self.line.push_str(line);
        self.cursor = self.line.len();
    }
}
