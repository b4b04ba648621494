//! How many devices are down or updating, by the values of labels.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::DeviceId;
use crate::label::Labels;
use crate::policy::Budget;
use crate::standing::BudgetUse;

/// Devices that are named when a budget is used up.
const NAMED_MAX: usize = 3;

/// All budgets that bind a rollout, and how they are used.
pub(super) struct Budgets<'a> {
    budgets: Vec<&'a Budget>,
    /// By the budget's place and the label's value.
    uses: Vec<BTreeMap<&'a str, Use>>,
}

/// How the budget of one value is used.
#[derive(Default)]
struct Use {
    whole: u32,
    down: u32,
    some: Vec<DeviceId>,
    /// What devices are told, made once.
    told: Option<Arc<BudgetUse>>,
}

impl<'a> Budgets<'a> {
    /// Takes budgets, none of which is used.
    pub(super) fn new(budgets: impl Iterator<Item = &'a Budget>) -> Self {
        let mut distinct: Vec<&Budget> = Vec::new();
        for budget in budgets {
            if !distinct.contains(&budget) {
                distinct.push(budget);
            }
        }
        let uses = distinct.iter().map(|_| BTreeMap::new()).collect();
        Self {
            budgets: distinct,
            uses,
        }
    }

    /// Counts a device.
    pub(super) fn count(&mut self, id: DeviceId, labels: &'a Labels, is_down: bool) {
        for (budget, uses) in self.budgets.iter().zip(&mut self.uses) {
            let Some(value) = labels.value(&budget.key) else {
                continue;
            };
            let used = uses.entry(value).or_default();
            used.whole += 1;
            if is_down {
                used.take(id);
            }
        }
    }

    /// Takes a device that is not down, or says which budget is used up.
    pub(super) fn take(&mut self, id: DeviceId, labels: &'a Labels) -> Result<(), Arc<BudgetUse>> {
        for (budget, uses) in self.budgets.iter().zip(&mut self.uses) {
            let Some(value) = labels.value(&budget.key) else {
                continue;
            };
            let Some(used) = uses.get_mut(value) else {
                continue;
            };
            let max = budget.max_of(used.whole);
            if used.down >= max {
                return Err(used.tell(&budget.key, value, max));
            }
        }
        for (budget, uses) in self.budgets.iter().zip(&mut self.uses) {
            let used = labels
                .value(&budget.key)
                .and_then(|value| uses.get_mut(value));
            if let Some(used) = used {
                used.take(id);
            }
        }
        Ok(())
    }
}

impl Use {
    fn take(&mut self, id: DeviceId) {
        self.down += 1;
        if self.some.len() < NAMED_MAX {
            self.some.push(id);
        }
    }

    fn tell(&mut self, key: &str, value: &str, max: u32) -> Arc<BudgetUse> {
        let (down, some) = (self.down, &self.some);
        let told = self.told.get_or_insert_with(|| {
            Arc::new(BudgetUse {
                key: key.to_owned(),
                value: value.to_owned(),
                down,
                max,
                some: some.clone(),
            })
        });
        Arc::clone(told)
    }
}
