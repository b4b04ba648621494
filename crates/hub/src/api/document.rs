//! What the description of the interface says of the whole.

use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

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
