//! The socket extension of `wasi_snapshot_preview1`, as WAMR defines it.
//!
//! `sock_accept`, `sock_recv`, `sock_send` and `sock_shutdown` are standard and stand in the WASI table.
//! Source: WAMR, `lib-socket/inc/wasi_socket_ext.h`; layouts are in [`crate::socket`].

use super::macros::calls;

calls! {
    /// The calls of the socket extension.
    pub enum SockCall as Sock in "wasi_snapshot_preview1" {
        "Opens a socket of a family (0 IPv4, 1 IPv6) and kind (0 datagram, 1 stream) and writes its descriptor (u32). `poolfd` is not used: grants decide, when the socket is bound or connected."
        Open = "sock_open"(poolfd: i32, family: i32, kind: i32, opened_fd: ptr) -> errno, Prompt;
        "Binds a socket to a local address (addr, 24 bytes). Needs a `net.listen` grant for the port; port 0 is also allowed with a `net.connect` grant of the same protocol. `acces` without."
        Bind = "sock_bind"(fd: fd, address: ptr) -> errno, Prompt;
        "Makes a stream socket listen, with room for `backlog` connections that wait. `acces` without a `net.listen` grant for its port."
        Listen = "sock_listen"(fd: fd, backlog: i32) -> errno, Prompt;
        "Accepts a connection and writes its descriptor (u32): `sock_accept` as WAMR had it before WASI did, without flags."
        AcceptUnflagged = "sock_accept"(fd: fd, accepted_fd: ptr) -> errno, Waits;
        "Connects a socket to an address (addr, 24 bytes). `inprogress` from a nonblocking socket: wait until it is writable, then ask again; `isconn` says that it is done. `acces` without a `net.connect` grant."
        Connect = "sock_connect"(fd: fd, address: ptr) -> errno, Waits, needs NetConnect;
        "Closes a socket, as `fd_close` does."
        Close = "sock_close"(fd: fd) -> errno, Waits;
        "Sends a list of buffers, a datagram to an address (addr, 24 bytes); writes the bytes sent (u32). `acces` without a `net.connect` grant, unless a bound socket answers a recent sender."
        SendTo = "sock_send_to"(fd: fd, iovs: ptr, iovs_len: len, flags: i32, address: ptr, nwritten: ptr) -> errno, Waits;
        "Receives into a list of buffers; writes the sender (addr, 24 bytes) and the bytes received (u32). Flags: 1 peek, 2 wait for all."
        RecvFrom = "sock_recv_from"(fd: fd, iovs: ptr, iovs_len: len, flags: i32, address: ptr, nread: ptr) -> errno, Waits;
        "Writes a socket's local address (addr, 24 bytes)."
        AddrLocal = "sock_addr_local"(fd: fd, address: ptr) -> errno, Prompt;
        "Writes the address of a socket's peer (addr, 24 bytes). `notconn` without one."
        AddrRemote = "sock_addr_remote"(fd: fd, address: ptr) -> errno, Prompt;
        "Looks a host and a service (a number, a well-known name or nothing) up; `hints` (12 bytes) choose family and kind. Writes at most `capacity` entries (addr_info, 28 bytes each) and how many there are (u32). `noent` unknown host, `inval` unknown service, `again` cannot be told now, `acces` without a grant."
        AddrResolve = "sock_addr_resolve"(host: str, service: str, hints: ptr, entries: ptr, capacity: len, available: ptr) -> errno, Waits;
        "Sets whether the socket may send to broadcast addresses."
        SetBroadcast = "sock_set_broadcast"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket may send to broadcast addresses."
        GetBroadcast = "sock_get_broadcast"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket probes whether a silent peer is still there."
        SetKeepAlive = "sock_set_keep_alive"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket probes whether a silent peer is still there."
        GetKeepAlive = "sock_get_keep_alive"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket may bind an address that an ended connection still holds; on by itself for TCP."
        SetReuseAddr = "sock_set_reuse_addr"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket may bind an address that an ended connection still holds."
        GetReuseAddr = "sock_get_reuse_addr"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket shares its port with other sockets that do."
        SetReusePort = "sock_set_reuse_port"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket shares its port with other sockets that do."
        GetReusePort = "sock_get_reuse_port"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket sends small segments at once (no Nagle delay)."
        SetTcpNoDelay = "sock_set_tcp_no_delay"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket sends small segments at once (no Nagle delay)."
        GetTcpNoDelay = "sock_get_tcp_no_delay"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket acknowledges at once."
        SetTcpQuickAck = "sock_set_tcp_quick_ack"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket acknowledges at once."
        GetTcpQuickAck = "sock_get_tcp_quick_ack"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket connects with TCP Fast Open."
        SetTcpFastopenConnect = "sock_set_tcp_fastopen_connect"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket connects with TCP Fast Open."
        GetTcpFastopenConnect = "sock_get_tcp_fastopen_connect"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets whether the socket an IPv6 socket takes no IPv4 traffic; only before `sock_bind`."
        SetIpv6Only = "sock_set_ipv6_only"(fd: fd, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether the socket an IPv6 socket takes no IPv4 traffic."
        GetIpv6Only = "sock_get_ipv6_only"(fd: fd, enabled: ptr) -> errno, Prompt;
        "Sets the hops its packets may make (1 to 255)."
        SetIpTtl = "sock_set_ip_ttl"(fd: fd, hops: i32) -> errno, Prompt;
        "Writes the hops its packets may make (u8)."
        GetIpTtl = "sock_get_ip_ttl"(fd: fd, hops: ptr) -> errno, Prompt;
        "Sets the hops its multicast packets may make (1 to 255)."
        SetIpMulticastTtl = "sock_set_ip_multicast_ttl"(fd: fd, hops: i32) -> errno, Prompt;
        "Writes the hops its multicast packets may make (u8)."
        GetIpMulticastTtl = "sock_get_ip_multicast_ttl"(fd: fd, hops: ptr) -> errno, Prompt;
        "Asks for a receive buffer of so many bytes; the device bounds it."
        SetRecvBufSize = "sock_set_recv_buf_size"(fd: fd, bytes: len) -> errno, Prompt;
        "Writes the bytes (u32) of the receive buffer, as the device counts them."
        GetRecvBufSize = "sock_get_recv_buf_size"(fd: fd, bytes: ptr) -> errno, Prompt;
        "Asks for a send buffer of so many bytes; the device bounds it."
        SetSendBufSize = "sock_set_send_buf_size"(fd: fd, bytes: len) -> errno, Prompt;
        "Writes the bytes (u32) of the send buffer, as the device counts them."
        GetSendBufSize = "sock_get_send_buf_size"(fd: fd, bytes: ptr) -> errno, Prompt;
        "Sets the seconds of silence before keep-alive probes."
        SetTcpKeepIdle = "sock_set_tcp_keep_idle"(fd: fd, seconds: i32) -> errno, Prompt;
        "Writes the seconds of silence before keep-alive probes (u32)."
        GetTcpKeepIdle = "sock_get_tcp_keep_idle"(fd: fd, seconds: ptr) -> errno, Prompt;
        "Sets the seconds between keep-alive probes."
        SetTcpKeepIntvl = "sock_set_tcp_keep_intvl"(fd: fd, seconds: i32) -> errno, Prompt;
        "Writes the seconds between keep-alive probes (u32)."
        GetTcpKeepIntvl = "sock_get_tcp_keep_intvl"(fd: fd, seconds: ptr) -> errno, Prompt;
        "Sets how long receiving and accepting wait at most, in microseconds; 0 is for ever. Then they give `again`, or what was done so far."
        SetRecvTimeout = "sock_set_recv_timeout"(fd: fd, micros: i64) -> errno, Prompt;
        "Writes how long receiving and accepting wait at most, in microseconds (u64)."
        GetRecvTimeout = "sock_get_recv_timeout"(fd: fd, micros: ptr) -> errno, Prompt;
        "Sets how long sending and connecting wait at most, in microseconds; 0 is for ever. Then they give `again`, or what was done so far."
        SetSendTimeout = "sock_set_send_timeout"(fd: fd, micros: i64) -> errno, Prompt;
        "Writes how long sending and connecting wait at most, in microseconds (u64)."
        GetSendTimeout = "sock_get_send_timeout"(fd: fd, micros: ptr) -> errno, Prompt;
        "Sets for how many seconds unsent bytes are kept after closing. Closing never waits; on with 0 seconds resets the connection."
        SetLinger = "sock_set_linger"(fd: fd, enabled: i32, seconds: i32) -> errno, Prompt;
        "Writes whether lingering is on (u8) and its seconds (u32)."
        GetLinger = "sock_get_linger"(fd: fd, enabled: ptr, seconds: ptr) -> errno, Prompt;
        "Sets whether own multicast packets come back."
        SetIpMulticastLoop = "sock_set_ip_multicast_loop"(fd: fd, ipv6: i32, enabled: i32) -> errno, Prompt;
        "Writes (u8) whether own multicast packets come back."
        GetIpMulticastLoop = "sock_get_ip_multicast_loop"(fd: fd, ipv6: i32, enabled: ptr) -> errno, Prompt;
        "Joins a multicast group (addr_ip, 20 bytes) on an interface: an IPv4 address as stored, or an IPv6 interface index. `acces` without any `net` grant."
        SetIpAddMembership = "sock_set_ip_add_membership"(fd: fd, group: ptr, interface: i32) -> errno, Prompt;
        "Leaves a multicast group."
        SetIpDropMembership = "sock_set_ip_drop_membership"(fd: fd, group: ptr, interface: i32) -> errno, Prompt;
    }
}
