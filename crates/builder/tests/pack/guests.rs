//! Guests from the usual compilers, where they have been built: what packing brings, and that nothing else changes.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thimble_builder::module::{Strip, TidyOptions, tidy};
use thimble_builder::pack::{Doubt, MemoryOutcome, PackOptions, PackReport, StackOutcome};

use thimble_runtime::module::Module;

use super::host::{Run, run};
use super::{memory, packed, packed_with};

/// Ocre's three, as its developers write and link them.
const OCRE: [&str; 3] = ["blinky-ocre", "publisher-ocre", "subscriber-ocre"];
/// Linear memory that they may have together when they are packed.
const OCRE_BYTES_MAX: u64 = 53_000;

/// The guests that are there; none without `cargo xtask guests`.
fn guests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
    let folder = std::env::var_os("THIMBLE_GUESTS").map_or(folder, Into::into);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there are no guests; `cargo xtask guests` builds them");
        return Vec::new();
    };
    let mut guests: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        .collect();
    guests.sort();
    guests
}

fn guest(name: &str) -> Option<Vec<u8>> {
    let path = guests()
        .into_iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))?;
    Some(fs::read(path).unwrap())
}

#[test]
fn ocres_three_shrink_as_they_must() {
    let mut together = 0;
    for name in OCRE {
        let Some(bytes) = guest(name) else { return };
        assert_eq!(memory(&bytes).unwrap().1, 131_072, "{name}");
        let report = packed(&bytes).report;
        println!("{name}: {:#?}", report.lines());
        assert_eq!(report.memory, MemoryOutcome::Exact, "{name}");
        let StackOutcome::Bounded {
            data_end,
            bytes_before,
            bytes: now,
            ..
        } = report.stack
        else {
            panic!("{name}: {report:?}");
        };
        // What is looked for is seen: the part that stays is used.
        let top = (data_end + bytes_before) as usize;
        let used = top - now as usize..top;
        let run = run(&bytes, &[(used.clone(), 0xa5)]);
        let untouched = run.memory[used].iter().take_while(|byte| **byte == 0xa5);
        let reached = now as usize - untouched.count();
        println!("{name}: a run took {reached} of {now} bytes of stack");
        assert!(reached > 200, "{name}: {reached}");
        together += report.memory_bytes;
    }
    println!("together {together} of {} bytes", 3 * 131_072);
    assert!(together < OCRE_BYTES_MAX, "{together}");
}

#[test]
fn a_receiver_gets_the_room_for_messages_that_it_asks_for() {
    let Some(bytes) = guest("subscriber-ocre") else {
        return;
    };
    for (message_bytes, room) in [(None, 2_048), (Some(10_000), 10_000)] {
        for strip in [Strip::Debug, Strip::All] {
            let options = PackOptions {
                tidy: TidyOptions { strip },
                message_bytes,
                ..PackOptions::default()
            };
            let packed = packed_with(&bytes, &options);
            let module = Module::parse(packed.tidied.bytes).unwrap();
            let begin = packed.report.memory_bytes as u32;
            assert_eq!(module.app_heap(), Some(begin..begin + room));
        }
    }
    // A guest that receives none is not told of it.
    let blinky = guest("blinky-ocre").unwrap();
    let options = PackOptions {
        message_bytes: Some(10_000),
        ..PackOptions::default()
    };
    assert!(packed_with(&blinky, &options) == packed(&blinky));
}

#[test]
fn a_heap_is_moved_where_it_can_be() {
    let Some(bytes) = guest("pack-heap") else {
        return;
    };
    let packed = packed(&bytes);
    let report = &packed.report;
    println!("{:#?}", report.lines());
    assert_eq!(
        (report.memory_bytes_before, report.memory_bytes),
        (131_072, 65_536)
    );
    let MemoryOutcome::HeapMoved { bytes: lower } = report.memory else {
        panic!("{report:?}");
    };
    let StackOutcome::Bounded {
        bytes_before,
        bytes: now,
        ..
    } = &report.stack
    else {
        panic!("{report:?}");
    };
    assert_eq!(bytes_before - now, lower);
    let (first, last) = (run(&bytes, &[]), run(&packed.tidied.bytes, &[]));
    same("pack-heap", &first, &last);
    assert!(last.output.ends_with(" before full\n"), "{}", last.output);
    // It asked for more in both.
    assert!(last.memory.len() > 65_536 && first.memory.len() > 131_072);

    // Or it gets a heap of a size of its own, and the memory ends there.
    for (heap_bytes, fits) in [(80_000, true), (24_576, false)] {
        let options = PackOptions {
            heap_bytes: Some(heap_bytes),
            ..PackOptions::default()
        };
        let packed = packed_with(&bytes, &options);
        println!("{:#?}", packed.report.lines());
        let MemoryOutcome::HeapFixed { bytes: heap } = packed.report.memory else {
            panic!("{:?}", packed.report);
        };
        assert!((heap_bytes..heap_bytes + 16).contains(&heap));
        let (page, begins, most) = memory(&packed.tidied.bytes).unwrap();
        assert_eq!((page, most), (1, Some(begins)));
        let last = run(&packed.tidied.bytes, &[]);
        if fits {
            same("pack-heap with a heap of its own", &first, &last);
        } else {
            // It returns 2 where there is no memory for the large block.
            assert_eq!((last.end.as_str(), last.output.as_str()), ("exit 2", ""));
        }
    }

    // One that cannot get more memory needs what it has.
    let fixed = guest("pack-heap-fixed").unwrap();
    let report = super::packed(&fixed).report;
    assert_eq!(
        report.memory,
        MemoryOutcome::Kept(Doubt::Grows),
        "{report:?}"
    );
    assert_eq!(report.stack, StackOutcome::Kept(Doubt::HeapNeedsAll));
}

#[test]
fn a_stack_before_data_is_lowered_with_all_data_where_relocations_tell_it() {
    let Some(bytes) = guest("pack-plain-stack-first") else {
        return;
    };
    let behind = packed(&guest("pack-plain").unwrap()).report;
    let packed = packed(&bytes);
    let report = &packed.report;
    println!("{:#?} {:#?}", report.lines(), behind.lines());
    let stack = |report: &PackReport| match report.stack {
        StackOutcome::Bounded {
            data_end, bytes, ..
        } => (data_end, bytes),
        _ => panic!("{report:?}"),
    };
    let ((begin, first), (data_end, last)) = (stack(report), stack(&behind));
    assert_eq!((begin, report.memory.clone()), (0, MemoryOutcome::Exact));
    // It moves by multiples of what data is aligned to.
    assert!(last <= first && first < last + 64, "{first} {last}");
    assert!(
        report.memory_bytes <= u64::from(data_end + first),
        "{report:?}"
    );
    let (before, after) = (run(&bytes, &[]), run(&packed.tidied.bytes, &[]));
    same("pack-plain-stack-first", &before, &after);
    assert_eq!(after.output, "one two three aligned 14\n");

    // The same with a heap behind data.
    let bytes = guest("pack-heap-stack-first").unwrap();
    let packed = super::packed(&bytes);
    println!("{:#?}", packed.report.lines());
    assert!(matches!(
        packed.report.memory,
        MemoryOutcome::HeapMoved { .. }
    ));
    assert_eq!(packed.report.memory_bytes, 65_536);
    let (before, after) = (run(&bytes, &[]), run(&packed.tidied.bytes, &[]));
    same("pack-heap-stack-first", &before, &after);
    assert!(after.output.ends_with(" before full\n"), "{}", after.output);
}

#[test]
fn a_heap_whose_relocations_do_not_fit_stays() {
    let Some(bytes) = guest("pack-heap") else {
        return;
    };
    // Another tool has written the code anew since, and so the places are others.
    let tidied = tidy(&bytes, &TidyOptions::default()).unwrap();
    let mut stale = tidied.bytes;
    let at = bytes
        .windows(7)
        .position(|window| window == b"linking")
        .unwrap();
    stale.extend_from_slice(&bytes[section_start(&bytes, at)..]);
    let report = packed(&stale).report;
    assert_eq!(
        report.memory,
        MemoryOutcome::Kept(Doubt::Grows),
        "{report:?}"
    );
    assert_eq!(report.memory_bytes, 131_072);
}

/// Where the custom section begins whose name stands here.
fn section_start(bytes: &[u8], name: usize) -> usize {
    let parser = wasmparser::Parser::new(0).parse_all(bytes);
    let mut last = 8;
    for payload in parser {
        if let Some((_, range)) = payload.unwrap().as_section() {
            if range.contains(&name) {
                return last;
            }
            last = range.end;
        }
    }
    last
}

#[test]
fn a_stack_without_a_bound_is_guarded_and_the_guest_does_the_same() {
    let Some(bytes) = guest("pack-unbounded") else {
        return;
    };
    let packed = packed(&bytes);
    println!("{:#?}", packed.report.lines());
    assert!(matches!(packed.report.stack, StackOutcome::Guarded { .. }));
    assert_eq!(packed.report.memory, MemoryOutcome::Exact);
    let last = run(&packed.tidied.bytes, &[]);
    same("pack-unbounded", &run(&bytes, &[]), &last);
    assert!(last.output.ends_with(" behind\n"), "{}", last.output);
}

#[test]
fn every_guest_packs_to_a_module_with_the_same_imports() {
    for path in guests() {
        let label = path.display().to_string();
        let bytes = fs::read(&path).unwrap();
        let packed = packed(&bytes);
        for line in packed.report.lines() {
            println!("{label}: {line}");
        }
        let (before, after) = (
            Module::parse(bytes).unwrap(),
            Module::parse(packed.tidied.bytes).unwrap(),
        );
        assert_eq!(before.exports(), after.exports(), "{label}");
        let calls = |module: &Module| {
            let calls = module.imports().iter().map(|import| import.spec.call);
            calls.collect::<Vec<_>>()
        };
        assert_eq!(calls(&before), calls(&after), "{label}");
        assert!(packed.report.memory_bytes <= packed.report.memory_bytes_before);
    }
}

/// Runs a guest as it was, with what it must not touch filled, and packed.
///
/// That two runs write the same proves little: a bound that is too small would let the stack run over data that this
/// run does not read. So what is cut away is filled in the run of the guest as it was, and must be whole behind it.
#[test]
fn none_touches_what_is_cut_away_and_all_do_the_same() {
    let mut looked_at = 0;
    for path in guests() {
        let label = path.display().to_string();
        let bytes = fs::read(&path).unwrap();
        let packed = packed(&bytes);
        if !imports_are_answered(&bytes) {
            continue;
        }
        let last = run(&packed.tidied.bytes, &[]);
        for byte in [0, 0xa5, 0x5a] {
            let filled: Vec<_> = cut_away(&packed.report)
                .into_iter()
                .map(|range| (range, byte))
                .collect();
            let first = run(&bytes, &filled);
            for (range, byte) in &filled {
                assert!(
                    first.memory[range.clone()]
                        .iter()
                        .all(|found| found == byte),
                    "{label} touches {range:?}"
                );
            }
            same(&label, &first, &last);
            looked_at += usize::from(!filled.is_empty());
        }
    }
    println!("{looked_at} runs were looked at");
    assert!(looked_at > 0 || guests().is_empty());
}

/// What the guest as it was had and the packed one has not.
fn cut_away(report: &PackReport) -> Vec<Range<usize>> {
    let mut cut = Vec::new();
    let mut lower = 0;
    if let StackOutcome::Bounded {
        data_end,
        bytes_before,
        bytes,
        ..
    } = report.stack
    {
        lower = bytes_before - bytes;
        cut.push(data_end as usize..(data_end + lower) as usize);
    }
    if report.memory == MemoryOutcome::Exact {
        let end = report.memory_bytes + u64::from(lower);
        cut.push(end as usize..report.memory_bytes_before as usize);
    }
    cut
}

fn same(label: &str, first: &Run, last: &Run) {
    for (first, last) in first.calls.iter().zip(&last.calls) {
        assert_eq!(first, last, "{label}");
    }
    assert!(
        first.behaviour() == last.behaviour(),
        "{label}: {} and {}",
        first.end,
        last.end
    );
}

/// Whether the host here answers so that the guest comes somewhere: those of Go and of sockets and files need more.
fn imports_are_answered(bytes: &[u8]) -> bool {
    let module = Module::parse(bytes).unwrap();
    let names: Vec<_> = module
        .imports()
        .iter()
        .map(|import| import.spec.name)
        .collect();
    module.exported_function("_start").is_some()
        && !names
            .iter()
            .any(|name| name.starts_with("sock_") || *name == "sched_yield" || *name == "path_open")
}
