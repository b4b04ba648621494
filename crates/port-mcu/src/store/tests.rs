//! The store against a model, with power cuts, damaged records, and names that try to meet.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use core::task::Waker;

use super::*;
use crate::testing::{Memory, Random};

fn ask(store: &RecordStore, container: &str, request: StoreRequest<'_>) -> Result<Vec<u8>, Errno> {
    let mut context = Context::from_waker(Waker::noop());
    match store.poll(&mut context, container, request) {
        Poll::Ready(Ok(StoreReply::Value(value))) => Ok(value),
        Poll::Ready(Ok(StoreReply::Done)) => Ok(Vec::new()),
        Poll::Ready(Err(errno)) => Err(errno),
        Poll::Pending => panic!("it waits"),
    }
}

fn get(store: &RecordStore, container: &str, key: &[u8]) -> Result<Vec<u8>, Errno> {
    ask(store, container, StoreRequest::Get { key })
}

fn set(store: &RecordStore, container: &str, key: &[u8], value: &[u8]) -> Result<(), Errno> {
    let limit_bytes = 1 << 20;
    let request = StoreRequest::Set {
        key,
        value,
        limit_bytes,
    };
    ask(store, container, request).map(drop)
}

fn delete(store: &RecordStore, container: &str, key: &[u8]) -> Result<(), Errno> {
    ask(store, container, StoreRequest::Delete { key }).map(drop)
}

#[test]
fn data_outlives_the_store_and_belong_to_one_container() {
    let memory = Memory::new();
    let store = RecordStore::new(memory.shared());
    set(&store, "a", b"key", b"one").unwrap();
    set(&store, "a", b"key", b"two").unwrap();
    assert_eq!(get(&store, "b", b"key"), Err(Errno::NoEntry));
    let store = RecordStore::new(memory.shared());
    assert_eq!(get(&store, "a", b"key").unwrap(), b"two");
    delete(&store, "a", b"key").unwrap();
    assert_eq!(delete(&store, "a", b"key"), Err(Errno::NoEntry));
    assert_eq!(get(&store, "a", b"key"), Err(Errno::NoEntry));
    assert!(memory.state().records.is_empty());
}

#[test]
fn no_container_reaches_anothers_keys() {
    let names = ["a", "ab", "\u{1}a", "a\0", "b", "", "\u{3}a\u{1}b"];
    let memory = Memory::new();
    let store = RecordStore::new(memory.shared());
    for name in names {
        set(&store, name, b"key", name.as_bytes()).unwrap();
        set(&store, name, b"ab", b"").unwrap();
    }
    for name in names {
        assert_eq!(get(&store, name, b"key").unwrap(), name.as_bytes());
        let bytes = u64::try_from(5 + name.len()).unwrap();
        let usage = StoreUsage { keys: 2, bytes };
        assert_eq!(store.usage(name).unwrap(), usage);
    }
    for (removed, name) in names.iter().enumerate() {
        store.remove(name).unwrap();
        assert_eq!(store.usage(name).unwrap(), StoreUsage::default());
        for left in &names[removed + 1..] {
            assert_eq!(get(&store, left, b"key").unwrap(), left.as_bytes());
        }
    }
    assert!(memory.state().records.is_empty());
}

#[test]
fn the_limit_counts_keys_and_values() {
    let store = RecordStore::new(Memory::new().shared());
    let set = |key: &'static [u8], value: &[u8]| {
        let limit_bytes = 10;
        let request = StoreRequest::Set {
            key,
            value,
            limit_bytes,
        };
        ask(&store, "c", request)
    };
    assert_eq!(set(b"a", &[0; 10]), Err(Errno::NoSpace));
    assert_eq!(set(b"a", &[0; 9]), Ok(Vec::new()));
    assert_eq!(set(b"b", b""), Err(Errno::NoSpace));
    assert_eq!(set(b"a", &[1; 8]), Ok(Vec::new()));
    assert_eq!(set(b"b", b""), Ok(Vec::new()));
    assert_eq!(set(b"a", &[2; 9]), Err(Errno::NoSpace));
    assert_eq!(get(&store, "c", b"a").unwrap(), [1; 8]);
}

#[test]
fn keys_end_at_their_number() {
    let store = RecordStore::new(Memory::new().shared());
    // Each set counts all, so a few beyond the limit tell as much as all of them.
    for number in 0..KEYS_MAX {
        let key = number.to_le_bytes();
        if number > KEYS_MAX - 3 {
            set(&store, "c", &key, b"").unwrap();
        } else {
            put_unchecked(&store, &key);
        }
    }
    assert_eq!(store.usage("c").unwrap().keys, KEYS_MAX);
    assert_eq!(set(&store, "c", b"more", b""), Err(Errno::NoSpace));
    assert_eq!(set(&store, "c", &7_usize.to_le_bytes(), b"x"), Ok(()));
    assert_eq!(set(&store, "d", b"more", b""), Ok(()));
}

/// Sets a key without counting the others.
fn put_unchecked(store: &RecordStore, key: &[u8]) {
    let mut records = store.records.take().unwrap();
    let mut pairs = Pairs {
        records: &mut **records,
        owner: Key::owner(prefix::VALUE, "c").unwrap(),
    };
    let Found::Free(slot) = pairs.find(key).unwrap() else {
        panic!("it is there");
    };
    let mut batch = Batch::default();
    pairs.put(&mut batch, slot, key, b"").unwrap();
    batch.apply(pairs.records).unwrap();
}

#[test]
fn long_values_take_several_records_and_long_keys_fit() {
    let memory = Memory::new();
    memory.state().record_bytes_max = 300;
    let store = RecordStore::new(memory.shared());
    let mut long = [b'k'; 256];
    for (round, length) in [0, 1, 200, 280, 281, 600, 3000, 290, 5, 0]
        .into_iter()
        .enumerate()
    {
        long[255] = 0;
        let value = vec![u8::try_from(round).unwrap(); length];
        set(&store, "c", &long, &value).unwrap();
        assert_eq!(get(&store, "c", &long).unwrap(), value);
        long[255] = 1;
        assert_eq!(get(&store, "c", &long), Err(Errno::NoEntry));
    }
    let length = memory.state().records.len();
    assert_eq!(length, 1, "what longer values had more is gone");
    assert_eq!(set(&store, "c", b"x", &[0; 5000]), Err(Errno::TooBig));
    memory.state().records_max = 3;
    assert_eq!(set(&store, "c", b"x", &[0; 1000]), Err(Errno::NoSpace));
    memory.state().record_bytes_max = 100;
    assert_eq!(set(&store, "c", &long, b""), Err(Errno::TooBig));
    assert_eq!(get(&store, &"n".repeat(65), b"k"), Err(Errno::NameTooLong));
}

/// Pairs of keys of the same hash, found by trying.
fn meeting() -> [Vec<u8>; 2] {
    let mut seen = BTreeMap::new();
    // Odd steps, so that the keys differ in all bytes: hashes of neighbours hardly ever meet.
    for number in 0_u64.. {
        let key = number
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_le_bytes()
            .to_vec();
        if let Some(other) = seen.insert(hash(&key), key.clone()) {
            return [other, key];
        }
    }
    unreachable!("there are more numbers than hashes")
}

#[test]
fn keys_of_one_hash_are_apart() {
    let [first, second] = meeting();
    let memory = Memory::new();
    let store = RecordStore::new(memory.shared());
    set(&store, "c", &first, b"1").unwrap();
    assert_eq!(get(&store, "c", &second), Err(Errno::NoEntry));
    set(&store, "c", &second, b"2").unwrap();
    delete(&store, "c", &first).unwrap();
    assert_eq!(get(&store, "c", &second).unwrap(), b"2");
    set(&store, "c", &second, b"3").unwrap();
    set(&store, "c", &first, b"4").unwrap();
    assert_eq!(get(&store, "c", &second).unwrap(), b"3");
    assert_eq!(get(&store, "c", &first).unwrap(), b"4");
    assert_eq!(memory.state().records.len(), 2);
}

#[test]
fn damage_is_an_error_of_its_key_until_it_is_set() {
    let memory = Memory::new();
    memory.state().record_bytes_max = 200;
    let store = RecordStore::new(memory.shared());
    set(&store, "c", b"good", b"1").unwrap();
    set(&store, "other", b"bad", b"2").unwrap();
    set(&store, "c", b"bad", &[7; 700]).unwrap();
    let bucket = Key::owner(prefix::VALUE, "c").unwrap();
    let bucket = bucket.then(&hash(b"bad").to_be_bytes());
    let whole = memory.state().records.clone();
    let damaged: Vec<_> = whole
        .keys()
        .filter(|key| key.starts_with(bucket.as_bytes()))
        .cloned()
        .collect();
    assert!(damaged.len() > 3);
    let mut random = Random::new(0x6b76);
    for key in &damaged {
        for round in 0..60 {
            {
                let mut state = memory.state();
                state.records = whole.clone();
                let length = random.below(round * 4 + 1);
                let garbage = random.bytes(length);
                match round {
                    0 => _ = state.records.remove(key),
                    _ => _ = state.records.insert(key.clone(), garbage),
                }
            }
            assert_eq!(get(&store, "c", b"good").unwrap(), b"1");
            assert_eq!(get(&store, "other", b"bad").unwrap(), b"2");
            assert_ne!(get(&store, "c", b"bad"), Ok(vec![7; 700]));
            assert!(store.usage("c").is_ok());
            if round % 2 == 0 {
                set(&store, "c", b"bad", b"new").unwrap();
                assert_eq!(get(&store, "c", b"bad").unwrap(), b"new");
            } else {
                let _ = delete(&store, "c", b"bad");
                assert!(get(&store, "c", b"bad").is_err());
            }
        }
    }
    store.remove("c").unwrap();
    assert_eq!(memory.state().records.len(), 1);
}

#[test]
fn a_taken_lock_is_asked_again() {
    let records = Memory::new().shared();
    let store = RecordStore::new(Arc::clone(&records));
    let held = records.take().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let request = StoreRequest::Get { key: b"k" };
    assert!(store.poll(&mut context, "c", request).is_pending());
    assert_eq!(store.usage("c"), Err(Errno::Busy));
    drop(held);
    assert_eq!(get(&store, "c", b"k"), Err(Errno::NoEntry));
}

#[test]
fn a_random_walk_agrees_with_the_model_whenever_the_power_goes() {
    const KEYS: [&[u8]; 6] = [
        b"a",
        b"b",
        b"../c",
        b"dd",
        b"\0",
        b"a longer key than these",
    ];
    const LENGTHS: [usize; 7] = [0, 1, 30, 120, 300, 700, 1500];
    const LIMIT: u64 = 2500;
    let memory = Memory::new();
    memory.state().record_bytes_max = 150;
    let mut random = Random::new(0x73_746f_7265);
    let mut store = RecordStore::new(memory.shared());
    let mut model: BTreeMap<(String, &[u8]), Vec<u8>> = BTreeMap::new();
    let mut cuts = 0;
    for step in 0..6000 {
        let container = random.pick(&["one", "two"]);
        let key = random.pick(&KEYS);
        let place = (container.to_owned(), key);
        let length = random.pick(&LENGTHS);
        let value = random.bytes(length);
        let mut after = model.clone();
        let (request, expected) = match random.below(5) {
            0 => {
                let expected = model.get(&place).cloned().ok_or(Errno::NoEntry);
                (StoreRequest::Get { key }, expected)
            }
            1 => {
                let removed = after.remove(&place).map(|_| Vec::new());
                (StoreRequest::Delete { key }, removed.ok_or(Errno::NoEntry))
            }
            _ => {
                after.insert(place, value.clone());
                let own = after.iter().filter(|((of, _), _)| of == container);
                let bytes: usize = own.map(|((_, key), value)| key.len() + value.len()).sum();
                let mut expected = Ok(Vec::new());
                if u64::try_from(bytes).unwrap() > LIMIT {
                    after = model.clone();
                    expected = Err(Errno::NoSpace);
                }
                let limit_bytes = LIMIT;
                let request = StoreRequest::Set {
                    key,
                    value: &value,
                    limit_bytes,
                };
                (request, expected)
            }
        };
        let made = random.below(2) == 0;
        let cuts_here = random.below(8) == 0;
        if cuts_here {
            memory.state().cut = Some((0, made));
        }
        let answer = ask(&store, container, request);
        let died = memory.state().dead;
        memory.revive();
        if died {
            assert_eq!(answer, Err(Errno::Io), "step {step}");
            cuts += 1;
            store = RecordStore::new(memory.shared());
            if made {
                model = after;
            }
        } else {
            assert_eq!(answer, expected, "step {step}");
            model = after;
        }
        for ((container, key), value) in &model {
            assert_eq!(
                get(&store, container, key).as_ref(),
                Ok(value),
                "step {step}"
            );
        }
    }
    assert!(cuts > 300, "{cuts}");
}
