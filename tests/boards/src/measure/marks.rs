//! The lines `mark NAME INSTRUCTIONS ASLEEP_US` that firmware with the feature `marks` says.

use anyhow::{Context as _, Result, bail};
use thimble_tests_boards::Rig;

use super::passing::until;

/// When something happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) name: String,
    /// Instructions since the reset, a nanosecond each; time asleep counts as if it executed.
    pub(super) instructions: f64,
    /// Nanoseconds asleep until then.
    pub(super) asleep: f64,
}

impl Mark {
    fn parse(line: &str) -> Option<Self> {
        // A prompt may stand before it.
        let (_, said) = line.split_once("mark ")?;
        let mut words = said.split_whitespace();
        let mut next = || words.next();
        let (name, instructions, asleep_us) = (next()?, next()?, next()?);
        Some(Self {
            name: name.to_owned(),
            instructions: instructions.parse().ok()?,
            asleep: asleep_us.parse::<f64>().ok()? * 1000.0,
        })
    }

    /// Instructions from an earlier one to this one, without those that the processor slept.
    pub(super) fn since(&self, earlier: &Self) -> f64 {
        self.instructions - earlier.instructions - (self.asleep - earlier.asleep)
    }
}

/// What a board has said so far, as far as it was read.
#[derive(Default)]
pub(super) struct Reader(usize);

impl Reader {
    /// Forgets what was said so far; how much of it was new.
    pub(super) fn skip(&mut self, rig: &Rig) -> usize {
        let known = self.0;
        self.0 = rig.heard.text().len();
        self.0 - known
    }

    /// The marks that came since, as soon as one of this name is among them.
    pub(super) fn until(&mut self, rig: &mut Rig, name: &str) -> Result<Vec<Mark>> {
        self.await_marks(rig, name, |marks| marks)
    }

    /// The same of a request: what is said before it is not its own.
    pub(super) fn until_requested(&mut self, rig: &mut Rig, name: &str) -> Result<Vec<Mark>> {
        self.await_marks(rig, name, |marks| {
            let others = marks.iter().take_while(|mark| mark.name != "incomplete");
            let others = others.count();
            marks.into_iter().skip(others).collect()
        })
    }

    fn await_marks(
        &mut self,
        rig: &mut Rig,
        name: &str,
        choose: impl Fn(Vec<Mark>) -> Vec<Mark>,
    ) -> Result<Vec<Mark>> {
        until(rig, |rig| {
            let text = rig.heard.text();
            let new = text.get(self.0..).unwrap_or_default();
            // The last line may not be whole yet.
            let whole = new.rfind('\n').map_or(0, |end| end + 1);
            let lines = new.get(..whole).unwrap_or_default().lines();
            let marks = choose(lines.filter_map(Mark::parse).collect());
            if !marks.iter().any(|mark| mark.name == name) {
                return Ok(None);
            }
            self.0 += whole;
            Ok(Some(marks))
        })
        .with_context(|| format!("there is no mark `{name}`; is it firmware with marks?"))
    }
}

/// The first mark of a name.
pub(super) fn first<'a>(marks: &'a [Mark], name: &str) -> Result<&'a Mark> {
    match marks.iter().find(|mark| mark.name == name) {
        Some(mark) => Ok(mark),
        None => bail!("there is no mark `{name}` among {marks:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Mark;

    #[test]
    fn a_mark_is_read_wherever_it_stands() {
        let mark = |line| Mark::parse(line).unwrap();
        let (one, two) = (
            mark("mark done 5000 1"),
            mark("thimble> \x1b[Kmark slice 9000 2\r"),
        );
        assert_eq!((one.name.as_str(), two.name.as_str()), ("done", "slice"));
        assert_eq!(two.since(&one), 3000.0);
        assert_eq!(Mark::parse("remark"), None);
    }
}
