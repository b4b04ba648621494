//! The budgets: `benches/budgets.toml`, read and compared with.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

/// What is promised, by name.
pub struct Budgets(BTreeMap<String, f64>);

/// Whether a number keeps its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Kept,
    /// It does not.
    Missed,
}

impl Budgets {
    /// Reads them.
    ///
    /// # Errors
    /// The file is not there, or not right.
    pub fn read() -> Result<Self> {
        // Beside this package's folder, so that it is the file of this source tree.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../budgets.toml");
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        Self::parse(&text).with_context(|| format!("{path} is not right"))
    }

    fn parse(text: &str) -> Result<Self> {
        let sections: BTreeMap<String, BTreeMap<String, f64>> = toml::from_str(text)?;
        let budgets: BTreeMap<String, f64> = sections.into_values().flatten().collect();
        if let Some(name) = budgets
            .keys()
            .find(|name| !name.ends_with("_max") && !name.ends_with("_min"))
        {
            bail!("`{name}` ends neither in `_max` nor in `_min`");
        }
        Ok(Self(budgets))
    }

    /// Whether something is promised under this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The goal of this name, with its sign, and whether `value` keeps it.
    ///
    /// # Errors
    /// There is no such goal.
    pub fn judge(&self, name: &str, value: f64) -> Result<(String, Verdict)> {
        let Some(goal) = self.0.get(name) else {
            bail!("budgets.toml has no `{name}`")
        };
        let (sign, kept) = if name.ends_with("_max") {
            ("<=", value <= *goal)
        } else {
            (">=", value >= *goal)
        };
        Ok((
            format!("{sign} {goal}"),
            if kept { Verdict::Kept } else { Verdict::Missed },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Verdict};

    #[test]
    fn budgets_are_judged_by_their_name() {
        let budgets = Budgets::parse("[a]\nx_max = 2\n[b]\ny_min = 1.5\n").unwrap();
        let verdict = |name, value| budgets.judge(name, value).unwrap().1;
        assert_eq!(verdict("x_max", 2.0), Verdict::Kept);
        assert_eq!(verdict("x_max", 2.1), Verdict::Missed);
        assert_eq!(verdict("y_min", 1.4), Verdict::Missed);
        assert!(budgets.judge("z_max", 1.0).is_err());
        assert!(Budgets::parse("[a]\nx = 1\n").is_err());
    }

    #[test]
    fn the_file_is_readable() {
        Budgets::read().unwrap();
    }
}
