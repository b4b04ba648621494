/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small, fast web server: HTTP/1.1, keep-alive, pipelining, many clients at once.
 *
 *   thimble run webserver-c.wasm --listen tcp/8080            the runtime opens the port
 *   thimble run webserver-c.wasm --allow net.listen:tcp/8080  the guest opens it
 *   ... [PORT]                                                8080 if not given
 *
 *   /        a page          /quit    answers, then ends the guest with exit code 0
 *   /health  "ok"            others   404
 *
 * What makes it fast: answers are built once, at the start; one receive and one send serve all requests
 * that have arrived on a connection; one poll_oneoff call waits for all connections, and its list of
 * subscriptions changes only when a client comes or goes. Nothing is allocated or printed per request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thimble_socket.h>

#ifndef CLIENTS_MAX
#define CLIENTS_MAX 64
#endif
enum { REQUEST_BYTES_MAX = 1024, OUTPUT_BYTES_MAX = 2048, ANSWER_BYTES_MAX = 512 };

struct client {
    int fd;
    size_t in_len;            /* bytes of unfinished requests in `in` */
    size_t out_at, out_len;   /* what of `out` is still to be sent */
    int closing;              /* close once everything is sent */
    char in[REQUEST_BYTES_MAX];
    char out[OUTPUT_BYTES_MAX];
};

struct answer {
    char bytes[ANSWER_BYTES_MAX];
    size_t len;
};

/* A client keeps its place in memory; `order` lists the live ones, then the free ones, and subscription
 * N + 1 belongs to `order[N]`. Subscription 0 is the listener. */
static struct client pool[CLIENTS_MAX];
static struct client *order[CLIENTS_MAX];
static size_t live;
static __wasi_subscription_t subscriptions[1 + CLIENTS_MAX];
static __wasi_event_t events[1 + CLIENTS_MAX];

static struct answer page, health, bye, not_found, bad_request;
static int quitting;

static void build(struct answer *answer, const char *status, const char *type, const char *body)
{
    int len = snprintf(answer->bytes, sizeof answer->bytes,
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status, type,
                       strlen(body), body);
    answer->len = len < 0 ? 0 : (size_t)len;
}

/* Makes subscription `index` wait for something to read (listener, idle client: NULL, client) or, for a
 * client that reads slowly, for room to write. Its events carry the client's address, or 0. */
static void subscribe(size_t index, int fd, struct client *client)
{
    subscriptions[index].userdata = (uintptr_t)client;
    subscriptions[index].u.tag =
        client != NULL && client->out_len > 0 ? __WASI_EVENTTYPE_FD_WRITE : __WASI_EVENTTYPE_FD_READ;
    subscriptions[index].u.u.fd_read.file_descriptor = fd;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* Length of the first request in `text`, with the empty line at its end; 0 if it is not all there. */
static size_t request_length(const char *text, size_t len)
{
    for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))) != NULL; at++) {
        size_t left = len - (size_t)(at - text);
        if (left >= 3 && at[1] == '\r' && at[2] == '\n')
            return (size_t)(at - text) + 3;
        if (left >= 2 && at[1] == '\n')
            return (size_t)(at - text) + 2;
    }
    return 0;
}

static int begins(const char *text, size_t len, const char *with)
{
    size_t with_len = strlen(with);
    return len >= with_len && memcmp(text, with, with_len) == 0;
}

/* Whether a request asks to close: `Connection: close`, or HTTP/1.0 without keep-alive. */
static int wants_close(const char *text, size_t len)
{
    const char *line = memchr(text, '\n', len);
    size_t first = line == NULL ? len : (size_t)(line - text);
    int close_it = first >= 9 && memcmp(text + first - 9, "HTTP/1.0", 8) == 0;
    for (; line != NULL; line = memchr(line, '\n', len - (size_t)(line - text))) {
        line++;
        size_t left = len - (size_t)(line - text);
        if (left < 16 || (line[0] | 32) != 'c' || (line[10] != ':'))
            continue;
        if (begins(line + 1, left - 1, "onnection:"))
            return (line[12] | 32) == 'c'; /* close; anything else keeps it open */
    }
    return close_it;
}

static const struct answer *choose(const char *text, size_t len)
{
    if (!begins(text, len, "GET "))
        return &bad_request;
    text += 4;
    len -= 4;
    if (begins(text, len, "/ "))
        return &page;
    if (begins(text, len, "/health "))
        return &health;
    if (begins(text, len, "/quit "))
        return &bye;
    return &not_found;
}

/* Answers all complete requests in the input that there is room for. */
static void answer_requests(struct client *client)
{
    size_t at = 0;
    while (!client->closing && client->out_len + ANSWER_BYTES_MAX <= OUTPUT_BYTES_MAX) {
        const char *request = client->in + at;
        size_t left = client->in_len - at;
        size_t len = left == 0 ? 0 : request_length(request, left);
        if (len == 0 && left < REQUEST_BYTES_MAX)
            break;
        const struct answer *answer = len == 0 ? &bad_request : choose(request, len);
        client->closing = answer == &bad_request || answer == &bye || wants_close(request, len);
        quitting |= answer == &bye;
        memcpy(client->out + client->out_len, answer->bytes, answer->len);
        client->out_len += answer->len;
        at += len;
    }
    client->in_len -= at;
    if (client->in_len > 0 && at > 0)
        memmove(client->in, client->in + at, client->in_len);
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Sends what it can. Returns 0 if the connection is over. */
static int flush(struct client *client)
{
    while (client->out_at < client->out_len) {
        ssize_t sent = send(client->fd, client->out + client->out_at, client->out_len - client->out_at, 0);
        if (sent < 0 && errno == EAGAIN)
            return 1;
        if (sent <= 0)
            return 0;
        client->out_at += (size_t)sent;
    }
    client->out_at = client->out_len = 0;
    return !client->closing;
}

/* Serves a client that is ready. Returns 0 if the connection is over. */
static int serve(struct client *client)
{
    if (client->out_len > 0) {
        if (!flush(client))
            return 0;
    } else {
        ssize_t received =
            recv(client->fd, client->in + client->in_len, REQUEST_BYTES_MAX - client->in_len, 0);
        if (received < 0 && errno == EAGAIN)
            return 1;
        if (received <= 0)
            return 0;
        client->in_len += (size_t)received;
    }
    while (client->out_len == 0) {
        answer_requests(client);
        if (client->out_len == 0)
            return 1; /* the rest of a request is still to come */
        if (!flush(client))
            return 0;
    }
    return 1; /* waits for room */
}

static void welcome(int listener)
{
    int fd = -1;
    if (live == CLIENTS_MAX || thimble_sock_accept(listener, __WASI_FDFLAGS_NONBLOCK, &fd) != 0)
        return;
    struct client *client = order[live];
    client->fd = fd;
    client->in_len = client->out_at = client->out_len = 0;
    client->closing = 0;
    (void)thimble_sock_set_tcp_no_delay(fd, true);
    live++;
    subscribe(live, fd, client);
}

/* Takes those that have gone (fd -1) off the list and fills the gaps from its end. */
static void tidy(void)
{
    for (size_t index = live; index-- > 0;) {
        struct client *gone = order[index];
        if (gone->fd >= 0)
            continue;
        live--;
        order[index] = order[live];
        order[live] = gone;
        if (index < live)
            subscribe(1 + index, order[index]->fd, order[index]);
    }
}

static int open_listener(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    int listener = thimble_listener(0);
    if (listener < 0) {
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
            bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
            listen(listener, CLIENTS_MAX) != 0) {
            perror("cannot listen");
            exit(1);
        }
    }
    /* If a client vanishes between poll and accept, accept must not block. */
    (void)__wasi_fd_fdstat_set_flags(listener, __WASI_FDFLAGS_NONBLOCK);
    return listener;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 8080;
    int listener = open_listener(port);

    build(&page, "200 OK", "text/html",
          "<!doctype html><title>Thimble</title><h1>Hello from a container</h1>\n");
    build(&health, "200 OK", "text/plain", "ok\n");
    build(&bye, "200 OK", "text/plain", "bye\n");
    build(&not_found, "404 Not Found", "text/plain", "not found\n");
    build(&bad_request, "400 Bad Request", "text/plain", "bad request\n");
    for (size_t index = 0; index < CLIENTS_MAX; index++)
        order[index] = &pool[index];
    subscribe(0, listener, NULL);
    puts("ready");
    fflush(stdout);

    while (!quitting) {
        /* With all places taken the listener stays out of the list; new clients wait their turn. */
        size_t skip = live == CLIENTS_MAX;
        size_t count = 0;
        int error = __wasi_poll_oneoff(subscriptions + skip, events, 1 + live - skip, &count);
        if (error != 0) {
            fprintf(stderr, "poll: %s\n", strerror(error));
            return 1;
        }
        int knock = 0, gone = 0, slow = 0;
        for (size_t event = 0; event < count; event++) {
            struct client *client = (struct client *)(uintptr_t)events[event].userdata;
            if (client == NULL) {
                knock = 1;
            } else if (!serve(client)) {
                close(client->fd);
                client->fd = -1;
                gone = 1;
            } else {
                slow |= client->out_len > 0 || events[event].type == __WASI_EVENTTYPE_FD_WRITE;
            }
        }
        if (gone)
            tidy();
        if (slow) /* somebody changed between reading and writing: rare */
            for (size_t index = 0; index < live; index++)
                subscribe(1 + index, order[index]->fd, order[index]);
        if (knock)
            welcome(listener);
    }
    puts("bye");
    return 0;
}
