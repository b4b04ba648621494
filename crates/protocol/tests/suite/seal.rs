//! Secrets: opened by the device that they are for, under the name that they have, and by nobody else.

use std::convert::Infallible;

use p256::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use thimble_protocol::DeviceId;
use thimble_protocol::limits::SECRET_BYTES_MAX;
use thimble_protocol::seal::{OpenError, SealError, open, seal};
use thimble_protocol::state::SealedSecret;
use thimble_testkit::random::{Random, seed};

use super::messages::secret_key;
use super::samples::DEVICE;

/// Numbers that a seed repeats, for keys that keep nothing secret.
struct Repeated(Random);

impl TryRng for Repeated {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.0.bytes(4).try_into().unwrap()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.0.bytes(8).try_into().unwrap()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0.bytes(bytes.len()));
        Ok(())
    }
}

impl TryCryptoRng for Repeated {}

fn sealed(value: &[u8], seed: u64) -> SealedSecret {
    let mut random = Repeated(Random::new(seed));
    let recipient = secret_key(7).public_key();
    seal(value, "password", 3, DEVICE, &recipient, &mut random).unwrap()
}

fn refused(secret: &SealedSecret, device: DeviceId, key: u8) -> Option<OpenError> {
    open(secret, device, &secret_key(key)).err()
}

#[test]
fn a_secret_is_opened_by_its_device() {
    let seed = seed(21);
    for value in [b"".as_slice(), b"hunter2", &[0; SECRET_BYTES_MAX as usize]] {
        let secret = sealed(value, seed);
        assert_eq!(secret.sealed.len(), value.len() + 81);
        let opened = open(&secret, DEVICE, &secret_key(7)).unwrap();
        assert_eq!(opened.as_bytes(), value);
    }
}

#[test]
fn a_secret_is_opened_by_nobody_else() {
    let secret = sealed(b"hunter2", seed(22));
    assert_eq!(refused(&secret, DEVICE, 7), None);
    assert_eq!(refused(&secret, DEVICE, 8), Some(OpenError::NotOurs));
    assert_eq!(
        refused(&secret, DeviceId([0; 16]), 7),
        Some(OpenError::NotOurs)
    );
    let renamed = SealedSecret {
        name: "token".into(),
        ..secret.clone()
    };
    assert_eq!(refused(&renamed, DEVICE, 7), Some(OpenError::NotOurs));
    let older = SealedSecret {
        revision: 2,
        ..secret.clone()
    };
    assert_eq!(refused(&older, DEVICE, 7), Some(OpenError::NotOurs));
    for length in [0, 1, 64, 65, 80, secret.sealed.len() - 1] {
        let cut = SealedSecret {
            sealed: secret.sealed[..length].to_vec(),
            ..secret.clone()
        };
        assert!(refused(&cut, DEVICE, 7).is_some(), "cut to {length}");
    }
}

#[test]
fn a_secret_with_any_bit_changed_is_refused() {
    let secret = sealed(b"hunter2", seed(23));
    for bit in 0..secret.sealed.len() * 8 {
        let mut changed = secret.clone();
        changed.sealed[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&changed, DEVICE, 7).is_some(), "bit {bit}");
    }
}

#[test]
fn what_no_device_would_take_is_not_sealed() {
    let recipient = secret_key(7).public_key();
    let mut random = Repeated(Random::new(seed(24)));
    let mut try_seal =
        |value: &[u8], name: &str| seal(value, name, 1, DEVICE, &recipient, &mut random).map(drop);
    assert_eq!(try_seal(b"", ""), Err(SealError::Name { bytes_max: 128 }));
    assert_eq!(
        try_seal(b"", &"x".repeat(129)),
        Err(SealError::Name { bytes_max: 128 })
    );
    assert_eq!(
        try_seal(&[0; 4097], "x"),
        Err(SealError::TooLong {
            bytes: 4097,
            bytes_max: 4096
        })
    );
}

/// What a hub sealed with the first version; it may have waited on a stick for a year.
const SEALED: &str = "04bcce76e5beb39190cdc82e929fb1b3c0fada4ae1b4d4919bda1d0dd10ac4398db53d4c2a6dc5db44ad77fe549e3d73\
    c2506d76f12f3814e882e4654bf372975fca4154dae6b7ae7c4d2c16bf26d065f2e1574a0f871627";

#[test]
fn a_secret_that_was_sealed_by_the_first_version_is_opened() {
    let sealed = (0..SEALED.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&SEALED[place..place + 2], 16).unwrap())
        .collect();
    let secret = SealedSecret {
        name: "password".into(),
        revision: 3,
        sealed,
    };
    let opened = open(&secret, DEVICE, &secret_key(7)).unwrap();
    assert_eq!(opened.as_bytes(), b"hunter2");
}
