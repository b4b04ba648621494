use core::future::Future as _;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use thimble_protocol::{DeviceId, StateVersion};
use thimble_testkit::random::{Random, seed};

use super::pace::{Jitter, Load, next_poll_s, next_wait_s, retry_after_s};
use super::versions::{KnownDevice, Unparked, Versions};
use super::{Settings, gate};
use crate::authority::{DeviceIdentity, Standing, Standings as _, TenantId};

fn device(number: u8, version: u64) -> KnownDevice {
    KnownDevice {
        identity: DeviceIdentity {
            tenant: TenantId([1; 16]),
            device: DeviceId([number; 16]),
        },
        version: StateVersion(version),
        digest: [0; 9],
        is_active: true,
    }
}

#[derive(Default)]
struct Rung(AtomicUsize);

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_version_never_goes_back() {
    let versions = Versions::default();
    for (version, expected) in [(3, 3), (2, 3), (5, 5), (5, 5), (1, 5)] {
        versions.set(&device(1, version));
        assert_eq!(
            versions.known(DeviceId([1; 16])).unwrap().version.0,
            expected
        );
    }
    assert_eq!(versions.len(), 1);
}

#[test]
fn only_what_concerns_a_device_wakes_its_poll() {
    let versions = Versions::default();
    versions.set(&device(1, 1));
    versions.set(&device(2, 1));
    let id = DeviceId([1; 16]);
    let rung = Arc::new(Rung::default());
    let waker = Waker::from(Arc::clone(&rung));
    let mut context = Context::from_waker(&waker);
    let changes: [(&str, &dyn Fn(), bool); 7] = [
        ("another device", &|| versions.set(&device(2, 2)), false),
        ("the same again", &|| versions.set(&device(1, 1)), false),
        (
            "another's certificate",
            &|| versions.revoke_serial(DeviceId([2; 16]), &[9]),
            false,
        ),
        ("a report is wanted", &|| versions.want_report(id), true),
        ("a newer version", &|| versions.set(&device(1, 2)), true),
        (
            "its certificate",
            &|| versions.revoke_serial(id, &[7]),
            true,
        ),
        ("revoked", &|| versions.revoke(id), true),
    ];
    for (what, change, is_woken) in changes {
        versions.reported(id);
        let known = versions.known(id).unwrap();
        let before = rung.0.load(Ordering::Relaxed);
        let mut park = pin!(versions.park(id, &known));
        assert_eq!(park.as_mut().poll(&mut context), Poll::Pending, "{what}");
        assert_eq!(versions.parked(), 1);
        change();
        assert_eq!(rung.0.load(Ordering::Relaxed) > before, is_woken, "{what}");
        let expected = if is_woken {
            Poll::Ready(Unparked::Changed)
        } else {
            Poll::Pending
        };
        assert_eq!(park.as_mut().poll(&mut context), expected, "{what}");
    }
    assert_eq!(versions.parked(), 0);
}

#[test]
fn what_changed_before_a_poll_waits_ends_it_at_once() {
    let versions = Versions::default();
    versions.set(&device(1, 1));
    let id = DeviceId([1; 16]);
    let known = versions.known(id).unwrap();
    versions.revoke_serial(id, &[7]);
    let mut context = Context::from_waker(Waker::noop());
    let park = pin!(versions.park(id, &known));
    assert_eq!(park.poll(&mut context), Poll::Ready(Unparked::Changed));
    let known = versions.known(id).unwrap();
    versions.stop();
    let park = pin!(versions.park(id, &known));
    assert_eq!(park.poll(&mut context), Poll::Ready(Unparked::Stopping));
}

#[test]
fn a_later_poll_takes_the_place_of_an_earlier_one() {
    let versions = Versions::default();
    versions.set(&device(1, 1));
    let id = DeviceId([1; 16]);
    let known = versions.known(id).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(versions.park(id, &known));
    let second = versions.park(id, &known);
    assert_eq!(first.as_mut().poll(&mut context), Poll::Pending);
    {
        let mut second = pin!(second);
        assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(
            first.as_mut().poll(&mut context),
            Poll::Ready(Unparked::Displaced)
        );
        assert_eq!(versions.parked(), 1);
    }
    assert_eq!(versions.parked(), 0);
}

#[test]
fn standings_follow_the_map() {
    let versions = Versions::default();
    let known = device(1, 1);
    assert_eq!(versions.standing(&known.identity, &[1]), Standing::Unknown);
    versions.set(&known);
    assert_eq!(versions.standing(&known.identity, &[1]), Standing::Active);
    let other_tenant = DeviceIdentity {
        tenant: TenantId([2; 16]),
        ..known.identity
    };
    assert_eq!(versions.standing(&other_tenant, &[1]), Standing::Revoked);
    versions.revoke_serial(known.identity.device, &[0, 1]);
    assert_eq!(versions.standing(&known.identity, &[1]), Standing::Revoked);
    assert_eq!(versions.standing(&known.identity, &[2]), Standing::Active);
    versions.revoke(known.identity.device);
    assert_eq!(versions.standing(&known.identity, &[2]), Standing::Revoked);
}

#[test]
fn pauses_stay_in_bounds_and_are_spread() {
    let mut random = Random::new(seed(11));
    for _ in 0..2000 {
        let settings = Settings {
            next_poll_min_s: u32::try_from(random.below(100)).unwrap(),
            next_poll_max_s: 100 + u32::try_from(random.below(10_000)).unwrap(),
            polls_per_s: u32::try_from(random.below(5000)).unwrap(),
            ..Settings::default()
        };
        let jitter = Jitter::new(random.below(u64::MAX));
        let load = Load(u32::try_from(random.below(1001)).unwrap());
        let devices = random.index(10_000_000);
        let pause = next_poll_s(&settings, devices, load, &jitter);
        assert!((settings.next_poll_min_s..=settings.next_poll_max_s).contains(&pause));
        assert!(next_wait_s(&settings, load, &jitter) <= settings.next_poll_max_s);
        assert!(retry_after_s(&settings, load, &jitter) <= settings.next_poll_max_s);
    }
    // A million devices that are told to poll come about as often as the node likes, and not all at once.
    let (settings, jitter) = (Settings::default(), Jitter::new(1));
    let pauses: Vec<u32> = (0..10_000)
        .map(|_| next_poll_s(&settings, 1_000_000, Load(0), &jitter))
        .collect();
    let mean = pauses.iter().map(|pause| f64::from(*pause)).sum::<f64>() / 10_000.0;
    assert!((480.0..520.0).contains(&mean), "{mean}");
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(most - least > 200, "{least} to {most}");
    let busy = next_poll_s(&settings, 1_000_000, Load(1000), &jitter);
    assert!(busy > 2000, "{busy}");
}

#[tokio::test]
async fn a_gate_lets_few_in_and_has_an_end_to_its_queue() {
    let gate = gate::Gate::new(2, 3, core::time::Duration::from_secs(3600));
    let (one, _two) = (gate.enter().await.unwrap(), gate.enter().await.unwrap());
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(gate.enter())).collect();
    for waiting in &mut waiting {
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(gate.load(), Load(1000));
    assert_eq!(gate.enter().await.unwrap_err(), gate::Full { waiting: 3 });
    // Who waited longest is next; who gives up leaves the queue.
    drop(one);
    assert!(waiting[0].as_mut().poll(&mut context).is_ready());
    waiting.truncate(1);
    assert_eq!(gate.load(), Load(0));
}
