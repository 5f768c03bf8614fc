// Batch receive: one recvmmsg over a slab of slots.
#define _GNU_SOURCE
#include "address.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

// Drop counter, time and the larger of the two local addresses.
#define CONTROL_BYTES \
    (CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

typedef union control {
    struct cmsghdr aligned;
    unsigned char bytes[CONTROL_BYTES];
} control;

struct cl_receiver {
    int slots;
    struct mmsghdr *headers;
    struct iovec *vectors;
    cl_sockaddr *names;
    control *controls;
    cl_datagram *datagrams;
};

// The kernel shortens the lengths of the slots it fills.
static void reset(cl_receiver *receiver, int slot) {
    struct msghdr *header = &receiver->headers[slot].msg_hdr;
    header->msg_namelen = sizeof receiver->names[slot];
    header->msg_controllen = sizeof receiver->controls[slot];
    header->msg_flags = 0;
}

cl_receiver *cl_receiver_create(void *slab, size_t stride, size_t slot_bytes, int slots) {
    cl_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver) return NULL;
    receiver->slots = slots;
    receiver->headers = calloc((size_t)slots, sizeof *receiver->headers);
    receiver->vectors = calloc((size_t)slots, sizeof *receiver->vectors);
    receiver->names = calloc((size_t)slots, sizeof *receiver->names);
    receiver->controls = calloc((size_t)slots, sizeof *receiver->controls);
    receiver->datagrams = calloc((size_t)slots, sizeof *receiver->datagrams);
    if (!receiver->headers || !receiver->vectors || !receiver->names || !receiver->controls || !receiver->datagrams) {
        cl_receiver_destroy(receiver);
        return NULL;
    }
    for (int slot = 0; slot < slots; slot++) {
        receiver->vectors[slot].iov_base = (char *)slab + stride * (size_t)slot;
        receiver->vectors[slot].iov_len = slot_bytes;
        struct msghdr *header = &receiver->headers[slot].msg_hdr;
        header->msg_name = &receiver->names[slot];
        header->msg_iov = &receiver->vectors[slot];
        header->msg_iovlen = 1;
        header->msg_control = &receiver->controls[slot];
        reset(receiver, slot);
    }
    return receiver;
}

void cl_receiver_destroy(cl_receiver *receiver) {
    free(receiver->headers);
    free(receiver->vectors);
    free(receiver->names);
    free(receiver->controls);
    free(receiver->datagrams);
    free(receiver);
}

const cl_datagram *cl_receiver_datagrams(const cl_receiver *receiver) { return receiver->datagrams; }

static void read_control(struct msghdr *header, cl_datagram *datagram, uint32_t *drops) {
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(header); entry; entry = CMSG_NXTHDR(header, entry)) {
        if (entry->cmsg_level == SOL_SOCKET && entry->cmsg_type == SO_RXQ_OVFL) {
            memcpy(drops, CMSG_DATA(entry), sizeof *drops);
        } else if (entry->cmsg_level == SOL_SOCKET && entry->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(entry), sizeof time);
            datagram->kernel_nanoseconds = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
        } else if (entry->cmsg_level == IPPROTO_IP && entry->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo information;
            memcpy(&information, CMSG_DATA(entry), sizeof information);
            // Not ipi_addr: that may be a broadcast or multicast address, which nothing can leave from.
            cl_address_from_v4(&datagram->local, information.ipi_spec_dst);
        } else if (entry->cmsg_level == IPPROTO_IPV6 && entry->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo information;
            memcpy(&information, CMSG_DATA(entry), sizeof information);
            if (IN6_IS_ADDR_MULTICAST(&information.ipi6_addr)) continue;
            cl_address_from_v6(&datagram->local, &information.ipi6_addr);
            if (IN6_IS_ADDR_LINKLOCAL(&information.ipi6_addr)) datagram->local.scope = information.ipi6_ifindex;
        }
    }
}

int cl_receive(cl_receiver *receiver, int fd, int max, uint32_t *drops) {
    if (max > receiver->slots) max = receiver->slots;
    int count;
    do count = recvmmsg(fd, receiver->headers, (unsigned)max, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;

    for (int slot = 0; slot < count; slot++) {
        struct mmsghdr *header = &receiver->headers[slot];
        cl_datagram *datagram = &receiver->datagrams[slot];
        datagram->length = header->msg_len;
        datagram->truncated = (header->msg_hdr.msg_flags & MSG_TRUNC) != 0;
        datagram->kernel_nanoseconds = 0;
        memset(&datagram->local, 0, sizeof datagram->local);
        cl_address_from(&datagram->source, &receiver->names[slot]);
        if (header->msg_hdr.msg_controllen > 0) read_control(&header->msg_hdr, datagram, drops);
        reset(receiver, slot);
    }
    return count;
}
