/* SPDX-License-Identifier: Apache-2.0 */
#include "hadron_isp.h"

#define COLOURS 4u
#define MATRIX 9u
#define FIELD(value, name) \
    (((value) & HADRON_ISP_##name##_MASK) >> HADRON_ISP_##name##_SHIFT)

uint32_t hadron_isp_read(const struct hadron_isp *isp, uint32_t offset)
{
    return isp->bus.read(isp->bus.context, HADRON_ISP_BASE + offset);
}

void hadron_isp_write(const struct hadron_isp *isp, uint32_t offset, uint32_t value)
{
    isp->bus.write(isp->bus.context, HADRON_ISP_BASE + offset, value);
}

enum hadron_status hadron_isp_init(struct hadron_isp *isp, const struct hadron_bus *bus)
{
    uint32_t config;

    isp->bus = *bus;
    if (hadron_isp_read(isp, HADRON_ISP_REG_ID) != HADRON_ISP_ID_VALUE)
        return HADRON_NO_DEVICE;
    config = hadron_isp_read(isp, HADRON_ISP_REG_CONFIG0);
    isp->max_width = FIELD(config, CONFIG0_MAX_WIDTH);
    isp->max_height = FIELD(config, CONFIG0_MAX_HEIGHT);
    isp->input_bits = FIELD(config, CONFIG0_INPUT_BITS);
    isp->bus_bytes = FIELD(config, CONFIG0_TENSOR);
    config = hadron_isp_read(isp, HADRON_ISP_REG_CONFIG1);
    isp->stages = FIELD(config, CONFIG1_STAGES);
    isp->bus_bytes *= FIELD(config, CONFIG1_AXI_BYTES);

    hadron_isp_write(isp, HADRON_ISP_REG_IRQ_ENABLE, 0);
    (void)hadron_isp_interrupt(isp);
    return HADRON_OK;
}

void hadron_isp_write_table(const struct hadron_isp *isp, enum hadron_isp_table table,
                            uint32_t first, const uint16_t *values, uint32_t count)
{
    uint32_t i;

    hadron_isp_write(isp, HADRON_ISP_REG_TABLE_ADDRESS,
                     (uint32_t)table << HADRON_ISP_TABLE_ADDRESS_TABLE_SHIFT |
                         first << HADRON_ISP_TABLE_ADDRESS_INDEX_SHIFT);
    for (i = 0; i < count; ++i)
        hadron_isp_write(isp, HADRON_ISP_REG_TABLE_DATA, values[i]);
}

enum hadron_status hadron_isp_commit(const struct hadron_isp *isp)
{
    if (hadron_isp_read(isp, HADRON_ISP_REG_STATUS) & HADRON_ISP_STATUS_COMMIT_PENDING_MASK)
        return HADRON_BUSY;
    hadron_isp_write(isp, HADRON_ISP_REG_COMMIT, HADRON_ISP_COMMIT_REQUEST_MASK);
    return HADRON_OK;
}

void hadron_isp_run(const struct hadron_isp *isp, int run, uint32_t events)
{
    uint32_t control = hadron_isp_read(isp, HADRON_ISP_REG_CONTROL);

    hadron_isp_write(isp, HADRON_ISP_REG_IRQ_ENABLE, events);
    control &= ~HADRON_ISP_CONTROL_RUN_MASK;
    hadron_isp_write(isp, HADRON_ISP_REG_CONTROL,
                     run ? control | HADRON_ISP_CONTROL_RUN_MASK : control);
}

uint32_t hadron_isp_interrupt(const struct hadron_isp *isp)
{
    uint32_t events = hadron_isp_read(isp, HADRON_ISP_REG_IRQ_STATUS);

    if (events != 0)
        hadron_isp_write(isp, HADRON_ISP_REG_IRQ_STATUS, events);
    return events;
}

/* The window's address counts up with each read. */
static void seek(const struct hadron_isp *isp, uint32_t word)
{
    hadron_isp_write(isp, HADRON_ISP_REG_STATISTICS_ADDRESS, word);
}

static uint32_t next(const struct hadron_isp *isp)
{
    return hadron_isp_read(isp, HADRON_ISP_REG_STATISTICS_DATA);
}

static void read_zone(const struct hadron_isp *isp, uint32_t index, struct hadron_zone *zone)
{
    uint32_t colour, word;

    seek(isp, HADRON_ISP_STATISTICS_ZONE + index * HADRON_ISP_ZONE_STRIDE);
    for (colour = 0; colour < COLOURS; ++colour) {
        word = next(isp);
        zone->sum[colour] = (word & HADRON_ISP_ZONE_SUM_MASK) << HADRON_ISP_ZONE_SUM_SCALE;
        zone->count[colour] = word >> HADRON_ISP_ZONE_COUNT_SHIFT;
    }
    word = next(isp);
    zone->clipped = 0;
    for (colour = 0; colour < COLOURS; ++colour)
        zone->clipped += (word >> (8u * colour) & 0xffu) << HADRON_ISP_ZONE_CLIPPED_SCALE;
}

enum hadron_status hadron_isp_statistics(const struct hadron_isp *isp,
                                         struct hadron_statistics *statistics)
{
    uint32_t i;

    statistics->frame = hadron_isp_read(isp, HADRON_ISP_REG_STATISTICS_INDEX);
    for (i = 0; i < HADRON_ZONES; ++i)
        read_zone(isp, i, &statistics->zones[i]);
    seek(isp, HADRON_ISP_STATISTICS_SHARPNESS_0);
    for (i = 0; i < HADRON_FOCUS_WINDOWS; ++i)
        statistics->sharpness[i] = next(isp);
    seek(isp, HADRON_ISP_STATISTICS_BRIGHTNESS_0);
    for (i = 0; i < HADRON_FOCUS_WINDOWS; ++i)
        statistics->brightness[i] = next(isp);
    return hadron_isp_read(isp, HADRON_ISP_REG_STATISTICS_INDEX) == statistics->frame ?
               HADRON_OK : HADRON_BUSY;
}

/* Two elements share a register. */
static void write_matrix(const struct hadron_isp *isp, const int32_t matrix[MATRIX])
{
    const uint32_t mask = HADRON_ISP_COLOR_MATRIX_MATRIX_0_V0_MASK;
    uint32_t i, used = 0;

    for (i = 0; i < MATRIX; ++i)
        used |= (uint32_t)matrix[i];
    if (used == 0)
        return;
    for (i = 0; i < MATRIX; i += 2) {
        uint32_t low = (uint32_t)matrix[i] & mask;
        uint32_t high = i + 1 < MATRIX ? (uint32_t)matrix[i + 1] & mask : 0;

        hadron_isp_write(isp, HADRON_ISP_REG_COLOR_MATRIX_MATRIX_0 + 2 * i,
                         low | high << HADRON_ISP_COLOR_MATRIX_MATRIX_0_V1_SHIFT);
    }
}

void hadron_isp_set_balance(const struct hadron_isp *isp, const struct hadron_balance *balance)
{
    const uint32_t most = HADRON_ISP_WHITE_BALANCE_GAIN_0_R_MASK;
    uint32_t red = balance->red < most ? balance->red : most;
    uint32_t blue = balance->blue < most ? balance->blue : most;

    hadron_isp_write(isp, HADRON_ISP_REG_WHITE_BALANCE_GAIN_0,
                     red << HADRON_ISP_WHITE_BALANCE_GAIN_0_R_SHIFT |
                         balance->green << HADRON_ISP_WHITE_BALANCE_GAIN_0_GR_SHIFT);
    hadron_isp_write(isp, HADRON_ISP_REG_WHITE_BALANCE_GAIN_1,
                     balance->green << HADRON_ISP_WHITE_BALANCE_GAIN_1_GB_SHIFT |
                         blue << HADRON_ISP_WHITE_BALANCE_GAIN_1_B_SHIFT);
    write_matrix(isp, balance->matrix);
}

void hadron_isp_set_digital_gain(const struct hadron_isp *isp,
                                 const struct hadron_exposure *exposure)
{
    const uint32_t most = HADRON_ISP_SHADING_GAIN_VALUE_MASK;

    hadron_isp_write(isp, HADRON_ISP_REG_SHADING_GAIN,
                     exposure->digital_gain < most ? exposure->digital_gain : most);
}
