/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends back what it receives, to several clients at once: an ordinary BSD server with poll().
 *
 *   thimble run tcp-echo-c.wasm --listen tcp/7000            the runtime opens the port
 *   thimble run tcp-echo-c.wasm --allow net.listen:tcp/7000  the guest opens it
 *   ... [PORT [CONNECTIONS]]
 *
 * PORT is 7000 if not given. It ends after CONNECTIONS clients have come and gone; without, never.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <thimble_socket.h>

enum { CLIENTS_MAX = 16 };

/* Entry 0 is the listener, entries 1 to `clients` are clients. (poll() of wasi-libc wants no gaps.) */
static struct pollfd entries[1 + CLIENTS_MAX];
static nfds_t clients;

static int open_listener(int port)
{
    int listener = thimble_listener(0);
    if (listener >= 0) {
        puts("using the listener that the runtime opened");
        return listener;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0) {
        perror("cannot listen");
        exit(1);
    }
    printf("listening on port %d\n", port);
    return listener;
}

/* Takes a waiting client, or turns it away when there are too many. */
static void welcome(int listener)
{
    int client = accept(listener, NULL, NULL);
    if (client < 0)
        return;
    if (clients == CLIENTS_MAX) {
        close(client);
        return;
    }
    entries[++clients] = (struct pollfd){.fd = client, .events = POLLIN};
    puts("client connected");
}

/* Echoes what a client sent. Returns 0 once the client has gone. */
static int echo(int client)
{
    char buffer[1024];
    ssize_t received = recv(client, buffer, sizeof buffer, 0);
    for (ssize_t sent = 0; sent < received;) {
        ssize_t step = send(client, buffer + sent, (size_t)(received - sent), 0);
        if (step <= 0)
            return 0;
        sent += step;
    }
    return received > 0;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 7000;
    int connections_left = argc > 2 ? atoi(argv[2]) : 0; /* 0: no end */

    entries[0] = (struct pollfd){.fd = open_listener(port), .events = POLLIN};
    fflush(stdout);

    for (;;) {
        if (poll(entries, 1 + clients, -1) < 0) {
            perror("poll");
            return 1;
        }
        /* From the end, so that moving the last client into a gap skips nobody. */
        for (nfds_t entry = clients; entry > 0; entry--) {
            if (entries[entry].revents == 0 || echo(entries[entry].fd))
                continue;
            close(entries[entry].fd);
            entries[entry] = entries[clients--];
            puts("client gone");
            if (connections_left > 0 && --connections_left == 0)
                return 0;
        }
        if (entries[0].revents != 0)
            welcome(entries[0].fd);
        fflush(stdout);
    }
}
