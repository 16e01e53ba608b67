/* SPDX-License-Identifier: Apache-2.0
 * Driver of the Hadron NPU: C99, no allocation, no libc, any bus.
 *
 * A program compiled by `hadron compile` and its memory region are placed where the NPU's memory
 * port reaches them; then
 *
 *     struct hadron npu;
 *     struct hadron_bus bus = hadron_mmio(registers);
 *     hadron_init(&npu, &bus);
 *     hadron_load(&npu, &program);
 *     hadron_start(&npu, 0);
 *     status = hadron_wait(&npu, HADRON_FOREVER);
 *
 * runs a whole network. The driver does not maintain caches: flush before start, invalidate the
 * outputs after wait.
 */
#ifndef HADRON_H
#define HADRON_H

#include <stdint.h>

#include "hadron_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What every function returns; HADRON_OK is 0. */
enum hadron_status {
    HADRON_OK = 0,
    HADRON_RUNNING,   /* hadron_poll: the program has not ended */
    HADRON_NO_DEVICE, /* register ID does not read 'HDRN' */
    HADRON_VERSION,   /* the device's register map is not the one this driver was built for */
    HADRON_ARGUMENT,  /* a base is not aligned, a size is zero or leaves the address space */
    HADRON_BUSY,      /* a program is running or an abort is in progress */
    HADRON_IDLE,      /* nothing was started since the last reset */
    HADRON_TIMEOUT,   /* the polls given were used up */
    HADRON_FAILED,    /* the program was stopped by an error: see hadron_failure */
    HADRON_ABORTED    /* the program was aborted */
};

/* How registers are reached: 32-bit accesses at a byte offset. */
struct hadron_bus {
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    void *context;
};

/* What the device says about itself. */
struct hadron_device {
    uint32_t version;       /* major << 16 | minor << 8 | patch */
    uint32_t lanes;         /* input lanes */
    uint32_t columns;       /* output columns */
    uint32_t bus_bytes;     /* bytes of a beat of the memory port */
    uint32_t activation_bytes;
    uint32_t weight_bytes;
};

/* Where a compiled program and its memory region are, as the NPU sees them. */
struct hadron_program {
    uint32_t command_base;  /* byte address, a multiple of HADRON_BASE_ALIGN */
    uint32_t command_count; /* commands, END included */
    uint32_t memory_base;   /* byte address, a multiple of HADRON_BASE_ALIGN */
    uint32_t memory_bytes;  /* size of the region; the NPU touches nothing outside */
    uint32_t watchdog;      /* most cycles it may take; 0 is no limit */
};

/* Why a program failed. */
struct hadron_failure {
    enum hadron_error_code code;
    uint32_t command; /* index of the command the error names */
};

/* The counters of the last program, in cycles and beats; see docs/reference/registers.md. */
struct hadron_counters {
    uint32_t cycles;
    uint32_t load_busy;
    uint32_t execute_busy;
    uint32_t store_busy;
    uint32_t mac_active;
    uint32_t stall_command;
    uint32_t stall_load;
    uint32_t stall_store;
    uint32_t stall_requantizer;
    uint32_t memory_read_wait;
    uint32_t memory_write_wait;
    uint32_t read_beats;
    uint32_t write_beats;
    uint32_t stream_wait;
};

/* One NPU. Its members belong to the driver. */
struct hadron {
    struct hadron_bus bus;
    struct hadron_device device;
};

/* Polls without end. */
#define HADRON_FOREVER 0xffffffffu

/* Events of hadron_start and hadron_interrupt. */
#define HADRON_EVENT_DONE HADRON_IRQ_STATUS_DONE_MASK
#define HADRON_EVENT_ERROR HADRON_IRQ_STATUS_ERROR_MASK
#define HADRON_EVENT_ABORTED HADRON_IRQ_STATUS_ABORTED_MASK
#define HADRON_EVENT_ALL (HADRON_EVENT_DONE | HADRON_EVENT_ERROR | HADRON_EVENT_ABORTED)

/* Return the bus of registers mapped into memory. */
struct hadron_bus hadron_mmio(volatile void *registers);

/* Find the device, read its size, stop what it may be doing and mask its interrupt.
 *
 * Returns HADRON_NO_DEVICE, HADRON_VERSION, or HADRON_TIMEOUT when it does not stop. */
enum hadron_status hadron_init(struct hadron *npu, const struct hadron_bus *bus);

/* Tell the device where the program is; it may then be started any number of times.
 *
 * Returns HADRON_ARGUMENT, or HADRON_BUSY while a program runs. */
enum hadron_status hadron_load(struct hadron *npu, const struct hadron_program *program);

/* Start the loaded program. `events` are those that raise the interrupt, 0 for none.
 *
 * Returns HADRON_BUSY while a program runs. */
enum hadron_status hadron_start(struct hadron *npu, uint32_t events);

/* Say how the program stands: HADRON_RUNNING, HADRON_OK, HADRON_FAILED, HADRON_ABORTED, or
 * HADRON_IDLE. */
enum hadron_status hadron_poll(struct hadron *npu);

/* Poll up to `polls` times until the program ends.
 *
 * Returns what hadron_poll does, HADRON_TIMEOUT instead of HADRON_RUNNING. */
enum hadron_status hadron_wait(struct hadron *npu, uint32_t polls);

/* Stop the program. When this returns HADRON_OK nothing is outstanding on the memory port and
 * another program may start. A program that ends by itself meanwhile is as good.
 *
 * Returns HADRON_TIMEOUT after `polls` polls. */
enum hadron_status hadron_abort(struct hadron *npu, uint32_t polls);

/* Return the events that raised the interrupt and clear them: for the interrupt handler. */
uint32_t hadron_interrupt(struct hadron *npu);

/* Return why the last program failed; code HADRON_ERROR_NONE when it did not. */
struct hadron_failure hadron_failure(struct hadron *npu);

/* Read the counters of the last program. */
void hadron_counters(struct hadron *npu, struct hadron_counters *counters);

/* Describe a status or an error code; never null. */
const char *hadron_status_string(enum hadron_status status);
const char *hadron_error_string(enum hadron_error_code code);

#ifdef __cplusplus
}
#endif

#endif /* HADRON_H */
