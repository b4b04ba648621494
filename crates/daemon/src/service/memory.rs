//! Memory that the start has used and nobody needs any more.
//!
//! A daemon waits for days after a start of milliseconds. What that start has allocated and freed, and the code that it ran
//! once, is given back; what is needed again is read again from where it is, the page cache.

use std::fs;
use std::ops::Range;
use std::sync::OnceLock;

use rustix::mm::{Advice, madvise};

/// Where the program is; it stays where it is.
static PROGRAM: OnceLock<Vec<Range<usize>>> = OnceLock::new();

/// Gives back what was freed, and the pages of this program that were mapped so far.
pub fn give_back() {
    for place in PROGRAM.get_or_init(unchanged_program) {
        let start = std::ptr::with_exposed_provenance_mut(place.start);
        // SAFETY: the place is a mapping of the program's file that cannot be written to and of which no page is our own
        // (`unchanged_program`), so that every page comes back from the file as it was.
        let given_back = unsafe { madvise(start, place.len(), Advice::LinuxDontNeed) };
        if let Err(error) = given_back {
            tracing::debug!("pages of the program stay: {error}");
        }
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Where the program's file is mapped, cannot be written to, and was not changed since: constants and code.
fn unchanged_program() -> Vec<Range<usize>> {
    let (Ok(program), Ok(maps)) = (
        fs::read_link("/proc/self/exe"),
        fs::read_to_string("/proc/self/smaps"),
    ) else {
        return Vec::new();
    };
    let program = program.to_string_lossy();
    let mut found = Vec::new();
    let mut place = None;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (first, second) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        if let Some(range) = range(first) {
            let is_ours = line.ends_with(program.as_ref());
            let is_fixed = matches!(second, "r--p" | "r-xp");
            place = (is_ours && is_fixed).then_some(range);
        } else if first == "Anonymous:" && second == "0" {
            found.extend(place.take());
        }
    }
    found
}

/// `7f00-7f10` in hexadecimal digits.
fn range(text: &str) -> Option<Range<usize>> {
    let (start, end) = text.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

#[cfg(test)]
#[test]
fn the_program_runs_on_without_its_pages() {
    let before = unchanged_program();
    assert!(!before.is_empty());
    for _ in 0..10 {
        give_back();
        assert_eq!(range("7f00-7f10"), Some(0x7f00..0x7f10));
        assert_eq!(range("Rss:"), None);
    }
}
