//! The guests, in WebAssembly text.
//!
//! Memory of those with [`HEAD`]: a list of buffers at 16, a number in hexadecimal at 32, topics at 64 and 96, a
//! content type at 128, a payload at 160, a path at 208, an address at 224, an event from 512, numbers from 65,536.

/// Waits for events without end.
pub(super) const IDLE: &str = r#"
(module
  (import "thimble" "event_wait" (func $event_wait (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (drop (call $event_wait (i64.const -1) (i32.const 0) (i32.const 1024)))
      (br $again))))"#;

/// The same as another module for each number.
pub(super) fn idle(number: u32) -> String {
    let memory = "(memory (export \"memory\") 1)";
    IDLE.replace(
        memory,
        &format!("{memory} (data (i32.const 4096) \"{number}\")"),
    )
}

/// Messages between two answers: fewer than a queue holds.
pub(super) const BATCH: usize = 256;

const HEAD: &str = r#"
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "event_wait" (func $event_wait (param i64 i32 i32) (result i32)))
  (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
"#;

/// After all imports.
const BODY: &str = r#"
  (memory (export "memory") 4)
  (data (i32.const 64) "bench/there")
  (data (i32.const 96) "bench/back")
  (data (i32.const 128) "b")
  (data (i32.const 160) "0123456789abcdef0123456789abcdef")
  (data (i32.const 208) "flood")
  (func $now (result i64)
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
    (i64.load (i32.const 8)))
  (func $write (param $at i32) (param $bytes i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $bytes))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $say (param $number i64) (local $at i32) (local $digit i32)
    (local.set $at (i32.const 15))
    (loop $next
      (local.set $digit (i32.wrap_i64 (i64.and (local.get $number) (i64.const 15))))
      (i32.store8 offset=32 (local.get $at)
        (i32.add (local.get $digit)
          (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $digit) (i32.const 9)))))
      (local.set $number (i64.shr_u (local.get $number) (i64.const 4)))
      (br_if $next (i32.ge_s (local.tee $at (i32.sub (local.get $at) (i32.const 1))) (i32.const 0))))
    (i32.store8 (i32.const 48) (i32.const 10))
    (call $write (i32.const 32) (i32.const 17)))
  (func $check (param $good i32) (if (i32.eqz (local.get $good)) (then unreachable)))
  (func $work (result i32) (local $state i32) (local $left i32)
    (local.set $state (i32.const 1))
    (local.set $left (i32.const 5000))
    (loop $again
      (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 13))))
      (local.set $state (i32.xor (local.get $state) (i32.shr_u (local.get $state) (i32.const 17))))
      (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 5))))
      (i32.store offset=1024 (i32.and (local.get $state) (i32.const 0x3ffc)) (local.get $state))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $state))
"#;

const BUS: &str = r#"
  (import "thimble" "bus_publish" (func $bus_publish (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "thimble" "bus_subscribe" (func $bus_subscribe (param i32 i32) (result i32)))
"#;
const BUS_CALLS: &str = r#"
  (func $length (param $topic i32) (result i32)
    (select (i32.const 11) (i32.const 10) (i32.eq (local.get $topic) (i32.const 64))))
  (func $publish (param $topic i32) (result i32)
    (call $bus_publish (local.get $topic) (call $length (local.get $topic))
      (i32.const 128) (i32.const 1) (i32.const 160) (i32.const 32) (i32.const 0)))
  (func $subscribe (param $topic i32)
    (call $check (i32.gt_s (call $bus_subscribe (local.get $topic) (call $length (local.get $topic))) (i32.const 0))))
  (func $take
    (call $check (i32.gt_s (call $event_wait (i64.const -1) (i32.const 512) (i32.const 1024)) (i32.const 0))))
  (func $ready
    (loop $again
      (if (i32.lt_s (call $publish (i32.const 96)) (i32.const 1))
        (then (drop (call $sleep (i32.const 1))) (br $again)))))
"#;

fn module(imports: &str, calls: &str, start: &str) -> String {
    format!("(module {HEAD} {imports} {BODY} {calls} (func (export \"_start\") {start}))")
}

/// Counts a local down and branches while it is not zero.
fn down(local: &str, label: &str) -> String {
    format!("(br_if {label} (local.tee {local} (i32.sub (local.get {local}) (i32.const 1))))")
}

/// Does so many things in a loop.
fn times(local: &str, count: usize, label: &str, each: &str) -> String {
    let next = down(local, label);
    format!("(local.set {local} (i32.const {count})) (loop {label} {each} {next})")
}

/// Computes for so many milliseconds and says how many units of work it did.
pub(super) fn worker(millis: u64) -> String {
    let nanos = millis * 1_000_000;
    let start = format!(
        "(local $end i64) (local $units i64)
         (local.set $end (i64.add (call $now) (i64.const {nanos})))
         (loop $again
           (drop (call $work))
           (local.set $units (i64.add (local.get $units) (i64.const 1)))
           (br_if $again (i64.lt_s (call $now) (local.get $end))))
         (call $say (local.get $units))"
    );
    module("", "", &start)
}

/// Sends what it receives back, to one client after another.
pub(super) fn echo() -> String {
    let imports = r#"
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#;
    let start = "(local $client i32)
         (loop $next
           (call $check (i32.eqz (call $accept (i32.const 3) (i32.const 0) (i32.const 56))))
           (local.set $client (i32.load (i32.const 56)))
           (block $gone
             (loop $again
               (i32.store (i32.const 16) (i32.const 512))
               (i32.store (i32.const 20) (i32.const 1024))
               (br_if $gone (call $receive (local.get $client) (i32.const 16) (i32.const 1) (i32.const 0)
                 (i32.const 24) (i32.const 28)))
               (br_if $gone (i32.eqz (i32.load (i32.const 24))))
               (i32.store (i32.const 20) (i32.load (i32.const 24)))
               (br_if $gone (call $send (local.get $client) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 24)))
               (br $again)))
           (drop (call $close (local.get $client)))
           (br $next))";
    module(imports, "", start)
}

/// Waits until `ready` others are, sends batches that `answers` of them answer, and says how many nanoseconds it took.
pub(super) fn publisher(ready: usize, answers: usize, batches: usize) -> String {
    let wait = times("$n", ready, "$ready", "(call $take)");
    let send = times(
        "$n",
        BATCH,
        "$send",
        "(call $check (i32.gt_s (call $publish (i32.const 64)) (i32.const 0)))",
    );
    let answered = times("$n", answers, "$answered", "(call $take)");
    let all = times("$batch", batches, "$again", &format!("{send} {answered}"));
    let start = format!(
        "(local $n i32) (local $batch i32) (local $begun i64)
         (call $subscribe (i32.const 96)) {wait}
         (local.set $begun (call $now)) {all}
         (call $say (i64.sub (call $now) (local.get $begun)))"
    );
    module(BUS, BUS_CALLS, &start)
}

/// Takes batches and answers each.
pub(super) fn subscriber(batches: usize) -> String {
    let take = times("$n", BATCH, "$take", "(call $take)");
    let answer = "(call $check (i32.gt_s (call $publish (i32.const 96)) (i32.const 0)))";
    let all = times("$batch", batches, "$again", &format!("{take} {answer}"));
    let start = format!(
        "(local $n i32) (local $batch i32) (call $subscribe (i32.const 64)) (call $ready) {all}"
    );
    module(BUS, BUS_CALLS, &start)
}

/// Takes batches and answers none.
pub(super) fn quiet_subscriber() -> String {
    let start =
        "(call $subscribe (i32.const 64)) (call $ready) (loop $again (call $take) (br $again))";
    module(BUS, BUS_CALLS, start)
}

/// Subscribes and never reads.
pub(super) fn silent_subscriber() -> String {
    let start = "(call $subscribe (i32.const 64)) (call $ready)
         (loop $again (drop (call $sleep (i32.const 0x7fffffff))) (br $again))";
    module(BUS, BUS_CALLS, start)
}

/// Waits until `ready` others are, and sends a message with the time in it every few milliseconds.
pub(super) fn pacer(ready: usize, rounds: usize, period_ms: u32) -> String {
    let wait = times("$n", ready, "$ready", "(call $take)");
    let send = times(
        "$n",
        rounds,
        "$send",
        &format!(
            "(drop (call $sleep (i32.const {period_ms})))
             (i64.store (i32.const 160) (call $now))
             (call $check (i32.gt_s (call $publish (i32.const 64)) (i32.const 0)))"
        ),
    );
    let start = format!("(local $n i32) (call $subscribe (i32.const 96)) {wait} {send}");
    module(BUS, BUS_CALLS, &start)
}

/// Says of each message how many nanoseconds old it was when it came.
pub(super) fn timer(rounds: usize) -> String {
    // A record is 28 bytes, the topic 11, the content type 1, and then the time.
    let take = "(call $take)
         (i64.store offset=65536 (i32.shl (local.get $n) (i32.const 3))
           (i64.sub (call $now) (i64.load (i32.const 552))))";
    let all = times("$n", rounds, "$again", take);
    let say = "(call $say (i64.load offset=65536 (i32.shl (local.get $n) (i32.const 3))))";
    let said = times("$n", rounds, "$said", say);
    let start =
        format!("(local $n i32) (call $subscribe (i32.const 64)) (call $ready) {all} {said}");
    module(BUS, BUS_CALLS, &start)
}

/// Never gives the processor back by itself.
pub(super) fn busy() -> String {
    module("", "", "(loop $again (drop (call $work)) (br $again))")
}

/// Takes memory until there is none, writes to all of it, and goes on asking for more.
pub(super) fn memory_flood() -> String {
    let start = "(local $at i32)
         (loop $again
           (if (i32.lt_s (memory.grow (i32.const 1)) (i32.const 0))
             (then
               (local.set $at (i32.const 65536))
               (loop $touch
                 (i32.store (local.get $at) (local.get $at))
                 (br_if $touch (i32.lt_u
                   (local.tee $at (i32.add (local.get $at) (i32.const 4096)))
                   (i32.shl (memory.size) (i32.const 16)))))))
           (i32.store (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 4)) (i32.const 1))
           (br $again))";
    module("", "", start)
}

/// Takes much memory and fills all of it with one instruction, again and again.
pub(super) fn fill_flood() -> String {
    let start = "(loop $grow (br_if $grow (i32.gt_s (memory.grow (i32.const 16)) (i32.const 0))))
         (loop $again
           (memory.fill (i32.const 65536) (i32.const 7)
             (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 65536)))
           (br $again))";
    module("", "", start)
}

/// Writes short lines without end.
pub(super) fn log_flood() -> String {
    let start = "(local $at i32)
         (loop $line
           (i32.store8 offset=4096 (local.get $at)
             (select (i32.const 10) (i32.const 97) (i32.eqz (i32.rem_u (local.get $at) (i32.const 64)))))
           (br_if $line (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4096))))
         (loop $again (call $write (i32.const 4096) (i32.const 4096)) (br $again))";
    module("", "", start)
}

/// Sends to itself without end, and never reads.
pub(super) fn bus_flood() -> String {
    let start = "(call $subscribe (i32.const 64))
         (loop $again (drop (call $publish (i32.const 64))) (br $again))";
    module(BUS, BUS_CALLS, start)
}

/// Makes, writes and removes files without end. Its volume is descriptor 3.
pub(super) fn file_flood() -> String {
    let imports = r#"
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#;
    let start = "(loop $again
           (call $check (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 208) (i32.const 5)
             (i32.const 9) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 56))))
           (i32.store (i32.const 16) (i32.const 65536))
           (i32.store (i32.const 20) (i32.const 65536))
           (drop (call $fd_write (i32.load (i32.const 56)) (i32.const 16) (i32.const 1) (i32.const 24)))
           (drop (call $close (i32.load (i32.const 56))))
           (drop (call $unlink (i32.const 3) (i32.const 208) (i32.const 5)))
           (br $again))";
    module(imports, "", start)
}

/// Opens sockets, connects them to a port of this machine where nobody listens, and closes them, without end.
pub(super) fn socket_flood(port: u16) -> String {
    let imports = r#"
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_connect" (func $connect (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))"#;
    let start = format!(
        "(i32.store (i32.const 228) (i32.const 0x0100007f))
         (i32.store16 (i32.const 232) (i32.const {port}))
         (loop $again
           (call $check (i32.eqz (call $open (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 56))))
           (drop (call $connect (i32.load (i32.const 56)) (i32.const 224)))
           (drop (call $close (i32.load (i32.const 56))))
           (br $again))"
    );
    module(imports, "", &start)
}

/// Makes as many timers as it gets, each of which fires every millisecond, and takes what comes.
pub(super) fn timer_flood() -> String {
    let imports = r#"
  (import "thimble" "timer_create" (func $create (param i64 i64) (result i32)))
  (import "thimble" "timer_cancel" (func $cancel (param i32) (result i32)))"#;
    let start = "(local $last i32) (local $made i32)
         (loop $again
           (local.set $made (call $create (i64.const 1) (i64.const 1)))
           (if (i32.gt_s (local.get $made) (i32.const 0))
             (then (local.set $last (local.get $made)))
             (else (drop (call $cancel (local.get $last)))))
           (drop (call $event_wait (i64.const 0) (i32.const 512) (i32.const 1024)))
           (br $again))";
    module(imports, "", start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_is_a_module() {
        let guests = [
            IDLE.to_owned(),
            idle(1),
            worker(1),
            echo(),
            publisher(1, 1, 1),
            subscriber(1),
            quiet_subscriber(),
            silent_subscriber(),
            pacer(1, 1, 1),
            timer(1),
            busy(),
            memory_flood(),
            fill_flood(),
            log_flood(),
            bus_flood(),
            file_flood(),
            socket_flood(1),
            timer_flood(),
        ];
        for guest in guests {
            let bytes = wat::parse_str(&guest).unwrap_or_else(|error| panic!("{error}: {guest}"));
            thimble_runtime::module::Module::parse(bytes)
                .unwrap_or_else(|error| panic!("{error}: {guest}"));
        }
    }
}
