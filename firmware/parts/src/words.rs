//! Settings that a board was started with.

/// Words in one line, separated by spaces: `name=value`, or a name alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words(&'static str);

impl Words {
    /// The words of a line.
    #[must_use]
    pub const fn new(line: &'static str) -> Self {
        Self(line)
    }

    /// The value of the last word of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'static str> {
        self.0
            .split_ascii_whitespace()
            .filter_map(|word| word.split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .next_back()
    }

    /// The number of a word.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.value(name)?.parse().ok()
    }

    /// The size of a word, in bytes: a number, with `K` or `M` for 1024 and 1024 * 1024.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<u32> {
        let value = self.value(name)?;
        let (digits, unit) = match value.as_bytes().last()? {
            b'K' => (value.strip_suffix('K')?, 1024),
            b'M' => (value.strip_suffix('M')?, 1024 * 1024),
            _ => (value, 1),
        };
        digits.parse::<u32>().ok()?.checked_mul(unit)
    }
}
