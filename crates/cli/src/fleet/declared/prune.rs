//! What a hub has that no file declares: deployments, webhooks and apps. Devices and tenants are never removed this way.

use std::collections::BTreeSet;

use serde::Serialize;
use thimble_hub_api::deployment::Deployment;
use thimble_hub_api::document::Document;

use crate::failure::Failure;

use super::super::deployments::deployments;
use super::super::session::Session;
use super::files::Declared;

/// Why it is removed, for the audit trail.
const REASON: &str = "no file declares it any more";

/// Something that no file declares.
#[derive(Serialize)]
pub(super) struct Surplus {
    /// Its kind and name: `app/reader`.
    pub(super) subject: String,
    #[serde(skip)]
    kind: Kind,
    #[serde(skip)]
    id: String,
}

enum Kind {
    Deployment,
    Webhook,
    App,
}

/// What no file declares, in the order in which it can be removed. Of a kind that no file mentions nothing is removed: who keeps
/// only their deployments in files keeps their webhooks.
pub(super) fn surplus(session: &Session, declared: &[Declared]) -> Result<Vec<Surplus>, Failure> {
    let subjects: BTreeSet<String> = declared.iter().map(|one| one.document.subject()).collect();
    let mut found = Vec::new();
    let mut note = |kind: Kind, subject: String, id: String| {
        if !subjects.contains(&subject) {
            found.push(Surplus { subject, kind, id });
        }
    };
    let mentions =
        |is_kind: fn(&Document) -> bool| declared.iter().any(|one| is_kind(&one.document));
    if mentions(|document| matches!(document, Document::Deployment { .. })) {
        for one in dependents_first(deployments(session)?) {
            if !one.is_being_removed {
                note(Kind::Deployment, format!("deployment/{}", one.name), one.id);
            }
        }
    }
    if mentions(|document| matches!(document, Document::Webhook { .. })) {
        for one in session.all(async |paged| session.client.webhooks(&paged).await)? {
            note(Kind::Webhook, format!("webhook/{}", one.name), one.id);
        }
    }
    if mentions(|document| matches!(document, Document::App { .. })) {
        for one in session.all(async |paged| session.client.apps(&paged).await)? {
            note(Kind::App, format!("app/{}", one.name), one.id);
        }
    }
    Ok(found)
}

/// The hub keeps what another deployment needs: whoever needs it goes first.
fn dependents_first(mut left: Vec<Deployment>) -> Vec<Deployment> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let needed: BTreeSet<String> = left
            .iter()
            .flat_map(|one| one.spec.depends_on.iter().cloned())
            .collect();
        let (later, now): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|one| needed.contains(&one.name) || needed.contains(&one.id));
        if now.is_empty() {
            // They need each other: the hub says what to do.
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        left = later;
    }
    ordered
}

/// Removes it.
pub(super) fn remove(session: &Session, surplus: &[Surplus]) -> Result<(), Failure> {
    for one in surplus {
        let (client, id) = (&session.client, one.id.as_str());
        match one.kind {
            Kind::Deployment => session.about(&one.subject, client.remove_deployment(id, REASON)),
            Kind::Webhook => session.about(&one.subject, client.remove_webhook(id)),
            Kind::App => session.about(&one.subject, client.remove_app(id)),
        }?;
    }
    Ok(())
}
