//! Module `thimble`: what its table and the SDK's header promise.

use thimble_runtime::Limits;
use thimble_runtime::engine::CallOutcome;
use thimble_runtime::host::Question;

use super::fixture::{ALL, Device, SCRATCH, done, milliseconds};

const PERM: i32 = -63;
const NOENT: i32 = -44;
const INVAL: i32 = -28;
const OVERFLOW: i32 = -61;
const BADF: i32 = -8;

#[test]
fn waiting_ends_with_the_timeout_or_never() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    assert_eq!(guest.thimble("abi_version", &[]), 1);
    assert_eq!(done(&guest.wait(0)), 0);
    let began = device.now();
    assert!(matches!(guest.wait(50), CallOutcome::Blocked));
    assert_eq!(guest.state.wait_until(), Some(began + milliseconds(50)));
    device.pass_ms(49);
    assert!(matches!(guest.wait(50), CallOutcome::Blocked));
    device.pass_ms(1);
    assert_eq!(done(&guest.wait(50)), 0);
    assert!(matches!(guest.wait(-1), CallOutcome::Blocked));
    assert_eq!(guest.state.wait_until(), None);
}

#[test]
fn a_stop_request_is_told_first_and_once() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.filter("t");
    guest.send("t", "x", 0);
    guest.state.request_stop(milliseconds(1500));
    assert_eq!(guest.thimble("event_wait", &[0, 4096, 23]), OVERFLOW);
    assert_eq!(guest.u32_at(4096), 24);
    assert_eq!(done(&guest.wait(-1)), 24);
    assert_eq!(
        (guest.u32_at(4096), guest.u32_at(4100), guest.u64_at(4112)),
        (4, 0, 1500)
    );
    assert_eq!(done(&guest.wait(-1)), 30, "then the message");
}

/// A question for a guest, and how long it is open from now.
fn question(device: &Device, id: u32, ms: u64) -> Question {
    Question {
        id,
        until: device.now() + milliseconds(ms),
    }
}

#[test]
fn an_update_is_asked_for_once_and_answered_once() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    assert!(
        !guest.state.wants_update_question(),
        "nobody has to be asked"
    );
    assert_eq!(guest.thimble("update_veto", &[1]), 0);
    assert_eq!(guest.thimble("update_veto", &[2]), INVAL);
    assert!(guest.state.wants_update_question());
    guest.state.ask_update(question(&device, 7, 1500));
    device.pass_ms(500);
    assert_eq!(guest.thimble("event_wait", &[0, 4096, 23]), OVERFLOW);
    assert_eq!(guest.u32_at(4096), 24);
    assert_eq!(done(&guest.wait(-1)), 24);
    assert_eq!(
        (guest.u32_at(4096), guest.u32_at(4100), guest.u64_at(4112)),
        (5, 7, 1000)
    );
    assert_eq!(done(&guest.wait(0)), 0, "told once");
    let reason = u64::from(guest.text(SCRATCH, "a job is running"));
    assert_eq!(guest.thimble("update_answer", &[8, 0, reason, 16]), NOENT);
    assert_eq!(guest.thimble("update_answer", &[7, 2, reason, 16]), INVAL);
    assert_eq!(device.traces(), [""; 0], "nothing was answered yet");
    assert_eq!(guest.thimble("update_answer", &[7, 0, reason, 16]), 0);
    assert_eq!(guest.thimble("update_answer", &[7, 1, reason, 0]), NOENT);
    assert_eq!(device.traces(), ["1 answered 7 false a job is running"]);
}

#[test]
fn silence_is_no_answer_and_no_veto_is_a_yes() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    guest.thimble("update_veto", &[1]);
    guest.state.ask_update(question(&device, 1, 100));
    device.pass_ms(100);
    assert_eq!(done(&guest.wait(0)), 0, "it comes too late to be told");
    assert_eq!(guest.thimble("update_answer", &[1, 0, 0, 0]), NOENT);
    guest.state.ask_update(question(&device, 2, 100));
    assert_eq!(done(&guest.wait(0)), 24);
    device.pass_ms(100);
    assert_eq!(
        guest.thimble("update_answer", &[2, 0, 0, 0]),
        NOENT,
        "too late"
    );
    assert_eq!(device.traces(), [""; 0]);
    guest.state.ask_update(question(&device, 3, 100));
    assert_eq!(guest.thimble("update_veto", &[0]), 0);
    assert_eq!(device.traces(), ["1 answered 3 true "]);
    assert_eq!(done(&guest.wait(0)), 0, "nothing is left to be told");
}

#[test]
fn timers_tell_what_was_missed() {
    let device = Device::new();
    let mut guest = device.guest_with(
        ALL,
        Limits {
            timers: 2,
            ..Limits::default()
        },
    );
    assert_eq!(
        guest.thimble("timer_create", &[(-1i64).cast_unsigned(), 0]),
        INVAL
    );
    assert_eq!(guest.thimble("timer_create", &[10, 10]), 1);
    assert_eq!(guest.thimble("timer_create", &[25, 0]), 2);
    assert_eq!(guest.thimble("timer_create", &[25, 0]), -48);
    let began = device.now();
    assert!(matches!(guest.wait(-1), CallOutcome::Blocked));
    assert_eq!(guest.state.wait_until(), Some(began + milliseconds(10)));
    device.pass_ms(35);
    assert_eq!(done(&guest.wait(-1)), 24);
    assert_eq!((guest.u32_at(4096), guest.u32_at(4100)), (1, 1));
    assert_eq!(guest.u64_at(4104), (began + milliseconds(30)).nanos());
    assert_eq!(guest.u64_at(4112), 2, "10 and 20 were missed");
    assert_eq!(done(&guest.wait(0)), 24);
    assert_eq!(guest.u32_at(4100), 2);
    assert_eq!(guest.thimble("timer_cancel", &[2]), NOENT, "it has ended");
    device.pass_ms(10);
    assert_eq!(guest.thimble("timer_cancel", &[1]), 0);
    assert_eq!(done(&guest.wait(0)), 0, "events that wait are dropped");
}

#[test]
fn a_message_wakes_whoever_waits() {
    let device = Device::new();
    let (mut one, mut two) = (device.guest(ALL), device.guest(ALL));
    assert_eq!(one.filter("line1/+/temp"), 1);
    assert!(matches!(one.wait(-1), CallOutcome::Blocked));
    assert_eq!(two.send("line1/a/humidity", "x", 0), 0);
    assert_eq!(one.rings(), 0);
    assert_eq!(two.send("line1/a/temp", "21.5", 0), 1);
    assert_eq!(one.rings(), 1);
    assert_eq!(two.send("line1/a/temp", "22.0", 0), 1);
    assert_eq!(one.rings(), 1, "it is awake");
    assert_eq!(done(&one.wait(-1)), 28 + 12 + 4);
    let lens = [one.u32_at(4112), one.u32_at(4116), one.u32_at(4120)];
    assert_eq!(
        (one.u32_at(4096), one.u32_at(4100), lens),
        (2, 1, [12, 0, 4])
    );
    assert_eq!(one.bytes_at(4124, 16), b"line1/a/temp21.5");
}

#[test]
fn a_record_that_does_not_fit_stays() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.filter("t");
    guest.send("t", "payload", 0);
    for capacity in [0, 3, 4, 35] {
        guest.memory[4096..4100].fill(0xAA);
        assert_eq!(guest.thimble("event_wait", &[0, 4096, capacity]), OVERFLOW);
        assert_eq!(
            guest.u32_at(4096),
            if capacity < 4 { 0xAAAA_AAAA } else { 36 }
        );
    }
    assert_eq!(guest.thimble("event_wait", &[0, 4096, 36]), 36);
    assert_eq!(guest.thimble("event_wait", &[0, 4096, 36]), 0);
}

#[test]
fn retained_messages_reach_later_subscribers() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    assert_eq!(guest.send("state/a", "on", 1), 0);
    assert_eq!(guest.send("state/a", "off", 1), 0);
    assert_eq!(guest.send("state/b", "on", 1), 0);
    assert_eq!(guest.send("state/b", "", 1), 0);
    let subscription = guest.filter("state/#");
    assert_eq!(done(&guest.wait(0)), 28 + 7 + 3);
    assert_eq!(guest.bytes_at(4124, 10), b"state/aoff");
    assert_eq!(done(&guest.wait(0)), 0);
    guest.send("state/c", "x", 0);
    assert_eq!(
        guest.thimble("bus_unsubscribe", &[u64::from(subscription.unsigned_abs())]),
        0
    );
    assert_eq!(done(&guest.wait(0)), 0);
    assert_eq!(guest.thimble("bus_unsubscribe", &[1]), NOENT);
    assert_eq!(guest.send("t", "x", 2), INVAL, "unknown flag");
    assert_eq!(guest.filter("a/#/b"), INVAL);
}

#[test]
fn grants_bound_topics() {
    let device = Device::new();
    let mut guest = device.guest(&["bus.pub:a/#", "bus.sub:a/+"]);
    assert_eq!(guest.send("b", "x", 0), PERM);
    assert_eq!(guest.filter("a/#"), PERM);
    assert_eq!(guest.filter("a/+"), 1);
    assert_eq!(guest.send("a/b", "x", 0), 1);
    assert_eq!(guest.thimble("timer_create", &[1, 1]), PERM);
    assert_eq!(guest.thimble("kv_get", &[16, 1, 32, 4]), PERM);
    let refused = ["bus.pub:b", "bus.sub:a/#", "timer", "kv"];
    assert_eq!(
        device.traces(),
        refused.map(|grant| format!("1 refused {grant}"))
    );
}

#[test]
fn keys_belong_to_the_container() {
    let device = Device::new();
    let (mut one, mut two) = (device.guest(ALL), device.guest(ALL));
    for guest in [&mut one, &mut two] {
        guest.text(SCRATCH, "key");
        guest.text(SCRATCH + 300, "value");
    }
    let (key, value) = (u64::from(SCRATCH), u64::from(SCRATCH + 300));
    assert_eq!(one.thimble("kv_set", &[key, 3, value, 5]), 0);
    assert_eq!(one.thimble("kv_get", &[key, 3, 4096, 100]), 5);
    assert_eq!(one.bytes_at(4096, 5), b"value");
    assert_eq!(one.thimble("kv_get", &[key, 3, 4096, 4]), OVERFLOW);
    assert_eq!(one.u32_at(4096), 5);
    assert_eq!(two.thimble("kv_get", &[key, 3, 4096, 100]), NOENT);
    assert_eq!(one.thimble("kv_set", &[key, 0, value, 5]), INVAL);
    assert_eq!(one.thimble("kv_set", &[key, 257, value, 5]), -37);
    assert_eq!(one.thimble("kv_delete", &[key, 3]), 0);
    assert_eq!(one.thimble("kv_delete", &[key, 3]), NOENT);
    let mut small = device.guest_with(
        ALL,
        Limits {
            store_bytes: 7,
            ..Limits::default()
        },
    );
    assert_eq!(small.thimble("kv_set", &[key, 3, value, 5]), -51);
    assert_eq!(small.thimble("kv_set", &[key, 3, value, 4]), 0);
    assert_eq!(device.traces(), ["3 limit store_bytes"]);
}

#[test]
fn logs_and_health_reach_the_operator_unharmed() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    let text = "näher – 21 °C";
    let (offset, len) = (
        u64::from(guest.text(SCRATCH, text)),
        u64::try_from(text.len()).unwrap(),
    );
    assert_eq!(guest.thimble("log", &[2, offset, len]), 0);
    assert_eq!(guest.thimble("health_report", &[1, offset, len]), 0);
    assert_eq!(
        device.traces(),
        [
            format!("1 log 2 {text}"),
            format!("1 health Degraded {text}")
        ]
    );
    assert_eq!(guest.thimble("log", &[5, offset, len]), INVAL);
    assert_eq!(guest.thimble("health_report", &[3, offset, len]), INVAL);
    assert_eq!(
        guest.thimble("log", &[2, offset, 2]),
        -25,
        "a cut character"
    );
    assert_eq!(guest.thimble("log", &[2, 8192, 8193]), -35);
}

#[test]
fn pins_and_sensors_work_by_handle() {
    let device = Device::new();
    let mut guest = device.guest(&["gpio:led0", "gpio:sw0", "sensor:temp"]);
    let mut open = |call: &str, name: &str| {
        let offset = guest.text(SCRATCH, name);
        guest.thimble(call, &[offset.into(), u64::try_from(name.len()).unwrap()])
    };
    assert_eq!(open("gpio_open", "led0"), 1);
    assert_eq!(open("gpio_open", "sw0"), 2);
    assert_eq!(open("gpio_open", "led0"), 1);
    assert_eq!(open("gpio_open", "led1"), PERM);
    assert_eq!(open("gpio_open", "led9"), NOENT);
    assert_eq!(open("sensor_open", "temp"), 1);
    assert_eq!(open("sensor_open", "secret"), PERM);
    assert_eq!(guest.thimble("gpio_set", &[1, 1]), 0);
    assert_eq!(guest.thimble("gpio_get", &[1]), 1);
    assert_eq!(guest.thimble("gpio_set", &[2, 1]), INVAL, "an input");
    assert_eq!(guest.thimble("gpio_watch", &[1, 1]), INVAL, "an output");
    assert_eq!(guest.thimble("gpio_get", &[0]), BADF);
    assert_eq!(guest.thimble("gpio_set", &[3, 1]), BADF);
    assert_eq!(guest.thimble("gpio_watch", &[2, 1]), 0);
    let began = device.now();
    assert!(matches!(guest.wait(-1), CallOutcome::Blocked));
    assert_eq!(guest.state.wait_until(), Some(began + milliseconds(100)));
    device.pass_ms(100);
    assert_eq!(done(&guest.wait(-1)), 28);
    let record: Vec<u32> = [4096, 4100, 4112, 4116, 4120]
        .iter()
        .map(|offset| guest.u32_at(*offset))
        .collect();
    assert_eq!(record, [3, 2, 1, 11, 0]);
    assert_eq!(guest.thimble("sensor_read", &[1, 0, 131_065]), -21);
    assert_eq!(guest.thimble("sensor_read", &[1, 0, 4096]), 0);
    assert_eq!(
        f64::from_bits(guest.u64_at(4096)),
        21.0,
        "the failed call took no reading"
    );
    assert_eq!(guest.thimble("sensor_read", &[1, 2, 4096]), INVAL);
    assert_eq!(guest.thimble("sensor_read", &[2, 0, 4096]), BADF);
}

#[test]
fn events_come_in_the_order_in_which_they_happened() {
    let device = Device::new();
    let mut guest = device.guest(ALL);
    guest.filter("t");
    guest.thimble("timer_create", &[20, 0]);
    device.pass_ms(10);
    guest.send("t", "early", 0);
    device.pass_ms(20);
    guest.send("t", "late", 0);
    let kinds: Vec<u32> = (0..3)
        .map(|_| {
            assert!(done(&guest.wait(0)) > 0);
            guest.u32_at(4096)
        })
        .collect();
    assert_eq!(kinds, [2, 1, 2]);
}
