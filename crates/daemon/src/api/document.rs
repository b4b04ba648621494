//! What the description of the API says of the whole.

use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Thimble device",
        description = "The local API of `thimble daemon`: HTTP/1.1 over a Unix socket. Errors are problems (RFC 9457, \
                       application/problem+json). Times are RFC 3339. A container is named by its name, its id, or \
                       enough of the beginning of its id.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "device", description = "The daemon, its volumes and what happens"),
        (name = "containers", description = "Containers and their life"),
        (name = "output", description = "Logs, figures, events, standard input"),
        (name = "apps", description = "Sets of containers that are declared together"),
        (name = "images", description = "Fetching and loading images"),
        (name = "bus", description = "The message bus"),
        (name = "fleet", description = "The device as one of a fleet"),
    ),
)]
struct Head;

/// The document without paths.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}
