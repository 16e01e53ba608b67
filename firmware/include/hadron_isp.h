/* SPDX-License-Identifier: Apache-2.0
 * Driver of the Hadron ISP: C99, no allocation, no libc, any bus.
 *
 *     struct hadron_isp isp;
 *     hadron_isp_init(&isp, &bus);
 *     hadron_isp_write(&isp, HADRON_ISP_REG_GAMMA_ENABLE, 1);      ... and the other settings
 *     hadron_isp_write_table(&isp, HADRON_ISP_TABLE_GAMMA_NODES, 0, nodes, count);
 *     hadron_isp_commit(&isp);
 *     hadron_isp_run(&isp, 1, HADRON_ISP_IRQ_STATUS_STATISTICS_MASK);
 *
 * and after each interrupt
 *
 *     hadron_isp_statistics(&isp, &statistics);
 *     balance = hadron_awb_step(&awb, &statistics);                 (hadron_3a.h)
 *     hadron_isp_set_balance(&isp, &balance);
 *     hadron_isp_commit(&isp);
 *
 * Settings are a shadow copy: frames use what was committed before they began.
 */
#ifndef HADRON_ISP_H
#define HADRON_ISP_H

#include <stdint.h>

#include "hadron.h"
#include "hadron_3a.h"
#include "hadron_isp_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One ISP. Its members belong to the driver; the first are what the device says about itself. */
struct hadron_isp {
    struct hadron_bus bus;
    uint32_t max_width, max_height;
    uint32_t input_bits;
    uint32_t stages;    /* bit HADRON_ISP_STAGE_x: the stage is there */
    uint32_t bus_bytes; /* bytes of a beat of the tensor output, 0 without one */
};

/* Find the device, read its size, mask its interrupt and forget its events.
 *
 * Returns HADRON_NO_DEVICE when register ID does not read 'HISP'. */
enum hadron_status hadron_isp_init(struct hadron_isp *isp, const struct hadron_bus *bus);

/* Access a register at an offset in the block, HADRON_ISP_REG_x. */
uint32_t hadron_isp_read(const struct hadron_isp *isp, uint32_t offset);
void hadron_isp_write(const struct hadron_isp *isp, uint32_t offset, uint32_t value);

/* Write `count` elements of a table's idle bank, from address `first` on. Write a table whole
 * before the next commit: its banks swap then. */
void hadron_isp_write_table(const struct hadron_isp *isp, enum hadron_isp_table table,
                            uint32_t first, const uint16_t *values, uint32_t count);

/* Ask for the settings to be used from the next frame on.
 *
 * Returns HADRON_BUSY, and asks for nothing, while an earlier commit is pending: settings written
 * meanwhile may or may not have been part of it. */
enum hadron_status hadron_isp_commit(const struct hadron_isp *isp);

/* Take frames, or none from the next on. `events` are those that raise the interrupt. */
void hadron_isp_run(const struct hadron_isp *isp, int run, uint32_t events);

/* Return the events that raised the interrupt and clear them: for the interrupt handler. */
uint32_t hadron_isp_interrupt(const struct hadron_isp *isp);

/* Read the statistics of the last good frame: about 1,300 register reads.
 *
 * Returns HADRON_BUSY when another frame's replaced them meanwhile: read them again. */
enum hadron_status hadron_isp_statistics(const struct hadron_isp *isp,
                                         struct hadron_statistics *statistics);

/* Write the gains of white balance and, unless it is all 0, the colour matrix; used after the next
 * commit. */
void hadron_isp_set_balance(const struct hadron_isp *isp, const struct hadron_balance *balance);

/* Write the digital gain of an exposure; used after the next commit. */
void hadron_isp_set_digital_gain(const struct hadron_isp *isp,
                                 const struct hadron_exposure *exposure);

#ifdef __cplusplus
}
#endif

#endif /* HADRON_ISP_H */
