//! Memory that the start has used and nobody needs any more.
//!
//! A daemon waits for days after a start of milliseconds. What that start has allocated and freed, and the code that it ran
//! once, is given back; what is needed again is mapped again from where it is, the page cache.
//!
//! The kernel maps a window of sixteen pages around each one that is missed, of which a process that waits needs one or two.
//! It stays within a mapping, so windows that are needed while the process waits are made mappings of one page each
//! (`narrow`): neighbours that have different advice are different mappings.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

/// What the kernel maps at once, if it was not told otherwise; aligned.
const WINDOW_BYTES: usize = 64 << 10;
/// Windows that are divided at most. Each costs the kernel about three kilobytes for its mappings.
const NARROWED_MAX: usize = 64;
/// The smallest page there is.
const PAGE_BYTES_MIN: usize = 4096;
/// Bytes in which the kernel tells of a page whether it is mapped.
const ENTRY_BYTES: usize = 8;

/// Where the program is; it stays where it is.
static PROGRAM: OnceLock<Vec<Range<usize>>> = OnceLock::new();
/// The windows that are divided, by their beginning.
static NARROWED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Has all threads take memory from one place, before there are any. With a place for each, what one has freed lies idle
/// while another one takes more from the system.
pub fn share_one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers, and there are no other threads yet that could allocate meanwhile.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what was freed, and the pages of this program that were mapped so far. What runs after it is mapped again: so
/// it is best the last thing before a long wait, on the thread that waits.
pub fn give_back() {
    for place in PROGRAM.get_or_init(unchanged_program) {
        advise(place, Advice::LinuxDontNeed);
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has the pages that are mapped by now come alone from now on, and gives them back. To be called when the process has waited
/// for a while since it called [`give_back`]: then they are what it needs for waiting, and what lies around that.
pub fn narrow() {
    if let Err(error) = narrow_mapped() {
        tracing::debug!("pages of the program come in windows: {error}");
    }
    give_back();
}

fn narrow_mapped() -> io::Result<()> {
    let told = File::open("/proc/self/pagemap")?;
    let mut narrowed = NARROWED.lock().unwrap_or_else(PoisonError::into_inner);
    for place in PROGRAM.get_or_init(unchanged_program) {
        let mut window = place.start..place.start;
        while window.end < place.end {
            let next = (window.end / WINDOW_BYTES + 1).saturating_mul(WINDOW_BYTES);
            window = window.end..next.min(place.end);
            if narrowed.contains(&window.start) || !is_mapped(&told, &window)? {
                continue;
            }
            if narrowed.len() == NARROWED_MAX {
                return Ok(());
            }
            narrowed.insert(window.start);
            for page in window.clone().step_by(page_size()) {
                if page / page_size() % 2 == 1 {
                    advise(&(page..page + page_size()), Advice::Random);
                }
            }
        }
    }
    Ok(())
}

/// Whether a page of a window is mapped. The highest bit says so of each page.
fn is_mapped(told: &File, window: &Range<usize>) -> io::Result<bool> {
    let mut entries = [0; WINDOW_BYTES / PAGE_BYTES_MIN * ENTRY_BYTES];
    let length = window.len() / page_size() * ENTRY_BYTES;
    let entries = entries
        .get_mut(..length)
        .ok_or(io::ErrorKind::InvalidData)?;
    let at = (window.start / page_size() * ENTRY_BYTES) as u64;
    told.read_exact_at(entries, at)?;
    let mut entries = entries.chunks_exact(ENTRY_BYTES);
    Ok(entries.any(|entry| entry.last().is_some_and(|byte| byte & 0x80 != 0)))
}

/// Advises the kernel about a part of the program that stays as it is (`unchanged_program`).
fn advise(place: &Range<usize>, advice: Advice) {
    let start = std::ptr::with_exposed_provenance_mut(place.start);
    // SAFETY: the place belongs to a mapping of the program's file that cannot be written to and of which no page is our own,
    // so that every page that goes comes back from the file as it was.
    let advised = unsafe { madvise(start, place.len(), advice) };
    if let Err(error) = advised {
        tracing::debug!("pages of the program stay: {error}");
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
        narrow();
        assert_eq!(range("7f00-7f10"), Some(0x7f00..0x7f10));
        assert_eq!(range("Rss:"), None);
    }
}
