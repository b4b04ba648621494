//! What a deployment may depend on: what can be on a device together with it, and does not depend on it in turn.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use thimble_hub_api::deployment::DeploymentSpec;
use thimble_hub_api::problem::FieldError;
use thimble_hub_api::{Problem, ProblemKind};
use thimble_hub_store::{App, Deployment, DeploymentId, Match, Read, Scope};

use super::deployments::revision;
use super::lookup::{found, named};
use super::reply::{Answer, Fault};
use crate::publish::is_meant;

/// Finds out that what the deployment of this name is to depend on can be met.
pub(super) async fn check(
    read: &mut Read,
    scope: &Scope,
    name: &str,
    app: &App,
    depends_on: &[String],
) -> Answer<()> {
    if depends_on.is_empty() {
        return Ok(());
    }
    // None if it is only made now.
    let own = found::<Deployment>(read, scope, name).await?;
    let own = own.as_ref();
    let mut errors = Vec::new();
    for (index, name) in depends_on.iter().enumerate() {
        let needed = named::<Deployment>(read, scope, name).await?;
        let reason = if needed.removing_ms.is_some() {
            Some(format!(
                "`{}` is being removed: depend on another, or on none",
                needed.name
            ))
        } else if own.is_some_and(|own| own.id == needed.id) {
            Some("a deployment cannot depend on itself".to_owned())
        } else if needed.app == app.id {
            Some(format!(
                "`{}` is of the same app, {}, and a device has one deployment of each app: depend on one of another app",
                needed.name, app.name
            ))
        } else {
            match own {
                Some(own) => circle(read, scope, own, needed).await?,
                None => None,
            }
        };
        errors.extend(reason.map(|detail| FieldError {
            pointer: format!("/depends_on/{index}"),
            detail,
        }));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Invalid,
        "what the deployment depends on can never be there with it: correct what is told, and send it again",
    )
    .because(errors)
    .into())
}

/// Finds out that no other deployment needs this one: it would lose it.
pub(super) async fn require_none_on(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
) -> Answer<()> {
    let of_tenant = [Match::equals("tenant", &deployment.tenant)];
    for other in read.all::<Deployment>(scope, &of_tenant).await? {
        if other.id == deployment.id || other.removing_ms.is_some() {
            continue;
        }
        let needed = needed_by(read, scope, &other).await?;
        if needed.iter().any(|said| is_meant(deployment, said)) {
            return Err(Fault::new(
                ProblemKind::InUse,
                format_args!(
                    "the deployment {} depends on it: change or remove that one first",
                    other.name
                ),
            ));
        }
    }
    Ok(())
}

/// What a deployment depends on, by its newest revision.
async fn needed_by(read: &mut Read, scope: &Scope, deployment: &Deployment) -> Answer<Vec<String>> {
    let newest = revision(read, scope, deployment, deployment.latest).await?;
    let spec: DeploymentSpec = serde_json::from_value(newest.document).unwrap_or_default();
    Ok(spec.depends_on)
}

/// How what is needed would need what needs it, if it would: by the newest revision of each.
async fn circle(
    read: &mut Read,
    scope: &Scope,
    own: &Deployment,
    needed: Deployment,
) -> Answer<Option<String>> {
    // Each with the one that led to it.
    let mut seen: BTreeMap<DeploymentId, Option<DeploymentId>> = BTreeMap::new();
    let mut names: BTreeMap<DeploymentId, String> = BTreeMap::new();
    seen.insert(needed.id, None);
    let mut open = vec![needed];
    while let Some(deployment) = open.pop() {
        names.insert(deployment.id, deployment.name.clone());
        for name in needed_by(read, scope, &deployment).await? {
            let Some(next) = found::<Deployment>(read, scope, &name).await? else {
                // It went meanwhile, and holds nobody up here.
                continue;
            };
            if next.id == own.id {
                return Ok(Some(words(own, deployment.id, &seen, &names)));
            }
            if let Entry::Vacant(place) = seen.entry(next.id) {
                place.insert(Some(deployment.id));
                open.push(next);
            }
        }
    }
    Ok(None)
}

/// The circle in words, from the deployment back to it.
fn words(
    own: &Deployment,
    last: DeploymentId,
    seen: &BTreeMap<DeploymentId, Option<DeploymentId>>,
    names: &BTreeMap<DeploymentId, String>,
) -> String {
    let mut path = Vec::new();
    let mut at = Some(last);
    while let Some(id) = at {
        path.extend(names.get(&id).map(String::as_str));
        at = seen.get(&id).copied().flatten();
    }
    path.reverse();
    format!(
        "they would depend on each other in a circle: {own} needs {}, which needs {own}: take one of them out",
        path.join(", which needs "),
        own = own.name
    )
}
