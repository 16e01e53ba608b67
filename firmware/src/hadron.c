/* SPDX-License-Identifier: Apache-2.0 */
#include "hadron.h"

/* An abort finishes within the longest burst and what the memory takes for it. */
#define ABORT_POLLS 1000000u

static uint32_t read_register(const struct hadron *npu, uint32_t offset)
{
    return npu->bus.read(npu->bus.context, offset);
}

static void write_register(const struct hadron *npu, uint32_t offset, uint32_t value)
{
    npu->bus.write(npu->bus.context, offset, value);
}

static uint32_t mmio_read(void *context, uint32_t offset)
{
    return *(volatile uint32_t *)((uintptr_t)context + offset);
}

static void mmio_write(void *context, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((uintptr_t)context + offset) = value;
}

struct hadron_bus hadron_mmio(volatile void *registers)
{
    struct hadron_bus bus;

    bus.read = mmio_read;
    bus.write = mmio_write;
    bus.context = (void *)(uintptr_t)registers;
    return bus;
}

#define FIELD(value, name) (((value) & HADRON_##name##_MASK) >> HADRON_##name##_SHIFT)

/* Below 1.0 a minor version may change anything; from then on it only adds. */
static int is_compatible(uint32_t version)
{
    uint32_t minor = FIELD(version, VERSION_MINOR);

    if (FIELD(version, VERSION_MAJOR) != HADRON_VERSION_MAJOR_VALUE)
        return 0;
#if HADRON_VERSION_MAJOR_VALUE == 0
    return minor == HADRON_VERSION_MINOR_VALUE;
#else
    return minor >= HADRON_VERSION_MINOR_VALUE;
#endif
}

static int is_busy(const struct hadron *npu)
{
    return (read_register(npu, HADRON_REG_STATUS) & HADRON_STATUS_BUSY_MASK) != 0;
}

enum hadron_status hadron_init(struct hadron *npu, const struct hadron_bus *bus)
{
    struct hadron_device *device = &npu->device;
    enum hadron_status status;
    uint32_t config;

    npu->bus = *bus;
    if (read_register(npu, HADRON_REG_ID) != HADRON_ID_VALUE)
        return HADRON_NO_DEVICE;
    device->version = read_register(npu, HADRON_REG_VERSION);
    if (!is_compatible(device->version))
        return HADRON_VERSION;

    config = read_register(npu, HADRON_REG_CONFIG0);
    device->lanes = FIELD(config, CONFIG0_LANES);
    device->columns = FIELD(config, CONFIG0_COLUMNS);
    device->bus_bytes = FIELD(config, CONFIG0_AXI_BYTES);
    config = read_register(npu, HADRON_REG_CONFIG1);
    device->activation_bytes = FIELD(config, CONFIG1_ACT_KIB) * 1024u;
    device->weight_bytes =
        FIELD(config, CONFIG1_WEIGHT_STEPS) * device->lanes * device->columns;

    write_register(npu, HADRON_REG_IRQ_ENABLE, 0);
    status = hadron_abort(npu, ABORT_POLLS);
    if (status != HADRON_OK)
        return status;
    (void)hadron_interrupt(npu);
    return HADRON_OK;
}

enum hadron_status hadron_load(struct hadron *npu, const struct hadron_program *program)
{
    uint32_t align = HADRON_BASE_ALIGN - 1u;

    if (program->command_base & align || program->memory_base & align)
        return HADRON_ARGUMENT;
    if (program->command_count == 0 || program->memory_bytes == 0)
        return HADRON_ARGUMENT;
    /* Last bytes, so that a region may end where the address space does. */
    if (program->command_count > 0xffffffffu / HADRON_COMMAND_BYTES ||
        program->command_count * HADRON_COMMAND_BYTES - 1u > 0xffffffffu - program->command_base ||
        program->memory_bytes - 1u > 0xffffffffu - program->memory_base)
        return HADRON_ARGUMENT;
    if (is_busy(npu))
        return HADRON_BUSY;

    write_register(npu, HADRON_REG_COMMAND_BASE, program->command_base);
    write_register(npu, HADRON_REG_COMMAND_COUNT, program->command_count);
    write_register(npu, HADRON_REG_MEMORY_BASE, program->memory_base);
    write_register(npu, HADRON_REG_MEMORY_BYTES, program->memory_bytes);
    write_register(npu, HADRON_REG_WATCHDOG, program->watchdog);
    return HADRON_OK;
}

enum hadron_status hadron_start(struct hadron *npu, uint32_t events)
{
    if (is_busy(npu))
        return HADRON_BUSY;
    /* An event of the last run must not look like one of this. */
    (void)hadron_interrupt(npu);
    write_register(npu, HADRON_REG_IRQ_ENABLE, events & HADRON_EVENT_ALL);
    write_register(npu, HADRON_REG_CONTROL, HADRON_CONTROL_START_MASK);
    return HADRON_OK;
}

enum hadron_status hadron_poll(struct hadron *npu)
{
    uint32_t status = read_register(npu, HADRON_REG_STATUS);

    if (status & HADRON_STATUS_BUSY_MASK)
        return HADRON_RUNNING;
    if (status & HADRON_STATUS_ERROR_MASK)
        return HADRON_FAILED;
    if (status & HADRON_STATUS_ABORTED_MASK)
        return HADRON_ABORTED;
    if (status & HADRON_STATUS_DONE_MASK)
        return HADRON_OK;
    return HADRON_IDLE;
}

enum hadron_status hadron_wait(struct hadron *npu, uint32_t polls)
{
    uint32_t poll;

    for (poll = 0; polls == HADRON_FOREVER || poll < polls; ++poll) {
        enum hadron_status status = hadron_poll(npu);

        if (status != HADRON_RUNNING)
            return status;
    }
    return HADRON_TIMEOUT;
}

enum hadron_status hadron_abort(struct hadron *npu, uint32_t polls)
{
    uint32_t poll;

    if (!is_busy(npu))
        return HADRON_OK;
    write_register(npu, HADRON_REG_CONTROL, HADRON_CONTROL_ABORT_MASK);
    for (poll = 0; polls == HADRON_FOREVER || poll < polls; ++poll) {
        if (!is_busy(npu))
            return HADRON_OK;
    }
    return HADRON_TIMEOUT;
}

uint32_t hadron_interrupt(struct hadron *npu)
{
    uint32_t events = read_register(npu, HADRON_REG_IRQ_STATUS);

    if (events != 0)
        write_register(npu, HADRON_REG_IRQ_STATUS, events);
    return events;
}

struct hadron_failure hadron_failure(struct hadron *npu)
{
    uint32_t status = read_register(npu, HADRON_REG_STATUS);
    struct hadron_failure failure;

    failure.code = (enum hadron_error_code)FIELD(status, STATUS_ERROR_CODE);
    failure.command = read_register(npu, HADRON_REG_ERROR_COMMAND);
    return failure;
}

void hadron_counters(struct hadron *npu, struct hadron_counters *counters)
{
    counters->cycles = read_register(npu, HADRON_REG_CYCLES);
    counters->load_busy = read_register(npu, HADRON_REG_LOAD_BUSY);
    counters->execute_busy = read_register(npu, HADRON_REG_EXECUTE_BUSY);
    counters->store_busy = read_register(npu, HADRON_REG_STORE_BUSY);
    counters->mac_active = read_register(npu, HADRON_REG_MAC_ACTIVE);
    counters->stall_command = read_register(npu, HADRON_REG_STALL_COMMAND);
    counters->stall_load = read_register(npu, HADRON_REG_STALL_LOAD);
    counters->stall_store = read_register(npu, HADRON_REG_STALL_STORE);
    counters->stall_requantizer = read_register(npu, HADRON_REG_STALL_REQUANTIZER);
    counters->memory_read_wait = read_register(npu, HADRON_REG_MEMORY_READ_WAIT);
    counters->memory_write_wait = read_register(npu, HADRON_REG_MEMORY_WRITE_WAIT);
    counters->read_beats = read_register(npu, HADRON_REG_READ_BEATS);
    counters->write_beats = read_register(npu, HADRON_REG_WRITE_BEATS);
    counters->stream_wait = read_register(npu, HADRON_REG_STREAM_WAIT);
}

const char *hadron_status_string(enum hadron_status status)
{
    switch (status) {
    case HADRON_OK: return "done";
    case HADRON_RUNNING: return "running";
    case HADRON_NO_DEVICE: return "no NPU at this address";
    case HADRON_VERSION: return "driver and NPU have different register maps";
    case HADRON_ARGUMENT: return "program or memory region misaligned, empty or out of range";
    case HADRON_BUSY: return "busy";
    case HADRON_IDLE: return "idle, nothing started";
    case HADRON_TIMEOUT: return "timed out";
    case HADRON_FAILED: return "stopped by an error";
    case HADRON_ABORTED: return "aborted";
    }
    return "unknown status";
}

const char *hadron_error_string(enum hadron_error_code code)
{
    switch (code) {
    case HADRON_ERROR_NONE: return "no error";
    case HADRON_ERROR_CHECKSUM: return "checksum of a command does not match";
    case HADRON_ERROR_OPCODE: return "undefined opcode";
    case HADRON_ERROR_FIELD: return "field of a command out of range";
    case HADRON_ERROR_ALIGNMENT: return "transfer or base address misaligned";
    case HADRON_ERROR_ADDRESS: return "transfer leaves the memory region or an on-chip memory";
    case HADRON_ERROR_BUS_READ: return "memory answered a read with an error";
    case HADRON_ERROR_BUS_WRITE: return "memory answered a write with an error";
    case HADRON_ERROR_DEADLOCK: return "every unit waits for a token";
    case HADRON_ERROR_TOKEN_OVERFLOW: return "too many tokens sent";
    case HADRON_ERROR_END_OF_STREAM: return "program without END";
    case HADRON_ERROR_WATCHDOG: return "watchdog expired";
    case HADRON_ERROR_STREAM_SHORT: return "tensor on the input stream too short";
    case HADRON_ERROR_STREAM_LONG: return "tensor on the input stream too long";
    case HADRON_ERROR_STREAM_BROKEN: return "tensor on the input stream marked as broken";
    }
    return "unknown error";
}
