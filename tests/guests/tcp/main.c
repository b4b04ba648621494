/* SPDX-License-Identifier: Apache-2.0 */
/* TCP over loopback, the guest at both ends. Grant: net. Descriptor 3 is a listener that the runtime opened. */
#include "sockets.h"

enum { LISTENER = 3, MS = 1000000 };

static void a_connection(int family)
{
    int server = listener(family), client = open_socket(family, STREAM), accepted = -1;
    struct thimble_addr address = local_of(server), other;
    TRUE(port_of(&address) != 0);
    EQUAL(address.kind, family);
    EQUAL(thimble_sock_addr_remote(client, &other), NOTCONN);
    EQUAL(thimble_sock_connect(client, &address), OK);
    EQUAL(thimble_sock_accept(server, 0, &accepted), OK);
    EQUAL(thimble_sock_addr_remote(client, &other), OK);
    BYTES(&other, &address, family == IPV6 ? 22 : 10);
    struct thimble_addr mine = local_of(client);
    EQUAL(thimble_sock_addr_remote(accepted, &other), OK);
    EQUAL(port_of(&other), port_of(&mine));

    struct buffer parts[] = {{TEXT("over ")}, {"", 0}, {TEXT("loopback")}};
    size_t done = 0;
    EQUAL(thimble_sock_send(client, (void *)parts, 3, 0, &done), OK);
    EQUAL(done, 13);
    char first[5], second[16];
    struct buffer into[] = {{first, 5}, {second, 8}};
    uint16_t flags = 7;
    EQUAL(thimble_sock_recv(accepted, (void *)into, 2, PEEK, &done, &flags), OK);
    EQUAL(flags, 0);
    EQUAL(thimble_sock_recv(accepted, (void *)into, 2, WAIT_ALL, &done, &flags), OK);
    EQUAL(done, 13);
    BYTES(first, "over ", 5);
    BYTES(second, "loopback", 8);
    EQUAL(thimble_sock_close(client), OK);
    EQUAL(receive_bytes(accepted, second, 8, 0, &done), OK);
    EQUAL(done, 0);
    EQUAL(fd_close((uint32_t)accepted), OK);
    EQUAL(thimble_sock_close(server), OK);
}

static void ipv4_connections_carry_bytes(void)
{
    a_connection(IPV4);
}

static void ipv6_connections_carry_bytes(void)
{
    a_connection(IPV6);
}

static void sockets_are_descriptors(void)
{
    int fds[2];
    connection(IPV4, fds);
    struct fdstat stat;
    struct filestat file;
    uint32_t done;
    uint64_t at;
    EQUAL(fd_fdstat_get((uint32_t)fds[0], &stat), OK);
    EQUAL(stat.type, TYPE_STREAM);
    EQUAL(fd_filestat_get((uint32_t)fds[0], &file), OK);
    EQUAL(file.type, TYPE_STREAM);
    EQUAL(write_text((uint32_t)fds[0], "written"), 7);
    char bytes[8];
    EQUAL(fd_read((uint32_t)fds[1], &(struct buffer){bytes, 8}, 1, &done), OK);
    EQUAL(done, 7);
    BYTES(bytes, "written", 7);
    EQUAL(fd_seek((uint32_t)fds[0], 0, SET, &at), SPIPE);
    EQUAL(fd_pread((uint32_t)fds[0], &(struct buffer){bytes, 8}, 1, 0, &done), SPIPE);
    EQUAL(fd_fdstat_set_rights((uint32_t)fds[1], RIGHT_WRITE, 0), OK);
    EQUAL(receive_bytes(fds[1], bytes, 8, 0, (size_t *)&done), NOTCAPABLE);
    EQUAL(fd_renumber((uint32_t)fds[1], (uint32_t)fds[0]), OK);
    EQUAL(fd_close((uint32_t)fds[0]), OK);
    EQUAL(fd_close((uint32_t)fds[1]), BADF);
}

static void both_accepts_and_their_flags(void)
{
    int server = listener(IPV4), accepted;
    struct thimble_addr address = local_of(server);
    EQUAL(fd_fdstat_set_flags((uint32_t)server, NONBLOCK), OK);
    EQUAL(thimble_sock_accept(server, 0, &accepted), AGAIN);
    EQUAL(sock_accept_unflagged(server, &accepted), AGAIN);
    EQUAL(fd_fdstat_set_flags((uint32_t)server, 0), OK);
    int one = open_socket(IPV4, STREAM), two = open_socket(IPV4, STREAM);
    EQUAL(thimble_sock_connect(one, &address), OK);
    EQUAL(thimble_sock_connect(two, &address), OK);
    struct fdstat stat;
    EQUAL(ready(server, POLL_READ).error, OK);
    EQUAL(thimble_sock_accept(server, NONBLOCK, &accepted), OK);
    EQUAL(fd_fdstat_get((uint32_t)accepted, &stat), OK);
    EQUAL(stat.flags, NONBLOCK);
    char byte;
    size_t done;
    EQUAL(receive_bytes(accepted, &byte, 1, 0, &done), AGAIN);
    EQUAL(fd_close((uint32_t)accepted), OK);
    EQUAL(sock_accept_unflagged(server, &accepted), OK);
    EQUAL(fd_fdstat_get((uint32_t)accepted, &stat), OK);
    EQUAL(stat.flags, 0);
    EQUAL(thimble_sock_accept(server, APPEND, &accepted), INVAL);
    EQUAL(thimble_sock_accept(server, 0, NOWHERE), FAULT);
    EQUAL(thimble_sock_accept(one, 0, &accepted), INVAL);
    EQUAL(thimble_sock_accept(1, 0, &accepted), NOTSOCK);
    EQUAL(thimble_sock_accept(99, 0, &accepted), BADF);
    EQUAL(fd_close((uint32_t)accepted), OK);
    EQUAL(thimble_sock_close(one), OK);
    EQUAL(thimble_sock_close(two), OK);
    EQUAL(thimble_sock_close(server), OK);
}

static void a_nonblocking_connect_is_asked_again(void)
{
    int server = listener(IPV4), client = open_socket(IPV4, STREAM);
    struct thimble_addr address = local_of(server);
    EQUAL(fd_fdstat_set_flags((uint32_t)client, NONBLOCK), OK);
    int first = thimble_sock_connect(client, &address);
    if (first != OK) {
        EQUAL(first, INPROGRESS);
        EQUAL(ready(client, POLL_WRITE).error, OK);
        EQUAL(thimble_sock_connect(client, &address), ISCONN);
    }
    EQUAL(thimble_sock_connect(client, &address), ISCONN);
    EQUAL(thimble_sock_close(client), OK);
    EQUAL(thimble_sock_close(server), OK);
    /* The port is held, so that nobody else listens there meanwhile. */
    int held = bound(IPV4, STREAM);
    address = local_of(held);
    client = open_socket(IPV4, STREAM);
    EQUAL(thimble_sock_connect(client, &address), CONNREFUSED);
    EQUAL(thimble_sock_close(client), OK);
    EQUAL(thimble_sock_close(held), OK);
}

static void shutting_down_ends_one_direction(void)
{
    int fds[2];
    char byte;
    size_t done = 9;
    connection(IPV4, fds);
    EQUAL(thimble_sock_shutdown(fds[0], SHUT_SEND), OK);
    EQUAL(send_bytes(fds[0], "x", 1, &done), PIPE);
    EQUAL(ready(fds[1], POLL_READ).flags, HANGUP);
    EQUAL(receive_bytes(fds[1], &byte, 1, 0, &done), OK);
    EQUAL(done, 0);
    EQUAL(send_bytes(fds[1], "x", 1, &done), OK);
    EQUAL(receive_bytes(fds[0], &byte, 1, 0, &done), OK);
    EQUAL(done, 1);
    EQUAL(thimble_sock_shutdown(fds[1], SHUT_RECEIVE | SHUT_SEND), OK);
    EQUAL(thimble_sock_shutdown(fds[0], 0), INVAL);
    EQUAL(thimble_sock_shutdown(fds[0], 4), INVAL);
    EQUAL(thimble_sock_shutdown(1, SHUT_SEND), NOTSOCK);
    EQUAL(thimble_sock_shutdown(99, SHUT_SEND), BADF);
    int alone = open_socket(IPV4, STREAM);
    EQUAL(thimble_sock_shutdown(alone, SHUT_SEND), NOTCONN);
    EQUAL(send_bytes(alone, "x", 1, &done), PIPE);
    EQUAL(receive_bytes(alone, &byte, 1, 0, &done), NOTCONN);
    EQUAL(thimble_sock_close(alone), OK);
    EQUAL(thimble_sock_close(fds[0]), OK);
    EQUAL(thimble_sock_close(fds[1]), OK);
}

static void timeouts_end_a_wait(void)
{
    int fds[2], server = listener(IPV4), accepted;
    char byte;
    size_t done;
    uint64_t micros;
    connection(IPV4, fds);
    EQUAL(thimble_sock_set_recv_timeout(fds[0], 3000), OK);
    EQUAL(thimble_sock_get_recv_timeout(fds[0], &micros), OK);
    EQUAL(micros, 3000);
    uint64_t before = now();
    EQUAL(receive_bytes(fds[0], &byte, 1, 0, &done), AGAIN);
    TRUE(now() - before >= 3 * MS);
    EQUAL(thimble_sock_set_recv_timeout(server, 3000), OK);
    EQUAL(thimble_sock_accept(server, 0, &accepted), AGAIN);
    EQUAL(thimble_sock_close(server), OK);
    EQUAL(thimble_sock_close(fds[0]), OK);
    EQUAL(thimble_sock_close(fds[1]), OK);
}

static uint8_t large[1 << 20];

static void a_full_connection_makes_the_sender_wait(void)
{
    int fds[2];
    size_t done = 0, total = 0;
    uint32_t error;
    connection(IPV4, fds);
    EQUAL(thimble_sock_set_send_timeout(fds[0], 2000), OK);
    while ((error = send_bytes(fds[0], large, sizeof large, &done)) == OK && done == sizeof large)
        total += done;
    TRUE(error == OK || error == AGAIN);
    total += error == OK ? done : 0;
    EQUAL(fd_fdstat_set_flags((uint32_t)fds[0], NONBLOCK), OK);
    while (send_bytes(fds[0], large, sizeof large, &done) == OK)
        total += done;
    EQUAL(send_bytes(fds[0], large, sizeof large, &done), AGAIN);
    EQUAL(thimble_sock_shutdown(fds[0], SHUT_SEND), OK);
    size_t received = 0;
    do {
        EQUAL(receive_bytes(fds[1], large, sizeof large, 0, &done), OK);
        received += done;
    } while (done > 0);
    EQUAL(received, total);
    EQUAL(thimble_sock_close(fds[0]), OK);
    EQUAL(thimble_sock_close(fds[1]), OK);
}

static void lingering_for_no_time_resets(void)
{
    int fds[2], seconds = 9;
    bool on = false;
    char byte;
    size_t done;
    connection(IPV4, fds);
    EQUAL(thimble_sock_set_linger(fds[0], true, 0), OK);
    EQUAL(thimble_sock_get_linger(fds[0], &on, &seconds), OK);
    EQUAL(on, true);
    EQUAL(seconds, 0);
    EQUAL(thimble_sock_close(fds[0]), OK);
    EQUAL(receive_bytes(fds[1], &byte, 1, 0, &done), CONNRESET);
    EQUAL(thimble_sock_close(fds[1]), OK);
}

static void the_runtimes_listener_accepts(void)
{
    struct fdstat stat;
    int client = open_socket(IPV4, STREAM), accepted;
    EQUAL(fd_fdstat_get(LISTENER, &stat), OK);
    EQUAL(stat.type, TYPE_STREAM);
    EQUAL(fd_prestat_get(LISTENER, &(struct prestat){0}), BADF);
    struct thimble_addr address = local_of(LISTENER);
    EQUAL(thimble_sock_connect(client, &address), OK);
    EQUAL(thimble_sock_accept(LISTENER, 0, &accepted), OK);
    EQUAL(thimble_sock_close(client), OK);
    EQUAL(thimble_sock_close(accepted), OK);
}

static void what_makes_no_sense_is_refused(void)
{
    int fd, one = bound(IPV4, STREAM), two = open_socket(IPV4, STREAM), six = open_socket(IPV6, STREAM);
    struct thimble_addr address = local_of(one), bad = address;
    size_t done;
    char byte;
    EQUAL(thimble_sock_open(-1, 2, STREAM, &fd), AFNOSUPPORT);
    EQUAL(thimble_sock_open(-1, IPV4, 2, &fd), INVAL);
    EQUAL(thimble_sock_open(-1, IPV4, STREAM, NOWHERE), FAULT);
    EQUAL(thimble_sock_listen(one, 1), OK);
    EQUAL(thimble_sock_bind(two, &address), ADDRINUSE);
    EQUAL(thimble_sock_bind(six, &address), AFNOSUPPORT);
    EQUAL(thimble_sock_connect(six, &address), AFNOSUPPORT);
    bad.kind = 2;
    EQUAL(thimble_sock_bind(two, &bad), PROTONOSUPPORT);
    EQUAL(thimble_sock_connect(two, &bad), PROTONOSUPPORT);
    EQUAL(thimble_sock_bind(two, NOWHERE), FAULT);
    EQUAL(thimble_sock_connect(two, NOWHERE), FAULT);
    EQUAL(thimble_sock_addr_local(two, NOWHERE), FAULT);
    EQUAL(thimble_sock_addr_remote(two, NOWHERE), FAULT);
    EQUAL(thimble_sock_bind(1, &address), NOTSOCK);
    EQUAL(thimble_sock_listen(1, 1), NOTSOCK);
    EQUAL(thimble_sock_connect(1, &address), NOTSOCK);
    EQUAL(thimble_sock_close(1), NOTSOCK);
    EQUAL(thimble_sock_close(99), BADF);
    EQUAL(thimble_sock_addr_local(99, &bad), BADF);
    EQUAL(send_bytes(1, "x", 1, &done), NOTSOCK);
    EQUAL(receive_bytes(0, &byte, 1, 0, &done), NOTSOCK);
    EQUAL(receive_bytes(two, &byte, 1, 8, &done), INVAL);
    EQUAL(thimble_sock_send(two, (void *)&(struct buffer){"x", 1}, 1, 1, &done), INVAL);
    EQUAL(send_bytes(two, NOWHERE, 1, &done), FAULT);
    EQUAL(receive_bytes(two, NOWHERE, 1, 0, &done), FAULT);
    EQUAL(thimble_sock_close(one), OK);
    EQUAL(thimble_sock_close(two), OK);
    EQUAL(thimble_sock_close(six), OK);
}

void _start(void)
{
    RUN(ipv4_connections_carry_bytes);
    RUN(ipv6_connections_carry_bytes);
    RUN(sockets_are_descriptors);
    RUN(both_accepts_and_their_flags);
    RUN(a_nonblocking_connect_is_asked_again);
    RUN(shutting_down_ends_one_direction);
    RUN(timeouts_end_a_wait);
    RUN(a_full_connection_makes_the_sender_wait);
    RUN(lingering_for_no_time_resets);
    RUN(the_runtimes_listener_accepts);
    RUN(what_makes_no_sense_is_refused);
    finish();
}
