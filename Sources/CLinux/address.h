// Between cl_address and the kernel's structures; private to this module.
#pragma once

#include "CLinux.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef union cl_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} cl_sockaddr;

static inline void cl_address_from_v6(cl_address *address, const struct in6_addr *bits) {
    uint64_t halves[2];
    memcpy(halves, bits, sizeof halves);
    address->high = __builtin_bswap64(halves[0]);
    address->low = __builtin_bswap64(halves[1]);
    address->family = 6;
}

static inline void cl_address_to_v6(const cl_address *address, struct in6_addr *bits) {
    uint64_t halves[2] = {__builtin_bswap64(address->high), __builtin_bswap64(address->low)};
    memcpy(bits, halves, sizeof halves);
}

static inline void cl_address_from_v4(cl_address *address, struct in_addr bits) {
    address->high = 0;
    address->low = ntohl(bits.s_addr);
    address->scope = 0;
    address->family = 4;
}

static inline void cl_address_from(cl_address *address, const cl_sockaddr *from) {
    if (from->any.sa_family == AF_INET) {
        cl_address_from_v4(address, from->v4.sin_addr);
        address->port = ntohs(from->v4.sin_port);
    } else if (from->any.sa_family == AF_INET6) {
        cl_address_from_v6(address, &from->v6.sin6_addr);
        address->scope = from->v6.sin6_scope_id;
        address->port = ntohs(from->v6.sin6_port);
    } else {
        memset(address, 0, sizeof *address);
    }
}

// The length of what was written; 0 for no address.
static inline socklen_t cl_address_to(const cl_address *address, cl_sockaddr *to) {
    if (address->family == 4) {
        memset(&to->v4, 0, sizeof to->v4);
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(address->port);
        to->v4.sin_addr.s_addr = htonl((uint32_t)address->low);
        return sizeof to->v4;
    }
    if (address->family == 6) {
        memset(&to->v6, 0, sizeof to->v6);
        to->v6.sin6_family = AF_INET6;
        to->v6.sin6_port = htons(address->port);
        to->v6.sin6_scope_id = address->scope;
        cl_address_to_v6(address, &to->v6.sin6_addr);
        return sizeof to->v6;
    }
    return 0;
}
