/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thimble_socket.h: TCP and UDP for guests that link wasi-libc.
 *
 * WASI preview 1 knows only accept, recv, send and shutdown. WAMR, the engine of Ocre, added the rest as
 * further functions of the same import module (`wasi_snapshot_preview1`, names `sock_*`), and Thimble
 * serves these too. This header declares them and puts the usual BSD calls on top, so that ordinary
 * network code compiles: socket, bind, listen, accept, connect, send, recv, sendto, recvfrom,
 * getsockname, getpeername, getsockopt, setsockopt, getaddrinfo, freeaddrinfo, gai_strerror.
 *
 *   - Header-only. Define THIMBLE_SOCKET_NO_BSD before including it to get only the imports.
 *   - The BSD calls return -1 and set errno, as everywhere. The imports return the error number (the
 *     WASI one, which is also wasi-libc's errno), 0 for success.
 *   - Grants: `net.listen:tcp/PORT` for bind, `net.connect:HOST:PORT` for connect and sendto,
 *     `net.resolve:HOST` for getaddrinfo. Without one, EACCES.
 *   - With `thimble run --listen tcp/8080` the runtime opens the listener and the guest needs no grant:
 *     thimble_listener(0) finds it.
 */
#ifndef THIMBLE_SOCKET_H
#define THIMBLE_SOCKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <wasi/api.h>

#ifdef __cplusplus
extern "C" {
#endif

#define THIMBLE_SOCK_IMPORT(name) \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

/* ---- Layouts, as the runtime reads and writes them ------------------------------------------- */

enum thimble_addr_kind { THIMBLE_ADDR_IPV4 = 0, THIMBLE_ADDR_IPV6 = 1 };
enum thimble_addr_family { THIMBLE_INET4 = 0, THIMBLE_INET6 = 1, THIMBLE_INET_ANY = 2 };
enum thimble_sock_type { THIMBLE_SOCK_ANY = -1, THIMBLE_SOCK_DGRAM = 0, THIMBLE_SOCK_STREAM = 1 };

/* An address with its port: 24 bytes. The port and the groups of an IPv6 address are plain numbers (not
 * network order); the bytes of an IPv4 address stand as one writes them. */
struct thimble_addr {
    uint32_t kind; /* enum thimble_addr_kind */
    union {
        struct {
            uint8_t bytes[4];
            uint16_t port;
        } ip4;
        struct {
            uint16_t groups[8];
            uint16_t port;
        } ip6;
    } addr;
};

/* An address without a port: 20 bytes. */
struct thimble_addr_ip {
    uint32_t kind;
    union {
        uint8_t ip4[4];
        uint16_t ip6[8];
    } addr;
};

/* One answer of a name look-up: 28 bytes. */
struct thimble_addr_info {
    struct thimble_addr addr;
    int32_t type; /* enum thimble_sock_type */
};

/* What a name look-up should answer: 12 bytes. With `enabled` 0 the rest means nothing. */
struct thimble_addr_hints {
    int32_t type;   /* enum thimble_sock_type */
    int32_t family; /* enum thimble_addr_family */
    uint8_t enabled;
};

#ifndef __cplusplus
_Static_assert(sizeof(struct thimble_addr) == 24, "layout of an address");
_Static_assert(sizeof(struct thimble_addr_ip) == 20, "layout of an address without port");
_Static_assert(sizeof(struct thimble_addr_info) == 28, "layout of a look-up's answer");
_Static_assert(sizeof(struct thimble_addr_hints) == 12, "layout of a look-up's hints");
#endif

/* ---- The imports. All return 0 or a positive WASI error number. ------------------------------ */

/* Opens a socket. `pool` is not used (-1). */
THIMBLE_SOCK_IMPORT("sock_open") int thimble_sock_open(int pool, int family, int type, int *fd);
THIMBLE_SOCK_IMPORT("sock_bind") int thimble_sock_bind(int fd, const struct thimble_addr *addr);
THIMBLE_SOCK_IMPORT("sock_listen") int thimble_sock_listen(int fd, uint32_t backlog);
/* Standard WASI. `flags`: __WASI_FDFLAGS_NONBLOCK or 0, for the new socket. */
THIMBLE_SOCK_IMPORT("sock_accept") int thimble_sock_accept(int fd, int flags, int *new_fd);
THIMBLE_SOCK_IMPORT("sock_connect") int thimble_sock_connect(int fd, const struct thimble_addr *addr);
/* The same as fd_close. WAMR answers ENOSYS: use close(). */
THIMBLE_SOCK_IMPORT("sock_close") int thimble_sock_close(int fd);
THIMBLE_SOCK_IMPORT("sock_shutdown") int thimble_sock_shutdown(int fd, int how);

/* Standard WASI: gather and send, scatter what arrived. 0 received bytes: the peer has closed. */
THIMBLE_SOCK_IMPORT("sock_send")
int thimble_sock_send(int fd, const __wasi_ciovec_t *data, size_t count, int flags, size_t *sent);
THIMBLE_SOCK_IMPORT("sock_recv")
int thimble_sock_recv(int fd, const __wasi_iovec_t *data, size_t count, int flags, size_t *received,
                      uint16_t *out_flags);
/* The same with the other side's address, for UDP. Mind the order of the last two. */
THIMBLE_SOCK_IMPORT("sock_send_to")
int thimble_sock_send_to(int fd, const __wasi_ciovec_t *data, size_t count, int flags,
                         const struct thimble_addr *to, size_t *sent);
THIMBLE_SOCK_IMPORT("sock_recv_from")
int thimble_sock_recv_from(int fd, const __wasi_iovec_t *data, size_t count, int flags,
                           struct thimble_addr *from, size_t *received);

THIMBLE_SOCK_IMPORT("sock_addr_local") int thimble_sock_addr_local(int fd, struct thimble_addr *addr);
THIMBLE_SOCK_IMPORT("sock_addr_remote") int thimble_sock_addr_remote(int fd, struct thimble_addr *addr);
/* Looks a name up. `service` is a port number, a service name or "". Fills at most `capacity` entries and
 * tells how many there are, which may be more. */
THIMBLE_SOCK_IMPORT("sock_addr_resolve")
int thimble_sock_addr_resolve(const char *host, const char *service,
                              const struct thimble_addr_hints *hints,
                              struct thimble_addr_info *entries, uint32_t capacity,
                              uint32_t *available);

/* Options: turn on or off, sizes in bytes, times in the unit the parameter says; timeouts of 0 mean none. */
THIMBLE_SOCK_IMPORT("sock_set_broadcast") int thimble_sock_set_broadcast(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_broadcast") int thimble_sock_get_broadcast(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_keep_alive") int thimble_sock_set_keep_alive(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_keep_alive") int thimble_sock_get_keep_alive(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_reuse_addr") int thimble_sock_set_reuse_addr(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_reuse_addr") int thimble_sock_get_reuse_addr(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_reuse_port") int thimble_sock_set_reuse_port(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_reuse_port") int thimble_sock_get_reuse_port(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_tcp_no_delay") int thimble_sock_set_tcp_no_delay(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_tcp_no_delay") int thimble_sock_get_tcp_no_delay(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_tcp_quick_ack") int thimble_sock_set_tcp_quick_ack(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_tcp_quick_ack") int thimble_sock_get_tcp_quick_ack(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_tcp_fastopen_connect") int thimble_sock_set_tcp_fastopen_connect(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_tcp_fastopen_connect") int thimble_sock_get_tcp_fastopen_connect(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_ipv6_only") int thimble_sock_set_ipv6_only(int fd, bool on);
THIMBLE_SOCK_IMPORT("sock_get_ipv6_only") int thimble_sock_get_ipv6_only(int fd, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_ip_ttl") int thimble_sock_set_ip_ttl(int fd, uint8_t hops);
THIMBLE_SOCK_IMPORT("sock_get_ip_ttl") int thimble_sock_get_ip_ttl(int fd, uint8_t *hops);
THIMBLE_SOCK_IMPORT("sock_set_ip_multicast_ttl") int thimble_sock_set_ip_multicast_ttl(int fd, uint8_t hops);
THIMBLE_SOCK_IMPORT("sock_get_ip_multicast_ttl") int thimble_sock_get_ip_multicast_ttl(int fd, uint8_t *hops);
THIMBLE_SOCK_IMPORT("sock_set_recv_buf_size") int thimble_sock_set_recv_buf_size(int fd, uint32_t bytes);
THIMBLE_SOCK_IMPORT("sock_get_recv_buf_size") int thimble_sock_get_recv_buf_size(int fd, uint32_t *bytes);
THIMBLE_SOCK_IMPORT("sock_set_send_buf_size") int thimble_sock_set_send_buf_size(int fd, uint32_t bytes);
THIMBLE_SOCK_IMPORT("sock_get_send_buf_size") int thimble_sock_get_send_buf_size(int fd, uint32_t *bytes);
THIMBLE_SOCK_IMPORT("sock_set_tcp_keep_idle") int thimble_sock_set_tcp_keep_idle(int fd, uint32_t seconds);
THIMBLE_SOCK_IMPORT("sock_get_tcp_keep_idle") int thimble_sock_get_tcp_keep_idle(int fd, uint32_t *seconds);
THIMBLE_SOCK_IMPORT("sock_set_tcp_keep_intvl") int thimble_sock_set_tcp_keep_intvl(int fd, uint32_t seconds);
THIMBLE_SOCK_IMPORT("sock_get_tcp_keep_intvl") int thimble_sock_get_tcp_keep_intvl(int fd, uint32_t *seconds);
THIMBLE_SOCK_IMPORT("sock_set_recv_timeout") int thimble_sock_set_recv_timeout(int fd, uint64_t microseconds);
THIMBLE_SOCK_IMPORT("sock_get_recv_timeout") int thimble_sock_get_recv_timeout(int fd, uint64_t *microseconds);
THIMBLE_SOCK_IMPORT("sock_set_send_timeout") int thimble_sock_set_send_timeout(int fd, uint64_t microseconds);
THIMBLE_SOCK_IMPORT("sock_get_send_timeout") int thimble_sock_get_send_timeout(int fd, uint64_t *microseconds);
/* How long close() waits for data that is still to be sent. */
THIMBLE_SOCK_IMPORT("sock_set_linger") int thimble_sock_set_linger(int fd, bool on, int seconds);
THIMBLE_SOCK_IMPORT("sock_get_linger") int thimble_sock_get_linger(int fd, bool *on, int *seconds);
/* Multicast. `interface`: the IPv4 address of the interface as an in_addr, or an IPv6 interface number. */
THIMBLE_SOCK_IMPORT("sock_set_ip_multicast_loop")
int thimble_sock_set_ip_multicast_loop(int fd, bool ipv6, bool on);
THIMBLE_SOCK_IMPORT("sock_get_ip_multicast_loop")
int thimble_sock_get_ip_multicast_loop(int fd, bool ipv6, bool *on);
THIMBLE_SOCK_IMPORT("sock_set_ip_add_membership")
int thimble_sock_set_ip_add_membership(int fd, const struct thimble_addr_ip *group, uint32_t interface);
THIMBLE_SOCK_IMPORT("sock_set_ip_drop_membership")
int thimble_sock_set_ip_drop_membership(int fd, const struct thimble_addr_ip *group, uint32_t interface);

/* ---- Finding what the runtime opened --------------------------------------------------------- */

/*
 * The descriptor of the listener number `index` (from 0) that `--listen` opened, or -1. They stand among
 * the pre-opened descriptors, from 3 up, after the directories. Call it before opening anything.
 */
static inline int thimble_listener(int index)
{
    for (int fd = 3;; fd++) {
        __wasi_fdstat_t status;
        if (__wasi_fd_fdstat_get(fd, &status) != 0)
            return -1;
        if (status.fs_filetype == __WASI_FILETYPE_SOCKET_STREAM && index-- == 0)
            return fd;
    }
}

#ifndef THIMBLE_SOCKET_NO_BSD

/* ---- BSD calls ------------------------------------------------------------------------------- */

/* Names that wasi-libc leaves out because WASI has no use for them; the numbers are private to this
 * header and to WAMR's, with which they agree. */
#ifndef SO_REUSEADDR
#define SO_REUSEADDR 2
#endif
#ifndef SO_BROADCAST
#define SO_BROADCAST 6
#endif
#ifndef SO_SNDBUF
#define SO_SNDBUF 7
#endif
#ifndef SO_RCVBUF
#define SO_RCVBUF 8
#endif
#ifndef SO_KEEPALIVE
#define SO_KEEPALIVE 9
#endif
#ifndef SO_LINGER
#define SO_LINGER 13
#endif
#ifndef SO_REUSEPORT
#define SO_REUSEPORT 15
#endif
#ifndef SO_RCVTIMEO
#define SO_RCVTIMEO 20
#endif
#ifndef SO_SNDTIMEO
#define SO_SNDTIMEO 21
#endif
#ifndef TCP_NODELAY
#define TCP_NODELAY 1
#endif
#ifndef TCP_KEEPIDLE
#define TCP_KEEPIDLE 4
#endif
#ifndef TCP_KEEPINTVL
#define TCP_KEEPINTVL 5
#endif
#ifndef TCP_QUICKACK
#define TCP_QUICKACK 12
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#ifndef IP_TTL
#define IP_TTL 2
#endif
#ifndef IP_MULTICAST_TTL
#define IP_MULTICAST_TTL 33
#endif
#ifndef IPV6_V6ONLY
#define IPV6_V6ONLY 26
#endif

/* Sets errno from a WASI error; -1 if there was one, else 0. */
static inline int thimble_sock_result(int error)
{
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

static inline int thimble_addr_from_sockaddr(const struct sockaddr *from, socklen_t length,
                                             struct thimble_addr *to)
{
    memset(to, 0, sizeof *to);
    if (from != NULL && from->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        to->kind = THIMBLE_ADDR_IPV4;
        memcpy(to->addr.ip4.bytes, &in->sin_addr, 4);
        to->addr.ip4.port = ntohs(in->sin_port);
        return 0;
    }
    if (from != NULL && from->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
        to->kind = THIMBLE_ADDR_IPV6;
        for (int group = 0; group < 8; group++)
            to->addr.ip6.groups[group] =
                (uint16_t)(in6->sin6_addr.s6_addr[2 * group] << 8 | in6->sin6_addr.s6_addr[2 * group + 1]);
        to->addr.ip6.port = ntohs(in6->sin6_port);
        return 0;
    }
    return EAFNOSUPPORT;
}

/* Writes as much of the address as `*length` has room for and sets it to the full size. */
static inline void thimble_addr_to_sockaddr(const struct thimble_addr *from, struct sockaddr *to,
                                            socklen_t *length)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    const void *whole = &in;
    socklen_t whole_length = sizeof in;

    if (to == NULL || length == NULL)
        return;
    memset(&in, 0, sizeof in);
    memset(&in6, 0, sizeof in6);
    if (from->kind == THIMBLE_ADDR_IPV6) {
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(from->addr.ip6.port);
        for (int group = 0; group < 8; group++) {
            in6.sin6_addr.s6_addr[2 * group] = (uint8_t)(from->addr.ip6.groups[group] >> 8);
            in6.sin6_addr.s6_addr[2 * group + 1] = (uint8_t)from->addr.ip6.groups[group];
        }
        whole = &in6;
        whole_length = sizeof in6;
    } else {
        in.sin_family = AF_INET;
        in.sin_port = htons(from->addr.ip4.port);
        memcpy(&in.sin_addr, from->addr.ip4.bytes, 4);
    }
    memcpy(to, whole, *length < whole_length ? *length : whole_length);
    *length = whole_length;
}

/* `domain` AF_INET or AF_INET6, `type` SOCK_STREAM or SOCK_DGRAM, perhaps with SOCK_NONBLOCK. */
static inline int socket(int domain, int type, int protocol)
{
    bool nonblocking = (type & SOCK_NONBLOCK) != 0;
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int fd = -1;
    (void)protocol;
    if (domain != AF_INET && domain != AF_INET6)
        return thimble_sock_result(EAFNOSUPPORT);
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
        return thimble_sock_result(EPROTONOSUPPORT);
    int error = thimble_sock_open(-1, domain == AF_INET6 ? THIMBLE_INET6 : THIMBLE_INET4,
                                  kind == SOCK_DGRAM ? THIMBLE_SOCK_DGRAM : THIMBLE_SOCK_STREAM, &fd);
    if (error == 0 && nonblocking) {
        error = __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK);
        if (error != 0)
            close(fd);
    }
    return thimble_sock_result(error) == 0 ? fd : -1;
}

static inline int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct thimble_addr addr;
    int error = thimble_addr_from_sockaddr(address, length, &addr);
    return thimble_sock_result(error ? error : thimble_sock_bind(fd, &addr));
}

static inline int listen(int fd, int backlog)
{
    return thimble_sock_result(thimble_sock_listen(fd, backlog < 0 ? 0 : (uint32_t)backlog));
}

/* On a non-blocking socket: EINPROGRESS, then poll for POLLOUT; EISCONN or the error on a second call. */
static inline int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct thimble_addr addr;
    int error = thimble_addr_from_sockaddr(address, length, &addr);
    return thimble_sock_result(error ? error : thimble_sock_connect(fd, &addr));
}

/* wasi-libc's accept() reports no address and needs one; this replaces it. `address` may be NULL.
 * `flags`: SOCK_NONBLOCK or 0. */
static inline int thimble_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    struct thimble_addr addr;
    int new_fd = -1;
    int error = thimble_sock_accept(fd, flags & SOCK_NONBLOCK ? __WASI_FDFLAGS_NONBLOCK : 0, &new_fd);
    if (error != 0)
        return thimble_sock_result(error);
    if (address != NULL && length != NULL) {
        if (thimble_sock_addr_remote(new_fd, &addr) == 0)
            thimble_addr_to_sockaddr(&addr, address, length);
        else
            *length = 0;
    }
    return new_fd;
}
#define accept(fd, address, length) thimble_accept(fd, address, length, 0)
#define accept4(fd, address, length, flags) thimble_accept(fd, address, length, flags)

static inline int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    struct thimble_addr addr;
    int error = thimble_sock_addr_local(fd, &addr);
    if (error == 0)
        thimble_addr_to_sockaddr(&addr, address, length);
    return thimble_sock_result(error);
}

static inline int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    struct thimble_addr addr;
    int error = thimble_sock_addr_remote(fd, &addr);
    if (error == 0)
        thimble_addr_to_sockaddr(&addr, address, length);
    return thimble_sock_result(error);
}

/* send() and recv() are wasi-libc's own. `to` may be NULL on a connected socket. */
static inline ssize_t sendto(int fd, const void *data, size_t length, int flags,
                             const struct sockaddr *to, socklen_t to_length)
{
    __wasi_ciovec_t part = {.buf = (const uint8_t *)data, .buf_len = length};
    struct thimble_addr addr;
    size_t sent = 0;
    if (to == NULL)
        return send(fd, data, length, flags);
    int error = flags != 0 ? EOPNOTSUPP : thimble_addr_from_sockaddr(to, to_length, &addr);
    if (error == 0)
        error = thimble_sock_send_to(fd, &part, 1, 0, &addr, &sent);
    return thimble_sock_result(error) == 0 ? (ssize_t)sent : -1;
}

/* `flags`: MSG_PEEK, MSG_WAITALL or 0. */
static inline ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                               socklen_t *from_length)
{
    __wasi_iovec_t part = {.buf = (uint8_t *)data, .buf_len = length};
    struct thimble_addr addr;
    size_t received = 0;
    if (from == NULL)
        return recv(fd, data, length, flags);
    int error = thimble_sock_recv_from(fd, &part, 1, flags, &addr, &received);
    if (error == 0)
        thimble_addr_to_sockaddr(&addr, from, from_length);
    return thimble_sock_result(error) == 0 ? (ssize_t)received : -1;
}

/* SOL_SOCKET: SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF (int);
 * SO_SNDTIMEO, SO_RCVTIMEO (struct timeval); SO_LINGER (struct linger). IPPROTO_TCP: TCP_NODELAY,
 * TCP_QUICKACK, TCP_FASTOPEN_CONNECT, TCP_KEEPIDLE, TCP_KEEPINTVL (int). IPPROTO_IP: IP_TTL,
 * IP_MULTICAST_TTL (int). IPPROTO_IPV6: IPV6_V6ONLY (int). Anything else: ENOPROTOOPT. */
static inline int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    int number = 0;
    int error = ENOPROTOOPT;
    if (value == NULL)
        return thimble_sock_result(EINVAL);
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        struct timeval time;
        if (length < sizeof time)
            return thimble_sock_result(EINVAL);
        memcpy(&time, value, sizeof time);
        uint64_t microseconds = (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
        return thimble_sock_result(option == SO_RCVTIMEO ? thimble_sock_set_recv_timeout(fd, microseconds)
                                                         : thimble_sock_set_send_timeout(fd, microseconds));
    }
    if (level == SOL_SOCKET && option == SO_LINGER) {
        struct linger linger;
        if (length < sizeof linger)
            return thimble_sock_result(EINVAL);
        memcpy(&linger, value, sizeof linger);
        return thimble_sock_result(thimble_sock_set_linger(fd, linger.l_onoff != 0, linger.l_linger));
    }
    if (length < sizeof number)
        return thimble_sock_result(EINVAL);
    memcpy(&number, value, sizeof number);
    bool on = number != 0;
    if (level == SOL_SOCKET) {
        switch (option) {
        case SO_REUSEADDR: error = thimble_sock_set_reuse_addr(fd, on); break;
        case SO_REUSEPORT: error = thimble_sock_set_reuse_port(fd, on); break;
        case SO_KEEPALIVE: error = thimble_sock_set_keep_alive(fd, on); break;
        case SO_BROADCAST: error = thimble_sock_set_broadcast(fd, on); break;
        case SO_SNDBUF: error = thimble_sock_set_send_buf_size(fd, (uint32_t)number); break;
        case SO_RCVBUF: error = thimble_sock_set_recv_buf_size(fd, (uint32_t)number); break;
        default: break;
        }
    } else if (level == IPPROTO_TCP) {
        switch (option) {
        case TCP_NODELAY: error = thimble_sock_set_tcp_no_delay(fd, on); break;
        case TCP_QUICKACK: error = thimble_sock_set_tcp_quick_ack(fd, on); break;
        case TCP_FASTOPEN_CONNECT: error = thimble_sock_set_tcp_fastopen_connect(fd, on); break;
        case TCP_KEEPIDLE: error = thimble_sock_set_tcp_keep_idle(fd, (uint32_t)number); break;
        case TCP_KEEPINTVL: error = thimble_sock_set_tcp_keep_intvl(fd, (uint32_t)number); break;
        default: break;
        }
    } else if (level == IPPROTO_IP && option == IP_TTL) {
        error = thimble_sock_set_ip_ttl(fd, (uint8_t)number);
    } else if (level == IPPROTO_IP && option == IP_MULTICAST_TTL) {
        error = thimble_sock_set_ip_multicast_ttl(fd, (uint8_t)number);
    } else if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
        error = thimble_sock_set_ipv6_only(fd, on);
    }
    return thimble_sock_result(error);
}

/* wasi-libc's getsockopt() knows only SO_TYPE; this replaces it and passes that one on. */
static inline int thimble_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    bool on = false;
    uint8_t hops = 0;
    uint32_t number = 0;
    int error = ENOPROTOOPT;
    if (value == NULL || length == NULL)
        return thimble_sock_result(EINVAL);
    if (level == SOL_SOCKET && option == SO_TYPE)
        return getsockopt(fd, level, option, value, length);
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        uint64_t microseconds = 0;
        struct timeval time;
        if (*length < sizeof time)
            return thimble_sock_result(EINVAL);
        error = option == SO_RCVTIMEO ? thimble_sock_get_recv_timeout(fd, &microseconds)
                                      : thimble_sock_get_send_timeout(fd, &microseconds);
        memset(&time, 0, sizeof time);
        time.tv_sec = (time_t)(microseconds / 1000000u);
        time.tv_usec = (suseconds_t)(microseconds % 1000000u);
        if (error == 0)
            memcpy(value, &time, *length = sizeof time);
        return thimble_sock_result(error);
    }
    if (level == SOL_SOCKET && option == SO_LINGER) {
        struct linger linger;
        int seconds = 0;
        if (*length < sizeof linger)
            return thimble_sock_result(EINVAL);
        error = thimble_sock_get_linger(fd, &on, &seconds);
        linger.l_onoff = on;
        linger.l_linger = seconds;
        if (error == 0)
            memcpy(value, &linger, *length = sizeof linger);
        return thimble_sock_result(error);
    }
    if (*length < sizeof number)
        return thimble_sock_result(EINVAL);
    if (level == SOL_SOCKET) {
        switch (option) {
        case SO_REUSEADDR: error = thimble_sock_get_reuse_addr(fd, &on); break;
        case SO_REUSEPORT: error = thimble_sock_get_reuse_port(fd, &on); break;
        case SO_KEEPALIVE: error = thimble_sock_get_keep_alive(fd, &on); break;
        case SO_BROADCAST: error = thimble_sock_get_broadcast(fd, &on); break;
        case SO_SNDBUF: error = thimble_sock_get_send_buf_size(fd, &number); break;
        case SO_RCVBUF: error = thimble_sock_get_recv_buf_size(fd, &number); break;
        default: break;
        }
    } else if (level == IPPROTO_TCP) {
        switch (option) {
        case TCP_NODELAY: error = thimble_sock_get_tcp_no_delay(fd, &on); break;
        case TCP_QUICKACK: error = thimble_sock_get_tcp_quick_ack(fd, &on); break;
        case TCP_FASTOPEN_CONNECT: error = thimble_sock_get_tcp_fastopen_connect(fd, &on); break;
        case TCP_KEEPIDLE: error = thimble_sock_get_tcp_keep_idle(fd, &number); break;
        case TCP_KEEPINTVL: error = thimble_sock_get_tcp_keep_intvl(fd, &number); break;
        default: break;
        }
    } else if (level == IPPROTO_IP && option == IP_TTL) {
        error = thimble_sock_get_ip_ttl(fd, &hops);
    } else if (level == IPPROTO_IP && option == IP_MULTICAST_TTL) {
        error = thimble_sock_get_ip_multicast_ttl(fd, &hops);
    } else if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
        error = thimble_sock_get_ipv6_only(fd, &on);
    }
    number += (uint32_t)on + hops; /* two of the three are zero */
    if (error == 0)
        memcpy(value, &number, *length = sizeof number);
    return thimble_sock_result(error);
}
#define getsockopt(fd, level, option, value, length) thimble_getsockopt(fd, level, option, value, length)

/* ---- Names ----------------------------------------------------------------------------------- */

#ifndef EAI_NONAME
#define EAI_BADFLAGS (-1)
#define EAI_NONAME (-2)
#define EAI_AGAIN (-3)
#define EAI_FAIL (-4)
#define EAI_FAMILY (-6)
#define EAI_SOCKTYPE (-7)
#define EAI_SERVICE (-8)
#define EAI_MEMORY (-10)
#define EAI_SYSTEM (-11)
#define EAI_OVERFLOW (-12)
#define AI_PASSIVE 1
#define AI_NUMERICHOST 4

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

/* An entry and the address that it points to, in one piece of memory. */
struct thimble_addrinfo {
    struct addrinfo info;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
};

/* Frees what getaddrinfo() returned. */
static inline void freeaddrinfo(struct addrinfo *list)
{
    free(list); /* one block, see below */
}

/* Looks up a host name and a service; either may be NULL. Returns 0 and a list, or an EAI_* number
 * (EAI_SYSTEM: see errno; EACCES is a missing grant). Flags are not served, but AI_PASSIVE is harmless. */
static inline int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                              struct addrinfo **list)
{
    enum { ENTRIES_MAX = 16 };
    struct thimble_addr_info entries[ENTRIES_MAX];
    struct thimble_addr_hints wanted = {THIMBLE_SOCK_ANY, THIMBLE_INET_ANY, 0};
    uint32_t count = 0;

    if (hints != NULL) {
        wanted.enabled = 1;
        switch (hints->ai_family) {
        case AF_UNSPEC: break;
        case AF_INET: wanted.family = THIMBLE_INET4; break;
        case AF_INET6: wanted.family = THIMBLE_INET6; break;
        default: return EAI_FAMILY;
        }
        switch (hints->ai_socktype) {
        case 0: break;
        case SOCK_STREAM: wanted.type = THIMBLE_SOCK_STREAM; break;
        case SOCK_DGRAM: wanted.type = THIMBLE_SOCK_DGRAM; break;
        default: return EAI_SOCKTYPE;
        }
    }
    if (host == NULL)
        host = hints != NULL && hints->ai_flags & AI_PASSIVE ? "0.0.0.0" : "127.0.0.1";
    int error = thimble_sock_addr_resolve(host, service == NULL ? "" : service, &wanted, entries,
                                          ENTRIES_MAX, &count);
    if (error == ENOENT)
        return EAI_NONAME;
    if (error == EAGAIN)
        return EAI_AGAIN;
    if (error == EINVAL)
        return EAI_SERVICE;
    if (error != 0) {
        errno = error;
        return EAI_SYSTEM;
    }
    if (count == 0)
        return EAI_NONAME;
    if (count > ENTRIES_MAX)
        count = ENTRIES_MAX;
    struct thimble_addrinfo *block = (struct thimble_addrinfo *)calloc(count, sizeof *block);
    if (block == NULL)
        return EAI_MEMORY;
    for (uint32_t entry = 0; entry < count; entry++) {
        struct addrinfo *info = &block[entry].info;
        bool stream = entries[entry].type != THIMBLE_SOCK_DGRAM;
        info->ai_family = entries[entry].addr.kind == THIMBLE_ADDR_IPV6 ? AF_INET6 : AF_INET;
        info->ai_socktype = stream ? SOCK_STREAM : SOCK_DGRAM;
        info->ai_protocol = stream ? IPPROTO_TCP : IPPROTO_UDP;
        info->ai_addr = &block[entry].address.any;
        info->ai_addrlen = sizeof block[entry].address;
        thimble_addr_to_sockaddr(&entries[entry].addr, info->ai_addr, &info->ai_addrlen);
        info->ai_next = entry + 1 < count ? &block[entry + 1].info : NULL;
    }
    *list = &block[0].info;
    return 0;
}

static inline const char *gai_strerror(int error)
{
    switch (error) {
    case 0: return "no error";
    case EAI_NONAME: return "no such host";
    case EAI_AGAIN: return "name service does not answer now";
    case EAI_FAMILY: return "address family not served";
    case EAI_SOCKTYPE: return "socket type not served";
    case EAI_SERVICE: return "no such service";
    case EAI_MEMORY: return "out of memory";
    case EAI_SYSTEM: return strerror(errno);
    default: return "look-up failed";
    }
}
#endif /* EAI_NONAME */

#endif /* THIMBLE_SOCKET_NO_BSD */

#ifdef __cplusplus
}
#endif

#endif /* THIMBLE_SOCKET_H */
