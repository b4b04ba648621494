//! Says on the console when something happened, in executed instructions: `mark NAME INSTRUCTIONS ASLEEP_US`.
//!
//! The feature `marks` turns it on, for measurements on boards that count. Time asleep counts as instructions there, and so
//! it is told beside them. A line is said only after a slice or before the processor sleeps, so that telling does not add to
//! what is told. `marks_absent.rs` is the twin of a firmware that counts nothing.

use alloc::string::String;
use core::fmt::Write as _;

use firmware_parts::scheduler;

/// A moment of the board's life.
#[derive(Clone, Copy, Default)]
struct Moment {
    instructions: u64,
    asleep_us: u64,
}

/// What happened since the last time that it was told.
pub(crate) struct Marks {
    instructions: fn() -> Option<u64>,
    /// When the console's input was looked at for the last time, and for the time before.
    looks: [Moment; 2],
    /// When the last slice began.
    step: Moment,
    /// Whether the next slice is the first since a request.
    is_slice_awaited: bool,
    text: String,
}

impl Marks {
    /// Nothing happened so far, but that the program was entered.
    pub(crate) fn new(instructions: fn() -> Option<u64>) -> Self {
        let mut marks = Self {
            instructions,
            looks: [Moment::default(); 2],
            step: Moment::default(),
            is_slice_awaited: true,
            text: String::new(),
        };
        marks.happened("entered");
        marks
    }

    fn now(&self) -> Moment {
        Moment {
            instructions: (self.instructions)().unwrap_or(0),
            asleep_us: scheduler::sleep().slept.as_micros(),
        }
    }

    fn tell(&mut self, name: &str, moment: Moment) {
        let Moment {
            instructions,
            asleep_us,
        } = moment;
        // A `String` takes whatever there is memory for.
        let _ = writeln!(self.text, "mark {name} {instructions} {asleep_us}");
    }

    /// Something happens now.
    pub(crate) fn happened(&mut self, name: &str) {
        let now = self.now();
        self.tell(name, now);
    }

    /// The console's input was looked at.
    pub(crate) fn looked(&mut self) {
        let [last, _] = self.looks;
        self.looks = [self.now(), last];
    }

    /// A request is about to be carried out, if there is one: when it may have been complete at the earliest, and now.
    pub(crate) fn requested(&mut self, is_one: bool) {
        if is_one {
            let [_, before] = self.looks;
            self.tell("incomplete", before);
            self.happened("received");
        }
    }

    /// It was carried out. What begins its first slice now may be what was asked for.
    pub(crate) fn carried_out(&mut self, was_one: bool) {
        if was_one {
            self.happened("done");
            self.is_slice_awaited = true;
        }
    }

    /// A slice is about to begin, if anybody is to run.
    pub(crate) fn stepping(&mut self) {
        self.step = self.now();
    }

    /// One ran.
    pub(crate) fn ran(&mut self) {
        if self.is_slice_awaited {
            self.is_slice_awaited = false;
            self.tell("slice", self.step);
        }
    }

    /// Hands over what is to be told.
    pub(crate) fn told(&mut self, console: &mut String) {
        console.push_str(&self.text);
        self.text.clear();
    }
}
