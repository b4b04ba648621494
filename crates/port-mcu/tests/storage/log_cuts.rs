//! A cut in every single operation of a script: afterwards the log holds what it held before or after the step that was
//! cut, and goes on.

use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::log::{Log, LogSettings};

use crate::flash::{Shape, TORN, Torn, flash};
use crate::log::{Model, Step, applied, apply, contents, delete, open, put, shape, whole};

/// What a script does.
#[derive(Clone)]
enum Act {
    Apply(Vec<Step>),
    Format,
    Reopen,
}

fn after(model: &Model, act: &Act) -> Model {
    match act {
        Act::Apply(group) => applied(model, group),
        Act::Format => Model::new(),
        Act::Reopen => model.clone(),
    }
}

fn script() -> Vec<Act> {
    let mut acts = vec![
        Act::Apply(vec![put("static", &[5; 30])]),
        Act::Apply(vec![put("a", b"1"), put("b", b"2"), put("c", &[3; 20])]),
        Act::Apply(vec![put("a", b"4"), delete("b")]),
        Act::Reopen,
    ];
    for n in 0..24_u8 {
        acts.push(Act::Apply(vec![
            put(&format!("turn{}", n % 5), &[n; 25]),
            put("counter", &[n]),
        ]));
        if n % 7 == 3 {
            acts.push(Act::Apply(vec![delete("turn1"), delete("turn2")]));
        }
        if n % 5 == 4 {
            acts.push(Act::Reopen);
        }
    }
    acts.push(Act::Format);
    for n in 0..6_u8 {
        acts.push(Act::Apply(vec![put("later", &[n; 40]), put("x", &[n])]));
    }
    acts
}

/// Plays a script until the power is cut; the models before and after the act that was cut.
fn play(shape: Shape, script: &[Act], cut: u64, torn: Torn) -> bool {
    let (flash, control) = flash(shape, cut * 3 + torn as u64);
    let (mut log, _) = open(&flash);
    control.cut_in(cut, torn);
    let mut model = Model::new();
    for act in script {
        let next = after(&model, act);
        let done = match act {
            Act::Apply(group) => apply(&mut log, group).is_ok(),
            Act::Format => log.format().is_ok(),
            Act::Reopen => {
                log = open(&flash).0;
                true
            }
        };
        if !control.is_dead() {
            assert!(done);
            model = next;
            continue;
        }
        control.revive();
        let (mut log, _) = open(&flash);
        let found = contents(&mut log, b"");
        let place = format!("{shape:?}, cut {cut}, {torn:?}");
        assert!(found == model || (found == next), "{place}: {found:?}");
        assert!(!done || found == next, "{place}: it was acknowledged");
        // It says the same when asked again, and goes on.
        let mut log = open(&flash).0;
        assert_eq!(contents(&mut log, b""), found, "{place}");
        let mut model = found;
        for n in 0..40_u8 {
            let group = [put(&format!("on{}", n % 4), &[n; 22]), delete("a")];
            apply(&mut log, &group).unwrap_or_else(|error| panic!("{place}: {error:?}"));
            model = applied(&model, &group);
        }
        assert_eq!(contents(&mut open(&flash).0, b""), model, "{place}");
        return true;
    }
    false
}

/// Plays a script with a cut in every operation, or in every `step`th, and with all that a cut can leave, until it gets
/// through: there must be more cuts than `least`.
pub(crate) fn at_every_cut(step: u64, least: u64, play: impl Fn(u64, Torn) -> bool) {
    for torn in TORN {
        let mut cut = 1;
        while play(cut, torn) {
            cut += step;
        }
        assert!(cut > least);
    }
}

fn check(shape: Shape, step: u64) {
    let script = script();
    at_every_cut(step, 50, |cut, torn| play(shape, &script, cut, torn));
}

#[test]
fn bytes_now_and_then() {
    check(shape(1, 512, 4), 7);
}

#[test]
fn words() {
    check(shape(4, 512, 4), 1);
}

#[test]
fn double_words() {
    check(shape(8, 512, 5), 1);
}

#[test]
fn quad_words() {
    check(shape(16, 512, 4), 1);
}

#[test]
fn octa_words() {
    check(shape(32, 512, 4), 1);
}

#[test]
fn a_reset_is_cut_again_and_again() {
    let shape = shape(8, 512, 6);
    for torn in TORN {
        for first in 1.. {
            let (flash, control) = flash(shape, first);
            let (mut log, _) = open(&flash);
            for n in 0..60_u8 {
                apply(&mut log, &[put("secret", &[b's'; 40]), put("n", &[n])]).unwrap();
            }
            control.cut_in(first, torn);
            let done = log.format().is_ok();
            if done {
                assert!(first > 5);
                break;
            }
            // Each time it comes one operation further.
            for _ in 0..8 {
                control.revive();
                control.cut_in(1, torn);
                drop(open_if_possible(&flash));
            }
            control.revive();
            let (mut log, _) = open(&flash);
            let found = contents(&mut log, b"");
            if found.is_empty() {
                let image = control.image();
                assert!(!image.windows(9).any(|bytes| bytes == [b's'; 9]));
            } else {
                assert_eq!(found.len(), 2);
            }
            apply(&mut log, &[put("a", b"1")]).unwrap();
        }
    }
}

fn open_if_possible(flash: &SharedFlash) -> Option<Log> {
    let opened = Log::open(whole(flash), &LogSettings::default());
    opened.ok().map(|(log, _)| log)
}

/// Cleaning up is cut short each time, a little later, and never runs out of blocks.
#[test]
fn cleaning_up_is_cut_again_and_again() {
    for shape in [shape(4, 512, 4), shape(16, 512, 6)] {
        let (flash, control) = flash(shape, 9);
        let (mut log, _) = open(&flash);
        let mut model = Model::new();
        for n in 0.. {
            let group = [put(&format!("k{n}"), &[7; 60])];
            if apply(&mut log, &group).is_err() {
                break;
            }
            model = applied(&model, &group);
        }
        let mut repeated = 0;
        for round in 0..60_u8 {
            let group = [put("k0", &[round; 60]), put("k1", &[round; 60])];
            let next = applied(&model, &group);
            for cut in 1.. {
                control.cut_in(cut, TORN[usize::from(round) % 4]);
                let done = apply(&mut log, &group).is_ok();
                let dead = control.is_dead();
                control.revive();
                if !dead {
                    assert!(done);
                    model = next;
                    break;
                }
                let (again, recovered) = open(&flash);
                log = again;
                repeated += u32::from(recovered.collection_repeated);
                let found = contents(&mut log, b"");
                assert!(found == model || found == next);
                if found == next {
                    model = next;
                    break;
                }
            }
        }
        assert!(repeated > 100, "{repeated}");
        assert_eq!(contents(&mut open(&flash).0, b""), model);
    }
}
