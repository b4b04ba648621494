//! Who becomes one of the fleet: decided and kept in one transaction, with the certificate.
//!
//! A device is known by its key. One that is known gets a certificate again; a new one needs a code, or somebody must have
//! named it beforehand, or somebody has to approve it.

use serde_json::{Value, json};
use thimble_hub_store::DeviceId;
use thimble_hub_store::{
    Audit, CertId, Device, DeviceCert, DeviceState, Error, Event, EventId, Id as _, LastSeen,
    Match, Page, Scope, Topic, Write,
};

use super::admission::{free_name, refuse_taken_serial};
use super::report::own_labels;
use super::{StoredFleet, TRIES, hex, identity, known, ms};
use crate::device::fleet::{EnrolDecision, EnrolRefused, Enrolment, FleetError, Issue};
use crate::device::versions::{DIGEST_BYTES, KnownDevice};
use thimble_protocol::StateVersion;

/// Why a transaction was not committed.
pub(super) enum Stopped {
    Store(Error),
    Fleet(FleetError),
    Refused(EnrolRefused),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

pub(super) fn everything() -> Scope {
    // Who the device is, and so whose, is what is being found out.
    Scope::whole_hub_for_its_own_work()
}

impl StoredFleet {
    pub(super) async fn decide(
        &self,
        enrolment: &Enrolment,
        issue: Issue<'_>,
    ) -> Result<EnrolDecision, FleetError> {
        for _ in 0..TRIES {
            match self.try_enrol(enrolment, issue).await {
                // Two of one key at once: the second finds what the first made.
                Err(Stopped::Store(
                    Error::Retry | Error::Conflict { .. } | Error::Exists { .. },
                )) => {}
                Err(Stopped::Store(error)) => return Err(error.into()),
                Err(Stopped::Fleet(error)) => return Err(error),
                Err(Stopped::Refused(refused)) => return Ok(EnrolDecision::Refused(refused)),
                Ok(decision) => return Ok(decision),
            }
        }
        Err(Error::Retry.into())
    }

    async fn try_enrol(
        &self,
        enrolment: &Enrolment,
        issue: Issue<'_>,
    ) -> Result<EnrolDecision, Stopped> {
        let mut write = self.store.write_for_device().await?;
        let device = match known_device(&mut write, enrolment).await? {
            Some(device) => self.take_known(&mut write, device, enrolment).await?,
            None => self.take_new(&mut write, enrolment).await?,
        };
        if device.state != DeviceState::Active {
            write.commit().await?;
            return Ok(EnrolDecision::Pending);
        }
        let version = write
            .device_versions_of(&everything(), &[device.id])
            .await?
            .pop();
        let told = match version {
            Some(version) => known(&version, true),
            None => KnownDevice {
                identity: identity(device.tenant, device.id),
                version: StateVersion(0),
                digest: [0; DIGEST_BYTES],
                is_active: true,
            },
        };
        if let Some(der) = same_again(&mut write, &device, enrolment).await? {
            write.commit().await?;
            return Ok(EnrolDecision::Issued { device: told, der });
        }
        let seen = LastSeen {
            device: device.id,
            at_ms: ms(enrolment.now),
        };
        let der = give_certificate(&mut write, device, enrolment, issue).await?;
        // A rollout that begins now reaches it: it is there, although it has not polled yet.
        write.put_last_seen(&everything(), &[seen]).await?;
        write.commit().await?;
        Ok(EnrolDecision::Issued { device: told, der })
    }

    /// A device whose key, or whose certificate, is known.
    async fn take_known(
        &self,
        write: &mut Write,
        mut device: Device,
        enrolment: &Enrolment,
    ) -> Result<Device, Stopped> {
        match device.state {
            DeviceState::Active => Ok(device),
            DeviceState::Pending => {
                // It was sent away, and now somebody gave it a code.
                if enrolment.claim_code.is_none() {
                    return Ok(device);
                }
                let admission = self.admission(write, enrolment).await?;
                if admission.tenant != device.tenant {
                    return Err(Stopped::Refused(EnrolRefused::Code));
                }
                device.state = DeviceState::Active;
                device.claim_code = admission.claim_code;
                let scope = Scope::authenticated(device.tenant);
                let audit = audit(enrolment, "device.claim", device.id);
                device.edition = write.update(&scope, &device, &audit).await?;
                if !admission.labels.is_empty() {
                    write
                        .set_labels(&scope, device.id, &admission.labels, &Audit::part())
                        .await?;
                }
                tell(write, &device, "device.enrolled", enrolment).await?;
                Ok(device)
            }
            DeviceState::Revoked | DeviceState::Retired => {
                Err(Stopped::Refused(EnrolRefused::Rejected))
            }
        }
    }

    async fn take_new(&self, write: &mut Write, enrolment: &Enrolment) -> Result<Device, Stopped> {
        let admission = self.admission(write, enrolment).await?;
        let scope = Scope::authenticated(admission.tenant);
        let capabilities = &enrolment.capabilities;
        refuse_taken_serial(write, &scope, enrolment).await?;
        let id = DeviceId::fresh();
        let expected_name = admission
            .expected
            .as_ref()
            .and_then(|expected| expected.name.clone());
        let device = Device {
            id,
            tenant: admission.tenant,
            edition: 0,
            created_ms: ms(enrolment.now),
            name: free_name(write, &scope, expected_name, capabilities, id).await?,
            model: capabilities.model.clone(),
            serial: Some(capabilities.serial.clone()).filter(|serial| !serial.is_empty()),
            state: admission.state,
            fingerprint: hex(&enrolment.key.digest()),
            public_key: rcgen::PublicKeyData::subject_public_key_info(&enrolment.key),
            csr: Some(enrolment.csr.clone()),
            claim_code: admission.claim_code,
            capabilities: Some(capabilities.encode()),
            is_held: false,
            hold_until_ms: None,
            hold_reason: None,
            windows: Value::Array(Vec::new()),
            override_reason: None,
            failures: 0,
        };
        write
            .insert(&scope, &device, &audit(enrolment, "device.enrol", id))
            .await?;
        write
            .set_labels(&scope, id, &admission.labels, &Audit::part())
            .await?;
        write
            .set_own_labels(&scope, id, &own_labels(capabilities))
            .await?;
        if let Some(mut expected) = admission.expected {
            expected.device = Some(id);
            write.update(&scope, &expected, &Audit::part()).await?;
        }
        let kind = match device.state {
            DeviceState::Pending => "device.pending",
            _ => "device.enrolled",
        };
        tell(write, &device, kind, enrolment).await?;
        Ok(Device {
            edition: 1,
            ..device
        })
    }
}

/// The device that came with a certificate, or one with this key; the latest if there were several.
async fn known_device(write: &mut Write, enrolment: &Enrolment) -> Result<Option<Device>, Stopped> {
    if let Some(present) = enrolment.present {
        let scope = super::scope(present);
        return Ok(Some(write.one(&scope, super::device_id(present)).await?));
    }
    let fingerprint = hex(&enrolment.key.digest());
    let newest = Page {
        is_backwards: true,
        ..Page::first(1)
    };
    let matches = [Match::equals("fingerprint", &fingerprint)];
    let found = write
        .page::<Device>(&everything(), &matches, &newest)
        .await?;
    let device = found.items.into_iter().next();
    // One that was retired may come back as another device, if somebody gives it a code.
    let is_done = |device: &Device| device.state == DeviceState::Retired;
    Ok(device.filter(|device| !is_done(device) || enrolment.claim_code.is_none()))
}

/// The certificate that the same request got, if it is still good for long.
async fn same_again(
    write: &mut Write,
    device: &Device,
    enrolment: &Enrolment,
) -> Result<Option<Vec<u8>>, Stopped> {
    if device.csr.as_ref() != Some(&enrolment.csr) {
        return Ok(None);
    }
    let newest = Page {
        is_backwards: true,
        ..Page::first(1)
    };
    let matches = [
        Match::equals("device", &device.id),
        Match::null("revoked_ms"),
    ];
    let scope = Scope::authenticated(device.tenant);
    let certificates = write.page::<DeviceCert>(&scope, &matches, &newest).await?;
    let certificate = certificates.items.into_iter().next();
    let until = enrolment.now.0.saturating_add(enrolment.renew_left_s);
    let is_good = |certificate: &DeviceCert| {
        certificate.not_after_ms >= ms(thimble_protocol::UnixSeconds(until))
    };
    Ok(certificate
        .filter(is_good)
        .map(|certificate| certificate.der))
}

async fn give_certificate(
    write: &mut Write,
    mut device: Device,
    enrolment: &Enrolment,
    issue: Issue<'_>,
) -> Result<Vec<u8>, Stopped> {
    let scope = Scope::authenticated(device.tenant);
    let certificate = issue(&identity(device.tenant, device.id))
        .map_err(|error| Stopped::Fleet(FleetError::Authority(error)))?;
    let fingerprint = hex(&enrolment.key.digest());
    let audit = audit(enrolment, "certificate.issue", device.id)
        .with(json!({ "serial": hex(&certificate.serial), "key": fingerprint }));
    let row = DeviceCert {
        id: CertId::fresh(),
        tenant: device.tenant,
        edition: 0,
        created_ms: ms(enrolment.now),
        device: device.id,
        serial: hex(&certificate.serial),
        not_before_ms: ms(certificate.lifetime.begin),
        not_after_ms: ms(certificate.lifetime.end),
        revoked_ms: None,
        der: certificate.der.clone(),
    };
    write.insert(&scope, &row, &audit).await?;
    if device.csr.as_ref() != Some(&enrolment.csr) || device.fingerprint != fingerprint {
        device.csr = Some(enrolment.csr.clone());
        device.fingerprint = fingerprint;
        device.public_key = rcgen::PublicKeyData::subject_public_key_info(&enrolment.key);
        write.update(&scope, &device, &Audit::part()).await?;
        // Its secrets are sealed anew for another key.
        write.wake(
            Topic::Device,
            Some(device.tenant),
            Some(device.id.to_string()),
        );
    }
    Ok(certificate.der)
}

async fn tell(
    write: &mut Write,
    device: &Device,
    kind: &str,
    enrolment: &Enrolment,
) -> Result<(), Stopped> {
    let event = Event {
        id: EventId::fresh(),
        tenant: device.tenant,
        edition: 0,
        created_ms: ms(enrolment.now),
        kind: kind.to_owned(),
        device: Some(device.id),
        subject: Some(device.name.clone()),
        detail: json!({ "model": device.model, "serial": device.serial }),
    };
    write
        .note(&Scope::authenticated(device.tenant), &[event])
        .await?;
    write.wake(
        Topic::Device,
        Some(device.tenant),
        Some(device.id.to_string()),
    );
    Ok(())
}

pub(super) fn actor(enrolment: &Enrolment) -> String {
    format!("key:{}", enrolment.key.fingerprint())
}

fn audit(enrolment: &Enrolment, action: &str, device: DeviceId) -> Audit {
    Audit::new(
        ms(enrolment.now),
        actor(enrolment),
        action,
        device.to_string(),
    )
}
