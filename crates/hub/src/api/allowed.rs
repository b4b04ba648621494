//! Who asks, and that they may: whatever a handler does with a fleet needs one of these.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use thimble_hub_api::client::TENANT_HEADER;

use super::reply::Fault;
use crate::hub::Hub;
use crate::identity::{Caller, IdentityError, Permission, authenticate};

/// What is needed for something.
pub(super) trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $permission:ident;)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl Needs for $name {
            const PERMISSION: Permission = Permission::$permission;
        }
    )*};
}

needs! {
    /// Reading.
    ToRead = Read;
    /// Changing devices.
    ToDevices = Devices;
    /// Holding devices.
    ToHolds = Holds;
    /// Changing apps.
    ToApps = Apps;
    /// Changing deployments.
    ToDeployments = Deployments;
    /// Changing rollouts.
    ToRollouts = Rollouts;
    /// Approving.
    ToApprove = Approve;
    /// Administering.
    ToAdminister = Administer;
}

/// Somebody who may do what is asked. Found out before anything of the body is read.
pub(super) struct Allowed<N>(Caller, PhantomData<N>);

impl<N> Deref for Allowed<N> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<N: Needs> FromRequestParts<Arc<Hub>> for Allowed<N> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Fault> {
        let token = bearer(parts).ok_or(IdentityError::NotSignedIn)?;
        let tenant = match parts.headers.get(TENANT_HEADER) {
            None => None,
            Some(value) => Some(value.to_str().map_err(|_| IdentityError::NoSuchTenant {
                name: "of other characters than ASCII".to_owned(),
            })?),
        };
        let caller = authenticate(hub, token, tenant).await?;
        caller.require(N::PERMISSION)?;
        Ok(Self(caller, PhantomData))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let text = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        // Without a socket, as in tests, everybody is this machine.
        Ok(parts
            .extensions
            .get::<Self>()
            .copied()
            .unwrap_or(Self(IpAddr::from([127, 0, 0, 1]))))
    }
}
