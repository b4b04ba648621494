//! What the operations have in common, said once for the description of the interface: names in paths, headers, and the
//! problems that each tells of. `#[utoipa::path]` takes each of these types where it takes a parameter or a response.

use std::collections::BTreeMap;

use thimble_hub_api::Problem;
use thimble_hub_api::client::REASON_HEADER;
use thimble_hub_api::problem::MEDIA_TYPE;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{
    Components, Content, Object, Ref, RefOr, Required, Response, ResponseBuilder, Type,
};
use utoipa::{IntoParams, IntoResponses, ToSchema as _};

/// A parameter that is text.
fn text(name: &str, place: ParameterIn, is_required: bool, words: &str) -> Vec<Parameter> {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if is_required {
            Required::True
        } else {
            Required::False
        })
        .description(Some(words))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    vec![parameter]
}

macro_rules! parameters {
    ($($type:ident: $place:ident $name:expr, $is_required:literal, $words:literal;)*) => {$(
        #[doc = $words]
        pub(super) enum $type {}

        impl IntoParams for $type {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                text($name, ParameterIn::$place, $is_required, $words)
            }
        }
    )*};
}

parameters! {
    AppName: Path "app", true, "The app's name or id";
    VersionName: Path "version", true, "The version";
    CodeId: Path "code", true, "The code's id";
    DeploymentName: Path "deployment", true, "The deployment's name or id";
    DeviceName: Path "device", true, "The device's name or id";
    LogRequestId: Path "request", true, "The request's id";
    RolloutId: Path "rollout", true, "The rollout's id";
    SecretName: Path "secret", true, "The secret's name";
    TokenId: Path "token", true, "The token's id";
    UserName: Path "user", true, "The user's name or id";
    WebhookName: Path "webhook", true, "The webhook's name or id";
    Why: Header REASON_HEADER, true, "Why it is done, percent-encoded where it is not ASCII";
    IfMatch: Header "If-Match", false, "The `ETag` of what was read: only that is changed";
}

macro_rules! problems {
    ($($type:ident = $status:literal, $words:literal;)*) => {
        $(
            #[doc = $words]
            pub(super) enum $type {}

            impl IntoResponses for $type {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let response = RefOr::Ref(Ref::from_response_name(stringify!($type)));
                    BTreeMap::from([($status.to_owned(), response)])
                }
            }
        )*

        const PROBLEMS: &[(&str, &str)] = &[$((stringify!($type), $words)),*];
    };
}

problems! {
    NotSignedIn = "401", "Nobody is signed in, or the name or the password is wrong";
    Forbidden = "403", "Whoever asks may not do this";
    NotFound = "404", "There is nothing of that name in the tenant";
    Conflicting = "409", "What there is does not go with it: `detail` says what stands against it, and what to do";
    Changed = "412", "It is not what `If-Match` says any more: read it again, and decide anew";
    Invalid = "422", "The hub understands it, and it cannot be: `detail` says which part, and what would be possible";
    TooMany = "429", "There are as many as there may be, or it was tried too often: `Retry-After` says when to try again";
    NotReady = "503", "The hub cannot do this now: `Retry-After` says when to try again";
    Upstream = "502", "What the hub itself had to ask did not answer as it should";
}

/// The answer that every operation may give, whatever else it says.
pub(super) const ANY_PROBLEM: &str = "Problem";

/// Says once what problems look like.
pub(super) fn add_problems(components: &mut Components) {
    let any = (
        ANY_PROBLEM,
        "It was not done: `type` says what kind of problem there is, `detail` what to do",
    );
    for (name, words) in PROBLEMS.iter().chain([&any]) {
        let schema = Ref::from_schema_name(Problem::name());
        let problem = ResponseBuilder::new()
            .description(*words)
            .content(MEDIA_TYPE, Content::new(Some(schema)))
            .build();
        components
            .responses
            .insert((*name).to_owned(), problem.into());
    }
}
