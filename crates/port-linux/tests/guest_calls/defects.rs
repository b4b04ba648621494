//! Ocre's defects that these modules could have and do not, each by its number in `facts/ocre.md`.

use thimble_runtime::Limits;
use thimble_runtime::engine::CallOutcome;

use super::fixture::{ALL, Device, SCRATCH, done, milliseconds};

#[test]
fn defect_05_sleep_is_exact_unsigned_and_can_be_left() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    for sleep_ms in [1, 10_000_000, u32::MAX] {
        let began = device.now();
        assert!(matches!(
            guest.call("env", "ocre_sleep", &[sleep_ms.into()]),
            CallOutcome::Blocked
        ));
        // The kernel may kill it at any moment of the wait; nothing is kept from it.
        assert_eq!(
            guest.state.wait_until(),
            Some(began + milliseconds(sleep_ms.into()))
        );
        device.pass_ms(u64::from(sleep_ms) - 1);
        assert!(matches!(
            guest.call("env", "ocre_sleep", &[sleep_ms.into()]),
            CallOutcome::Blocked
        ));
        device.pass_ms(1);
        assert_eq!(
            done(&guest.call("env", "ocre_sleep", &[sleep_ms.into()])),
            0
        );
    }
    assert_eq!(guest.env("ocre_sleep", &[0]), 0);
}

#[test]
fn defect_06_nothing_works_without_its_grant_and_all_is_given_back() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    let name = guest.text(SCRATCH + 2000, "led0");
    assert_eq!(guest.env("ocre_timer_create", &[1]), -1);
    assert_eq!(guest.publish("a/b", "x"), -1);
    assert_eq!(guest.subscribe("a/"), -1);
    assert_eq!(guest.env("ocre_gpio_init", &[]), -1);
    assert_eq!(guest.env("ocre_gpio_configure_by_name", &[name, 1]), -1);
    assert_eq!(guest.env("ocre_sensors_init", &[]), -1);
    let refused = [
        "timer",
        "bus.pub:a/b",
        "bus.sub:a/#",
        "gpio",
        "gpio:led0",
        "sensor",
    ];
    assert_eq!(
        device.traces(),
        refused.map(|grant| format!("1 refused {grant}"))
    );
    assert_eq!(guest.publish("a/b", "x"), -1);
    assert!(device.traces().is_empty(), "told once");

    let mut holder = device.guest(ALL);
    assert_eq!(holder.env("ocre_gpio_configure", &[0, 13, 1]), 0);
    assert_eq!(holder.subscribe("a/"), 0);
    let mut next = device.guest(ALL);
    assert_eq!(next.env("ocre_gpio_configure", &[0, 13, 1]), -16);
    holder.state.release(&device.ports());
    assert_eq!(next.env("ocre_gpio_configure", &[0, 13, 1]), 0);
    assert_eq!(next.publish("a/b", "x"), -2, "its subscription is gone");
}

#[test]
fn defect_07_timer_ids_are_per_container() {
    let device = Device::new();
    let (mut one, mut two) = (device.guest(ALL), device.guest(ALL));
    assert_eq!(one.env("ocre_timer_create", &[1]), 0);
    assert_eq!(two.env("ocre_timer_create", &[1]), 0);
    assert_eq!(one.env("ocre_timer_create", &[1]), -16);
    assert_eq!(one.env("ocre_timer_start", &[1, 10, 0]), 0);
    device.pass_ms(10);
    assert_eq!(two.event(), Err(-42));
    assert_eq!(one.event(), Ok([0, 1, 0, 0, 0, 0]));
}

#[test]
fn defect_08_queues_are_per_container() {
    let device = Device::new();
    let (mut silent, mut victim) = (device.guest(ALL), device.guest(ALL));
    assert_eq!(silent.env("ocre_timer_create", &[1]), 0);
    assert_eq!(silent.env("ocre_timer_start", &[1, 5, 1]), 0);
    assert_eq!(silent.subscribe("t"), 0);
    assert_eq!(victim.subscribe("t"), 0);
    let mut publisher = device.guest(ALL);
    for _ in 0..20 {
        device.pass_ms(5);
        assert_eq!(publisher.publish("t", "x"), 0);
        assert_eq!(victim.event().unwrap()[0], 3);
    }
    // The silent one missed nothing of its own either.
    let events = std::iter::from_fn(|| silent.event().ok()).count();
    assert_eq!(events, 40);
}

#[test]
fn defect_09_publishing_from_outside_memory_harms_nobody() {
    let device = Device::new();
    let (mut attacker, mut other) = (device.guest(ALL), device.guest(ALL));
    assert_eq!(other.subscribe("t"), 0);
    let topic = attacker.text(SCRATCH, "t");
    for (payload, len) in [
        (131_072, 1),
        (131_071, 2),
        (16, u32::MAX),
        (u32::MAX, 16),
        (131_068, 8),
    ] {
        assert_eq!(
            attacker.env("ocre_publish_message", &[topic, topic, payload, len]),
            -22
        );
    }
    assert_eq!(other.event(), Err(-42));
    assert_eq!(other.publish("t", "still works"), 0);
}

#[test]
fn defect_10_uname_writes_390_bytes() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    guest.memory.fill(0xAA);
    assert_eq!(guest.env("uname", &[SCRATCH]), 0);
    assert_eq!(guest.bytes_at(SCRATCH + 390, 90), [0xAA; 90]);
    assert!(
        guest
            .bytes_at(SCRATCH, 390)
            .chunks(65)
            .all(|field| field[64] == 0)
    );
    assert!(guest.bytes_at(SCRATCH, 8).starts_with(b"Thimble\0"));
    assert!(guest.bytes_at(SCRATCH + 65, 8).starts_with(b"guest-1\0"));
    assert!(guest.bytes_at(SCRATCH + 4 * 65, 8).starts_with(b"wasm32\0"));
    assert_eq!(guest.env("uname", &[131_072 - 389]), -22);
    assert_eq!(guest.env("uname", &[131_072 - 390]), 0);
}

#[test]
fn defect_14_a_subscribers_memory_is_written_only_when_it_asks() {
    let device = Device::new();
    let (mut publisher, mut subscriber) = (device.guest(ALL), device.guest(ALL));
    assert_eq!(subscriber.subscribe("t"), 0);
    let before = subscriber.memory.clone();
    assert_eq!(publisher.publish("t", "payload"), 0);
    assert_eq!(subscriber.memory, before);
    let [_, _, topic, content_type, payload, len] = subscriber.event().unwrap();
    assert_eq!(subscriber.bytes_at(topic, 2), b"t\0");
    assert_eq!(subscriber.bytes_at(content_type, 11), b"text/plain\0");
    assert_eq!(subscriber.bytes_at(payload, len), b"payload");
}

#[test]
fn defect_15_every_output_is_checked_before_an_event_is_taken() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    assert_eq!(guest.env("ocre_timer_create", &[1]), 0);
    assert_eq!(guest.env("ocre_timer_start", &[1, 1, 0]), 0);
    device.pass_ms(1);
    for bad in 0..6 {
        let mut outputs = [16, 20, 24, 28, 32, 36];
        outputs[bad] = 131_072 - 3;
        let before = guest.memory.clone();
        assert_eq!(guest.env("ocre_get_event", &outputs), -22);
        assert_eq!(guest.memory, before);
    }
    assert_eq!(
        guest.event(),
        Ok([0, 1, 0, 0, 0, 0]),
        "the event was not consumed"
    );
}

#[test]
fn defect_17_pins_are_owned_and_their_numbers_checked() {
    let device = Device::new();
    let (mut owner, mut other) = (device.guest(ALL), device.guest(&["gpio:led1"]));
    assert_eq!(owner.env("ocre_gpio_configure", &[0, 13, 1]), 0);
    assert_eq!(
        other.env("ocre_gpio_pin_set", &[0, 13, 1]),
        -1,
        "not granted"
    );
    let mut granted = device.guest(ALL);
    for (name, arguments) in [
        ("ocre_gpio_pin_set", &[0, 13, 1][..]),
        ("ocre_gpio_pin_get", &[0, 13]),
        ("ocre_gpio_pin_toggle", &[0, 13]),
        ("ocre_gpio_register_callback", &[0, 13]),
    ] {
        assert_eq!(granted.env(name, arguments), -1, "{name}: not the owner");
    }
    for (port, pin, error) in [
        (u32::MAX, 13, -22),
        (0, u32::MAX, -22),
        (1 << 31, 0, -22),
        (0x7FFF_FFFF, 13, -19),
        (0, 99, -19),
    ] {
        assert_eq!(owner.env("ocre_gpio_configure", &[port, pin, 1]), error);
        assert_eq!(owner.env("ocre_gpio_pin_set", &[port, pin, 1]), error);
        assert_eq!(
            owner.env("ocre_gpio_register_callback", &[port, pin]),
            error
        );
    }
    // The name is read when it is given, not later.
    let name = owner.text(SCRATCH, "sw0");
    assert_eq!(owner.env("ocre_gpio_configure_by_name", &[name, 0]), 0);
    assert_eq!(owner.env("ocre_gpio_register_callback_by_name", &[name]), 0);
    owner.text(SCRATCH, "zzz");
    device.pass_ms(100);
    assert_eq!(owner.event(), Ok([1, 11, 1, 0, 0, 0]));
}

#[test]
fn gap_topics_are_not_cut_at_64_bytes() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    let long = "t".repeat(100);
    assert_eq!(guest.subscribe(&long), 0);
    assert_eq!(guest.publish(&"t".repeat(99), "x"), -2);
    assert_eq!(guest.publish(&long, "x"), 0);
}

#[test]
fn gap_a_full_queue_is_counted_and_told() {
    let device = Device::new();
    let limits = Limits {
        queue_messages: 2,
        ..Limits::default()
    };
    let mut guest = device.guest_with(ALL, limits);
    assert_eq!(guest.subscribe("t"), 0);
    for payload in ["1", "2", "3"] {
        assert_eq!(guest.publish("t", payload), 0);
    }
    device.traces();
    let [.., payload, _] = guest.event().unwrap();
    assert_eq!(guest.bytes_at(payload, 1), b"2", "the oldest gave way");
    assert_eq!(device.traces(), ["1 limit queue_messages"]);
}
