//! How many devices of each line and of each site are changing, in truth.

use thimble_rollout::policy::Budget;

use crate::hub::Facts;

/// Lines and sites.
#[derive(Debug, Default)]
pub(super) struct Groups {
    lines: Vec<Group>,
    sites: Vec<Group>,
}

/// Devices that belong together.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    whole: u32,
    changing: u32,
}

impl Groups {
    pub(super) fn new(facts: &[Facts]) -> Self {
        let mut groups = Self::default();
        for facts in facts {
            for (group, index) in groups.of(facts) {
                if group.len() <= index {
                    group.resize(index + 1, Group::default());
                }
                group[index].whole += 1;
            }
        }
        groups
    }

    fn of(&mut self, facts: &Facts) -> [(&mut Vec<Group>, usize); 2] {
        [
            (&mut self.lines, facts.line as usize),
            (&mut self.sites, facts.site as usize),
        ]
    }

    /// A device begins to change. Returns which budget that exceeds, if one.
    pub(super) fn begin(&mut self, facts: &Facts, budgets: &[Budget]) -> Option<String> {
        for (group, index) in self.of(facts) {
            group[index].changing += 1;
        }
        budgets.iter().find_map(|budget| {
            let (name, Group { whole, changing }) = if budget.key == "site" {
                (facts.site, self.sites[facts.site as usize])
            } else {
                (facts.line, self.lines[facts.line as usize])
            };
            let max = budget.max_of(whole);
            (changing > max).then(|| {
                let key = &budget.key;
                format!("{changing} of {whole} devices of {key} {name} change at once, {max} may")
            })
        })
    }

    /// It is through.
    pub(super) fn end(&mut self, facts: &Facts) {
        for (group, index) in self.of(facts) {
            let changing = &mut group[index].changing;
            *changing = changing.saturating_sub(1);
        }
    }
}
