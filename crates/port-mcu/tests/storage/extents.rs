//! What tests of images share, and what the image store does while nothing goes wrong.

use std::collections::BTreeMap;

use thimble_port_mcu::extents::{Extents, Surveyed};
use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::images::{ImageStore, ImageStoreError};
use thimble_port_mcu::log::{Log, LogSettings, SharedLog};
use thimble_port_mcu::records::{Change, Records, prefix};
use thimble_testkit::random::{Random, seed};

use crate::flash::{self, Control, Shape, flash};
use crate::log::{contents, shape};

/// Blocks of the log, at the beginning of the flash.
pub(crate) const LOG_BLOCKS: u32 = 4;

/// A log and images in one flash.
pub(crate) struct Device {
    pub(crate) records: SharedLog,
    pub(crate) images: Extents,
    pub(crate) surveyed: Surveyed,
}

/// Opens what is there.
pub(crate) fn open(flash: &SharedFlash) -> Device {
    let geometry = flash.geometry();
    let split = LOG_BLOCKS * geometry.block_bytes;
    let (log, _) = Log::open(flash.region(0..split).unwrap(), &LogSettings::default()).unwrap();
    let records = SharedLog::new(log);
    let region = flash.region(split..geometry.capacity_bytes).unwrap();
    let (images, surveyed) = Extents::open(region, Box::new(records.clone())).unwrap();
    Device {
        records,
        images,
        surveyed,
    }
}

/// What images should be there.
pub(crate) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// All images.
pub(crate) fn images(device: &mut Device) -> Model {
    let mut found = Model::new();
    let (mut key, mut after) = (Vec::new(), Vec::new());
    let mut stored = 0;
    while device.images.next(&after, &mut key).unwrap() {
        let image = device.images.image(&key).unwrap().unwrap();
        stored += image.stored_bytes;
        found.insert(key.clone(), image.bytes.to_vec());
        after.clone_from(&key);
    }
    assert_eq!(device.images.room().used_bytes, stored);
    found
}

/// Installs an image in pieces: a hole first, which is filled last.
pub(crate) fn install(
    device: &mut Device,
    key: &[u8],
    bytes: &[u8],
    pinned: &dyn Fn(&[u8]) -> bool,
    also: &[Change<'_>],
) -> Result<(), ImageStoreError> {
    let length = u32::try_from(bytes.len()).unwrap();
    device.images.begin(length, length, pinned)?;
    let (from, to) = (bytes.len() / 5, bytes.len() / 2);
    device.images.append(&bytes[..from])?;
    device.images.skip(u32::try_from(to - from).unwrap())?;
    for piece in bytes[to..].chunks(37) {
        device.images.append(piece)?;
    }
    device
        .images
        .fill(u32::try_from(from).unwrap(), &bytes[from..to])?;
    device.images.commit(key, also)
}

fn never(_: &[u8]) -> bool {
    false
}

fn device(shape: Shape) -> (SharedFlash, Control, Device) {
    let (flash, control) = flash(shape, 1);
    let device = open(&flash);
    (flash, control, device)
}

#[test]
fn keeps_images() {
    for shape in [
        shape(1, 512, 16),
        shape(4, 512, 16),
        shape(8, 512, 16),
        shape(16, 512, 16),
        shape(32, 512, 16),
    ] {
        let (flash, _, mut device) = device(shape);
        let mut model = Model::new();
        for (number, length) in [0, 1, 31, 512, 1000, 2049].into_iter().enumerate() {
            let key = format!("image{number}").into_bytes();
            let bytes = Random::new(7).bytes(length);
            install(&mut device, &key, &bytes, &never, &[]).unwrap();
            model.insert(key, bytes);
            assert_eq!(images(&mut device), model, "{shape:?}");
        }
        device = open(&flash);
        assert_eq!(device.surveyed.images, 6);
        assert_eq!(images(&mut device), model);
        let also = [Change::Put {
            key: b"n",
            value: b"1",
        }];
        device.images.remove(b"image4", &also).unwrap();
        device.images.remove(b"nobody", &[]).unwrap();
        model.remove(b"image4".as_slice());
        assert_eq!(images(&mut device), model);
        assert_eq!(contents(&mut device.records, b"n").len(), 1);
        assert!(device.images.image(b"image4").unwrap().is_none());
    }
}

#[test]
fn tells_what_is_written() {
    let (_, _, mut device) = device(shape(16, 512, 12));
    let images = &mut device.images;
    assert_eq!(images.append(b"x"), Err(ImageStoreError::NotBegun));
    images.begin(600, 4000, &never).unwrap();
    images.append(&[1; 100]).unwrap();
    assert_eq!(images.written().unwrap(), (100, &[1; 96][..]));
    images.align(64).unwrap();
    images.skip(1000).unwrap();
    images.append(&[2; 30]).unwrap();
    let (length, bytes) = images.written().unwrap();
    assert_eq!((length, bytes.len()), (1158, 1152));
    assert_eq!(bytes[100..128], [0xff; 28]);
    assert_eq!(bytes[128..1120], [0xff; 992]);
    assert_eq!(bytes[1136..], [2; 16]);
    images.fill(128, &[3; 900]).unwrap();
    let (_, bytes) = images.written().unwrap();
    assert_eq!(bytes[128..1028], [3; 900]);
    assert_eq!(bytes[1028..1128], [0xff; 100]);
    assert_eq!(bytes[1128..], [2; 24]);
    images.commit(b"k", &[]).unwrap();
    let image = images.image(b"k").unwrap().unwrap();
    assert_eq!((image.bytes.len(), image.stored_bytes), (1158, 1536));
    assert_eq!(image.bytes[1128..], [2; 30]);
    assert_eq!(images.commit(b"k", &[]), Err(ImageStoreError::NotBegun));
}

#[test]
fn holes_of_all_places_and_sizes() {
    for write in [1, 4, 8, 16] {
        let (_, _, mut device) = device(shape(write, 512, 6));
        for start in 0..20 {
            for first in [1, 3, 16, 33] {
                let second = first / 2 + 1;
                let images = &mut device.images;
                images.begin(200, 200, &never).unwrap();
                images.append(&[1; 20][..start]).unwrap();
                images.skip(first).unwrap();
                images.skip(second).unwrap();
                images.append(&[4; 5]).unwrap();
                let at = u32::try_from(start).unwrap();
                let (first, second) = (first as usize, second as usize);
                images.fill(at + first as u32, &[3; 40][..second]).unwrap();
                images.fill(at, &[2; 40][..first]).unwrap();
                assert_eq!(images.fill(at, &[2]), Err(ImageStoreError::NotBegun));
                images.begin(200, 200, &never).unwrap();
                images.append(&[1; 20][..start]).unwrap();
                images.skip(first as u32).unwrap();
                images.skip(second as u32).unwrap();
                images.append(&[4; 5]).unwrap();
                images.fill(at, &[2; 40][..first]).unwrap();
                images.fill(at + first as u32, &[3; 40][..second]).unwrap();
                images.commit(b"k", &[]).unwrap();
                let image = images.image(b"k").unwrap().unwrap();
                let expected: Vec<u8> = [(1, start), (2, first), (3, second), (4, 5)]
                    .into_iter()
                    .flat_map(|(byte, count)| vec![byte; count])
                    .collect();
                assert_eq!(image.bytes, expected);
            }
        }
    }
}

#[test]
fn refuses_what_does_not_fit_and_joins_what_is_free() {
    let (_, _, mut device) = device(shape(4, 512, 14));
    for key in 0..10_u8 {
        install(&mut device, &[key], &[key; 500], &never, &[]).unwrap();
    }
    let full = device.images.begin(1, 1, &never);
    assert_eq!(
        full,
        Err(ImageStoreError::Full {
            needed_bytes: 1,
            largest_free_bytes: 0,
            free_bytes: 0
        })
    );
    for key in [1, 3, 5, 7, 8] {
        device.images.remove(&[key], &[]).unwrap();
    }
    // 0 . 2 . 4 . 6 . . 9: five are free, two of them together.
    let pinned = |key: &[u8]| key == [4] || key == [6];
    let refused = install(&mut device, b"big", &[7; 2560], &pinned, &[]);
    assert_eq!(
        refused,
        Err(ImageStoreError::Full {
            needed_bytes: 2560,
            largest_free_bytes: 1024,
            free_bytes: 2560
        })
    );
    let before = device.images.image(&[4]).unwrap().unwrap().bytes.as_ptr();
    install(&mut device, b"big", &[7; 2048], &pinned, &[]).unwrap();
    let after = device.images.image(&[4]).unwrap().unwrap().bytes.as_ptr();
    assert_eq!(before, after, "it was pinned");
    let found = images(&mut device);
    assert_eq!(found.len(), 6);
    assert!(
        found
            .iter()
            .all(|(key, bytes)| key == b"big" || bytes == &[key[0]; 500])
    );
}

#[test]
fn takes_as_much_as_is_wanted_if_it_is_there() {
    let (_, _, mut device) = device(shape(4, 512, 10));
    device.images.begin(100, 9000, &never).unwrap();
    device.images.append(&[1; 3072]).unwrap();
    assert!(matches!(
        device.images.append(&[1]),
        Err(ImageStoreError::Full { .. })
    ));
    assert_eq!(device.images.append(&[1]), Err(ImageStoreError::NotBegun));
    // What was committed takes no more than it needs.
    device.images.begin(100, 9000, &never).unwrap();
    device.images.append(&[1; 100]).unwrap();
    device.images.commit(b"k", &[]).unwrap();
    assert_eq!(device.images.room().used_bytes, 512);
}

#[test]
fn removes_entries_that_cannot_be() {
    let (flash, _, mut device) = device(shape(4, 512, 10));
    install(&mut device, b"good", &[1; 900], &never, &[]).unwrap();
    let entry = |start: u32, blocks: u32, length: u32| {
        [start, blocks, length]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let bad = [
        ("overlap", entry(1, 1, 10)),
        ("outside", entry(5, 2, 10)),
        ("far", entry(u32::MAX, 2, 10)),
        ("huge", entry(2, u32::MAX, 10)),
        ("nothing", entry(2, 0, 0)),
        ("long", entry(2, 1, 513)),
        ("short", b"short".to_vec()),
        ("wide", vec![0; 100]),
    ];
    for (key, value) in &bad {
        let key = [&[prefix::IMAGE], key.as_bytes()].concat();
        device
            .records
            .apply(&[Change::Put { key: &key, value }])
            .unwrap();
    }
    let mut device = open(&flash);
    assert_eq!(device.surveyed.images, 1);
    assert_eq!(device.surveyed.entries_removed, 8);
    assert!(device.surveyed.to_string().contains("8 images removed"));
    assert_eq!(images(&mut device)[&b"good".to_vec()], [1; 900]);
    assert_eq!(open(&flash).surveyed.entries_removed, 0);
}

#[test]
fn bits_flip_anywhere() {
    let mut random = Random::new(seed(17));
    let shape = shape(8, 512, 14);
    let (_, source, mut device) = device(shape);
    for key in 0..6_u8 {
        install(&mut device, &[key], &[key; 600], &never, &[]).unwrap();
        device.images.remove(&[key / 2], &[]).unwrap();
    }
    let image = source.image();
    for _ in 0..200 {
        let (flash, control) = flash(shape, 1);
        let mut damaged = image.clone();
        for _ in 0..=random.below(20) {
            let place = random.index(damaged.len());
            damaged[place] ^= 1 << random.below(8);
        }
        control.overwrite(0, &damaged);
        let mut device = open(&flash);
        assert!(images(&mut device).len() <= 6);
        for key in 0..6_u8 {
            device.images.remove(&[key], &[]).unwrap();
        }
        install(&mut device, b"new", &[9; 5000], &never, &[]).unwrap();
        assert_eq!(images(&mut open(&flash))[&b"new".to_vec()], [9; 5000]);
    }
}

#[test]
fn random_installs() {
    let mut random = Random::new(seed(3));
    let (flash, control, mut device) = device(shape(8, 512, 40));
    let mut model = Model::new();
    let (mut installed, mut refused) = (0, 0);
    for _ in 0..400 {
        let key = vec![b'a' + u8::try_from(random.below(9)).unwrap()];
        if random.below(4) == 0 {
            device.images.remove(&key, &[]).unwrap();
            model.remove(&key);
            continue;
        }
        let length = random.index(4000);
        let bytes = random.bytes(length);
        let pin = b'a' + u8::try_from(random.below(9)).unwrap();
        let place = |device: &mut Device| {
            device
                .images
                .image(&[pin])
                .unwrap()
                .map(|image| image.bytes.as_ptr())
        };
        let before = place(&mut device);
        let free = {
            let room = device.images.room();
            room.total_bytes - room.used_bytes
        };
        match install(&mut device, &key, &bytes, &|key| key == [pin], &[]) {
            Ok(()) => {
                model.insert(key.clone(), bytes);
                installed += 1;
            }
            Err(ImageStoreError::Full { .. }) => {
                refused += 1;
                let needed = u32::try_from(length).unwrap().div_ceil(512) * 512;
                // The one that is pinned may lie in the middle.
                assert!(needed + 512 > free / 2, "{needed} of {free}");
            }
            Err(other) => panic!("{other:?}"),
        }
        if key != [pin] {
            assert_eq!(place(&mut device), before);
        }
        if random.below(10) == 0 {
            device = open(&flash);
        }
        assert_eq!(images(&mut device), model);
    }
    println!("{installed} installed, {refused} refused");
    assert!(installed > 200 && refused > 0);
    drop(control);
}

#[test]
fn blocks_wear_alike() {
    let (flash, control, mut device) = device(shape(4, 512, 24));
    install(&mut device, b"static", &[1; 1000], &never, &[]).unwrap();
    let mut random = Random::new(seed(13));
    for n in 0..400 {
        let bytes = vec![2; 300 + random.index(2500)];
        install(&mut device, b"app", &bytes, &never, &[]).unwrap();
        if n % 10 == 0 {
            device = open(&flash);
        }
    }
    let erasures = control.erasures();
    // Behind the log, and behind the image that stays.
    let used = &erasures[LOG_BLOCKS as usize + 2..];
    let most = *used.iter().max().unwrap() as usize;
    let mean = used.iter().sum::<u32>() as usize / used.len();
    println!("{mean} erasures of a block for 400 images, {most} at most");
    assert!(most <= mean + mean / 2, "{erasures:?}");
}

#[test]
fn flash_must_be_mapped() {
    let (flash, _, _) = device(shape(4, 512, 12));
    let log = Log::open(flash.region(0..2048).unwrap(), &LogSettings::default());
    let records = SharedLog::new(log.unwrap().0);
    let unmapped = flash::unmapped(shape(4, 512, 12));
    let region = unmapped.region(0..6144).unwrap();
    assert_eq!(
        Extents::open(region.clone(), Box::new(records)).err(),
        Some(ImageStoreError::Device)
    );
    // A log does not need it.
    let (mut log, _) = Log::open(region, &LogSettings::default()).unwrap();
    let change = Change::Put {
        key: b"a",
        value: b"1",
    };
    log.apply(&[change]).unwrap();
    assert_eq!(contents(&mut log, b"").len(), 1);
}

#[test]
fn tells_when_flash_fails() {
    let (_, control, mut device) = device(shape(4, 512, 12));
    install(&mut device, b"a", &[1; 900], &never, &[]).unwrap();
    control.break_down(true);
    assert_eq!(
        install(&mut device, b"b", &[1; 900], &never, &[]),
        Err(ImageStoreError::Device)
    );
    control.break_down(false);
    assert_eq!(images(&mut device).len(), 1);
    install(&mut device, b"b", &[1; 900], &never, &[]).unwrap();
    assert_eq!(images(&mut device).len(), 2);
}
