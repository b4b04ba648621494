//! What tests of the log share, and what it does while nothing goes wrong.

use std::collections::BTreeMap;

use thimble_port_mcu::flash::{Region, SharedFlash};
use thimble_port_mcu::log::{Log, LogSettings, OpenError, Recovered, SharedLog};
use thimble_port_mcu::records::{Change, Records, RecordsError};

use crate::flash::{Control, Shape, flash};

/// What a log should hold.
pub(crate) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A change that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
}

impl Step {
    fn change(&self) -> Change<'_> {
        match self {
            Self::Put(key, value) => Change::Put { key, value },
            Self::Delete(key) => Change::Delete { key },
        }
    }
}

/// What the model is after a group of changes.
pub(crate) fn applied(model: &Model, group: &[Step]) -> Model {
    let mut after = model.clone();
    for step in group {
        match step {
            Step::Put(key, value) => {
                after.insert(key.clone(), value.clone());
            }
            Step::Delete(key) => {
                after.remove(key);
            }
        }
    }
    after
}

/// Applies a group.
pub(crate) fn apply(log: &mut dyn Records, group: &[Step]) -> Result<(), RecordsError> {
    let changes: Vec<_> = group.iter().map(Step::change).collect();
    log.apply(&changes)
}

/// Everything in a log that begins with a prefix.
pub(crate) fn contents(log: &mut dyn Records, prefix: &[u8]) -> Model {
    let mut found = Model::new();
    let mut after = Vec::new();
    let mut key = Vec::new();
    let mut value = Vec::new();
    // An empty key comes after nothing.
    if prefix.is_empty() && log.get(&[], &mut value).unwrap() {
        found.insert(Vec::new(), value.clone());
    }
    while let Some(length) = log.next(prefix, &after, &mut key).unwrap() {
        assert!(key > after, "the order of keys");
        assert!(log.get(&key, &mut value).unwrap());
        assert_eq!(value.len(), length);
        found.insert(key.clone(), value.clone());
        after.clone_from(&key);
    }
    found
}

/// All of a flash as a region.
pub(crate) fn whole(flash: &SharedFlash) -> Region {
    flash.region(0..flash.geometry().capacity_bytes).unwrap()
}

/// Opens a log.
pub(crate) fn open(flash: &SharedFlash) -> (Log, Recovered) {
    Log::open(whole(flash), &LogSettings::default()).unwrap()
}

/// A flash and an empty log in it.
pub(crate) fn fresh(shape: Shape) -> (SharedFlash, Control, Log) {
    let (flash, control) = flash(shape, 1);
    let (log, recovered) = open(&flash);
    assert_eq!(recovered, Recovered::default());
    (flash, control, log)
}

/// Shapes with every size of words, and small and large blocks.
pub(crate) const SHAPES: [Shape; 8] = [
    shape(1, 512, 4),
    shape(4, 512, 3),
    shape(8, 512, 6),
    shape(16, 512, 5),
    shape(32, 512, 4),
    shape(4, 1024, 8),
    shape(8, 2048, 4),
    shape(16, 8192, 3),
];

/// A shape.
pub(crate) const fn shape(write: usize, erase: usize, blocks: usize) -> Shape {
    Shape {
        write,
        erase,
        blocks,
    }
}

pub(crate) fn put(key: &str, value: &[u8]) -> Step {
    Step::Put(key.into(), value.to_vec())
}

pub(crate) fn delete(key: &str) -> Step {
    Step::Delete(key.into())
}

#[test]
fn keeps_what_it_was_told() {
    for shape in SHAPES {
        let (flash, _, mut log) = fresh(shape);
        let mut model = Model::new();
        let groups = [
            vec![put("a", b"1"), put("b", b""), put("ab", &[0xff; 40])],
            vec![put("a", b"2"), delete("b"), put("b", b"3"), delete("no")],
            vec![delete("no")],
            vec![],
            vec![put("c", b"4"), put("c", b"5"), delete("ab")],
            vec![put("d", b"6"), delete("d")],
            vec![put("", b"nameless")],
        ];
        for group in &groups {
            apply(&mut log, group).unwrap();
            model = applied(&model, group);
            assert_eq!(contents(&mut log, b""), model, "{shape:?}");
            let (mut again, recovered) = open(&flash);
            assert_eq!(contents(&mut again, b""), model, "{shape:?}");
            assert_eq!(recovered.records as usize, model.len());
            assert_eq!(again.room(), log.room());
            log = again;
        }
    }
}

#[test]
fn reads_parts_and_walks_prefixes() {
    let (_, _, mut log) = fresh(shape(4, 1024, 4));
    let group = [
        put("i/one", b"0123456789"),
        put("i/two", b"x"),
        put("k", b"y"),
        put("a", b"z"),
    ];
    apply(&mut log, &group).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(log.read(b"i/one", 8, &mut buffer), Ok(Some(10)));
    assert_eq!(&buffer[..2], b"89");
    assert_eq!(log.read(b"i/one", 3, &mut buffer), Ok(Some(10)));
    assert_eq!(&buffer, b"3456");
    assert_eq!(log.read(b"i/one", 99, &mut buffer), Ok(Some(10)));
    assert_eq!(log.read(b"i/onf", 0, &mut buffer), Ok(None));
    assert_eq!(contents(&mut log, b"i").len(), 2);
    assert_eq!(contents(&mut log, b"i/t").len(), 1);
    assert_eq!(contents(&mut log, b"j").len(), 0);
    let mut key = Vec::new();
    assert_eq!(log.next(b"i", b"i/one", &mut key), Ok(Some(1)));
    assert_eq!(key, b"i/two");
    assert_eq!(log.next(b"i", b"j", &mut key), Ok(None));
}

#[test]
fn refuses_what_is_too_large() {
    let (_, _, mut log) = fresh(shape(8, 512, 4));
    let bytes_max = log.record_bytes_max();
    let most = vec![7; bytes_max - 1];
    apply(&mut log, &[put("k", &most)]).unwrap();
    let more = vec![7; bytes_max];
    let refused = apply(&mut log, &[put("x", b"1"), put("k", &more)]);
    assert!(matches!(refused, Err(RecordsError::TooLarge { .. })));
    let many: Vec<_> = (0..9).map(|n| put(&format!("k{n}"), &most[1..])).collect();
    let refused = apply(&mut log, &many);
    assert!(matches!(refused, Err(RecordsError::TooLarge { .. })));
    assert_eq!(contents(&mut log, b"").len(), 1);
    let long_key = Step::Put(vec![b'k'; 256], Vec::new());
    let (_, _, mut large) = fresh(shape(16, 8192, 3));
    assert!(apply(&mut large, &[long_key]).is_err());
    apply(&mut large, &[Step::Put(vec![b'k'; 255], vec![9; 700])]).unwrap();
    assert_eq!(contents(&mut large, b"k").len(), 1);
}

#[test]
fn counts_records() {
    let (flash, _) = flash(shape(4, 4096, 3), 1);
    let settings = LogSettings {
        records_max: 3,
        ..LogSettings::default()
    };
    let (mut log, _) = Log::open(whole(&flash), &settings).unwrap();
    apply(&mut log, &[put("a", b"1"), put("b", b"2"), put("c", b"3")]).unwrap();
    let refused = apply(&mut log, &[put("d", b"4")]);
    assert_eq!(refused, Err(RecordsError::TooMany { records_max: 3 }));
    apply(&mut log, &[put("d", b"4"), delete("a")]).unwrap();
    apply(&mut log, &[put("b", b"5")]).unwrap();
    assert_eq!(log.room().records, 3);
}

#[test]
fn joins_what_is_erased_together_to_larger_blocks() {
    let (flash, _) = flash(shape(4, 512, 24), 1);
    let settings = LogSettings {
        block_bytes: Some(2048),
        ..LogSettings::default()
    };
    let (mut log, _) = Log::open(whole(&flash), &settings).unwrap();
    assert!(log.record_bytes_max() > 450);
    let mut model = Model::new();
    for n in 0..200_u32 {
        let group = [put(&format!("k{}", n % 7), &vec![1; 400])];
        apply(&mut log, &group).unwrap();
        model = applied(&model, &group);
    }
    let (mut log, _) = Log::open(whole(&flash), &settings).unwrap();
    assert_eq!(contents(&mut log, b""), model);
    // Other blocks, another log.
    let (mut log, recovered) = open(&flash);
    assert!(!recovered.found);
    assert!(contents(&mut log, b"").is_empty());
    // Once that one is written to, the first is not found again.
    apply(&mut log, &[put("a", b"1")]).unwrap();
    let (mut log, recovered) = Log::open(whole(&flash), &settings).unwrap();
    assert!(!recovered.found);
    assert!(contents(&mut log, b"").is_empty());
}

#[test]
fn needs_three_blocks() {
    let (flash, _) = flash(shape(4, 512, 2), 1);
    let refused = Log::open(whole(&flash), &LogSettings::default());
    assert_eq!(refused.err(), Some(OpenError::Layout));
}

#[test]
fn tells_when_flash_fails_and_goes_on() {
    let (_, control, mut log) = fresh(shape(4, 512, 4));
    apply(&mut log, &[put("a", b"1")]).unwrap();
    control.break_down(true);
    for _ in 0..3 {
        assert_eq!(
            apply(&mut log, &[put("a", b"2")]),
            Err(RecordsError::Device)
        );
        assert_eq!(contents(&mut log, b"")[&b"a".to_vec()], b"1");
    }
    control.break_down(false);
    apply(&mut log, &[put("a", b"3")]).unwrap();
    assert_eq!(contents(&mut log, b"")[&b"a".to_vec()], b"3");
}

#[test]
fn forgets_everything() {
    for shape in SHAPES {
        let (flash, control, mut log) = fresh(shape);
        log.format().unwrap();
        for n in 0..60 {
            apply(&mut log, &[put(&format!("secret{}", n % 3), b"secret")]).unwrap();
        }
        log.format().unwrap();
        assert!(contents(&mut log, b"").is_empty());
        let image = control.image();
        assert!(!image.windows(6).any(|bytes| bytes == b"secret"));
        let (mut log, recovered) = open(&flash);
        assert!(recovered.found && recovered.blocks_erased == 0);
        apply(&mut log, &[put("a", b"1")]).unwrap();
        assert_eq!(contents(&mut log, b"").len(), 1);
    }
}

#[test]
fn takes_little_memory() {
    // On a processor with pointers of 8 bytes.
    assert!(size_of::<Log>() <= 128, "{}", size_of::<Log>());
}

#[test]
fn several_users_share_it() {
    let (_, _, log) = fresh(shape(4, 512, 4));
    let mut one = SharedLog::new(log);
    let mut other = one.clone();
    apply(&mut one, &[put("a", b"1")]).unwrap();
    assert_eq!(contents(&mut other, b"").len(), 1);
    assert_eq!(other.room().records, 1);
    other.format().unwrap();
    assert!(contents(&mut one, b"").is_empty());
    assert_eq!(one.record_bytes_max(), other.record_bytes_max());
}
