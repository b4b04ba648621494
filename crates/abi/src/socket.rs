//! Layouts of the socket extension (`__wasi_addr_t` and friends), as WAMR defines them.
//!
//! All numbers are little-endian, ports and the groups of IPv6 addresses included.

/// Bytes of an address with its port (`addr`, aligned to 4): u32 kind, then [`IPV4`] or [`IPV6`].
pub const ADDRESS_BYTES: u32 = 24;
/// Bytes of an address without a port (`addr_ip`, aligned to 4): u32 kind, then the address.
pub const GROUP_BYTES: u32 = 20;
/// Bytes of one entry of a look-up (`addr_info`, aligned to 4): an address, then i32 kind of socket.
pub const ENTRY_BYTES: u32 = 28;
/// Offset of the kind of socket in an entry of a look-up.
pub const ENTRY_KIND_OFFSET: u32 = 24;
/// Bytes of a look-up's hints (`hints`, aligned to 4): i32 kind of socket, i32 family, u8 enabled.
pub const HINTS_BYTES: u32 = 12;
/// Offset of the family in a look-up's hints.
pub const HINTS_FAMILY_OFFSET: u32 = 4;
/// Offset of the byte that says whether a look-up's hints mean anything.
pub const HINTS_ENABLED_OFFSET: u32 = 8;
/// Offset of the address in `addr` and `addr_ip`: 4 bytes, or 8 groups of 16 bits.
pub const ADDRESS_OFFSET: u32 = 4;
/// Offset of the port (u16) in an `addr` of kind [`IPV4`].
pub const IPV4_PORT_OFFSET: u32 = 8;
/// Offset of the port (u16) in an `addr` of kind [`IPV6`].
pub const IPV6_PORT_OFFSET: u32 = 20;

/// Kind of an address, and family of a socket: IPv4.
pub const IPV4: u32 = 0;
/// Kind of an address, and family of a socket: IPv6.
pub const IPV6: u32 = 1;
/// Family in a look-up's hints: either.
pub const FAMILY_ANY: u32 = 2;

/// Kind of socket: datagrams.
pub const DATAGRAM: i32 = 0;
/// Kind of socket: a stream.
pub const STREAM: i32 = 1;
/// Kind of socket in a look-up's hints: either.
pub const KIND_ANY: i32 = -1;

/// Bytes of a host name in a look-up (RFC 1035, section 2.3.4), without its NUL.
pub const HOST_BYTES_MAX: u32 = 255;
/// Bytes of a service name in a look-up, without its NUL.
pub const SERVICE_BYTES_MAX: u32 = 32;

/// Flag of receiving: leave what is received where it is.
pub const RECEIVE_PEEK: u32 = 1;
/// Flag of receiving: wait until the buffers are full.
pub const RECEIVE_WAIT_ALL: u32 = 2;
/// Result flag of receiving: the datagram was longer than the buffers.
pub const RECEIVED_TRUNCATED: u16 = 1;

/// Flag of shutting down: receiving.
pub const SHUTDOWN_RECEIVE: u32 = 1;
/// Flag of shutting down: sending.
pub const SHUTDOWN_SEND: u32 = 2;
