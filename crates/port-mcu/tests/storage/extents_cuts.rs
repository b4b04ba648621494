//! A cut in every single operation while images are installed, replaced, removed and moved.

use thimble_port_mcu::images::ImageStore;
use thimble_port_mcu::records::{Change, Records};
use thimble_testkit::random::Random;

use crate::extents::{Device, Model, images, install, open};
use crate::flash::{Shape, Torn, flash};
use crate::log::shape;
use crate::log_cuts::at_every_cut;

/// What a script does. Each install and each removal also sets the name `n` in the same moment.
#[derive(Clone, Copy)]
enum Act {
    Install(u8, usize),
    Remove(u8),
    Reopen,
}

fn script() -> Vec<Act> {
    use Act::{Install, Remove, Reopen};
    vec![
        Install(1, 600),
        Install(2, 500),
        Install(3, 500),
        Install(4, 500),
        Install(5, 20),
        Remove(2),
        Reopen,
        Remove(4),
        // Only after others have moved.
        Install(6, 1500),
        Install(1, 700),
        Install(5, 30),
        Remove(6),
        Install(7, 1400),
        Reopen,
        Install(8, 100),
    ]
}

fn bytes(key: u8, length: usize) -> Vec<u8> {
    Random::new(u64::from(key)).bytes(length)
}

/// The number of acts in the name, which changes together with images.
fn name(device: &mut Device) -> Option<u8> {
    let mut value = Vec::new();
    device
        .records
        .get(b"n", &mut value)
        .unwrap()
        .then(|| value[0])
}

fn perform(device: &mut Device, act: Act, number: u8) -> bool {
    let value = [number];
    let also = [Change::Put {
        key: b"n",
        value: &value,
    }];
    match act {
        Act::Install(key, length) => install(
            device,
            &[key],
            &bytes(key, length),
            &|key| key == [3],
            &also,
        )
        .is_ok(),
        Act::Remove(key) => device.images.remove(&[key], &also).is_ok(),
        Act::Reopen => true,
    }
}

fn play(shape: Shape, script: &[Act], cut: u64, torn: Torn) -> bool {
    let (flash, control) = flash(shape, cut * 3 + torn as u64);
    let mut device = open(&flash);
    control.cut_in(cut, torn);
    let mut model = Model::new();
    let mut named = None;
    for (number, act) in script.iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let mut next = model.clone();
        match *act {
            Act::Install(key, length) => {
                next.insert(vec![key], bytes(key, length));
            }
            Act::Remove(key) => {
                next.remove(&vec![key]);
            }
            Act::Reopen => {
                device = open(&flash);
                continue;
            }
        }
        let done = perform(&mut device, *act, number);
        if !control.is_dead() {
            assert!(done, "{shape:?} act {number}");
            model = next;
            named = Some(number);
            continue;
        }
        let place = format!("{shape:?}, cut {cut}, {torn:?}, act {number}");
        control.revive();
        let mut device = open(&flash);
        assert_eq!(device.surveyed.entries_removed, 0);
        let found = images(&mut device);
        let (expected, left) = if name(&mut device) == Some(number) {
            (&next, number + 1)
        } else {
            assert!(!done, "{place}");
            assert_eq!(name(&mut device), named, "{place}");
            (&model, number)
        };
        assert!(found == *expected, "{place}");
        // What is left of it, and the rest.
        for (number, act) in script.iter().enumerate().skip(usize::from(left)) {
            let number = u8::try_from(number).unwrap();
            assert!(perform(&mut device, *act, number), "{place}, {number}");
        }
        let all = images(&mut device);
        assert_eq!(all.len(), 5, "{place}");
        for (key, found) in all {
            assert_eq!(found, bytes(key[0], found.len()));
        }
        return true;
    }
    false
}

fn check(shape: Shape, step: u64) {
    let script = script();
    at_every_cut(step, 100, |cut, torn| play(shape, &script, cut, torn));
}

#[test]
fn double_words() {
    check(shape(8, 512, 13), 1);
}

#[test]
fn quad_words() {
    check(shape(16, 512, 13), 1);
}

#[test]
fn bytes_now_and_then() {
    check(shape(1, 512, 13), 29);
}
