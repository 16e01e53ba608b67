/* SPDX-License-Identifier: Apache-2.0 */
#include "hadron_3a.h"

#define ONE 4096u
/* A zone darker than this is more noise than colour; one with an eighth clipped has lost some. */
#define DARK 64u
#define CLIPPED_PART 8u
#define WEIGHTS 16u
/* Ratios are halved twice where they are multiplied, to stay below 32 bits. */
#define COARSE 2

static uint32_t mean(const struct hadron_zone *zone, uint32_t channel)
{
    return zone->count[channel] == 0 ? 0 : zone->sum[channel] / zone->count[channel];
}

/* Return whether a zone says anything about the light, and its R / G and B / G. */
static int zone_ratios(const struct hadron_zone *zone, int32_t *red, int32_t *blue)
{
    uint32_t pixels = zone->count[0] + zone->count[1] + zone->count[2] + zone->count[3];
    uint32_t green = (mean(zone, 1) + mean(zone, 2) + 1) / 2;
    uint32_t r = mean(zone, 0), b = mean(zone, 3);

    if (pixels == 0 || zone->clipped > pixels / CLIPPED_PART || green < DARK || r < DARK / 4 ||
        b < DARK / 4)
        return 0;
    *red = (int32_t)(r * ONE / green);
    *blue = (int32_t)(b * ONE / green);
    return 1;
}

#define MATRIX 9u
#define PARTS 256

/* A point of the line through the lights. */
struct place {
    int32_t red, blue;
    uint32_t kelvin;
    uint32_t distance;              /* squared, coarse */
    const struct hadron_light *from; /* the light before it; the next one comes after it */
    int32_t part;                   /* of the way between them, in 1/256 */
};

static uint32_t square(int32_t value)
{
    uint32_t magnitude = (uint32_t)(value < 0 ? -value : value) >> COARSE;

    return magnitude > 0xb504u ? 0x7fffffffu : magnitude * magnitude;
}

static int32_t interpolate(uint32_t from, uint32_t to, int32_t part)
{
    return (int32_t)from + ((int32_t)to - (int32_t)from) * part / PARTS;
}

/* The nearest point between a light and the next. */
static struct place on_section(const struct hadron_light *from, int32_t red, int32_t blue)
{
    const struct hadron_light *to = from + 1;
    int32_t along_red = ((int32_t)to->red - (int32_t)from->red) / (1 << COARSE);
    int32_t along_blue = ((int32_t)to->blue - (int32_t)from->blue) / (1 << COARSE);
    int32_t away_red = (red - (int32_t)from->red) / (1 << COARSE);
    int32_t away_blue = (blue - (int32_t)from->blue) / (1 << COARSE);
    int32_t length = along_red * along_red + along_blue * along_blue;
    int32_t part = (away_red * along_red + away_blue * along_blue) / (length / PARTS + 1);
    struct place place;

    part = part < 0 ? 0 : part > PARTS ? PARTS : part;
    place.from = from;
    place.part = part;
    place.red = interpolate(from->red, to->red, part);
    place.blue = interpolate(from->blue, to->blue, part);
    place.kelvin = (uint32_t)interpolate(from->kelvin, to->kelvin, part);
    place.distance = square(red - place.red) + square(blue - place.blue);
    return place;
}

static struct place on_line(const struct hadron_awb_settings *settings, int32_t red, int32_t blue)
{
    struct place nearest = on_section(&settings->light[0], red, blue);
    uint32_t section;

    for (section = 1; section + 1 < settings->lights; ++section) {
        struct place place = on_section(&settings->light[section], red, blue);

        if (place.distance < nearest.distance)
            nearest = place;
    }
    return nearest;
}

int hadron_awb_init(struct hadron_awb *awb, const struct hadron_awb_settings *settings,
                    uint32_t kelvin)
{
    uint32_t i;

    if (settings->lights < 2 || settings->lights > HADRON_AWB_LIGHTS_MAX || settings->speed == 0 ||
        settings->speed > 16 || settings->zones == 0 || settings->zones > HADRON_ZONES ||
        settings->band > ONE || settings->tolerance > ONE)
        return -1;
    for (i = 0; i < settings->lights; ++i) {
        const struct hadron_light *light = &settings->light[i];

        if (light->red < ONE / 16 || light->red > 4 * ONE || light->blue < ONE / 16 ||
            light->blue > 4 * ONE || light->kelvin > 0xffffu ||
            (i > 0 && light->kelvin <= settings->light[i - 1].kelvin))
            return -1;
    }
    awb->settings = *settings;
    awb->grey_zones = 0;
    awb->settled = 0;
    for (i = 0; i + 2 < settings->lights && settings->light[i + 1].kelvin < kelvin; ++i)
        ;
    {
        const struct hadron_light *from = &settings->light[i], *to = &settings->light[i + 1];
        uint32_t clamped = kelvin < from->kelvin ? from->kelvin :
                           kelvin > to->kelvin ? to->kelvin : kelvin;
        int32_t part = (int32_t)((clamped - from->kelvin) * PARTS / (to->kelvin - from->kelvin));

        awb->red = (uint32_t)interpolate(from->red, to->red, part);
        awb->blue = (uint32_t)interpolate(from->blue, to->blue, part);
    }
    return 0;
}

/* Go a part of the way, at least 1. */
static uint32_t approach(uint32_t now, int32_t wanted, uint32_t speed)
{
    int32_t distance = wanted - (int32_t)now;
    int32_t step = distance * (int32_t)speed / 16;

    if (step == 0 && distance != 0)
        step = distance > 0 ? 1 : -1;
    return (uint32_t)((int32_t)now + step);
}

static int is_within(uint32_t now, int32_t wanted, int32_t tolerance)
{
    int32_t distance = wanted - (int32_t)now;

    return distance <= tolerance && distance >= -tolerance;
}

struct hadron_balance hadron_awb_step(struct hadron_awb *awb,
                                      const struct hadron_statistics *statistics)
{
    const struct hadron_awb_settings *settings = &awb->settings;
    int32_t red_sum = 0, blue_sum = 0, weights = 0, tolerance = (int32_t)settings->tolerance;
    uint32_t zone, band = square((int32_t)settings->band);
    struct hadron_balance balance;
    struct place now;
    uint32_t i;

    awb->grey_zones = 0;
    for (zone = 0; zone < HADRON_ZONES; ++zone) {
        int32_t red, blue, weight;
        uint32_t distance;

        if (!zone_ratios(&statistics->zones[zone], &red, &blue))
            continue;
        distance = on_line(settings, red, blue).distance;
        if (distance > band)
            continue;
        /* Less towards the edge of the band, so that a zone there cannot flip the result. */
        weight = 1 + (int32_t)((band - distance) / (band / WEIGHTS + 1));
        red_sum += red * weight;
        blue_sum += blue * weight;
        weights += weight;
        ++awb->grey_zones;
    }
    if (awb->grey_zones >= settings->zones) {
        struct place light = on_line(settings, red_sum / weights, blue_sum / weights);
        int32_t limit = awb->settled ? tolerance : tolerance / 2;

        awb->settled = is_within(awb->red, light.red, limit) &&
                       is_within(awb->blue, light.blue, limit);
        if (!awb->settled) {
            awb->red = approach(awb->red, light.red, settings->speed);
            awb->blue = approach(awb->blue, light.blue, settings->speed);
        }
    }
    balance.red = ONE * ONE / awb->red;
    balance.green = ONE;
    balance.blue = ONE * ONE / awb->blue;
    now = on_line(settings, (int32_t)awb->red, (int32_t)awb->blue);
    balance.kelvin = now.kelvin;
    for (i = 0; i < MATRIX; ++i) {
        int32_t first = now.from[0].matrix[i], second = now.from[1].matrix[i];

        balance.matrix[i] = first + (second - first) * now.part / PARTS;
    }
    return balance;
}
