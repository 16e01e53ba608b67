/* SPDX-License-Identifier: Apache-2.0 */
#include "hadron_3a.h"

/* Past the top of the hill: sharpness has fallen by an eighth. */
#define FALLEN(measure, best) ((measure) < (best) - (best) / 8u)

uint32_t hadron_focus_measure(const struct hadron_statistics *statistics, uint32_t window)
{
    uint32_t light = statistics->brightness[window];
    uint32_t detail = statistics->sharpness[window];
    uint32_t shift;

    /* As many of the 16 fraction bits in the dividend as fit, the rest out of the divisor. */
    for (shift = 16; shift > 0 && detail < 0x80000000u; --shift)
        detail <<= 1;
    light >>= shift;
    return detail / (light == 0 ? 1u : light);
}

int hadron_af_init(struct hadron_af *af, const struct hadron_af_settings *settings)
{
    if (settings->first >= settings->last || settings->last > 0xffffu || settings->step == 0 ||
        settings->step > settings->last - settings->first || settings->fine == 0 ||
        settings->fine > settings->step || settings->window >= HADRON_FOCUS_WINDOWS ||
        settings->restart > 100)
        return -1;
    af->settings = *settings;
    af->state = HADRON_AF_SEARCH;
    af->position = af->best_position = settings->first;
    af->wait = settings->settle;
    af->best = 0;
    af->end = settings->last;
    return 0;
}

static void move(struct hadron_af *af, uint32_t position)
{
    af->position = position;
    af->wait = af->settings.settle;
}

/* Measure around the best position in fine steps, always upwards, so that play does not matter. */
static void refine(struct hadron_af *af)
{
    const struct hadron_af_settings *settings = &af->settings;
    uint32_t low = af->best_position - settings->first, high = settings->last - af->best_position;

    af->end = af->best_position + (high < settings->step ? high : settings->step);
    af->state = HADRON_AF_REFINE;
    move(af, af->best_position - (low < settings->step ? low : settings->step));
    af->best = 0;
}

static void climb(struct hadron_af *af, uint32_t measure, uint32_t step, uint32_t end)
{
    int fallen = FALLEN(measure, af->best);

    if (measure > af->best) {
        af->best = measure;
        af->best_position = af->position;
    }
    if (!fallen && af->position < end) {
        move(af, end - af->position < step ? end : af->position + step);
    } else if (af->state == HADRON_AF_SEARCH && af->settings.fine < af->settings.step) {
        refine(af);
    } else {
        af->state = HADRON_AF_RETURN;
        move(af, af->best_position);
    }
}

uint32_t hadron_af_step(struct hadron_af *af, const struct hadron_statistics *statistics)
{
    const struct hadron_af_settings *settings = &af->settings;
    uint32_t measure = hadron_focus_measure(statistics, settings->window);

    if (af->wait != 0) {
        --af->wait;
        return af->position;
    }
    switch (af->state) {
    case HADRON_AF_SEARCH:
        climb(af, measure, settings->step, settings->last);
        break;
    case HADRON_AF_REFINE:
        climb(af, measure, settings->fine, af->end);
        break;
    case HADRON_AF_RETURN:
        af->best = measure; /* what later frames are compared with */
        af->state = HADRON_AF_FOCUSED;
        break;
    case HADRON_AF_FOCUSED:
        if (settings->restart != 0 && measure < af->best - af->best / 100u * settings->restart)
            (void)hadron_af_init(af, &af->settings);
        break;
    }
    return af->position;
}
