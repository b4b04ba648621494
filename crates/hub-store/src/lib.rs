//! What the hub knows, in SQLite or PostgreSQL, behind one interface.
//!
//! [`Store`] opens a database. [`Read`] reads, [`Write`] is one transaction: changes, the [`Audit`] entries that tell of
//! them and the [`Wake`]s of other nodes become true together or not at all. Everything takes a [`Scope`]; a row of a tenant
//! outside it is *not found*. Rows are [`Record`]s, which one set of functions creates, reads, changes and removes; what
//! needs more than that has functions of its own (labels, claims, states of devices, leases, queues).
//!
//! Nothing here decides anything about a fleet. Times are milliseconds since 1970-01-01T00:00:00Z and come from the
//! caller. One SQL text runs on both databases (`docs/adr/0024-hub-store.md`).

#![forbid(unsafe_code)]

mod assignments;
mod audit;
mod backup;
mod bulk;
mod carry;
mod changes;
mod claim;
mod condemned;
mod error;
mod fleet;
mod group;
mod holders;
mod ids;
mod labels;
mod leases;
mod login;
mod manifests;
mod migrations;
mod planned;
mod queue;
mod record;
mod records;
mod rollouts;
mod rows;
mod scope;
mod seals;
mod settings;
mod sql;
mod states;
mod status;
mod store;
mod tell;
mod wakes;
mod words;
mod write;

pub use assignments::Assignment;
pub use audit::{Audit, AuditPage, ChainBreak, Entry, Verified};
pub use carry::tenant_tables;
pub use error::Error;
pub use fleet::{DeviceFilter, DeviceRow, LabelTest};
pub use ids::{
    AppId, AppVersionId, ApprovalId, BindingId, CertId, ClaimCodeId, DeliveryId, DeploymentId,
    DeploymentRevisionId, DeviceId, EventId, ExpectedDeviceId, Id, IdError, KeyId, LogRequestId,
    RolloutId, SecretId, SecretRevisionId, TenantId, TokenId, UserId, WebhookId,
};
pub use labels::Label;
pub use leases::Lease;
pub use login::Login;
pub use manifests::SignedManifest;
pub use planned::{PlannedDevice, Reports};
pub use queue::Attempt;
pub use record::{Listed, Match, Page, Record};
pub use records::{
    App, AppVersion, Approval, ClaimCode, Delivery, Deployment, DeploymentRevision, Device,
    DeviceCert, DeviceState, Event, ExpectedDevice, Key, LogRequest, RoleBinding, Rollout,
    RolloutState, Secret, SecretRevision, Tenant, Token, User, Webhook,
};
pub use rollouts::RolloutDevice;
pub use scope::Scope;
pub use seals::Sealed;
pub use states::{DeviceVersion, NewState, StoredState};
pub use status::{DeviceStatus, LastSeen};
pub use store::{Options, Read, Store};
pub use wakes::{Topic, Wake, Wakes};
pub use write::Write;

#[cfg(test)]
mod tests;
