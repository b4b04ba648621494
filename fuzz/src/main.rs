//! Feeds the decoders, the host interface and the engines what nobody would send.
//!
//! A target turns bytes into something hostile and checks what must always hold. The supervisor runs each
//! target in a worker process, so that a crash or a hang ends only the worker and leaves its input behind.
//! Every run has a seed; every finding is saved with the command that repeats it.

mod arguments;
mod corpus;
mod coverage;
mod examine;
mod finding;
mod mutate;
mod random;
mod shapes;
mod supervisor;
mod targets;
mod watchdog;
mod worker;

use std::process::ExitCode;

use arguments::Mode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // The wasmtime engine compiles in a child that is this program.
    if arguments.next_if(|first| first == "__compile").is_some() {
        return thimble_engine_wasmtime::compile_child_main(arguments);
    }
    match arguments::parse(arguments) {
        Ok(Mode::Help) => {
            print!("{}", arguments::help());
            ExitCode::SUCCESS
        }
        Ok(Mode::Fuzz(plan)) => supervisor::run(&plan),
        Ok(Mode::Repeat { target, file }) => worker::repeat(target, &file),
        Ok(Mode::Work(order)) => worker::run(&order),
        Err(reason) => {
            eprintln!("{reason}\n\n{}", arguments::help());
            ExitCode::from(2)
        }
    }
}
