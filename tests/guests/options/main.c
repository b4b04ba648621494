/* SPDX-License-Identifier: Apache-2.0 */
/* Socket options: what is set is read; a bad pointer, descriptor or value is refused. */
#include "sockets.h"

static int tcp, udp, six;

/* An option that is on or off, on a socket that has it. */
#define SWITCH(name, fd)                                                                            \
    do {                                                                                            \
        bool on[2] = {false, true};                                                                 \
        EQUAL(thimble_sock_set_##name(fd, true), OK);                                               \
        EQUAL(thimble_sock_get_##name(fd, on), OK);                                                 \
        EQUAL(on[0], true);                                                                         \
        EQUAL(thimble_sock_set_##name(fd, false), OK);                                              \
        EQUAL(thimble_sock_get_##name(fd, on), OK);                                                 \
        EQUAL(on[0], false);                                                                        \
        EQUAL(on[1], true);                                                                         \
        REFUSED(name, fd, 1)                                                                        \
    } while (0)

/* An option with a value, and how close what is read must come: the device may double or round a size. */
#define VALUE(name, fd, type, value, is)                                                            \
    do {                                                                                            \
        type got = 0;                                                                               \
        EQUAL(thimble_sock_set_##name(fd, value), OK);                                              \
        EQUAL(thimble_sock_get_##name(fd, &got), OK);                                               \
        TRUE(is);                                                                                   \
        REFUSED(name, fd, value)                                                                    \
    } while (0)

#define REFUSED(name, fd, value)                                                                    \
    EQUAL(thimble_sock_get_##name(fd, NOWHERE), FAULT);                                             \
    EQUAL(thimble_sock_set_##name(1, value), NOTSOCK);                                              \
    EQUAL(thimble_sock_set_##name(99, value), BADF);                                                \
    EQUAL(thimble_sock_get_##name(1, (void *)large_enough), NOTSOCK);                               \
    EQUAL(thimble_sock_get_##name(99, (void *)large_enough), BADF);

static uint64_t large_enough[1];

static void switches_are_kept(void)
{
    SWITCH(broadcast, udp);
    SWITCH(keep_alive, tcp);
    SWITCH(reuse_addr, tcp);
    SWITCH(reuse_port, udp);
    SWITCH(tcp_no_delay, tcp);
    SWITCH(tcp_quick_ack, tcp);
    SWITCH(tcp_fastopen_connect, tcp);
    SWITCH(ipv6_only, six);
}

static void hops_are_kept(void)
{
    VALUE(ip_ttl, tcp, uint8_t, 33, got == 33);
    VALUE(ip_ttl, six, uint8_t, 34, got == 34);
    VALUE(ip_multicast_ttl, udp, uint8_t, 5, got == 5);
    EQUAL(thimble_sock_set_ip_ttl(tcp, 0), INVAL);
}

static void sizes_and_times_are_kept(void)
{
    VALUE(recv_buf_size, udp, uint32_t, 16384, got >= 16384 && got <= 65536);
    VALUE(send_buf_size, udp, uint32_t, 16384, got >= 16384 && got <= 65536);
    VALUE(tcp_keep_idle, tcp, uint32_t, 77, got == 77);
    VALUE(tcp_keep_intvl, tcp, uint32_t, 11, got == 11);
    VALUE(recv_timeout, tcp, uint64_t, 1234567, got == 1234567);
    VALUE(send_timeout, tcp, uint64_t, UINT64_MAX, got == UINT64_MAX);
    VALUE(recv_timeout, tcp, uint64_t, 0, got == 0);
}

static void lingering_is_kept(void)
{
    bool on = false;
    int seconds = 0;
    EQUAL(thimble_sock_set_linger(tcp, true, 5), OK);
    EQUAL(thimble_sock_get_linger(tcp, &on, &seconds), OK);
    EQUAL(on, true);
    EQUAL(seconds, 5);
    EQUAL(thimble_sock_set_linger(tcp, false, 5), OK);
    EQUAL(thimble_sock_get_linger(tcp, &on, &seconds), OK);
    EQUAL(on, false);
    EQUAL(thimble_sock_set_linger(tcp, true, -1), INVAL);
    EQUAL(thimble_sock_get_linger(tcp, NOWHERE, &seconds), FAULT);
    EQUAL(thimble_sock_get_linger(tcp, &on, NOWHERE), FAULT);
    EQUAL(thimble_sock_set_linger(1, true, 1), NOTSOCK);
    EQUAL(thimble_sock_get_linger(99, &on, &seconds), BADF);
}

static void multicast_loops_are_kept(void)
{
    int fds[2] = {udp, open_socket(IPV6, DGRAM)};
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        bool on = false;
        EQUAL(thimble_sock_get_ip_multicast_loop(fds[ipv6], ipv6, &on), OK);
        EQUAL(on, true);
        EQUAL(thimble_sock_set_ip_multicast_loop(fds[ipv6], ipv6, false), OK);
        EQUAL(thimble_sock_get_ip_multicast_loop(fds[ipv6], ipv6, &on), OK);
        EQUAL(on, false);
    }
    EQUAL(thimble_sock_get_ip_multicast_loop(udp, false, NOWHERE), FAULT);
    EQUAL(thimble_sock_set_ip_multicast_loop(1, false, true), NOTSOCK);
    EQUAL(thimble_sock_close(fds[1]), OK);
}

void _start(void)
{
    tcp = open_socket(IPV4, STREAM);
    udp = open_socket(IPV4, DGRAM);
    six = open_socket(IPV6, STREAM);
    RUN(switches_are_kept);
    RUN(hops_are_kept);
    RUN(sizes_and_times_are_kept);
    RUN(lingering_is_kept);
    RUN(multicast_loops_are_kept);
    finish();
}
