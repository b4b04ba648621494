//! The fields that results of the hub have, for `--format`.

/// Of who asks.
pub(super) const WHOAMI: &[&str] = &["id", "user", "tenant", "roles", "expires_at"];
/// Of the fleet in numbers.
pub(super) const SUMMARY: &[&str] = &["pending", "active", "revoked", "retired", "out_of_date"];
/// Of a device.
pub(super) const DEVICE: &[&str] = &[
    "id",
    "name",
    "state",
    "model",
    "serial",
    "fingerprint",
    "labels",
    "capabilities",
    "hold",
    "windows",
    "desired_version",
    "adopted_version",
    "committed_version",
    "status",
    "last_seen_at",
    "created_at",
    "revision",
];
/// Of log lines of a device.
pub(super) const LOGS: &[&str] = &[
    "id",
    "container",
    "text",
    "error",
    "requested_at",
    "answered_at",
];
/// Of a claim code that was made.
pub(super) const ISSUED_CODE: &[&str] = &["id", "code", "expires_at"];
/// Of a claim code.
pub(super) const CODE: &[&str] = &["id", "name", "uses_left", "expires_at", "labels"];
/// Of what came of a CSV.
pub(super) const IMPORTED: &[&str] = &["expected"];
/// Of an app.
pub(super) const APP: &[&str] = &["id", "name", "description", "created_at"];
/// Of a version of an app.
pub(super) const VERSION: &[&str] = &["id", "app", "version", "containers", "created_at"];
/// Of a deployment.
pub(super) const DEPLOYMENT: &[&str] = &[
    "id",
    "name",
    "revision",
    "spec",
    "is_being_removed",
    "created_at",
    "updated_at",
];
/// Of a revision of a deployment.
pub(super) const REVISION: &[&str] = &["revision", "spec", "created_at", "author"];
/// Of a rollout.
pub(super) const ROLLOUT: &[&str] = &[
    "id",
    "deployment",
    "revision",
    "policy",
    "state",
    "wave",
    "reason",
    "counts",
    "created_at",
    "author",
];
/// Of what would come of a deployment.
pub(super) const SIMULATION: &[&str] = &["revision", "is_new", "placement", "preview"];
/// Of something that was removed.
pub(super) const REMOVED: &[&str] = &["name"];
/// Of a secret.
pub(super) const SECRET: &[&str] = &["name", "revision", "updated_at"];
/// Of a token that was made.
pub(super) const ISSUED_TOKEN: &[&str] = &["id", "token", "expires_at"];
/// Of a token.
pub(super) const TOKEN: &[&str] = &["id", "name", "user", "role", "created_at", "expires_at"];
/// Of a user.
pub(super) const USER: &[&str] = &[
    "id",
    "name",
    "is_local",
    "is_disabled",
    "roles",
    "created_at",
];
/// Of a tenant.
pub(super) const TENANT: &[&str] = &["id", "name", "parent", "created_at"];
/// Of a webhook.
pub(super) const WEBHOOK: &[&str] = &["id", "name", "url", "events", "is_disabled", "created_at"];
/// Of an entry of the audit trail.
pub(super) const ENTRY: &[&str] = &[
    "sequence", "at", "actor", "action", "subject", "reason", "detail", "hash",
];
/// Of what came of checking the audit trail.
pub(super) const VERIFICATION: &[&str] = &["intact", "entries", "head", "broken_at"];

#[cfg(test)]
mod tests {
    //! The fields which are said to be there are.

    use thimble_hub_api::{
        app, audit, deployment, device, enrolment, identity, rollout, secret, simulation, status,
        webhook,
    };

    use super::*;
    use crate::output::tests::check;

    #[test]
    fn the_fields_are_those_of_the_interface() {
        check::<identity::Whoami>(WHOAMI);
        check::<status::Summary>(SUMMARY);
        check::<device::Device>(DEVICE);
        check::<device::LogAnswer>(LOGS);
        check::<enrolment::IssuedClaimCode>(ISSUED_CODE);
        check::<enrolment::ClaimCode>(CODE);
        check::<enrolment::Imported>(IMPORTED);
        check::<app::App>(APP);
        check::<app::AppVersion>(VERSION);
        check::<deployment::Deployment>(DEPLOYMENT);
        check::<deployment::Revision>(REVISION);
        check::<rollout::Rollout>(ROLLOUT);
        check::<simulation::Simulation>(SIMULATION);
        check::<secret::Secret>(SECRET);
        check::<identity::IssuedToken>(ISSUED_TOKEN);
        check::<identity::Token>(TOKEN);
        check::<identity::User>(USER);
        check::<identity::Tenant>(TENANT);
        check::<webhook::Webhook>(WEBHOOK);
        check::<audit::Entry>(ENTRY);
        check::<audit::Verification>(VERIFICATION);
    }
}
