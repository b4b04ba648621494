//! What a Linux device gives to containers: files, streams, sockets, clocks, pins, and the threads that
//! run them.
//!
//! Nothing here waits on behalf of a guest: what the kernel cannot do at once is either armed in the
//! [`reactor`] or handed to the [`pool`], and the guest is suspended meanwhile.

pub mod board;
pub mod clock;
pub mod errno;
pub mod files;
pub mod images;
pub mod machine;
pub mod network;
pub mod pool;
pub mod reactor;
pub mod store;
pub mod streams;
