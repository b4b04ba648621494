//! Words that show that a part of the board works.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration as Time;

use embassy_time::{Duration, Instant, Timer};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use firmware_parts::{
    Chip, MappedFlash as _, Parts, Watchdog as _, heap, provoke, scheduler, stack,
};
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{Board as _, Direction, Level};

/// Where flash is tried; its first sector counts starts.
const COUNT_OFFSET: u32 = 0;

/// Obeys a line, and says what came of it.
pub(crate) async fn answer<C: Chip>(parts: &mut Parts<C>, line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    let number: u32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    match word {
        "uptime" => format!(
            "{} us, started at {:?}, {:?} instructions\n",
            Instant::now().as_micros(),
            parts.clock.unix_seconds_at_start,
            C::instructions()
        ),
        "seed" => format!("{:02x?}\n", parts.seed),
        "memory" => format!("{:?} {:?}\n", heap::usage(), stack::usage()),
        "flash" => flash::<C>(parts),
        "wear" => wear::<C>(parts, number),
        "idle" => idle(number).await,
        "timer" => timer(number).await,
        "board" => board::<C>(parts),
        "reserve" => reserve(number),
        "watchdog" => {
            parts.watchdog.start(number);
            String::from("started\n")
        }
        "feed" => {
            parts.watchdog.feed();
            String::from("fed\n")
        }
        "hang" => provoke::hang(),
        "fault" => {
            provoke::fault();
            String::from("still here\n")
        }
        "overflow" => format!("{}\n", provoke::stack_overflow()),
        "panic" => panic!("because the line said so: {line}"),
        "oom" => exhaust(),
        "restart" => C::restart(),
        "exit" => C::exit(number),
        _ => format!("{line}\n"),
    }
}

/// Sleeps for so many milliseconds, and tells how often the processor woke meanwhile.
async fn idle(wait_ms: u32) -> String {
    let before = scheduler::sleep();
    Timer::after(Duration::from_millis(u64::from(wait_ms))).await;
    let after = scheduler::sleep();
    format!(
        "{} wakes, slept {} of {wait_ms} ms\n",
        after.wakes - before.wakes,
        (after.slept - before.slept).as_millis()
    )
}

/// How late a hundred timers of so many microseconds are.
async fn timer(wait_us: u32) -> String {
    let wait = Duration::from_micros(u64::from(wait_us));
    let (mut late, mut worst) = (0, 0);
    for _ in 0..100 {
        let begin = Instant::now();
        Timer::after(wait).await;
        let over = (begin.elapsed() - wait).as_micros();
        late += over;
        worst = over.max(worst);
    }
    format!("late by {} us on average, {worst} at most\n", late / 100)
}

/// Counts a start in flash, and tries what flash must refuse.
fn flash<C: Chip>(parts: &mut Parts<C>) -> String {
    let capacity = parts.flash.capacity();
    let mut sector = [0; 256];
    let mut text = match parts.flash.read(COUNT_OFFSET, &mut sector) {
        Ok(()) => String::new(),
        Err(error) => return format!("cannot read: {error:?}\n"),
    };
    let used = sector
        .chunks_exact(4)
        .take_while(|word| *word != [0xff; 4])
        .count();
    let next = COUNT_OFFSET + u32::try_from(used * 4).unwrap_or(0);
    let written = parts.flash.write(next, b"mark");
    text.push_str(&format!(
        "{capacity} bytes at {:#x}, {used} marks; the next: {written:?}\n",
        parts.flash.address()
    ));
    // Bits that are clear cannot be set.
    let refused = parts.flash.write(next, &[0xff; 4]);
    text.push_str(&format!("setting bits: {refused:?}\n"));
    let end = u32::try_from(capacity).unwrap_or(0);
    let last = end.saturating_sub(u32::try_from(C::Flash::ERASE_SIZE).unwrap_or(0));
    let tried = parts
        .flash
        .erase(last, end)
        .and_then(|()| parts.flash.write(last, &[0x5a; 256]))
        .and_then(|()| parts.flash.read(last, &mut sector));
    let mapped = parts.flash.address() + last as usize;
    // SAFETY: the board says that its flash can be read there.
    let mapped = unsafe { core::slice::from_raw_parts(mapped as *const u8, sector.len()) };
    text.push_str(&format!(
        "last sector: {tried:?}, same by its address: {}\n",
        mapped == sector && sector == [0x5a; 256]
    ));
    text.push_str(&format!(
        "outside: {:?}, not aligned: {:?}\n",
        parts.flash.write(end, b"mark"),
        parts.flash.write(1, b"mark")
    ));
    text
}

/// Erases and writes a sector again and again, for tests of power cuts.
fn wear<C: Chip>(parts: &mut Parts<C>, rounds: u32) -> String {
    let sector = u32::try_from(C::Flash::ERASE_SIZE).unwrap_or(0);
    for round in 0..rounds {
        let done = parts
            .flash
            .erase(sector, 2 * sector)
            .and_then(|()| parts.flash.write(sector, &[0; 64]));
        if let Err(error) = done {
            return format!("round {round}: {error:?}\n");
        }
    }
    format!("{rounds} rounds\n")
}

/// Takes the pins and reads the sensors of the simulated board.
fn board<C: Chip>(parts: &mut Parts<C>) -> String {
    let board = &parts.board;
    let me = ContainerId::new(1);
    let now = thimble_runtime::time::Instant::from_nanos(Instant::now().as_nanos());
    let led = board.pin_named("led0").map(|pin| {
        board
            .configure(me, pin.port, pin.pin, Direction::Output, now)
            .and_then(|()| board.set(me, pin.port, pin.pin, Level::High))
            .and_then(|()| board.get(me, pin.port, pin.pin, now))
    });
    let input = board.pin_named("sw0").map(|pin| {
        board
            .configure(me, pin.port, pin.pin, Direction::Input, now)
            .and_then(|()| board.get(me, pin.port, pin.pin, now + Time::from_millis(3)))
    });
    board.release(me);
    let sensors: Vec<_> = board
        .sensors()
        .into_iter()
        .map(|sensor| (sensor.name, board.read_sensor(sensor.id, 0)))
        .collect();
    format!("led0 {led:?}, sw0 {input:?}, {sensors:?}\n")
}

/// Asks for memory in a way that can be refused.
fn reserve(bytes: u32) -> String {
    let mut bytes_wanted: Vec<u8> = Vec::new();
    let asked = bytes_wanted.try_reserve_exact(bytes as usize);
    format!(
        "{bytes} bytes: {}\n",
        if asked.is_ok() { "there" } else { "refused" }
    )
}

/// Asks for memory in a way that cannot.
fn exhaust() -> String {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        blocks.push(Vec::with_capacity(4096));
    }
}
