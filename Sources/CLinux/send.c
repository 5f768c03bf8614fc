// Batch send: a queue for each socket, emptied by sendmmsg.
#define _GNU_SOURCE
#include "address.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

typedef union control {
    struct cmsghdr aligned;
    unsigned char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
} control;

struct cl_sender {
    int fd;
    int slots;
    int count;
    sa_family_t family;
    struct mmsghdr *headers;
    struct iovec *vectors;
    cl_sockaddr *names;
    control *controls;
};

cl_sender *cl_sender_create(int fd, int slots) {
    cl_sockaddr name = {0};
    socklen_t length = sizeof name;
    if (getsockname(fd, &name.any, &length) != 0) return NULL;
    cl_sender *sender = calloc(1, sizeof *sender);
    if (!sender) return NULL;
    sender->fd = fd;
    sender->slots = slots;
    sender->family = name.any.sa_family;
    sender->headers = calloc((size_t)slots, sizeof *sender->headers);
    sender->vectors = calloc((size_t)slots, sizeof *sender->vectors);
    sender->names = calloc((size_t)slots, sizeof *sender->names);
    sender->controls = calloc((size_t)slots, sizeof *sender->controls);
    if (!sender->headers || !sender->vectors || !sender->names || !sender->controls) {
        cl_sender_destroy(sender);
        return NULL;
    }
    for (int slot = 0; slot < slots; slot++) {
        struct msghdr *header = &sender->headers[slot].msg_hdr;
        header->msg_name = &sender->names[slot];
        header->msg_iov = &sender->vectors[slot];
        header->msg_iovlen = 1;
    }
    return sender;
}

void cl_sender_destroy(cl_sender *sender) {
    free(sender->headers);
    free(sender->vectors);
    free(sender->names);
    free(sender->controls);
    free(sender);
}

static void set_local(struct msghdr *header, control *space, const cl_address *local) {
    header->msg_control = space;
    if (local->family == 4) {
        header->msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
        struct cmsghdr *entry = CMSG_FIRSTHDR(header);
        struct in_pktinfo information = {.ipi_spec_dst.s_addr = htonl((uint32_t)local->low)};
        entry->cmsg_level = IPPROTO_IP;
        entry->cmsg_type = IP_PKTINFO;
        entry->cmsg_len = CMSG_LEN(sizeof information);
        memcpy(CMSG_DATA(entry), &information, sizeof information);
    } else {
        header->msg_controllen = CMSG_SPACE(sizeof(struct in6_pktinfo));
        struct cmsghdr *entry = CMSG_FIRSTHDR(header);
        struct in6_pktinfo information = {.ipi6_ifindex = local->scope};
        cl_address_to_v6(local, &information.ipi6_addr);
        entry->cmsg_level = IPPROTO_IPV6;
        entry->cmsg_type = IPV6_PKTINFO;
        entry->cmsg_len = CMSG_LEN(sizeof information);
        memcpy(CMSG_DATA(entry), &information, sizeof information);
    }
}

int cl_sender_queue(cl_sender *sender, const void *bytes, size_t count, const cl_address *to, const cl_address *local) {
    if (sender->count == sender->slots) return -ENOSPC;
    int slot = sender->count;
    struct msghdr *header = &sender->headers[slot].msg_hdr;
    header->msg_namelen = cl_address_to(to, &sender->names[slot]);
    if (header->msg_namelen == 0 || sender->names[slot].any.sa_family != sender->family) return -EAFNOSUPPORT;
    sender->vectors[slot].iov_base = (void *)bytes;
    sender->vectors[slot].iov_len = count;
    if (local->family != 0 && local->family == to->family) {
        set_local(header, &sender->controls[slot], local);
    } else {
        header->msg_control = NULL;
        header->msg_controllen = 0;
    }
    return ++sender->count;
}

static void fail(cl_sender *sender, int slot, int error, cl_send_failure *failures, cl_send_result *result) {
    cl_send_failure *failure = &failures[result->failed++];
    cl_address_from(&failure->to, &sender->names[slot]);
    failure->error = error;
}

static int64_t now_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cl_sender_flush(cl_sender *sender, int wait_milliseconds, cl_send_failure *failures, cl_send_result *result) {
    memset(result, 0, sizeof *result);
    int64_t wait_until = -1;
    int slot = 0;
    while (slot < sender->count) {
        int sent = sendmmsg(sender->fd, &sender->headers[slot], (unsigned)(sender->count - slot), MSG_DONTWAIT);
        if (sent > 0) {
            result->calls++;
            for (int i = 0; i < sent; i++) result->bytes += sender->headers[slot + i].msg_len;
            result->sent += (uint32_t)sent;
            slot += sent;
            continue;
        }
        int error = sent < 0 ? errno : EIO;
        if (error == EINTR) continue;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            if (wait_until < 0) wait_until = now_milliseconds() + wait_milliseconds;
            int64_t left = wait_until - now_milliseconds();
            if (left > 0) {
                struct pollfd room = {.fd = sender->fd, .events = POLLOUT};
                poll(&room, 1, (int)left);
                continue;
            }
            while (slot < sender->count) fail(sender, slot++, EAGAIN, failures, result);
            break;
        }
        // sendmmsg stops at a datagram it can't send: note it and go on behind it.
        fail(sender, slot++, error, failures, result);
    }
    sender->count = 0;
}
