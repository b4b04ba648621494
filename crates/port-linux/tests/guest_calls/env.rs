//! Module `env`: what Ocre's API promises.

use thimble_runtime::Limits;
use thimble_runtime::engine::CallOutcome;

use super::fixture::{ALL, Device, SCRATCH};

#[test]
fn dispatchers_must_be_exported_functions() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    let name = guest.text(SCRATCH, "timer_callback");
    assert_eq!(guest.env("ocre_register_dispatcher", &[0, name]), 0);
    assert_eq!(guest.env("ocre_register_dispatcher", &[4, name]), -22);
    for missing in ["not_a_function", "memory", "timer_callbac", ""] {
        let name = guest.text(SCRATCH, missing);
        assert_eq!(
            guest.env("ocre_register_dispatcher", &[0, name]),
            -22,
            "{missing}"
        );
    }
    assert_eq!(guest.env("ocre_msg_system_init", &[]), 0);
}

#[test]
fn timers_count_from_one_to_the_limit() {
    let device = Device::new();
    let mut guest = device.guest_with(
        ALL,
        Limits {
            timers: 3,
            ..Limits::default()
        },
    );
    for (id, result) in [
        (0, -22),
        (1, 0),
        (2, 0),
        (3, 0),
        (3, -16),
        (4, -22),
        (u32::MAX, -22),
    ] {
        assert_eq!(guest.env("ocre_timer_create", &[id]), result, "{id}");
    }
    assert_eq!(device.traces(), ["1 limit timers"]);
    for (interval, result) in [
        (0, -22),
        (1, 0),
        (65_535, 0),
        (65_536, -22),
        (u32::MAX, -22),
    ] {
        assert_eq!(
            guest.env("ocre_timer_start", &[1, interval, 0]),
            result,
            "{interval}"
        );
    }
    for name in [
        "ocre_timer_stop",
        "ocre_timer_delete",
        "ocre_timer_get_remaining",
    ] {
        assert_eq!(guest.env(name, &[9]), -22, "{name}");
    }
    assert_eq!(guest.env("ocre_timer_delete", &[2]), 0);
    assert_eq!(guest.env("ocre_timer_create", &[2]), 0);
}

#[test]
fn timers_fire_once_or_each_period_and_tell_what_is_left() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.env("ocre_timer_create", &[1]);
    guest.env("ocre_timer_create", &[2]);
    guest.env("ocre_timer_start", &[1, 30, 0]);
    guest.env("ocre_timer_start", &[2, 20, 1]);
    assert_eq!(guest.env("ocre_timer_get_remaining", &[1]), 30);
    device.pass_ms(65);
    // One by one, in the order in which they fell due: 20, 30, 40, 60.
    let ids: Vec<u32> = std::iter::from_fn(|| guest.event().ok())
        .map(|event| event[1])
        .collect();
    assert_eq!(ids, [2, 1, 2, 2]);
    assert_eq!(guest.env("ocre_timer_get_remaining", &[1]), 0);
    assert_eq!(guest.env("ocre_timer_get_remaining", &[2]), 15);
    device.pass_ms(20 * 1000 + 5);
    assert_eq!(
        guest.env("ocre_timer_get_remaining", &[2]),
        10,
        "missed periods do not hide the next"
    );
    assert_eq!(
        std::iter::from_fn(|| guest.event().ok()).count(),
        32,
        "the backlog is bounded"
    );
    guest.env("ocre_timer_stop", &[2]);
    device.pass_ms(100);
    assert_eq!(guest.event(), Err(-42));
    assert_eq!(guest.env("ocre_timer_get_remaining", &[2]), 0);
}

#[test]
fn messages_match_by_prefix_and_arguments_are_checked() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    assert_eq!(guest.publish("line1/temp", "x"), -2, "nobody listens");
    assert_eq!(guest.subscribe("line1/"), 0);
    assert_eq!(guest.subscribe("line1/"), 0, "again is no error");
    assert_eq!(guest.subscribe("line1/t"), 0);
    for (topic, result) in [
        ("line1/temp", 0),
        ("line1", -2),
        ("line10/temp", -2),
        ("", -22),
        ("a/+", -22),
    ] {
        assert_eq!(guest.publish(topic, "x"), result, "{topic}");
    }
    assert_eq!(guest.publish("line1/temp", ""), -22);
    assert_eq!(guest.subscribe(""), -22);
    assert_eq!(guest.env("ocre_subscribe_message", &[0]), -22);
    let event = guest.event().unwrap();
    assert_eq!((event[0], event[1], event[5]), (3, 1, 1));
    assert_eq!(guest.event(), Err(-42), "two subscriptions, one message");
}

#[test]
fn scoped_grants_limit_what_a_prefix_receives() {
    let device = Device::new();
    let mut publisher = device.guest(&["bus.pub:#"]);
    let mut guest = device.guest(&["bus.sub:line1/#"]);
    assert_eq!(guest.subscribe("line"), 0);
    assert_eq!(publisher.publish("line2/a", "x"), -2);
    assert_eq!(publisher.publish("line1/a", "x"), 0);
    assert_eq!(guest.subscribe("other"), -1);
    assert_eq!(guest.publish("line1/a", "x"), -1);
    assert_eq!(
        device.traces(),
        ["2 refused bus.sub:other", "2 refused bus.pub:line1/a"]
    );
}

#[test]
fn subscriptions_and_payloads_have_limits() {
    let device = Device::new();
    let limits = Limits {
        subscriptions: 1,
        message_bytes: 4,
        ..Limits::default()
    };
    let mut guest = device.guest_with(ALL, limits);
    assert_eq!(guest.subscribe("a"), 0);
    assert_eq!(guest.subscribe("b"), -12);
    assert_eq!(guest.publish("a", "12345"), -22);
    assert_eq!(guest.publish("a", "1234"), 0);
    assert_eq!(
        device.traces(),
        ["1 limit subscriptions", "1 limit message_bytes"]
    );
}

#[test]
fn buffers_go_back_exactly_once() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.subscribe("t");
    guest.publish("t", "x");
    let [_, _, topic, content_type, payload, _] = guest.event().unwrap();
    let free = "ocre_messaging_free_module_event_data";
    for wrong in [
        [0, 0, 0],
        [topic, topic, topic],
        [topic, content_type, payload + 1],
        [topic, content_type, 0],
        [u32::MAX; 3],
    ] {
        assert_eq!(guest.env(free, &wrong), -22, "{wrong:?}");
    }
    assert_eq!(guest.env(free, &[topic, content_type, payload]), 0);
    assert_eq!(guest.env(free, &[topic, content_type, payload]), -22);
}

#[test]
fn a_message_waits_for_room_and_other_events_pass_it() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.subscribe("t");
    let large = "x".repeat(30_000);
    for _ in 0..3 {
        assert_eq!(guest.publish("t", &large), 0);
    }
    let first = guest.event().unwrap();
    let second = guest.event().unwrap();
    assert_eq!(guest.event(), Err(-12));
    guest.env("ocre_timer_create", &[1]);
    guest.env("ocre_timer_start", &[1, 1, 0]);
    device.pass_ms(1);
    assert_eq!(
        guest.event().unwrap()[0],
        0,
        "the timer does not wait behind it"
    );
    assert_eq!(
        guest.env(
            "ocre_messaging_free_module_event_data",
            &[first[2], first[3], first[4]]
        ),
        0
    );
    let third = guest.event().unwrap();
    assert_eq!(guest.bytes_at(third[4], third[5]), large.as_bytes());
    assert_ne!(third[4], second[4]);
}

#[test]
fn a_message_that_can_never_fit_does_not_block_the_others() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.subscribe("t");
    let large = vec![b'x'; 64_600];
    guest.memory.resize(4 * 65536, 0);
    guest.memory[131_072..131_072 + large.len()].copy_from_slice(&large);
    let topic = guest.text(SCRATCH, "t");
    assert_eq!(
        guest.env("ocre_publish_message", &[topic, topic, 131_072, 64_600]),
        0
    );
    assert_eq!(guest.publish("t", "small"), 0);
    let event = guest.event().unwrap();
    assert_eq!(guest.bytes_at(event[4], event[5]), b"small");
    assert_eq!(device.traces(), ["1 limit app_heap"]);
}

#[test]
fn pins_work_by_place_and_by_name() {
    let device = Device::new();
    let mut guest = device.guest(&["gpio:led0", "gpio:1.11"]);
    assert_eq!(guest.env("ocre_gpio_init", &[]), 0);
    let led = guest.text(SCRATCH, "led0");
    assert_eq!(
        guest.env("ocre_gpio_set_by_name", &[led, 1]),
        -1,
        "not configured"
    );
    assert_eq!(guest.env("ocre_gpio_configure_by_name", &[led, 2]), -22);
    assert_eq!(
        guest.env("ocre_gpio_configure_by_name", &[led, 0]),
        -95,
        "only an output"
    );
    assert_eq!(guest.env("ocre_gpio_configure_by_name", &[led, 1]), 0);
    assert_eq!(guest.env("ocre_gpio_set_by_name", &[led, 1]), 0);
    assert_eq!(guest.env("ocre_gpio_set_by_name", &[led, 2]), -22);
    assert_eq!(guest.env("ocre_gpio_pin_get", &[0, 13]), 1);
    assert_eq!(guest.env("ocre_gpio_toggle_by_name", &[led]), 0);
    assert_eq!(guest.env("ocre_gpio_get_by_name", &[led]), 0);
    assert_eq!(device.board.changes().len(), 2);
    assert_eq!(guest.env("ocre_gpio_configure", &[1, 11, 0]), 0);
    assert_eq!(guest.env("ocre_gpio_register_callback", &[1, 11]), 0);
    device.pass_ms(250);
    assert_eq!(guest.event(), Ok([1, 11, 1, 0, 0, 0]));
    assert_eq!(guest.event(), Ok([1, 11, 1, 1, 0, 0]));
    assert_eq!(guest.event(), Err(-42));
    device.pass_ms(100);
    assert_eq!(guest.env("ocre_gpio_unregister_callback", &[1, 11]), 0);
    assert_eq!(guest.event(), Err(-42));
    let missing = guest.text(SCRATCH, "led9");
    assert_eq!(guest.env("ocre_gpio_configure_by_name", &[missing, 1]), -2);
}

#[test]
fn sensors_show_only_what_is_granted() {
    let device = Device::new();
    let mut guest = device.guest(&["sensor:temp"]);
    assert_eq!(guest.env("ocre_sensors_init", &[]), 0);
    assert_eq!(guest.env("ocre_sensors_discover", &[]), 1);
    assert_eq!(guest.env("ocre_sensors_get_handle", &[0]), 0);
    assert_eq!(guest.env("ocre_sensors_open", &[0]), 0);
    assert_eq!(guest.env("ocre_sensors_open", &[1]), -22);
    assert_eq!(guest.env("ocre_sensors_get_channel_count", &[0]), 2);
    assert_eq!(guest.env("ocre_sensors_get_channel_type", &[0, 1]), 16);
    assert_eq!(guest.env("ocre_sensors_get_channel_type", &[0, 2]), -22);
    let mut read = |name: &str, arguments: [u64; 2]| match guest.call("env", name, &arguments) {
        CallOutcome::Done(slot) => f64::from_bits(slot),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("ocre_sensors_read", [0, 13]), 21.0);
    assert_eq!(read("ocre_sensors_read", [0, 13]), 21.5);
    assert_eq!(read("ocre_sensors_read", [0, 16]), 40.0);
    assert_eq!(read("ocre_sensors_read", [0, 99]), -22.0);
    let temp = guest.text(SCRATCH, "temp");
    let secret = guest.text(SCRATCH + 100, "secret");
    let mut read =
        |name: u32| match guest.call("env", "ocre_sensors_read_by_name", &[name.into(), 13]) {
            CallOutcome::Done(slot) => f64::from_bits(slot),
            other => panic!("{other:?}"),
        };
    assert_eq!(read(temp), 21.0);
    assert_eq!(read(secret), -1.0);
    assert_eq!(guest.env("ocre_sensors_get_list", &[4096, 4]), 1);
    assert_eq!(guest.bytes_at(4096, 6), b"temp\0\0");
    assert_eq!(device.traces(), ["1 refused sensor:secret"]);
}
