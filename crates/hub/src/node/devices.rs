//! The devices' side of a node, from the settings.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thimble_hub_store::{Id as _, Match, Scope, Tenant};
use thimble_protocol::UnixSeconds;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::NodeError;
use crate::authority::{DeviceVerifier, ExternalAuthority, ServerCertificate, TenantId};
use crate::device::listener::tls;
use crate::device::side::{Clock, DeviceSide, Parts};
use crate::device::stored::{self, StoredFleet};
use crate::device::{Listener, Settings, Versions};
use crate::hub::Hub;
use crate::settings::DeviceSettings;

/// Starts it; where it listens.
pub(super) async fn start(
    hub: &Arc<Hub>,
    stopping: &CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<SocketAddr, NodeError> {
    let settings = &hub.settings.devices;
    let clock = clock(hub);
    let authority = hub.vault.device_authority(clock()).await;
    let authority = Arc::new(authority.map_err(NodeError::Vault)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = certificate(hub, clock()).await?;
    let certificate =
        ServerCertificate::new(certificate.0, certificate.1, &provider).map_err(NodeError::Tls)?;
    let versions = Arc::new(Versions::default());
    let external = external(hub, settings).await?;
    let standings = Arc::clone(&versions) as Arc<_>;
    let verifier = DeviceVerifier::new(&authority, &external, standings, Arc::clone(&provider));
    let verifier = Arc::new(verifier.map_err(NodeError::Anchor)?);
    let fleet = Arc::new(StoredFleet::new(
        hub.store.clone(),
        Arc::clone(&hub.vault),
        Arc::new(hub.blobs.clone()),
        pending_tenant(hub, settings).await?,
    ));
    let side = Arc::new(DeviceSide::new(Parts {
        settings: limits(settings),
        fleet: Arc::clone(&fleet) as Arc<_>,
        versions,
        authority,
        verifier: Arc::clone(&verifier),
        clock: Arc::clone(&clock),
        seed: seed(),
    }));
    // Asked for before the map is filled, so that none is missed.
    let wakes = hub.store.wakes();
    side.fill().await.map_err(NodeError::Fleet)?;
    let config = tls(Arc::new(certificate), verifier, provider, clock).map_err(NodeError::Tls)?;
    let listener =
        Listener::bind(settings.listen, config, Arc::clone(&side)).map_err(NodeError::Devices)?;
    let address = listener.address().map_err(|source| {
        NodeError::Devices(crate::device::ListenerError::Address {
            address: settings.listen,
            source,
        })
    })?;
    tasks.push(tokio::spawn(stored::follow(
        wakes,
        fleet,
        side,
        stopping.clone(),
    )));
    tasks.push(tokio::spawn(listener.serve(stopping.clone())));
    Ok(address)
}

fn clock(hub: &Arc<Hub>) -> Clock {
    let clock = hub.clock();
    Arc::new(move || UnixSeconds(u64::try_from(clock.now_ms() / 1000).unwrap_or(0)))
}

/// What spreads devices over time: nobody needs to guess or to repeat it.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0_u8)
}

fn limits(settings: &DeviceSettings) -> Settings {
    let standard = Settings::default();
    let certificate_s =
        Duration::from_secs(u64::from(settings.certificate_days) * 86_400).as_secs();
    Settings {
        public_url: settings.url(),
        connections_max: settings.connections_max,
        connections_per_address_max: settings.connections_per_address_max,
        next_poll_min_s: settings.poll_min_s,
        next_poll_max_s: settings.poll_max_s,
        certificate_s,
        // A third of what it lasts, as devices have it: one that is new is never told to renew.
        renew_left_s: standard.renew_left_s.min(certificate_s / 3),
        ..standard
    }
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate of the settings, or one of the hub's own authority.
async fn certificate(hub: &Hub, now: UnixSeconds) -> Result<Chain, NodeError> {
    let settings = &hub.settings.devices;
    if let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) {
        let private =
            PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
        return Ok((read(certificate)?, private));
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let url = settings.url();
    if let Some(host) = reqwest::Url::parse(&url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
    {
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if !names.contains(&host) {
            names.insert(0, host);
        }
    }
    let (certificate, key) = hub
        .vault
        .server_certificate(&names, now)
        .await
        .map_err(NodeError::Vault)?;
    Ok((vec![certificate], PrivateKeyDer::from(key)))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: rustls::pki_types::pem::Error) -> NodeError {
    NodeError::DeviceCertificate {
        path: path.to_owned(),
        source,
    }
}

async fn external(
    hub: &Hub,
    settings: &DeviceSettings,
) -> Result<Vec<ExternalAuthority>, NodeError> {
    let mut external = Vec::with_capacity(settings.external.len());
    for authority in &settings.external {
        external.push(ExternalAuthority {
            tenant: tenant(hub, &authority.tenant).await?,
            anchors: read(&authority.authorities)?,
            fingerprints: HashMap::new(),
        });
    }
    Ok(external)
}

async fn tenant(hub: &Hub, name: &str) -> Result<TenantId, NodeError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let named = [Match::equals("name", &name.to_owned())];
    let found: Vec<Tenant> = hub.store.read().await?.all(&everything, &named).await?;
    match found.as_slice() {
        [tenant] => Ok(TenantId(tenant.id.bytes())),
        _ => Err(NodeError::NoSuchTenant {
            name: name.to_owned(),
        }),
    }
}

/// Where devices wait that come without a code.
async fn pending_tenant(
    hub: &Hub,
    settings: &DeviceSettings,
) -> Result<Option<TenantId>, NodeError> {
    if let Some(name) = &settings.pending_tenant {
        return tenant(hub, name).await.map(Some);
    }
    let everything = Scope::whole_hub_for_its_own_work();
    let all: Vec<Tenant> = hub.store.read().await?.all(&everything, &[]).await?;
    let mut own = all
        .iter()
        .filter(|tenant| tenant.id != thimble_hub_store::TenantId::HUB);
    Ok(match (own.next(), own.next()) {
        (Some(only), None) => Some(TenantId(only.id.bytes())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    //! What follows from the settings.

    use super::{DeviceSettings, limits};

    #[test]
    fn a_certificate_that_is_new_is_not_to_be_renewed_however_short_it_lasts() {
        for certificate_days in [1, 2, 29, 30, 31, 90, 365] {
            let settings = DeviceSettings {
                certificate_days,
                ..DeviceSettings::default()
            };
            let limits = limits(&settings);
            assert!(limits.renew_left_s > 0 && limits.renew_left_s <= 30 * 86_400);
            assert!(
                limits.renew_left_s * 3 <= limits.certificate_s,
                "{certificate_days} days"
            );
        }
    }
}
