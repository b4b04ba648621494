//! Both ends of a serial line, the line between them, and the console.

mod codec;
mod frame;
mod golden;
mod link;
mod random;
mod samples;
mod shell;
