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
    /// By the budget's place.
    uses: Vec<Uses<'a>>,
}

/// How a budget is used, by the label's value.
#[derive(Default)]
struct Uses<'a> {
    uses: Vec<Use>,
    places: BTreeMap<Value<'a>, usize>,
    /// The value that was counted last: devices that belong together often come together.
    last: Option<(&'a str, usize)>,
}

/// A label's value, in the order of its bytes. Few comparisons need more than the first of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Value<'a>(u64, &'a str);

impl<'a> Value<'a> {
    fn new(text: &'a str) -> Self {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self(u64::from_be_bytes(first), text)
    }
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
        let uses = distinct.iter().map(|_| Uses::default()).collect();
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
            uses.count(id, value, is_down);
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

impl<'a> Uses<'a> {
    fn count(&mut self, id: DeviceId, value: &'a str, is_down: bool) {
        let place = match self.last {
            Some((last, place)) if last == value => place,
            _ => *self.places.entry(Value::new(value)).or_insert_with(|| {
                self.uses.push(Use::default());
                self.uses.len() - 1
            }),
        };
        self.last = Some((value, place));
        if let Some(used) = self.uses.get_mut(place) {
            used.whole += 1;
            if is_down {
                used.take(id);
            }
        }
    }

    fn get_mut(&mut self, value: &'a str) -> Option<&mut Use> {
        let place = self.places.get(&Value::new(value))?;
        self.uses.get_mut(*place)
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
