use alloc::format;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::manifest::UpdateRules;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::{Escalation, Rung, SealedSecret, SigningKey, UpdatePolicy, Window};
use thimble_protocol::{DeploymentId, DeviceId, ETag, StateVersion, UnixSeconds};
use thimble_testkit::random::{Random, seed};

use super::{RestoreError, read, write};
use crate::kept::{Entry, FailedTry, Kept, KeptSecret, SecretUse, Trial, Version, Wanted};

fn some<T>(random: &mut Random, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
    (random.below(2) == 0).then(|| make(random))
}

fn many<T>(random: &mut Random, most: u64, mut make: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.below(most + 1)).map(|_| make(random)).collect()
}

fn word(random: &mut Random) -> u32 {
    u32::try_from(random.below(1 << 32)).unwrap() >> random.below(32)
}

fn digest(random: &mut Random) -> Digest {
    Digest::of(&random.bytes(4))
}

fn version(random: &mut Random) -> Version {
    Version {
        manifest: digest(random),
        manifest_bytes: word(random),
        rules: UpdateRules {
            consent_ms: word(random),
            ask_again_s: word(random),
            probation_s: word(random),
            hub_within_s: word(random),
        },
        secrets: many(random, 3, |random| SecretUse {
            name: format!("s{}", random.below(100)),
            revision: word(random),
        }),
    }
}

fn entry(random: &mut Random, number: u8) -> Entry {
    let mut entry = Entry::new(DeploymentId([number; 16]));
    entry.app = format!("app{number}");
    entry.wanted = some(random, |random| Wanted {
        manifest: digest(random),
        manifest_bytes: word(random),
        override_reason: some(random, |random| format!("why {}", random.below(9))),
    });
    entry.running = some(random, version);
    entry.trial = some(random, |random| Trial {
        target: some(random, version),
        is_rolling_back: random.below(2) == 0,
    });
    entry.is_broken = random.below(2) == 0;
    entry.fallback = some(random, |random| some(random, version));
    entry.removed = some(random, digest);
    entry
}

fn kept(random: &mut Random) -> Kept {
    let mut kept = Kept::new(DeviceId([3; 16]));
    kept.adopted = StateVersion(random.below(1 << 40));
    kept.committed = StateVersion(random.below(kept.adopted.0 + 1));
    let adopted = kept.adopted;
    kept.tag = some(random, |random| ETag::of(adopted, &random.bytes(9)));
    for flag in [
        &mut kept.is_imported,
        &mut kept.is_rejected,
        &mut kept.is_confirmed,
        &mut kept.is_held_here,
        &mut kept.is_on_probation,
        &mut kept.is_tight,
    ] {
        *flag = random.below(2) == 0;
    }
    kept.sequence_end = random.below(1 << 50);
    kept.outage_s = word(random);
    kept.rungs_taken = word(random);
    kept.trial_starts = word(random);
    kept.entries = (1..=u8::try_from(random.below(6)).unwrap())
        .map(|number| entry(random, number))
        .collect();
    kept.policy = UpdatePolicy {
        windows: many(random, 3, |random| Window {
            days: u8::try_from(random.below(128)).unwrap(),
            begin_minute: u16::try_from(random.below(1440)).unwrap(),
            minutes: u16::try_from(random.below(1441)).unwrap(),
            utc_offset_minutes: i16::try_from(random.below(1681)).unwrap() - 840,
        }),
        hold_until: some(random, |random| UnixSeconds(random.below(1 << 40))),
        is_held: random.below(2) == 0,
    };
    let steps = [
        Escalation::Reconnect,
        Escalation::Recovery,
        Escalation::RollBack,
        Escalation::RestartAgent,
        Escalation::RestartDevice,
    ];
    kept.ladder = many(random, 5, |random| Rung {
        after_s: word(random),
        step: *random.pick(&steps),
    });
    kept.recovery_urls = many(random, 2, |random| {
        format!("https://{}.example", random.below(100))
    });
    kept.next_keys = many(random, 2, |random| SigningKey {
        id: random.bytes(8).try_into().unwrap(),
        point: random.bytes(33),
    });
    kept.secrets = many(random, 3, |random| KeptSecret {
        sealed: SealedSecret {
            name: format!("s{}", random.below(100)),
            revision: word(random),
            sealed: random.bytes(90),
        },
        is_present: random.below(2) == 0,
    });
    let codes = [
        ReasonCode::StartFailed,
        ReasonCode::Crashed,
        ReasonCode::Unhealthy,
        ReasonCode::HubNotReached,
        ReasonCode::Unavailable,
        ReasonCode::Untrusted,
        ReasonCode::DoesNotFit,
        ReasonCode::Unsupported,
        ReasonCode::Secret,
        ReasonCode::FailedBefore,
    ];
    kept.failed = many(random, 5, |random| FailedTry {
        manifest: digest(random),
        secrets: word(random),
        code: *random.pick(&codes),
    });
    kept
}

#[test]
fn what_is_written_is_read_the_same() {
    let seed = seed(22);
    for round in 0..500 {
        let kept = kept(&mut Random::new(seed.wrapping_add(round)));
        assert_eq!(read(&write(&kept)), Ok(kept), "{round}");
    }
}

#[test]
fn half_of_it_or_more_than_it_is_refused() {
    let kept = kept(&mut Random::new(seed(22)));
    let bytes = write(&kept);
    for length in 0..bytes.len() {
        assert_eq!(
            read(&bytes[..length]),
            Err(RestoreError::Malformed),
            "{length}"
        );
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(read(&longer), Err(RestoreError::Malformed));
}

#[test]
fn damage_never_does_more_than_be_refused_or_be_read_as_something_else() {
    let seed = seed(22);
    for round in 0..40 {
        let mut random = Random::new(seed.wrapping_add(round));
        let bytes = write(&kept(&mut random));
        for _ in 0..500 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(3) {
                let place = random.index(damaged.len());
                damaged[place] ^= 1 << random.below(8);
            }
            if let Ok(kept) = read(&damaged) {
                assert_eq!(read(&write(&kept)), Ok(kept));
            }
        }
    }
}

#[test]
fn a_later_form_is_told() {
    assert_eq!(read(&[0x81, 0x02]), Err(RestoreError::Newer { form: 2 }));
    assert_eq!(read(&[]), Err(RestoreError::Malformed));
    assert_eq!(read(b"not ours"), Err(RestoreError::Malformed));
}
