//! When which tenant is to be looked at.
//!
//! Whoever is woken is looked at now, but not before the pause after its last step is over: a fleet of which a report arrives
//! every moment is planned for again and again, not all the time.

use std::collections::BTreeMap;

use thimble_hub_store::TenantId;

/// Tenants, and when to look at them.
#[derive(Debug, Default)]
pub(super) struct Due(BTreeMap<TenantId, Times>);

#[derive(Clone, Copy, Debug)]
struct Times {
    at_ms: i64,
    /// Not before this.
    rested_ms: i64,
}

impl Due {
    /// When to look next.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.0.values().map(|times| times.at_ms).min()
    }

    /// Those that are to be looked at by now.
    pub(super) fn at(&self, now_ms: i64) -> Vec<TenantId> {
        let due = self.0.iter().filter(|(_, times)| times.at_ms <= now_ms);
        due.map(|(tenant, _)| *tenant).collect()
    }

    /// A tenant is looked at, now if it was not known.
    pub(super) fn note(&mut self, tenant: TenantId, now_ms: i64) {
        self.0.entry(tenant).or_insert(Times {
            at_ms: now_ms,
            rested_ms: now_ms,
        });
    }

    /// Something changed at a tenant.
    pub(super) fn wake(&mut self, tenant: TenantId, now_ms: i64) {
        self.note(tenant, now_ms);
        if let Some(times) = self.0.get_mut(&tenant) {
            times.wake(now_ms);
        }
    }

    /// Something changed, and it is not known whose.
    pub(super) fn wake_all(&mut self, now_ms: i64) {
        for times in self.0.values_mut() {
            times.wake(now_ms);
        }
    }

    /// A tenant was looked at; when to do so again, and until when it rests.
    pub(super) fn set(&mut self, tenant: TenantId, at_ms: i64, rested_ms: i64) {
        self.0.insert(tenant, Times { at_ms, rested_ms });
    }
}

impl Times {
    fn wake(&mut self, now_ms: i64) {
        self.at_ms = self.at_ms.min(now_ms.max(self.rested_ms));
    }
}

#[cfg(test)]
mod tests {
    //! Wakes come early, late and often.

    use thimble_hub_store::TenantId;

    use super::Due;

    #[test]
    fn a_wake_is_followed_at_once_or_when_the_pause_is_over_and_is_never_forgotten() {
        let tenant = TenantId::HUB;
        let mut due = Due::default();
        due.wake(tenant, 1000);
        assert_eq!(due.at(1000), [tenant]);
        due.set(tenant, 9000, 1500);
        assert!(due.at(1499).is_empty());
        for now_ms in 1001..1400 {
            due.wake(tenant, now_ms);
        }
        assert_eq!((due.next_ms(), due.at(1499).len()), (Some(1500), 0));
        assert_eq!(due.at(1500), [tenant]);
        due.set(tenant, 9000, 1500);
        due.wake_all(2000);
        assert_eq!(due.next_ms(), Some(2000));
        // It was to be looked at before anyway.
        due.set(tenant, 2001, 2500);
        due.wake(tenant, 2002);
        assert_eq!(due.next_ms(), Some(2001));
        due.note(tenant, 1);
        assert_eq!(due.next_ms(), Some(2001));
    }
}
