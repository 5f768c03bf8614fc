/// The kernel's share of a UDP proxy's work, and nothing else.
///
/// Forwards datagrams between two ports without parsing them: what arrives from the next hop goes to the
/// latest caller, everything else to the next hop. With --trying it also answers each INVITE with a copy
/// whose first line says 100 Trying, which is the one extra message of a transaction-stateful proxy.
///
/// Usage: floor ADDRESS PORT NEXT-HOP-PORT [--trying]

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    batch_messages = 64,
    message_bytes_max = 65536,
    socket_buffer_bytes = 4 * 1024 * 1024,
};

static const char trying_line[] = "SIP/2.0 100 Trying\r\n";

static char buffers[batch_messages][message_bytes_max];
static struct sockaddr_in sources[batch_messages];
static struct iovec incoming_parts[batch_messages];
static struct mmsghdr incoming[batch_messages];
/// At most two messages leave for each that arrives; a 100 Trying takes two parts.
static struct iovec outgoing_parts[3 * batch_messages];
static struct mmsghdr outgoing[2 * batch_messages];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_socket(struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    if (descriptor < 0)
        fail("socket");
    int bytes = socket_buffer_bytes;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (bind(descriptor, (struct sockaddr *)address, sizeof *address) < 0)
        fail("bind");
    return descriptor;
}

/// Sends messages [0, count), skipping one that the kernel refuses (a port nobody listens on any more).
static void send_all(int descriptor, unsigned count)
{
    unsigned sent = 0;
    while (sent < count) {
        int step = sendmmsg(descriptor, outgoing + sent, count - sent, 0);
        if (step > 0)
            sent += (unsigned)step;
        else if (errno != EINTR)
            sent += 1;
    }
}

/// Forwards one received batch.
static void forward(int descriptor, int received, struct sockaddr_in *next_hop, struct sockaddr_in *caller,
                    int with_trying)
{
    unsigned messages = 0, parts = 0;
    for (int index = 0; index < received; index++) {
        char *bytes = buffers[index];
        size_t length = incoming[index].msg_len;
        int from_next_hop = sources[index].sin_port == next_hop->sin_port;
        if (!from_next_hop)
            *caller = sources[index];

        struct msghdr *header = &outgoing[messages++].msg_hdr;
        *header = (struct msghdr){
            .msg_name = from_next_hop ? caller : next_hop,
            .msg_namelen = sizeof *next_hop,
            .msg_iov = &outgoing_parts[parts],
            .msg_iovlen = 1,
        };
        outgoing_parts[parts++] = (struct iovec){bytes, length};

        if (!with_trying || from_next_hop || length < 7 || memcmp(bytes, "INVITE ", 7) != 0)
            continue;
        char *line_end = memchr(bytes, '\n', length);
        if (line_end == NULL)
            continue;
        header = &outgoing[messages++].msg_hdr;
        *header = (struct msghdr){
            .msg_name = caller,
            .msg_namelen = sizeof *caller,
            .msg_iov = &outgoing_parts[parts],
            .msg_iovlen = 2,
        };
        size_t skipped = (size_t)(line_end + 1 - bytes);
        outgoing_parts[parts++] = (struct iovec){(char *)trying_line, sizeof trying_line - 1};
        outgoing_parts[parts++] = (struct iovec){line_end + 1, length - skipped};
    }
    send_all(descriptor, messages);
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: floor ADDRESS PORT NEXT-HOP-PORT [--trying]\n");
        return 2;
    }
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[2]))};
    struct sockaddr_in next_hop = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[3]))};
    if (inet_pton(AF_INET, arguments[1], &local.sin_addr) != 1) {
        fprintf(stderr, "floor: not an IPv4 address: %s\n", arguments[1]);
        return 2;
    }
    next_hop.sin_addr = local.sin_addr;
    struct sockaddr_in caller = next_hop;
    int with_trying = count > 4 && strcmp(arguments[4], "--trying") == 0;
    int descriptor = open_socket(&local);

    for (int index = 0; index < batch_messages; index++) {
        incoming_parts[index] = (struct iovec){buffers[index], message_bytes_max};
        incoming[index].msg_hdr = (struct msghdr){
            .msg_name = &sources[index],
            .msg_iov = &incoming_parts[index],
            .msg_iovlen = 1,
        };
    }
    for (;;) {
        for (int index = 0; index < batch_messages; index++)
            incoming[index].msg_hdr.msg_namelen = sizeof sources[index];
        int received = recvmmsg(descriptor, incoming, batch_messages, MSG_WAITFORONE, NULL);
        if (received < 0) {
            if (errno == EINTR || errno == ECONNREFUSED)
                continue;
            fail("recvmmsg");
        }
        forward(descriptor, received, &next_hop, &caller, with_trying);
    }
}
