//! By what a new device comes in, and as what.

use ring::digest::{SHA256, digest};
use serde_json::Value;
use thimble_hub_store::{
    Audit, ClaimCodeId, Device, DeviceId, DeviceState, Error, ExpectedDevice, Id as _, Match, Page,
    Scope, TenantId, Write,
};

use super::enrol::{Stopped, actor, everything};
use super::{StoredFleet, hex, ms};
use crate::device::fleet::{EnrolRefused, Enrolment};

/// By what a new device comes in.
pub(super) struct Admission {
    pub(super) tenant: TenantId,
    pub(super) state: DeviceState,
    pub(super) claim_code: Option<ClaimCodeId>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) expected: Option<ExpectedDevice>,
}

impl StoredFleet {
    /// By what a new device comes in: a code that somebody expected of it, a claim code, its expected serial number, or not
    /// yet at all.
    pub(super) async fn admission(
        &self,
        write: &mut Write,
        enrolment: &Enrolment,
    ) -> Result<Admission, Stopped> {
        let serial = &enrolment.capabilities.serial;
        let code = enrolment.claim_code.as_ref();
        let hash = code.map(|code| digest(&SHA256, code.as_bytes()).as_ref().to_vec());
        let expected =
            expected(write, serial, &enrolment.capabilities.model, hash.as_ref()).await?;
        if let Some(expected) = expected {
            return Ok(Admission {
                tenant: expected.tenant,
                state: DeviceState::Active,
                claim_code: None,
                labels: labels_of(&expected.labels),
                expected: Some(expected),
            });
        }
        if let Some(hash) = hash {
            let audit = Audit::new(
                ms(enrolment.now),
                actor(enrolment),
                "claim-code.use",
                hex(&hash),
            );
            let used = write
                .use_claim_code(&everything(), &hash, ms(enrolment.now), &audit)
                .await;
            return match used {
                Ok(code) => Ok(Admission {
                    tenant: code.tenant,
                    state: DeviceState::Active,
                    claim_code: Some(code.id),
                    labels: labels_of(&code.labels),
                    expected: None,
                }),
                Err(Error::NotFound { .. }) => Err(Stopped::Refused(EnrolRefused::Code)),
                Err(error) => Err(error.into()),
            };
        }
        let tenant = self
            .pending_tenant
            .ok_or(Stopped::Refused(EnrolRefused::NoTenant))?;
        Ok(Admission {
            tenant: TenantId::from_bytes(tenant.0),
            state: DeviceState::Pending,
            claim_code: None,
            labels: Vec::new(),
            expected: None,
        })
    }
}

/// The device that somebody named beforehand, if this is it.
async fn expected(
    write: &mut Write,
    serial: &str,
    model: &str,
    code_hash: Option<&Vec<u8>>,
) -> Result<Option<ExpectedDevice>, Stopped> {
    if serial.is_empty() {
        return Ok(None);
    }
    let code = match code_hash {
        Some(hash) => Match::equals("code_hash", hash),
        None => Match::null("code_hash"),
    };
    let matches = [
        Match::equals("serial", &serial.to_owned()),
        Match::null("device"),
        code,
    ];
    let page = Page::first(2);
    let mut found = write
        .page::<ExpectedDevice>(&everything(), &matches, &page)
        .await?
        .items;
    found.retain(|expected| expected.model.as_ref().is_none_or(|only| only == model));
    // Two tenants that expect one serial number: it needs a code to tell whose it is.
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// Another device, with another key, has the serial number.
pub(super) async fn refuse_taken_serial(
    write: &mut Write,
    scope: &Scope,
    enrolment: &Enrolment,
) -> Result<(), Stopped> {
    let serial = &enrolment.capabilities.serial;
    if serial.is_empty() {
        return Ok(());
    }
    let matches = [
        Match::equals("model", &enrolment.capabilities.model),
        Match::equals("serial", serial),
        Match::any_of("state", &[DeviceState::Pending, DeviceState::Active]),
    ];
    match write.find::<Device>(scope, &matches).await? {
        None => Ok(()),
        Some(device) => Err(Stopped::Refused(EnrolRefused::SerialTaken {
            serial: serial.clone(),
            device: thimble_protocol::DeviceId(device.id.bytes()),
        })),
    }
}

/// What somebody called it beforehand, or its serial number, or a part of its id: whichever is free first.
pub(super) async fn free_name(
    write: &mut Write,
    scope: &Scope,
    expected: Option<String>,
    capabilities: &thimble_protocol::Capabilities,
    id: DeviceId,
) -> Result<String, Stopped> {
    let serial = Some(capabilities.serial.clone()).filter(|serial| !serial.is_empty());
    let states = [
        DeviceState::Pending,
        DeviceState::Active,
        DeviceState::Revoked,
    ];
    for name in expected.into_iter().chain(serial) {
        let matches = [
            Match::equals("name", &name),
            Match::any_of("state", &states),
        ];
        if write.find::<Device>(scope, &matches).await?.is_none() {
            return Ok(name);
        }
    }
    Ok(format!("device-{id}"))
}

/// Labels of a document: `{"line": "1"}`.
fn labels_of(document: &Value) -> Vec<(String, String)> {
    let labels = document.as_object().into_iter().flatten();
    labels
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
