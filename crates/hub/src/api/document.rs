//! What the description of the interface says of the whole.

use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use super::described;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Thimble hub",
        description = "The operators' interface of `thimble-hub`: HTTPS and JSON. Errors are problems (RFC 9457, \
                       application/problem+json). Times are RFC 3339. The tenant is the user's own, or the one that the \
                       header `Thimble-Tenant` names. Where a reason is needed, the header `Thimble-Reason` gives it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "session", description = "Signing in and out"),
        (name = "tenants", description = "OEMs and customers"),
        (name = "users", description = "Users, roles, tokens"),
        (name = "devices", description = "Devices, and how they come to the fleet"),
        (name = "apps", description = "Apps and versions"),
        (name = "deployments", description = "Which devices are to run what"),
        (name = "rollouts", description = "How devices get there"),
        (name = "secrets", description = "Values that are written and never read"),
        (name = "webhooks", description = "Whom the hub tells what happens"),
        (name = "audit", description = "Who changed what, and why"),
        (name = "hub", description = "The hub itself"),
    ),
)]
struct Head;

/// The document without paths. Whatever does not say otherwise needs a token.
pub(super) fn head() -> OpenApi {
    let mut document = Head::openapi();
    let scheme = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token, from signing in or from `POST /v1/tokens`"))
            .build(),
    );
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("token", scheme);
    let none: [&str; 0] = [];
    document.security = Some(vec![SecurityRequirement::new("token", none)]);
    document
}

/// Says what holds for every operation: it may answer with a problem (a request can be malformed, nobody signed in, the hub
/// not ready), and has a name of its own.
pub(super) fn complete(document: &mut OpenApi) {
    described::add_problems(document.components.get_or_insert_default());
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            let problem = RefOr::Ref(Ref::from_response_name(described::ANY_PROBLEM));
            operation
                .responses
                .responses
                .insert("default".to_owned(), problem);
            if let Some(id) = &mut operation.operation_id {
                *id = qualified(path, id);
            }
        }
    }
}

/// The name of an operation that no other has: what it is about, and what it does.
fn qualified(path: &str, name: &str) -> String {
    let about = path.trim_start_matches("/v1").split('/').nth(1);
    match about.map(|about| about.replace('-', "_")) {
        Some(about) if about != name => format!("{about}_{name}"),
        _ => name.to_owned(),
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}
