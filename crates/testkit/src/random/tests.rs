//! The generator gives the numbers of its authors' paper, and keeps to what was asked for.

use super::Random;

#[test]
fn a_seed_gives_the_published_numbers() {
    // The first outputs of the reference implementation (prng.di.unimi.it/splitmix64.c) from the seed 1234567.
    let mut random = Random::new(1_234_567);
    let numbers = [(); 3].map(|()| random.next());
    let expected = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
    ];
    assert_eq!(numbers, expected);
}

#[test]
fn what_is_asked_for_is_kept_to() {
    let mut random = Random::new(1);
    for count in 0..20 {
        assert_eq!(random.bytes(count).len(), count);
    }
    let mut seen = [false; 5];
    for _ in 0..200 {
        seen[random.index(5)] = true;
        assert!([3, 4].contains(random.pick(&[3, 4])) && random.below(1) == 0);
    }
    assert_eq!(seen, [true; 5]);
}
