//! The kinds of rows.

mod apps;
mod devices;
mod identity;
mod operation;

pub use apps::{
    App, AppVersion, Approval, Deployment, DeploymentRevision, Rollout, RolloutState, Secret,
    SecretRevision,
};
pub use devices::{ClaimCode, Device, DeviceCert, DeviceState, ExpectedDevice, LogRequest};
pub use identity::{RoleBinding, Tenant, Token, User};
pub use operation::{Delivery, Event, Key, Webhook};
