// What Linux offers beyond Swift's Glibc module, as plain structures and functions.
//
// The header includes no system header beyond the fixed-width types: several of them clash with Swift's Glibc module.
// Unless said otherwise a function answers 0 or a count, and -errno on failure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Counters: one writer, any reader. A relaxed load and store, no locked instruction. ----

static inline void cl_counter_add(uint64_t *_Nonnull counter, uint64_t amount) {
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
}

static inline void cl_counter_set(uint64_t *_Nonnull counter, uint64_t value) {
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline uint64_t cl_counter_get(const uint64_t *_Nonnull counter) {
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

// What was written before the store is seen by whoever has read its value with `cl_counter_get_acquire`.
static inline void cl_counter_set_release(uint64_t *_Nonnull counter, uint64_t value) {
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

static inline uint64_t cl_counter_get_acquire(const uint64_t *_Nonnull counter) {
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

// ---- Memory: zeroed pages, made resident as they are touched. ----

void *_Nullable cl_map(size_t bytes);
void cl_unmap(void *_Nonnull memory, size_t bytes);

// ---- Clocks and threads ----

// CLOCK_MONOTONIC.
uint64_t cl_monotonic_nanoseconds(void);
// CLOCK_REALTIME, the clock of kernel_nanoseconds.
uint64_t cl_realtime_nanoseconds(void);
// A counter of the processor that runs at a constant rate; how fast is for the caller to find out. A third of what a clock costs,
// and not ordered with what stands around it, which is good enough to attribute microseconds.
static inline uint64_t cl_ticks(void) {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return cl_monotonic_nanoseconds();
#endif
}
// Identifies the calling thread's CPU clock for cl_clock_nanoseconds.
int cl_thread_cpu_clock(void);
// 0 when there is no such clock (any more).
uint64_t cl_clock_nanoseconds(int clock);
// Names the calling thread; at most 15 bytes count.
void cl_thread_name(const char *_Nonnull name);
// Number of processors the calling thread may run on; at least 1.
int cl_affinity_count(void);
// Binds the calling thread to the n-th processor of those it may run on.
int cl_affinity_pin(int n);

// ---- Addresses: numbers in host order; see SocketAddress. ----

typedef struct cl_address {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
    uint8_t family; // 0 none, 4, 6
} cl_address;

// ---- Sockets ----

typedef struct cl_udp_options {
    int receive_buffer_bytes; // 0: the system's default
    int send_buffer_bytes;    // 0: the system's default
    uint8_t reuse_port;
    uint8_t local_address; // report the address each datagram was sent to
    uint8_t timestamps;    // report when the kernel received each datagram
} cl_udp_options;

// A bound non-blocking UDP socket, or -errno. IPv6 sockets take IPv6 only. `stage` names the step that failed.
int cl_udp_open(const cl_address *_Nonnull address, const cl_udp_options *_Nonnull options,
                const char *_Nullable *_Nonnull stage);
int cl_socket_address(int fd, cl_address *_Nonnull address);
// The buffer sizes in effect, as the kernel counts them (twice what was asked for).
int cl_socket_buffers(int fd, int *_Nonnull receive_bytes, int *_Nonnull send_bytes);
// Datagrams the kernel dropped at this socket since it was opened, modulo 2^32.
int cl_socket_drops(int fd, uint32_t *_Nonnull drops);
void cl_close(int fd);

// ---- Batch receive ----

typedef struct cl_datagram {
    cl_address source;
    cl_address local;             // family 0 unless asked for; port 0
    uint64_t kernel_nanoseconds;  // CLOCK_REALTIME; 0 unless asked for
    uint32_t length;
    uint32_t truncated;
} cl_datagram;

typedef struct cl_receiver cl_receiver;

// Batches of up to `slots` datagrams over a slab of slots * stride bytes, `slot_bytes` of each stride used.
cl_receiver *_Nullable cl_receiver_create(void *_Nonnull slab, size_t stride, size_t slot_bytes, int slots);
void cl_receiver_destroy(cl_receiver *_Nonnull receiver);
// What the last batch brought.
const cl_datagram *_Nonnull cl_receiver_datagrams(const cl_receiver *_Nonnull receiver);
// Receives without waiting: the number of datagrams, 0 when there are none, or -errno. `drops` is set to the socket's drop counter
// (modulo 2^32) when the batch reported one.
int cl_receive(cl_receiver *_Nonnull receiver, int fd, int max, uint32_t *_Nonnull drops);

// ---- Batch send ----

typedef struct cl_send_failure {
    cl_address to;
    int32_t error; // errno
} cl_send_failure;

typedef struct cl_send_result {
    uint32_t sent;
    uint32_t calls;
    uint32_t failed;
    uint64_t bytes;
} cl_send_result;

typedef struct cl_sender cl_sender;

// A queue of up to `slots` datagrams for one socket.
cl_sender *_Nullable cl_sender_create(int fd, int slots);
void cl_sender_destroy(cl_sender *_Nonnull sender);
// Queues; the bytes stay the caller's until the flush. The number queued now, or -ENOSPC, -EAFNOSUPPORT.
// `local`, unless its family is 0, is the address to leave from.
int cl_sender_queue(cl_sender *_Nonnull sender, const void *_Nonnull bytes, size_t count, const cl_address *_Nonnull to,
                    const cl_address *_Nonnull local);
// Sends what is queued, in order. A datagram that fails is noted in `failures` (room for `slots` of them) and skipped. A full
// socket is waited for, `wait_milliseconds` in all, then the rest fails with EAGAIN.
void cl_sender_flush(cl_sender *_Nonnull sender, int wait_milliseconds, cl_send_failure *_Nonnull failures,
                     cl_send_result *_Nonnull result);

// ---- Waiting ----

int cl_epoll_create(void);
// Watches for readability; `edge` only for changes.
int cl_epoll_add(int epoll, int fd, uint64_t tag, int edge);
// The tags of at most `max` (64) ready descriptors. A timeout of -1 waits for ever. A signal ends the wait with 0.
int cl_epoll_wait(int epoll, uint64_t *_Nonnull tags, int max, int timeout_milliseconds);
int cl_eventfd_create(void);
void cl_eventfd_signal(int fd);
// Sleeps without watching anything.
void cl_pause(uint64_t nanoseconds);
// How late the kernel may end the calling thread's pauses, to save wake-ups; 50,000 unless set.
void cl_timer_slack(uint64_t nanoseconds);

#ifdef __cplusplus
}
#endif
