//! The app heap against a model. What the calls do is tested over a whole device, in `port-linux`.

extern crate std;

use alloc::collections::BTreeMap;
use std::eprintln;

use super::heap::Heap;

#[test]
fn the_heap_behaves_like_the_model() {
    const START: u32 = 65_536;
    const END: u32 = START + 4096;
    let mut seed: u64 = std::env::var("SEED").map_or(0x4EA9, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    let mut random = |below: u32| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(seed >> 33).unwrap() % below
    };
    let mut heap = Heap::new(START..END);
    let mut blocks: BTreeMap<u32, u32> = BTreeMap::new();
    for _ in 0..50_000 {
        if random(2) == 0 {
            let size = random(300);
            let needed = size.max(1).next_multiple_of(8);
            let ends =
                core::iter::once(START).chain(blocks.iter().map(|(block, size)| block + size));
            let starts = blocks.keys().copied().chain(core::iter::once(END));
            let gap = ends.zip(starts).any(|(end, start)| start - end >= needed);
            let block = heap.allocate(size);
            assert_eq!(block.is_some(), gap, "it fits exactly if there is a gap");
            if let Some(block) = block {
                assert_eq!(block % 8, 0);
                assert!(block >= START && block + needed <= END);
                let before = blocks.range(..=block).next_back();
                assert!(
                    before.is_none_or(|(other, size)| other + size <= block),
                    "overlaps the one before"
                );
                let after = blocks.range(block..).next();
                assert!(
                    after.is_none_or(|(other, _)| block + needed <= *other),
                    "overlaps the one after"
                );
                blocks.insert(block, needed);
            }
        } else {
            let place = START - 8 + random(4112);
            let known = blocks.keys().copied().find(|block| *block >= place);
            let offset = if random(4) == 0 {
                place
            } else {
                known.unwrap_or(place)
            };
            assert_eq!(heap.is_used(offset), blocks.contains_key(&offset));
            assert_eq!(heap.free(offset), blocks.remove(&offset).is_some());
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let mut heap = Heap::new(u32::MAX - 100..u32::MAX);
    assert!(!heap.could_fit(&[u32::MAX]));
    assert!(!heap.could_fit(&[u32::MAX - 8, 100]));
    assert_eq!(heap.allocate(u32::MAX), None);
    assert_eq!(heap.allocate(200), None);
    assert!(heap.allocate(50).is_some());
    assert_ne!(Heap::new(0..64).allocate(1), Some(0), "NULL is no block");
}
