/* SPDX-License-Identifier: Apache-2.0 */
#include "hadron_3a.h"
#include "hadron_stops.h"

#define WHITE 4095u
#define UNITY 256u

/* Rows and columns from the border to the middle; a zone counts as the product of its two. */
static const uint32_t weights[HADRON_ZONE_ROWS] = {1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 3, 3, 2, 2, 1, 1};

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Mean of a zone's luma; `pixels` tells whether it has any. A clipped pixel counts as white, never
 * as more: what is taken for brighter than it is makes the loop go too far and come back. */
static uint32_t zone_mean(const struct hadron_zone *zone, uint32_t *pixels)
{
    static const uint32_t parts[4] = {1, 3, 3, 1};
    uint32_t good = zone->count[0] + zone->count[1] + zone->count[2] + zone->count[3];
    uint32_t luma = 0, used = 0, channel, shift = 0;

    for (channel = 0; channel < 4; ++channel) {
        if (zone->count[channel] != 0) {
            luma += parts[channel] * (zone->sum[channel] / zone->count[channel]);
            used += parts[channel];
        }
    }
    *pixels = good + zone->clipped;
    if (*pixels == 0)
        return 0;
    if (used != 0)
        luma /= used;
    /* Keep the products below 32 bits: a mean has 12 bits, so up to 20 for a count. */
    while (*pixels >> shift >= 1u << 20)
        ++shift;
    return (luma * (good >> shift) + WHITE * (zone->clipped >> shift)) / (*pixels >> shift);
}

uint32_t hadron_ae_mean(const struct hadron_statistics *statistics)
{
    uint32_t sum = 0, weight = 0, row, column;

    for (row = 0; row < HADRON_ZONE_ROWS; ++row) {
        for (column = 0; column < HADRON_ZONE_COLUMNS; ++column) {
            uint32_t pixels, mean;

            mean = zone_mean(&statistics->zones[row * HADRON_ZONE_COLUMNS + column], &pixels);
            if (pixels != 0) {
                sum += mean * weights[row] * weights[column];
                weight += weights[row] * weights[column];
            }
        }
    }
    return weight == 0 ? 0 : sum / weight;
}

/* The exposure as one number: log2 of lines times gains, of which 65536 is 1. */
static int32_t exposure_stops(const struct hadron_exposure *exposure)
{
    return hadron_log2(exposure->lines) + hadron_log2(exposure->gain) +
           hadron_log2(exposure->digital_gain);
}

static int32_t shortest(const struct hadron_ae_settings *settings)
{
    return hadron_log2(settings->minimum_lines) + 16 * HADRON_STOP;
}

static int32_t longest(const struct hadron_ae_settings *settings)
{
    return hadron_log2(settings->maximum_lines) + hadron_log2(settings->maximum_gain) +
           8 * HADRON_STOP;
}

/* Time first, since gain brings noise; whole half-waves of the mains where they fit. */
static struct hadron_exposure split(const struct hadron_ae_settings *settings, int32_t stops)
{
    uint32_t product = hadron_exp2(stops - 8 * HADRON_STOP); /* lines times 256 */
    struct hadron_exposure exposure;

    exposure.lines = smaller(product / UNITY, settings->maximum_lines);
    if (exposure.lines < settings->minimum_lines)
        exposure.lines = settings->minimum_lines;
    if (settings->flicker_lines != 0 && exposure.lines > settings->flicker_lines)
        exposure.lines -= exposure.lines % settings->flicker_lines;
    exposure.gain = smaller(product / exposure.lines, settings->maximum_gain);
    if (exposure.gain < UNITY)
        exposure.gain = UNITY;
    exposure.gain -= (exposure.gain - UNITY) % settings->gain_step;
    exposure.digital_gain =
        hadron_exp2(stops - hadron_log2(exposure.lines) - hadron_log2(exposure.gain));
    if (exposure.digital_gain < UNITY)
        exposure.digital_gain = UNITY;
    return exposure;
}

int hadron_ae_init(struct hadron_ae *ae, const struct hadron_ae_settings *settings,
                   const struct hadron_exposure *first)
{
    uint32_t frame;

    if (settings->target == 0 || settings->target > WHITE || settings->speed == 0 ||
        settings->speed > 16 || settings->minimum_lines == 0 ||
        settings->maximum_lines < settings->minimum_lines || settings->maximum_lines > 0xffffu ||
        settings->maximum_gain < UNITY || settings->maximum_gain > 0x8000u ||
        settings->gain_step == 0 || settings->gain_step > UNITY ||
        settings->tolerance > 4 * HADRON_STOP || settings->flicker_lines > 0xffffu ||
        settings->delay == 0 || settings->delay > HADRON_AE_DELAY_MAX)
        return -1;
    ae->settings = *settings;
    ae->exposure = exposure_stops(first);
    for (frame = 0; frame < HADRON_AE_DELAY_MAX; ++frame)
        ae->applied[frame] = ae->exposure;
    ae->error = 0;
    ae->settled = 0;
    return 0;
}

struct hadron_exposure hadron_ae_step(struct hadron_ae *ae,
                                      const struct hadron_statistics *statistics)
{
    const struct hadron_ae_settings *settings = &ae->settings;
    int32_t tolerance = (int32_t)settings->tolerance;
    int32_t wanted, distance, step;
    uint32_t frame;

    ae->error = hadron_log2(settings->target) - hadron_log2(hadron_ae_mean(statistics));
    wanted = clamp(ae->applied[0] + ae->error, shortest(settings), longest(settings));
    distance = wanted - ae->exposure;
    /* It settles a quarter of the tolerance away and leaves at all of it: noise does neither. */
    if (!ae->settled)
        tolerance /= 4;
    ae->settled = distance <= tolerance && distance >= -tolerance;
    if (!ae->settled) {
        step = distance * (int32_t)settings->speed / 16;
        if (step == 0)
            step = distance; /* less than a sixteenth of a 1/1024 stop away */
        ae->exposure += step;
    }
    for (frame = 0; frame + 1 < settings->delay; ++frame)
        ae->applied[frame] = ae->applied[frame + 1];
    ae->applied[settings->delay - 1] = ae->exposure;
    return split(settings, ae->exposure);
}
