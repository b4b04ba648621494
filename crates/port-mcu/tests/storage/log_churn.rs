//! Thousands of random changes, with cuts at random moments, against a model; wear; full logs.

use thimble_port_mcu::records::{Records, RecordsError};
use thimble_testkit::random::{Random, seed};

use crate::flash::{Shape, TORN, flash};
use crate::log::{Model, SHAPES, Step, applied, apply, contents, fresh, open, put, shape};

fn group(random: &mut Random, model: &Model, bytes_max: usize) -> Vec<Step> {
    let count = 1 + random.index(4);
    (0..count)
        .map(|_| {
            let key = format!("key{}", random.below(40)).into_bytes();
            if random.below(3) == 0 {
                let live = model.keys().nth(random.index(model.len().max(1)));
                return Step::Delete(live.cloned().unwrap_or(key));
            }
            let length_max =
                (bytes_max - key.len()).min(if random.below(8) == 0 { 900 } else { 30 });
            let length = random.index(length_max + 1);
            Step::Put(key, random.bytes(length))
        })
        .collect()
}

fn churn(shape: Shape, seed: u64, groups: usize) {
    let mut random = Random::new(seed);
    let (flash, control) = flash(shape, seed);
    let (mut log, _) = open(&flash);
    let mut model = Model::new();
    for _ in 0..groups {
        let group = group(&mut random, &model, log.record_bytes_max());
        let next = applied(&model, &group);
        if random.below(4) == 0 {
            control.cut_in(1 + random.below(40), *random.pick(&TORN));
        }
        let done = apply(&mut log, &group);
        if control.is_dead() {
            control.revive();
            log = open(&flash).0;
            let found = contents(&mut log, b"");
            assert!(found == model || found == next, "{shape:?}");
            assert!(done.is_err() || found == next, "{shape:?}");
            model = found;
            continue;
        }
        match done {
            Ok(()) => model = next,
            Err(RecordsError::Full { .. } | RecordsError::TooLarge { .. }) => {}
            Err(other) => panic!("{shape:?}: {other:?}"),
        }
        if random.below(40) == 0 {
            assert_eq!(contents(&mut log, b""), model, "{shape:?}");
        }
    }
    assert_eq!(contents(&mut log, b""), model);
    let room = log.room();
    assert_eq!(contents(&mut open(&flash).0, b""), model);
    assert_eq!(open(&flash).0.room(), room);
}

#[test]
fn random_changes_with_cuts() {
    let seed = seed(11);
    for (number, shape) in SHAPES.into_iter().enumerate() {
        churn(shape, seed + number as u64, 700);
    }
}

/// Fills a log, then proves that everything can be changed and removed, again and again, with cuts.
fn full(shape: Shape, value_bytes: usize, group_of: usize) {
    let (flash, control, mut log) = fresh(shape);
    let mut model = Model::new();
    let mut count = 0;
    loop {
        let group = [put(&format!("{count:04}"), &vec![1; value_bytes])];
        match apply(&mut log, &group) {
            Ok(()) => model = applied(&model, &group),
            Err(RecordsError::Full { .. }) => break,
            Err(other) => panic!("{other:?}"),
        }
        count += 1;
    }
    assert_eq!(contents(&mut log, b""), model);
    let room = log.room();
    assert!(room.used_bytes <= room.total_bytes);
    // As many bytes as before always fit.
    for n in 0..3 * count {
        let group: Vec<_> = (0..group_of)
            .map(|m| {
                put(
                    &format!("{:04}", (n + m * 7) % count),
                    &vec![2; value_bytes],
                )
            })
            .collect();
        if n % 5 == 0 {
            control.cut_in(1 + (n as u64 * 13) % 200, TORN[n % 4]);
        }
        let done = apply(&mut log, &group);
        let next = applied(&model, &group);
        if control.is_dead() {
            control.revive();
            log = open(&flash).0;
            let found = contents(&mut log, b"");
            assert!(found == model || found == next);
            model = found;
            continue;
        }
        done.unwrap();
        model = next;
    }
    control.revive();
    // Nothing that does not fit costs an erasure.
    let before = control.operations();
    for _ in 0..20 {
        assert!(apply(&mut log, &[put("more", &vec![1; value_bytes])]).is_err());
    }
    assert_eq!(control.operations(), before);
    for n in 0..count {
        let group = [Step::Delete(format!("{n:04}").into_bytes())];
        apply(&mut log, &group).unwrap();
        model = applied(&model, &group);
    }
    assert!(model.is_empty());
    assert_eq!(log.room().used_bytes, 0);
    assert!(contents(&mut open(&flash).0, b"").is_empty());
}

#[test]
fn full_logs_can_be_changed_and_emptied() {
    for shape in SHAPES {
        let (_, _, log) = fresh(shape);
        let bytes_max = log.record_bytes_max();
        full(shape, bytes_max - 4, 1);
        full(shape, bytes_max - 4, 4.min(bytes_max / 100 + 2));
        full(shape, 5, 3);
        full(shape, bytes_max / 2, 2);
    }
}

#[test]
fn every_block_is_erased_as_often() {
    for shape in [shape(4, 512, 8), shape(8, 2048, 4), shape(16, 512, 5)] {
        let (_, control, mut log) = fresh(shape);
        for n in 0..12 {
            apply(&mut log, &[put(&format!("static{n}"), &[9; 40])]).unwrap();
        }
        for n in 0..3000_u32 {
            apply(&mut log, &[put("counter", &n.to_le_bytes())]).unwrap();
        }
        let erasures = control.erasures();
        let (least, most) = (
            erasures.iter().min().unwrap(),
            erasures.iter().max().unwrap(),
        );
        assert!(most - least <= 1, "{erasures:?}");
        assert_eq!(log.room().erasures_max, *most);
        assert_eq!(log.room().erasures_min, *least);
        println!("{shape:?}: {most} erasures of each block for 3000 changes");
    }
}
