//! Devices and what they need.

use reqwest::Method;

use crate::device::{Because, Device, DeviceChange, Hold, LogAnswer, LogRequest, Windows};
use crate::enrolment::{ClaimCode, DeviceEntrance, Imported, IssuedClaimCode, NewClaimCode};
use crate::page::Page;
use crate::secret::{Secret, SecretValue};

use super::super::{Call, Client, Said, Tagged};
use super::{DeviceQuery, Paged};

impl Client {
    /// Devices.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn devices(&self, query: &DeviceQuery, paged: &Paged) -> Said<Page<Device>> {
        self.json(query.on(paged.on(Call::get(&["devices"])))).await
    }

    /// A device, by name or id.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn device(&self, device: &str) -> Said<Tagged<Device>> {
        self.tagged(Call::get(&["devices", device])).await
    }

    /// Changes a device, if nobody else did since `etag`.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn change_device(
        &self,
        device: &str,
        change: &DeviceChange,
        etag: Option<&str>,
    ) -> Said<Device> {
        self.json(
            Call::new(Method::PATCH, &["devices", device])
                .body(change)?
                .if_match(etag),
        )
        .await
    }

    /// Lets nothing change on a device.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn hold(&self, device: &str, hold: &Hold) -> Said<Device> {
        self.json(Call::new(Method::PUT, &["devices", device, "hold"]).body(hold)?)
            .await
    }

    /// Takes the hold back.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn release(&self, device: &str) -> Said<Device> {
        self.json(Call::new(Method::DELETE, &["devices", device, "hold"]))
            .await
    }

    /// Says when changes may begin on a device.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn set_windows(&self, device: &str, windows: &Windows) -> Said<Device> {
        self.json(Call::new(Method::PUT, &["devices", device, "windows"]).body(windows)?)
            .await
    }

    /// Has changes go on although the running app says no.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn override_veto(&self, device: &str, because: &Because) -> Said<Device> {
        self.json(Call::new(Method::PUT, &["devices", device, "veto-override"]).body(because)?)
            .await
    }

    /// Lets the running app say no again.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn respect_veto(&self, device: &str) -> Said<Device> {
        self.json(Call::new(
            Method::DELETE,
            &["devices", device, "veto-override"],
        ))
        .await
    }

    /// Lets a pending device into the fleet.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn approve_device(&self, device: &str) -> Said<Device> {
        self.json(Call::new(Method::POST, &["devices", device, "approve"]))
            .await
    }

    /// Does not let a pending device into the fleet.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn reject_device(&self, device: &str, reason: &str) -> Said<()> {
        self.done(Call::new(Method::POST, &["devices", device, "reject"]).because(reason))
            .await
    }

    /// Trusts a device no more.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn revoke_device(&self, device: &str, reason: &str) -> Said<Device> {
        self.json(Call::new(Method::POST, &["devices", device, "revoke"]).because(reason))
            .await
    }

    /// Takes a device out of service.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn retire_device(&self, device: &str, reason: &str) -> Said<Device> {
        self.json(Call::new(Method::POST, &["devices", device, "retire"]).because(reason))
            .await
    }

    /// Asks a device for log lines.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn request_logs(&self, device: &str, request: &LogRequest) -> Said<LogAnswer> {
        self.json(Call::new(Method::POST, &["devices", device, "logs"]).body(request)?)
            .await
    }

    /// Log lines that were asked for.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn logs(&self, device: &str, request: &str) -> Said<LogAnswer> {
        self.json(Call::get(&["devices", device, "logs", request]))
            .await
    }

    /// The claim codes.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn claim_codes(&self, paged: &Paged) -> Said<Page<ClaimCode>> {
        self.json(paged.on(Call::get(&["claim-codes"]))).await
    }

    /// Where devices come in, and what they must know before they do.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn device_entrance(&self) -> Said<DeviceEntrance> {
        self.json(Call::get(&["device-entrance"])).await
    }

    /// Makes a claim code.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_claim_code(&self, code: &NewClaimCode) -> Said<IssuedClaimCode> {
        self.json(Call::new(Method::POST, &["claim-codes"]).body(code)?)
            .await
    }

    /// Ends a claim code.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_claim_code(&self, code: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["claim-codes", code]))
            .await
    }

    /// Names devices beforehand: lines of `serial,name,labels,code`.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn expect_devices(&self, csv: &str) -> Said<Imported> {
        let mut call = Call::new(Method::POST, &["expected-devices"]);
        call.body = Some(("text/csv", csv.as_bytes().to_vec()));
        self.json(call).await
    }

    /// The secrets, without their values.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn secrets(&self, paged: &Paged) -> Said<Page<Secret>> {
        self.json(paged.on(Call::get(&["secrets"]))).await
    }

    /// Gives a secret a value.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn set_secret(&self, name: &str, value: &SecretValue) -> Said<Secret> {
        self.json(Call::new(Method::PUT, &["secrets", name]).body(value)?)
            .await
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_secret(&self, name: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["secrets", name]))
            .await
    }
}
