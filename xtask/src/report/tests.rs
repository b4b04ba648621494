//! Counting test results.

use super::{Report, Tally};
use anyhow::bail;

#[test]
fn sums_over_all_test_binaries() {
    let mut tally = Tally::default();
    for line in [
        "running 3 tests",
        "test a ... ok",
        "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        "test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.01s\n",
        "    test result: ok. nonsense passed; failed",
    ] {
        tally.observe(line);
    }
    assert_eq!(
        tally,
        Tally {
            passed: 4,
            failed: 2,
            ignored: 1
        }
    );
    assert_eq!(tally.to_string(), "4 passed, 2 failed");
}

#[test]
fn output_that_only_looks_alike_does_not_count() {
    let mut tally = Tally::default();
    tally.observe("guest says: test result: ok. 9 passed; 9 failed");
    tally.observe("test result: ok");
    assert_eq!(tally, Tally::default());
}

#[test]
fn a_failed_step_without_a_failed_test_counts_as_one_failure() {
    let mut report = Report::default();
    report.step("build", || -> anyhow::Result<()> { bail!("no") });
    assert_eq!(report.tally.failed, 1);
    report.counting_step("test", |tally| -> anyhow::Result<()> {
        tally.failed += 2;
        bail!("two tests failed")
    });
    assert_eq!(report.tally.failed, 3);
}
