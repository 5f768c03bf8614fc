// UDP sockets: opening, and what can be asked of them.
#define _GNU_SOURCE
#include "address.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

static int set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

// The forced form passes the system's maximum but needs CAP_NET_ADMIN; the plain one is cut to the maximum without an error.
static void set_buffer(int fd, int forced, int plain, int bytes) {
    if (bytes > 0 && set(fd, SOL_SOCKET, forced, bytes) != 0) set(fd, SOL_SOCKET, plain, bytes);
}

int cl_udp_open(const cl_address *address, const cl_udp_options *options, const char **stage) {
    cl_sockaddr name;
    socklen_t name_length = cl_address_to(address, &name);
    *stage = "address";
    if (name_length == 0) return -EAFNOSUPPORT;
    int v6 = address->family == 6;

    *stage = "socket";
    int fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int result = 0;
    if (v6) {
        *stage = "IPV6_V6ONLY";
        if ((result = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) != 0) goto failed;
    }
    if (options->reuse_port) {
        *stage = "SO_REUSEPORT";
        if ((result = set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) != 0) goto failed;
    }
    // An ICMP error about one peer must not fail a send to another.
    set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 0);
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options->receive_buffer_bytes);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options->send_buffer_bytes);
    *stage = "SO_RXQ_OVFL";
    if ((result = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1)) != 0) goto failed;
    if (options->timestamps) {
        *stage = "SO_TIMESTAMPNS";
        if ((result = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)) != 0) goto failed;
    }
    if (options->local_address) {
        *stage = v6 ? "IPV6_RECVPKTINFO" : "IP_PKTINFO";
        result = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
        if (result != 0) goto failed;
    }
    *stage = "bind";
    if (bind(fd, &name.any, name_length) != 0) {
        result = -errno;
        goto failed;
    }
    return fd;
failed:
    close(fd);
    return result;
}

int cl_socket_address(int fd, cl_address *address) {
    cl_sockaddr name = {0};
    socklen_t length = sizeof name;
    memset(address, 0, sizeof *address);
    if (getsockname(fd, &name.any, &length) != 0) return -errno;
    cl_address_from(address, &name);
    return 0;
}

int cl_socket_buffers(int fd, int *receive_bytes, int *send_bytes) {
    socklen_t length = sizeof *receive_bytes;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes, &length) != 0) return -errno;
    length = sizeof *send_bytes;
    return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, send_bytes, &length) == 0 ? 0 : -errno;
}

int cl_socket_drops(int fd, uint32_t *drops) {
    uint32_t information[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof information;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, information, &length) != 0) return -errno;
    *drops = information[SK_MEMINFO_DROPS];
    return 0;
}

void cl_close(int fd) { close(fd); }
