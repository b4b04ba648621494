//! Bytes of a terminal as keys: UTF-8, control characters and the ANSI sequences of the arrow keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A character to insert.
    Character(char),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-U: delete up to the cursor.
    DeleteToStart,
    /// Ctrl-K: delete from the cursor on.
    DeleteToEnd,
    /// Ctrl-W: delete the word before the cursor.
    DeleteWord,
    /// Ctrl-L: clear the screen.
    Clear,
}

/// Recognises keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The last byte was a return: a line feed behind it is no other key.
    was_return: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After `ESC [` or `ESC O`, with the number so far.
    Sequence { number: u8 },
    /// In a character of several bytes.
    Character { bits: u32, missing: u8, min: u32 },
}

impl Keys {
    /// Takes a byte.
    pub(super) fn push(&mut self, byte: u8) -> Option<Key> {
        let was_return = core::mem::replace(&mut self.was_return, byte == b'\r');
        match core::mem::take(&mut self.state) {
            State::Ground => self.ground(byte, was_return),
            State::Escape => {
                if matches!(byte, b'[' | b'O') {
                    self.state = State::Sequence { number: 0 };
                }
                None
            }
            State::Sequence { number } => self.sequence(byte, number),
            State::Character { bits, missing, min } => self.character(byte, bits, missing, min),
        }
    }

    fn ground(&mut self, byte: u8, was_return: bool) -> Option<Key> {
        let mut begin = |bits: u8, missing: u8, min: u32| {
            self.state = State::Character {
                bits: u32::from(bits),
                missing,
                min,
            };
            None
        };
        match byte {
            0x1b => {
                self.state = State::Escape;
                None
            }
            b'\n' if was_return => None,
            b'\r' | b'\n' => Some(Key::Enter),
            0x01 => Some(Key::Home),
            0x02 => Some(Key::Left),
            0x03 => Some(Key::Interrupt),
            0x04 => Some(Key::Delete),
            0x05 => Some(Key::End),
            0x06 => Some(Key::Right),
            0x08 | 0x7f => Some(Key::Backspace),
            0x0b => Some(Key::DeleteToEnd),
            0x0c => Some(Key::Clear),
            0x0e => Some(Key::Down),
            0x10 => Some(Key::Up),
            0x15 => Some(Key::DeleteToStart),
            0x17 => Some(Key::DeleteWord),
            0x20..=0x7e => Some(Key::Character(char::from(byte))),
            0xc0..=0xdf => begin(byte & 0x1f, 1, 0x80),
            0xe0..=0xef => begin(byte & 0x0f, 2, 0x800),
            0xf0..=0xf7 => begin(byte & 0x07, 3, 0x1_0000),
            _ => None,
        }
    }

    fn sequence(&mut self, byte: u8, number: u8) -> Option<Key> {
        match byte {
            b'0'..=b'9' => {
                let digit = byte.wrapping_sub(b'0');
                let number = number.saturating_mul(10).saturating_add(digit);
                self.state = State::Sequence { number };
                None
            }
            // Modifiers are of no interest.
            b';' => {
                self.state = State::Sequence { number };
                None
            }
            b'A' => Some(Key::Up),
            b'B' => Some(Key::Down),
            b'C' => Some(Key::Right),
            b'D' => Some(Key::Left),
            b'H' => Some(Key::Home),
            b'F' => Some(Key::End),
            b'~' => match number {
                1 | 7 => Some(Key::Home),
                3 => Some(Key::Delete),
                4 | 8 => Some(Key::End),
                _ => None,
            },
            _ => None,
        }
    }

    fn character(&mut self, byte: u8, bits: u32, missing: u8, min: u32) -> Option<Key> {
        if byte & 0xc0 != 0x80 {
            // It was cut off; this byte begins something else.
            return self.ground(byte, false);
        }
        let bits = bits << 6 | u32::from(byte & 0x3f);
        let missing = missing.saturating_sub(1);
        if missing > 0 {
            self.state = State::Character { bits, missing, min };
            return None;
        }
        char::from_u32(bits)
            .filter(|character| bits >= min && !character.is_control())
            .map(Key::Character)
    }
}
