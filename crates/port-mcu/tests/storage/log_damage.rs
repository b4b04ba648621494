//! Flash that holds something else than the log wrote.

use thimble_testkit::random::{Random, seed};

use crate::flash::flash;
use crate::log::{Model, SHAPES, applied, apply, contents, open, put, shape};

/// Whatever is on flash, the log opens, works, and can be reset.
fn works(flash: &thimble_port_mcu::flash::SharedFlash) {
    let (mut log, recovered) = open(flash);
    assert!(!recovered.to_string().is_empty());
    let mut model = contents(&mut log, b"");
    for n in 0..30_u8 {
        let group = [put(&format!("k{}", n % 3), &[n; 20])];
        apply(&mut log, &group).unwrap();
        model = applied(&model, &group);
    }
    assert_eq!(contents(&mut log, b""), model);
    let (mut log, _) = open(flash);
    assert_eq!(contents(&mut log, b""), model);
    log.format().unwrap();
    assert!(contents(&mut open(flash).0, b"").is_empty());
    apply(&mut log, &[put("a", b"1")]).unwrap();
    assert_eq!(contents(&mut open(flash).0, b"").len(), 1);
}

#[test]
fn garbage() {
    let mut random = Random::new(seed(5));
    for shape in SHAPES {
        for fill in 0..4 {
            let (flash, control) = flash(shape, 1);
            let length = shape.erase * shape.blocks;
            let bytes = match fill {
                0 => vec![0; length],
                1 => random.bytes(length),
                2 => vec![0x11; length],
                _ => b"Tlog".repeat(length / 4),
            };
            control.overwrite(0, &bytes);
            let (_, recovered) = open(&flash);
            assert!(!recovered.found);
            works(&flash);
        }
    }
}

#[test]
fn another_version_is_told() {
    let (flash, control) = flash(shape(4, 512, 4), 1);
    control.overwrite(512, b"Tlog\x02 of the future");
    let (_, recovered) = open(&flash);
    assert_eq!(recovered.foreign_version, Some(2));
    assert!(recovered.to_string().contains("version 2"));
    works(&flash);
}

/// Everything that was found in a damaged log must have been there once.
#[test]
fn bits_flip_anywhere() {
    let mut random = Random::new(seed(7));
    for shape in SHAPES {
        let (source, source_control) = flash(shape, 1);
        let (mut log, _) = open(&source);
        let mut model = Model::new();
        let mut history: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for n in 0..50_u8 {
            let key = format!("k{}", n % 7);
            let value = vec![n; 15];
            history.push((key.clone().into(), value.clone()));
            apply(&mut log, &[put(&key, &value)]).unwrap();
            model.insert(key.into(), value);
        }
        let image = source_control.image();
        let mut losses = 0;
        for _ in 0..150 {
            let (flash, control) = flash(shape, 1);
            let mut damaged = image.clone();
            for _ in 0..=random.below(3) {
                let place = random.index(damaged.len());
                damaged[place] ^= 1 << random.below(8);
            }
            control.overwrite(0, &damaged);
            let (mut log, _) = open(&flash);
            let found = contents(&mut log, b"");
            losses += usize::from(found != model);
            for (key, value) in found {
                assert!(history.contains(&(key, value)));
            }
            works(&flash);
        }
        assert!(losses < 150, "{shape:?}: {losses}");
    }
}

#[test]
fn a_damaged_record_costs_only_itself() {
    let (flash, control) = flash(shape(4, 4096, 4), 1);
    let (mut log, _) = open(&flash);
    for n in 0..10_u8 {
        apply(&mut log, &[put(&format!("k{n}"), &[n; 64])]).unwrap();
    }
    let image = control.image();
    let place = image
        .windows(64)
        .position(|bytes| bytes == [4; 64])
        .unwrap();
    control.overwrite(place + 5, &[0]);
    let (mut log, recovered) = open(&flash);
    assert_eq!(recovered.groups_ignored, 1);
    assert_eq!(
        recovered.to_string(),
        "9 records; 1 blocks with unfinished or damaged bytes; 1 unfinished or damaged changes ignored"
    );
    assert_eq!(contents(&mut log, b"").len(), 9);
    works(&flash);
}
