/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.h: the socket calls as thimble_socket.h imports them, and what checks of sockets do often. */
#ifndef CONFORM_SOCKETS_H
#define CONFORM_SOCKETS_H

#include "check.h"

#define THIMBLE_SOCKET_NO_BSD
#include "thimble_socket.h"

enum { STREAM = THIMBLE_SOCK_STREAM, DGRAM = THIMBLE_SOCK_DGRAM, IPV4 = THIMBLE_INET4, IPV6 = THIMBLE_INET6 };
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, PEEK = 1, WAIT_ALL = 2, TRUNCATED = 1 };

/* `sock_accept` as WAMR had it first: two parameters. */
THIMBLE_SOCK_IMPORT("sock_accept") int sock_accept_unflagged(int fd, int *accepted);

static inline struct thimble_addr loopback(int family, uint16_t port)
{
    struct thimble_addr address = {.kind = (uint32_t)family};
    if (family == IPV6) {
        address.addr.ip6.groups[7] = 1;
        address.addr.ip6.port = port;
    } else {
        address.addr.ip4.bytes[0] = 127;
        address.addr.ip4.bytes[3] = 1;
        address.addr.ip4.port = port;
    }
    return address;
}

static inline uint16_t port_of(const struct thimble_addr *address)
{
    return address->kind == IPV6 ? address->addr.ip6.port : address->addr.ip4.port;
}

static inline int open_socket(int family, int kind)
{
    int fd = -1;
    EQUAL(thimble_sock_open(-1, family, kind, &fd), OK);
    return fd;
}

static inline struct thimble_addr local_of(int fd)
{
    struct thimble_addr address;
    memset(&address, 0xee, sizeof address);
    EQUAL(thimble_sock_addr_local(fd, &address), OK);
    return address;
}

/* A socket bound to a port of the loopback address that the device chose. */
static inline int bound(int family, int kind)
{
    struct thimble_addr any_port = loopback(family, 0);
    int fd = open_socket(family, kind);
    EQUAL(thimble_sock_bind(fd, &any_port), OK);
    return fd;
}

static inline int listener(int family)
{
    int fd = bound(family, STREAM);
    EQUAL(thimble_sock_listen(fd, 8), OK);
    return fd;
}

/* A connection: `fds[0]` connected, `fds[1]` accepted. */
static inline void connection(int family, int fds[2])
{
    int from = listener(family);
    struct thimble_addr address = local_of(from);
    fds[0] = open_socket(family, STREAM);
    EQUAL(thimble_sock_connect(fds[0], &address), OK);
    EQUAL(thimble_sock_accept(from, 0, &fds[1]), OK);
    EQUAL(thimble_sock_close(from), OK);
}

static inline uint32_t send_bytes(int fd, const void *bytes, uint32_t len, size_t *sent)
{
    struct buffer part = {bytes, len};
    return (uint32_t)thimble_sock_send(fd, (const void *)&part, 1, 0, sent);
}

static inline uint32_t receive_bytes(int fd, void *bytes, uint32_t len, int flags, size_t *received)
{
    struct buffer part = {bytes, len};
    uint16_t out;
    return (uint32_t)thimble_sock_recv(fd, (const void *)&part, 1, flags, received, &out);
}

/* Waits until a descriptor is ready; the event. */
static inline struct event ready(int fd, uint8_t type)
{
    struct subscription wanted = {.userdata = (uint64_t)fd, .type = type};
    struct event event;
    uint32_t happened;
    wanted.fd = (uint32_t)fd;
    EQUAL(poll_oneoff(&wanted, &event, 1, &happened), OK);
    EQUAL(happened, 1);
    return event;
}

#endif /* CONFORM_SOCKETS_H */
