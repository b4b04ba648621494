//! The guests, in WebAssembly text.
//!
//! The one that asks sends a batch and waits for an answer; the one that answers takes the batch and
//! answers. For latency a batch is one message. So no queue overflows, and every message arrives.

/// Messages between two answers: fewer than a queue holds.
pub(super) const BATCH: usize = 256;

/// Bytes of a message.
pub(super) const PAYLOAD_BYTES: usize = 32;

/// Two guests.
pub(super) struct Pair {
    /// Sends first.
    pub(super) asks: String,
    /// Receives first; started first.
    pub(super) answers: String,
}

/// Memory: topics at 64 and 96 (with a NUL), content type at 128, payload at 160, events from 512, the
/// times from 65,536.
const HEAD: &str = r#"
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (data (i32.const 64) "bench/there\00")
  (data (i32.const 96) "bench/back\00")
  (data (i32.const 128) "b\00")
  (data (i32.const 160) "0123456789abcdef0123456789abcdef")
  (func $now (result i64)
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
    (i64.load (i32.const 8)))
  (func $write_times (param $bytes i32)
    (i32.store (i32.const 16) (i32.const 65536))
    (i32.store (i32.const 20) (local.get $bytes))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $check (param $good i32) (if (i32.eqz (local.get $good)) (then unreachable)))
"#;

/// `$publish topic` sends or traps, `$take` waits for a message and gives it back.
const THIMBLE: &str = r#"
  (import "thimble" "bus_publish" (func $bus_publish (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "thimble" "bus_subscribe" (func $bus_subscribe (param i32 i32) (result i32)))
  (import "thimble" "event_wait" (func $event_wait (param i64 i32 i32) (result i32)))
"#;
const THIMBLE_CALLS: &str = r#"
  (func $length (param $topic i32) (result i32)
    (select (i32.const 11) (i32.const 10) (i32.eq (local.get $topic) (i32.const 64))))
  (func $publish (param $topic i32)
    (call $check (i32.eq (i32.const 1)
      (call $bus_publish (local.get $topic) (call $length (local.get $topic))
        (i32.const 128) (i32.const 1) (i32.const 160) (i32.const 32) (i32.const 0)))))
  (func $subscribe (param $topic i32)
    (call $check (i32.gt_s (call $bus_subscribe (local.get $topic) (call $length (local.get $topic))) (i32.const 0))))
  (func $take
    (call $check (i32.gt_s (call $event_wait (i64.const -1) (i32.const 512) (i32.const 1024)) (i32.const 0))))
"#;

const OCRE: &str = r#"
  (import "env" "ocre_publish_message" (func $ocre_publish (param i32 i32 i32 i32) (result i32)))
  (import "env" "ocre_subscribe_message" (func $ocre_subscribe (param i32) (result i32)))
  (import "env" "ocre_get_event" (func $get_event (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "ocre_messaging_free_module_event_data" (func $free (param i32 i32 i32) (result i32)))
"#;
const OCRE_CALLS: &str = r#"
  (func $publish (param $topic i32)
    (call $check (i32.eqz (call $ocre_publish (local.get $topic) (i32.const 128) (i32.const 160) (i32.const 32)))))
  (func $subscribe (param $topic i32)
    (call $check (i32.eqz (call $ocre_subscribe (local.get $topic)))))
  (func $take
    (loop $poll
      (br_if $poll (call $get_event
        (i32.const 512) (i32.const 516) (i32.const 520) (i32.const 524) (i32.const 528) (i32.const 532))))
    (call $check (i32.eqz
      (call $free (i32.load (i32.const 520)) (i32.load (i32.const 524)) (i32.load (i32.const 528))))))
"#;

pub(super) fn thimble_flood(batches: usize) -> Pair {
    flood(THIMBLE, THIMBLE_CALLS, batches)
}

pub(super) fn ocre_flood(batches: usize) -> Pair {
    flood(OCRE, OCRE_CALLS, batches)
}

pub(super) fn thimble_latency(rounds: usize) -> Pair {
    latency(THIMBLE, THIMBLE_CALLS, rounds)
}

pub(super) fn ocre_latency(rounds: usize) -> Pair {
    latency(OCRE, OCRE_CALLS, rounds)
}

fn module(imports: &str, calls: &str, start: &str) -> String {
    format!("(module {imports} {HEAD} {calls} (func (export \"_start\") {start}))")
}

fn flood(imports: &str, calls: &str, batches: usize) -> Pair {
    let batch = |each: &str| {
        format!(
            "(local.set $n (i32.const {BATCH})) (loop $each {each} {})",
            down("$n", "$each")
        )
    };
    let (local, next) = (
        "(local $n i32) (local $batch i32)",
        down("$batch", "$again"),
    );
    let batches = format!("(local.set $batch (i32.const {batches}))");
    let (send, take) = (
        batch("(call $publish (i32.const 64))"),
        batch("(call $take)"),
    );
    Pair {
        asks: module(
            imports,
            calls,
            &format!(
                "{local} (call $subscribe (i32.const 96)) {batches} (loop $again {send} (call $take) {next})"
            ),
        ),
        answers: module(
            imports,
            calls,
            &format!(
                "{local} (call $subscribe (i32.const 64)) {batches} (loop $again {take} (call $publish (i32.const 96)) {next})"
            ),
        ),
    }
}

fn latency(imports: &str, calls: &str, rounds: usize) -> Pair {
    let (local, next) = ("(local $at i32) (local $begun i64)", down("$at", "$again"));
    let bytes = rounds * 8;
    let asks = format!(
        "{local} (call $subscribe (i32.const 96))
         (loop $again
           (local.set $begun (call $now))
           (call $publish (i32.const 64)) (call $take)
           (i64.store offset=65536 (local.get $at) (i64.sub (call $now) (local.get $begun)))
           (local.set $at (i32.add (local.get $at) (i32.const 8)))
           (br_if $again (i32.lt_u (local.get $at) (i32.const {bytes}))))
         (call $write_times (i32.const {bytes}))"
    );
    let answers = format!(
        "{local} (call $subscribe (i32.const 64)) (local.set $at (i32.const {rounds}))
         (loop $again (call $take) (call $publish (i32.const 96)) {next})"
    );
    Pair {
        asks: module(imports, calls, &asks),
        answers: module(imports, calls, &answers),
    }
}

/// Counts a local down and branches while it is not zero.
fn down(local: &str, label: &str) -> String {
    format!("(br_if {label} (local.tee {local} (i32.sub (local.get {local}) (i32.const 1))))")
}
