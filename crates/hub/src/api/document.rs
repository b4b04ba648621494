//! What the description of the interface says of the whole.

use thimble_hub_api::Problem;
use thimble_hub_api::problem::MEDIA_TYPE;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

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

/// The answer that every operation may give, whatever else it says: a problem.
const PROBLEM: &str = "Problem";

/// Says that every operation may answer with a problem: a request can be malformed, nobody signed in, the hub not ready.
pub(super) fn add_problems(document: &mut OpenApi) {
    let schema = Ref::from_schema_name(Problem::name());
    let problem = ResponseBuilder::new()
        .description(
            "It was not done: `type` says what kind of problem there is, `detail` what to do",
        )
        .content(MEDIA_TYPE, Content::new(Some(schema)))
        .build();
    let components = document.components.get_or_insert_default();
    components
        .responses
        .insert(PROBLEM.to_owned(), problem.into());
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
        operation
            .responses
            .responses
            .insert("default".to_owned(), problem);
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
