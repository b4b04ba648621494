//! It does what the standard library's map does, and holds no more room than half of what is in it again.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Sorted, push};

/// A linear congruential generator: the same numbers each time.
fn numbers() -> impl FnMut() -> u32 {
    let mut state = 1_u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u32
    }
}

#[test]
fn it_does_what_a_map_does() {
    let mut next = numbers();
    let (mut sorted, mut map) = (Sorted::new(), BTreeMap::new());
    for round in 0..10_000 {
        let key = next() % 64;
        match next() % 5 {
            0 => assert_eq!(sorted.insert(key, round), map.insert(key, round).is_none()),
            1 => assert_eq!(
                sorted.get_or_insert_with(key, || round),
                map.entry(key).or_insert(round)
            ),
            2 | 3 => assert_eq!(sorted.remove(&key), map.remove(&key)),
            _ => assert_eq!(sorted.get(&key), map.get(&key)),
        }
        assert_eq!(sorted.contains(&key), map.contains_key(&key));
        assert!(sorted.iter().eq(&map));
        assert_eq!(sorted.len(), map.len());
        assert!(sorted.items.capacity() <= 64 * 3 / 2 + 1);
    }
}

#[test]
fn one_takes_the_room_of_one() {
    let mut sorted = Sorted::new();
    sorted.insert(1, 1);
    assert_eq!(sorted.items.capacity(), 1);
    let mut vector = Vec::new();
    push(&mut vector, 1);
    assert_eq!(vector.capacity(), 1);
}

#[test]
fn the_greatest_is_taken_out_first() {
    let mut next = numbers();
    let mut sorted = Sorted::new();
    for _ in 0..100 {
        sorted.insert(next(), ());
    }
    let mut last = u32::MAX;
    while let Some(key) = sorted.pop_last() {
        assert!(key <= last);
        last = key;
    }
}
