//! Writes the stream that `replay` executes; its format is described there.

use thimble_engine_inplace::replay::{MAGIC, VERSION};

/// A stream under way.
pub(crate) struct Stream(Vec<u8>);

/// The body of a command.
#[derive(Default)]
pub(crate) struct Body(Vec<u8>);

/// A function to call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// One of `spectest`, which does nothing.
    Host,
    /// One of an instance of the stream.
    Function { instance: u32, function: u32 },
}

/// A value of an imported global.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Slot(u64),
    Global { instance: u32, global: u32 },
}

/// What a result must be: the pattern's kind, and a slot.
pub(crate) type Pattern = (u8, u64);

pub(crate) const FILE: u8 = 0;
pub(crate) const REFUSE: u8 = 1;
pub(crate) const ACCEPT: u8 = 2;
pub(crate) const INSTANCE: u8 = 3;
pub(crate) const INVOKE: u8 = 4;
pub(crate) const READ: u8 = 5;

impl Stream {
    pub(crate) fn new() -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        Self(bytes)
    }

    pub(crate) fn command(&mut self, kind: u8, line: usize, body: Body) {
        let line = u32::try_from(line).expect("a file is short");
        self.0.push(kind);
        self.0.extend(line.to_le_bytes());
        self.0.extend(length(&body.0).to_le_bytes());
        self.0.extend(body.0);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Body {
    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn target(self, target: Target) -> Self {
        match target {
            Target::Host => self.u8(0),
            Target::Function { instance, function } => self.u8(1).u32(instance).u32(function),
        }
    }

    pub(crate) fn start(self, start: Option<Target>) -> Self {
        match start {
            None => self.u8(0),
            Some(target) => self.u8(1).target(target),
        }
    }

    pub(crate) fn pattern(self, (kind, slot): Pattern) -> Self {
        self.u8(kind).u64(slot)
    }

    pub(crate) fn value(self, value: Value) -> Self {
        match value {
            Value::Slot(slot) => self.u8(0).u64(slot),
            Value::Global { instance, global } => self.u8(1).u32(instance).u32(global),
        }
    }

    /// Several of a kind, their number first.
    pub(crate) fn all<T: Copy>(self, items: &[T], add: impl Fn(Self, T) -> Self) -> Self {
        let counted = self.u32(length(items));
        items.iter().fold(counted, |body, item| add(body, *item))
    }
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("a test is small")
}
