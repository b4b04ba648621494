//! What there is to be allowed, and what each role allows.

use thimble_hub_api::identity::Role;

/// One kind of thing that somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Permission {
    /// Reads everything but secrets' values.
    Read,
    /// Names and labels of devices, claim codes, log lines, revocation.
    Devices,
    /// Holds and windows of devices, and what is done about vetoes.
    Holds,
    /// Apps, versions, images, secrets.
    Apps,
    /// Deployments.
    Deployments,
    /// Begins, pauses, resumes, aborts rollouts, and rolls back.
    Rollouts,
    /// Approves devices and waves.
    Approve,
    /// Users, tokens of others, tenants, webhooks, export and import.
    Administer,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Devices,
        Self::Holds,
        Self::Apps,
        Self::Deployments,
        Self::Rollouts,
        Self::Approve,
        Self::Administer,
    ];

    /// Who may do it, for people who may not.
    #[must_use]
    pub const fn held_by(self) -> &'static str {
        match self {
            Self::Read => "viewers",
            Self::Devices => "operators and admins",
            Self::Holds => "operators, those of the plant (ot) and admins",
            Self::Apps | Self::Deployments | Self::Rollouts => {
                "operators, those of information technology (it) and admins"
            }
            Self::Approve => "approvers, those of the plant (ot) and admins",
            Self::Administer => "admins",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);

    /// What a role allows.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        use Permission::{Administer, Approve, Apps, Deployments, Devices, Holds, Read, Rollouts};
        let read = Self(bit(Read));
        match role {
            Role::Viewer => read,
            Role::Operator => read
                .with(Devices)
                .with(Holds)
                .with(Apps)
                .with(Deployments)
                .with(Rollouts),
            Role::Approver => read.with(Approve),
            Role::It => read.with(Apps).with(Deployments).with(Rollouts),
            Role::Ot => read.with(Approve).with(Holds),
            Role::Admin => read
                .with(Devices)
                .with(Holds)
                .with(Apps)
                .with(Deployments)
                .with(Rollouts)
                .with(Approve)
                .with(Administer),
        }
    }

    /// What several roles allow together.
    #[must_use]
    pub fn of_all(roles: &[Role]) -> Self {
        roles
            .iter()
            .fold(Self::NONE, |all, role| Self(all.0 | Self::of(*role).0))
    }

    /// Whether this is one of them.
    #[must_use]
    pub const fn allow(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of them are in the other.
    #[must_use]
    pub const fn are_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    const fn with(self, permission: Permission) -> Self {
        Self(self.0 | bit(permission))
    }
}

const fn bit(permission: Permission) -> u8 {
    1 << permission as u8
}
