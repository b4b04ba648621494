//! Runs a guest on an interpreter, with a host that answers the same every time and writes down what it is asked.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use thimble_abi::calls::{self, ParameterKind};
use thimble_runtime::module::Module;
use wasmi::{Caller, Config, Engine, Extern, Func, Linker, Memory, Store, Val};

/// Events that a guest is given before there are none any more.
const EVENTS: u32 = 12;
/// Fuel for a run: a guest that goes on for ever ends too.
const FUEL: u64 = 20_000_000;

/// Calls of a guest that goes on asking.
const CALLS_MAX: usize = 2_000;

/// What a guest did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// What it asked its host, with the texts it gave.
    pub(crate) calls: Vec<String>,
    /// What it wrote to its outputs.
    pub(crate) output: String,
    /// How it ended.
    pub(crate) end: String,
    /// Its memory then.
    pub(crate) memory: Vec<u8>,
}

impl Run {
    /// All of it but the memory, which may lie elsewhere.
    pub(crate) fn behaviour(&self) -> (&[String], &str, &str) {
        (&self.calls, &self.output, &self.end)
    }
}

#[derive(Default)]
struct Seen {
    calls: Vec<String>,
    output: String,
    events: u32,
    subscribed: bool,
}

/// What the host keeps.
struct World {
    seen: Arc<Mutex<Seen>>,
    app_heap: Option<Range<u32>>,
    /// The name of the guest's memory.
    memory: Option<String>,
}

/// Runs `_start`, with these parts of memory filled first.
pub(crate) fn run(bytes: &[u8], filled: &[(Range<usize>, u8)]) -> Run {
    let module = Module::parse(bytes).unwrap();
    let mut config = Config::default();
    config
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(true)
        .wasm_tail_call(true)
        .set_max_stack_height(64 << 20)
        .set_max_recursion_depth(200_000)
        .consume_fuel(true);
    let engine = Engine::new(&config);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let world = World {
        seen: seen.clone(),
        app_heap: module.app_heap(),
        memory: module.memory().map(|memory| memory.export.clone()),
    };
    let mut store = Store::new(&engine, world);
    store.set_fuel(FUEL).unwrap();
    let loaded = wasmi::Module::new(&engine, &module.bytes()[..]).unwrap();
    let mut linker = Linker::new(&engine);
    for import in loaded.imports() {
        let ty = import.ty().func().expect("an imported function").clone();
        let (from, name) = (import.module().to_owned(), import.name().to_owned());
        let (module_name, field) = (from.clone(), name.clone());
        let answer =
            move |mut caller: Caller<'_, World>, arguments: &[Val], results: &mut [Val]| {
                let result = answer(&mut caller, &from, &name, arguments)?;
                if let Some(first) = results.first_mut() {
                    *first = match first {
                        Val::I64(_) => Val::I64(i64::from(result)),
                        Val::F64(_) => Val::F64(0.0.into()),
                        _ => Val::I32(result),
                    };
                }
                Ok(())
            };
        let function = Func::new(&mut store, ty, answer);
        linker.define(&module_name, &field, function).unwrap();
    }
    let instance = linker.instantiate_and_start(&mut store, &loaded).unwrap();
    let name = module.memory().map(|memory| memory.export.clone());
    let memory = name.map(|name| instance.get_memory(&store, &name).unwrap());
    for (range, byte) in filled {
        memory.unwrap().data_mut(&mut store)[range.clone()].fill(*byte);
    }
    let start = instance.get_typed_func::<(), ()>(&store, "_start").unwrap();
    let end = match start.call(&mut store, ()) {
        Ok(()) => "returned".to_owned(),
        Err(error) => error.to_string(),
    };
    let memory = memory.map_or_else(Vec::new, |memory: Memory| memory.data(&store).to_vec());
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    Run {
        calls: seen.calls,
        output: seen.output,
        end,
        memory,
    }
}

/// Answers a call: with 0, or with what the guest needs to go on.
fn answer(
    caller: &mut Caller<'_, World>,
    module: &str,
    name: &str,
    arguments: &[Val],
) -> Result<i32, wasmi::Error> {
    let numbers: Vec<u32> = arguments
        .iter()
        .map(|argument| match argument {
            Val::I32(number) => number.cast_unsigned(),
            _ => 0,
        })
        .collect();
    let export = caller.data().memory.clone();
    let memory = export
        .and_then(|name| caller.get_export(&name))
        .and_then(Extern::into_memory);
    let seen = caller.data().seen.clone();
    let mut seen = seen.lock().unwrap();
    let line = match memory {
        Some(memory) => line(memory.data(&*caller), module, name, &numbers),
        None => name.to_owned(),
    };
    seen.calls.push(line);
    if seen.calls.len() > CALLS_MAX {
        return Err(wasmi::Error::new("it asks too much"));
    }
    let Some(memory) = memory else {
        return Ok(0);
    };
    match name {
        "proc_exit" => {
            return Err(wasmi::Error::new(format!("exit {}", numbers[0])));
        }
        "ocre_subscribe_message" => seen.subscribed = true,
        "fd_write" => {
            let text = gather(memory.data(&*caller), numbers[1], numbers[2]);
            write(
                memory.data_mut(caller),
                numbers[3],
                &(text.len() as u32).to_le_bytes(),
            );
            seen.output.push_str(&String::from_utf8_lossy(&text));
        }
        "fd_fdstat_get" => {
            // A character device, so that lines are written when they are complete.
            write(memory.data_mut(&mut *caller), numbers[1], &[0; 24]);
            write(memory.data_mut(caller), numbers[1], &[2]);
        }
        "fd_seek" => return Ok(70),
        "args_sizes_get" | "environ_sizes_get" => {
            write(memory.data_mut(&mut *caller), numbers[0], &[0; 4]);
            write(memory.data_mut(caller), numbers[1], &[0; 4]);
        }
        "fd_prestat_get" => return Ok(8),
        "ocre_get_event" => return event(caller, &mut seen, memory, &numbers),
        _ => {}
    }
    Ok(0)
}

/// Gives the next event: timers, and messages to those that want them. Behind the last, the run is over.
fn event(
    caller: &mut Caller<'_, World>,
    seen: &mut Seen,
    memory: Memory,
    numbers: &[u32],
) -> Result<i32, wasmi::Error> {
    seen.events += 1;
    if seen.events > 2 * EVENTS {
        // Nobody sleeps here: a guest that waits for ever ends too.
        return Err(wasmi::Error::new("nothing happens any more"));
    }
    if seen.events > EVENTS {
        return Ok(-42);
    }
    let mut record = [0, 1, 0, 0, 0, 0];
    if seen.subscribed {
        let heap = caller.data().app_heap.clone().expect("room for messages");
        let topics: [&[u8]; 2] = [b"demo/greeting\0", b"temperature/room1\0"];
        let topic = topics[(seen.events % 2) as usize];
        let parts: [&[u8]; 3] = [topic, b"text/plain\0", b"message 7\0"];
        let mut at = heap.start.next_multiple_of(8);
        record = [3, seen.events, 0, 0, 0, 9];
        for (part, place) in parts.iter().zip([2, 3, 4]) {
            write(memory.data_mut(&mut *caller), at, part);
            record[place] = at;
            at += 32;
        }
        assert!(at <= heap.end);
    }
    for (number, place) in record.iter().zip(numbers) {
        write(memory.data_mut(&mut *caller), *place, &number.to_le_bytes());
    }
    Ok(0)
}

fn write(memory: &mut [u8], at: u32, bytes: &[u8]) {
    memory[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
}

fn word(memory: &[u8], at: u32) -> u32 {
    u32::from_le_bytes(memory[at as usize..at as usize + 4].try_into().unwrap())
}

/// What a list of buffers holds.
fn gather(memory: &[u8], buffers: u32, count: u32) -> Vec<u8> {
    let mut text = Vec::new();
    for buffer in 0..count {
        let at = word(memory, buffers + 8 * buffer) as usize;
        let length = word(memory, buffers + 8 * buffer + 4) as usize;
        text.extend_from_slice(&memory[at..at + length]);
    }
    text
}

/// A call as a line: its numbers, and instead of addresses of texts the texts. Other addresses may move.
fn line(memory: &[u8], module: &str, name: &str, numbers: &[u32]) -> String {
    let mut line = name.to_owned();
    let Some(spec) = calls::named(module, name).next() else {
        return line;
    };
    for (parameter, number) in spec.parameters.iter().zip(numbers) {
        let text = match *parameter {
            ParameterKind::Pointer => "*".to_owned(),
            ParameterKind::String => {
                let bytes = &memory[*number as usize..];
                let end = bytes.iter().position(|byte| *byte == 0).unwrap();
                String::from_utf8_lossy(&bytes[..end]).into_owned()
            }
            _ => number.to_string(),
        };
        line.push(' ');
        line.push_str(&text);
    }
    line
}
