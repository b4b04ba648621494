//! Records are read as they were written, and nothing else is.

use alloc::string::ToString;
use alloc::vec;

use thimble_serial::{Declaration, LimitOverrides, Policy};

use super::{Damaged, Desired, Saved};

fn full() -> Saved {
    Saved {
        declaration: Declaration {
            name: "app".to_string(),
            image: "registry/app:1".to_string(),
            args: Some(vec!["a".to_string(), String::new()]),
            env: vec!["NAME=value".to_string()],
            grants: vec!["timer".to_string(), "gpio:led0".to_string()],
            limits: LimitOverrides {
                memory_bytes: Some(65_536),
                stack_bytes: Some(2048),
                cpu_share_thousandths: Some(500),
                message_bytes: Some(7),
                ..LimitOverrides::default()
            },
            restart: Policy::OnFailure { tries: 3 },
            is_stopped: true,
            is_removed_after: true,
            entry: Some("run".to_string()),
            timeout_ms: Some(10),
        },
        digest: [7; 32],
        desired: Desired::Paused,
        host_failures: 2,
    }
}

use alloc::string::String;

#[test]
fn what_is_written_is_read() {
    let empty = Saved {
        declaration: Declaration {
            name: "app".to_string(),
            ..Declaration::default()
        },
        digest: [0; 32],
        desired: Desired::Declared,
        host_failures: 0,
    };
    for saved in [full(), empty] {
        assert_eq!(Saved::decode("app", &saved.encode()), Ok(saved));
    }
}

#[test]
fn every_beginning_and_every_changed_byte_is_survived() {
    let bytes = full().encode();
    for length in 0..bytes.len() {
        assert_eq!(Saved::decode("app", &bytes[..length]), Err(Damaged));
    }
    for place in 0..bytes.len() {
        for value in (0..=255).step_by(5) {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            // Whatever it is, it is no panic.
            let _ = Saved::decode("app", &bytes);
        }
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(Saved::decode("app", &longer), Err(Damaged));
}

#[test]
fn counts_from_storage_reserve_no_memory() {
    // An array of 2^32 texts where arguments stand.
    let mut encoder = minicbor::Encoder::new(alloc::vec::Vec::new());
    encoder
        .array(12)
        .and_then(|e| e.u8(1)?.u8(1)?.u8(0)?.bytes(&[0; 32])?.str("i"))
        .and_then(|e| e.array(1 << 32))
        .unwrap();
    assert_eq!(Saved::decode("app", encoder.writer()), Err(Damaged));
}
