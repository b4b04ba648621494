/* SPDX-License-Identifier: Apache-2.0 */
/* UDP over loopback, and looking names up. Grant: net. */
#include "sockets.h"

static uint32_t send_to(int fd, const struct thimble_addr *to, const void *bytes, uint32_t len, size_t *sent)
{
    struct buffer part = {bytes, len};
    return (uint32_t)thimble_sock_send_to(fd, (const void *)&part, 1, 0, to, sent);
}

static uint32_t receive_from(int fd, void *bytes, uint32_t len, int flags, struct thimble_addr *from, size_t *received)
{
    struct buffer part = {bytes, len};
    return (uint32_t)thimble_sock_recv_from(fd, (const void *)&part, 1, flags, from, received);
}

static void datagrams(int family)
{
    int one = bound(family, DGRAM), two = bound(family, DGRAM);
    struct thimble_addr first = local_of(one), second = local_of(two), from;
    struct fdstat stat;
    EQUAL(fd_fdstat_get((uint32_t)one, &stat), OK);
    EQUAL(stat.type, TYPE_DGRAM);
    struct buffer parts[] = {{TEXT("data")}, {TEXT("gram")}};
    size_t done = 0;
    EQUAL(thimble_sock_send_to(one, (void *)parts, 2, 0, &second, &done), OK);
    EQUAL(done, 8);
    EQUAL(send_to(one, &second, "", 0, &done), OK);
    char bytes[16];
    EQUAL(receive_from(two, bytes, 16, PEEK, &from, &done), OK);
    EQUAL(done, 8);
    memset(&from, 0, sizeof from);
    EQUAL(receive_from(two, bytes, 16, 0, &from, &done), OK);
    EQUAL(done, 8);
    BYTES(bytes, "datagram", 8);
    EQUAL(from.kind, family);
    EQUAL(port_of(&from), port_of(&first));
    EQUAL(receive_from(two, bytes, 16, 0, &from, &done), OK);
    EQUAL(done, 0);
    EQUAL(thimble_sock_close(one), OK);
    EQUAL(thimble_sock_close(two), OK);
}

static void ipv4_datagrams_tell_their_sender(void)
{
    datagrams(IPV4);
}

static void ipv6_datagrams_tell_their_sender(void)
{
    datagrams(IPV6);
}

static void a_connected_datagram_socket_has_a_peer(void)
{
    int one = bound(IPV4, DGRAM), two = bound(IPV4, DGRAM);
    struct thimble_addr second = local_of(two), peer;
    size_t done;
    char bytes[8];
    EQUAL(send_bytes(one, "x", 1, &done), DESTADDRREQ);
    EQUAL(thimble_sock_connect(one, &second), OK);
    EQUAL(thimble_sock_addr_remote(one, &peer), OK);
    EQUAL(port_of(&peer), port_of(&second));
    EQUAL(send_bytes(one, "hi", 2, &done), OK);
    EQUAL(ready(two, POLL_READ).error, OK);
    EQUAL(receive_bytes(two, bytes, 8, 0, &done), OK);
    EQUAL(done, 2);
    EQUAL(thimble_sock_listen(one, 1), NOTSUP);
    EQUAL(thimble_sock_close(one), OK);
    EQUAL(thimble_sock_close(two), OK);
}

static void what_does_not_fit_is_cut(void)
{
    int one = bound(IPV4, DGRAM), two = bound(IPV4, DGRAM);
    struct thimble_addr second = local_of(two);
    static uint8_t large[65536];
    size_t done;
    char bytes[2];
    struct buffer into = {bytes, 2};
    uint16_t flags = 0;
    EQUAL(send_to(one, &second, "long", 4, &done), OK);
    EQUAL(thimble_sock_recv(two, (void *)&into, 1, 0, &done, &flags), OK);
    EQUAL(done, 2);
    EQUAL(flags, TRUNCATED);
    EQUAL(send_to(one, &second, large, sizeof large, &done), MSGSIZE);
    EQUAL(fd_fdstat_set_flags((uint32_t)two, NONBLOCK), OK);
    EQUAL(thimble_sock_recv(two, (void *)&into, 1, 0, &done, &flags), AGAIN);
    EQUAL(thimble_sock_close(one), OK);
    EQUAL(thimble_sock_close(two), OK);
}

static void bad_arguments_are_refused(void)
{
    int fd = bound(IPV4, DGRAM);
    struct thimble_addr self = local_of(fd), six = loopback(IPV6, 9), from;
    size_t done;
    char bytes[2];
    EQUAL(send_to(fd, &six, "x", 1, &done), AFNOSUPPORT);
    EQUAL(send_to(fd, NOWHERE, "x", 1, &done), FAULT);
    EQUAL(send_to(fd, &self, NOWHERE, 1, &done), FAULT);
    EQUAL(send_to(fd, &self, "x", 1, NOWHERE), FAULT);
    EQUAL(thimble_sock_send_to(fd, (void *)&(struct buffer){"x", 1}, 1, 1, &self, &done), INVAL);
    EQUAL(receive_from(fd, NOWHERE, 1, 0, &from, &done), FAULT);
    EQUAL(receive_from(fd, bytes, 2, 0, NOWHERE, &done), FAULT);
    EQUAL(receive_from(fd, bytes, 2, 0, &from, NOWHERE), FAULT);
    EQUAL(receive_from(fd, bytes, 2, 4, &from, &done), INVAL);
    EQUAL(send_to(1, &self, "x", 1, &done), NOTSOCK);
    EQUAL(receive_from(99, bytes, 2, 0, &from, &done), BADF);
    EQUAL(thimble_sock_close(fd), OK);
}

static void a_group_is_joined_and_left(void)
{
    int fd = open_socket(IPV4, DGRAM);
    struct thimble_addr any = {.kind = IPV4}, group = {.kind = IPV4};
    EQUAL(thimble_sock_bind(fd, &any), OK);
    const uint8_t address[4] = {239, 255, 7, 9};
    struct thimble_addr_ip joined = {.kind = IPV4};
    memcpy(joined.addr.ip4, address, 4);
    memcpy(group.addr.ip4.bytes, address, 4);
    any = local_of(fd);
    group.addr.ip4.port = any.addr.ip4.port;
    /* 127.0.0.1 as an in_addr */
    EQUAL(thimble_sock_set_ip_add_membership(fd, &joined, 0x0100007f), OK);
    EQUAL(thimble_sock_set_ip_add_membership(fd, &joined, 0x0100007f), ADDRINUSE);
    EQUAL(thimble_sock_set_ip_drop_membership(fd, &joined, 0x0100007f), OK);
    EQUAL(thimble_sock_set_ip_drop_membership(fd, &joined, 0x0100007f), ADDRNOTAVAIL);
    EQUAL(thimble_sock_set_ip_add_membership(fd, NOWHERE, 0), FAULT);
    EQUAL(thimble_sock_set_ip_drop_membership(1, &joined, 0), NOTSOCK);
    EQUAL(thimble_sock_close(fd), OK);
}

static int resolve(const char *host, const char *service, int type, int family, uint32_t *count,
                   struct thimble_addr_info *entries, uint32_t capacity)
{
    struct thimble_addr_hints hints = {type, family, 1};
    return thimble_sock_addr_resolve(host, service, &hints, entries, capacity, count);
}

static void names_and_services_are_looked_up(void)
{
    struct thimble_addr_info entries[4];
    uint32_t count = 0;
    EQUAL(resolve("127.0.0.1", "8080", STREAM, IPV4, &count, entries, 4), OK);
    EQUAL(count, 1);
    EQUAL(entries[0].addr.addr.ip4.bytes[0], 127);
    EQUAL(entries[0].addr.addr.ip4.port, 8080);
    EQUAL(entries[0].type, STREAM);
    EQUAL(resolve("::1", "http", STREAM, IPV6, &count, entries, 4), OK);
    EQUAL(entries[0].addr.addr.ip6.groups[7], 1);
    EQUAL(entries[0].addr.addr.ip6.port, 80);
    EQUAL(resolve("localhost", "", THIMBLE_SOCK_ANY, IPV4, &count, entries, 4), OK);
    TRUE(count >= 2);
    BYTES(entries[0].addr.addr.ip4.bytes, "\x7f\0\0\1", 4);
    EQUAL(resolve("localhost", "", THIMBLE_SOCK_ANY, IPV4, &count, entries, 1), OK);
    TRUE(count >= 2);
    struct thimble_addr_hints none = {9, 9, 0};
    EQUAL(thimble_sock_addr_resolve("127.0.0.1", "53", &none, entries, 4, &count), OK);
    EQUAL(count, 2);
    EQUAL(resolve("127.0.0.1", "nonsense", STREAM, IPV4, &count, entries, 4), INVAL);
    EQUAL(resolve("127.0.0.1", "70000", STREAM, IPV4, &count, entries, 4), INVAL);
    EQUAL(resolve("127.0.0.1", "ntp", STREAM, IPV4, &count, entries, 4), INVAL);
    EQUAL(resolve("127.0.0.1", "", STREAM, IPV6, &count, entries, 4), NOENT);
    EQUAL(resolve("not a name", "", STREAM, IPV4, &count, entries, 4), NOENT);
    EQUAL(resolve("", "", STREAM, IPV4, &count, entries, 4), NOENT);
    EQUAL(resolve("127.0.0.1", "", 7, IPV4, &count, entries, 4), INVAL);
    EQUAL(resolve("127.0.0.1", "", STREAM, 7, &count, entries, 4), AFNOSUPPORT);
    EQUAL(resolve(NOWHERE, "", STREAM, IPV4, &count, entries, 4), FAULT);
    EQUAL(resolve("::1", NOWHERE, STREAM, IPV4, &count, entries, 4), FAULT);
    EQUAL(resolve("::1", "", STREAM, IPV6, NOWHERE, entries, 4), FAULT);
    EQUAL(resolve("::1", "", STREAM, IPV6, &count, NOWHERE, 4), FAULT);
    EQUAL(resolve("::1", "", STREAM, IPV6, &count, entries, UINT32_MAX), FAULT);
    EQUAL(thimble_sock_addr_resolve("::1", "", NOWHERE, entries, 4, &count), FAULT);
}

void _start(void)
{
    RUN(ipv4_datagrams_tell_their_sender);
    RUN(ipv6_datagrams_tell_their_sender);
    RUN(a_connected_datagram_socket_has_a_peer);
    RUN(what_does_not_fit_is_cut);
    RUN(bad_arguments_are_refused);
    RUN(a_group_is_joined_and_left);
    RUN(names_and_services_are_looked_up);
    finish();
}
