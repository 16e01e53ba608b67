/* SPDX-License-Identifier: Apache-2.0
 * Auto exposure, auto white balance and auto focus: C99, integers only, no allocation, no libc.
 *
 * Once a frame, when its statistics are there:
 *
 *     struct hadron_exposure exposure = hadron_ae_step(&ae, &statistics);
 *     struct hadron_balance balance = hadron_awb_step(&awb, &statistics);
 *     uint32_t position = hadron_af_step(&af, &statistics);
 *
 * and write what they return into the sensor, the ISP and the lens. None of the three knows a
 * register: the statistics are filled by hadron_isp_statistics (hadron_isp.h), or by anything else.
 */
#ifndef HADRON_3A_H
#define HADRON_3A_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The grid of zones. */
#define HADRON_ZONE_ROWS 16
#define HADRON_ZONE_COLUMNS 16
#define HADRON_ZONES (HADRON_ZONE_ROWS * HADRON_ZONE_COLUMNS)
#define HADRON_FOCUS_WINDOWS 3

/* Sums of one zone: 12-bit linear pixels before white balance, clipped ones left out. */
struct hadron_zone {
    uint32_t sum[4];   /* of R, Gr, Gb, B */
    uint32_t count[4]; /* pixels in each of these sums */
    uint32_t clipped;  /* pixels of any colour left out */
};

/* What the ISP measured of one frame. */
struct hadron_statistics {
    uint32_t frame;
    struct hadron_zone zones[HADRON_ZONES];     /* row by row */
    uint32_t sharpness[HADRON_FOCUS_WINDOWS];  /* sum of luma's second differences */
    uint32_t brightness[HADRON_FOCUS_WINDOWS]; /* sum of luma */
};

/* ---- Exposure ---------------------------------------------------------------------------- */

/* What to give the sensor. The product of all three is the exposure; it is as exact as 1/256. */
struct hadron_exposure {
    uint32_t lines;        /* integration time */
    uint32_t gain;         /* analog gain, 256 is 1 */
    uint32_t digital_gain; /* the rest, for the ISP's digital gain, 256 is 1 */
};

/* Most frames that may pass between hadron_ae_step and the frame it takes effect in. */
#define HADRON_AE_DELAY_MAX 4

/* What a sensor can do and what is wanted of it. */
struct hadron_ae_settings {
    uint32_t target;       /* mean to reach, 1 to 4095; 18 % grey is about 740 */
    uint32_t tolerance;    /* stops / 1024 that the mean may be off before anything moves */
    uint32_t speed;        /* part of the way to go each frame, in 1/16: 1 to 16 */
    uint32_t minimum_lines;
    uint32_t maximum_lines; /* up to 65535; more would lower the frame rate */
    uint32_t maximum_gain;  /* analog, 256 is 1; up to 32768 */
    uint32_t gain_step;     /* between two analog gains, 1 to 256; the digital gain fills in */
    uint32_t flicker_lines; /* lines of a half-wave of the mains, 0 when it does not flicker */
    uint32_t delay;         /* frames until an exposure takes effect: 1 to HADRON_AE_DELAY_MAX */
};

struct hadron_ae {
    struct hadron_ae_settings settings;
    int32_t applied[HADRON_AE_DELAY_MAX]; /* exposures on their way, oldest first, stops / 1024 */
    int32_t exposure;                     /* the latest of them */
    int32_t error;                        /* of the last frame: target over mean, stops / 1024 */
    int32_t settled;                      /* whether the mean is within the tolerance */
};

/* Begin with `first`, which the sensor must have been set to before its first frame.
 *
 * Returns 0, or -1 when a setting is out of its range; `ae` is then not to be used. */
int hadron_ae_init(struct hadron_ae *ae, const struct hadron_ae_settings *settings,
                   const struct hadron_exposure *first);

/* Return the exposure for the frame `delay` after the one measured.
 *
 * The light of the scene is the frame's mean over the exposure that frame was taken with, so a
 * delay does not make the loop swing. */
struct hadron_exposure hadron_ae_step(struct hadron_ae *ae,
                                      const struct hadron_statistics *statistics);

/* Return the mean that hadron_ae_step meters, 0 to 4095: zones in the middle count up to sixteen
 * times, clipped pixels are white. */
uint32_t hadron_ae_mean(const struct hadron_statistics *statistics);

/* ---- White balance ----------------------------------------------------------------------- */

#define HADRON_AWB_LIGHTS_MAX 8

/* What grey looks like to the sensor in one light: from a calibration. */
struct hadron_light {
    uint32_t kelvin;
    uint32_t red;  /* R / G, 4096 is 1 */
    uint32_t blue; /* B / G */
    int32_t matrix[9]; /* colour correction, row by row, 1024 is 1; all 0 for none */
};

struct hadron_awb_settings {
    uint32_t lights; /* how many of the following: 2 to HADRON_AWB_LIGHTS_MAX */
    struct hadron_light light[HADRON_AWB_LIGHTS_MAX]; /* by rising temperature */
    uint32_t band;   /* how far from their line a grey zone may be, 4096 is 1; up to 4096 */
    uint32_t zones;  /* grey zones it takes to move: 1 to HADRON_ZONES */
    uint32_t speed;  /* part of the way to go each frame, in 1/16: 1 to 16 */
    uint32_t tolerance; /* how far R / G and B / G may be off before anything moves, 4096 is 1 */
};

/* What to give the ISP. */
struct hadron_balance {
    uint32_t red, green, blue; /* gains, 4096 is 1 */
    uint32_t kelvin;           /* temperature of the light */
    int32_t matrix[9];         /* colour correction for it, between those of the lights */
};

struct hadron_awb {
    struct hadron_awb_settings settings;
    uint32_t red, blue;  /* R / G and B / G of grey now, 4096 is 1 */
    uint32_t grey_zones; /* of the last frame */
    int32_t settled;
};

/* Begin in the light of `kelvin`. Returns 0, or -1 when a setting is out of its range. */
int hadron_awb_init(struct hadron_awb *awb, const struct hadron_awb_settings *settings,
                    uint32_t kelvin);

/* Return the gains for the next frame. The statistics are those before white balance, so they do
 * not depend on earlier gains. A frame with too few grey zones changes nothing. */
struct hadron_balance hadron_awb_step(struct hadron_awb *awb,
                                      const struct hadron_statistics *statistics);

/* ---- Focus ------------------------------------------------------------------------------- */

struct hadron_af_settings {
    uint32_t first, last; /* positions of the lens */
    uint32_t step;        /* between two measurements of the search */
    uint32_t fine;        /* between two measurements around the best: 1 to step */
    uint32_t window;      /* of the statistics: 0 to HADRON_FOCUS_WINDOWS - 1 */
    uint32_t settle;      /* frames between a move and a frame that shows it: 0 or more */
    uint32_t restart;     /* loss of sharpness that starts another search, percent; 0: none does */
};

enum hadron_af_state { HADRON_AF_SEARCH, HADRON_AF_REFINE, HADRON_AF_RETURN, HADRON_AF_FOCUSED };

struct hadron_af {
    struct hadron_af_settings settings;
    enum hadron_af_state state;
    uint32_t position;
    uint32_t wait;          /* frames until the next measurement */
    uint32_t best_position;
    uint32_t best;          /* measure at that position */
    uint32_t end;           /* last position of the refinement */
};

/* Begin a search at the first position. Returns 0, or -1 when a setting is out of its range. */
int hadron_af_init(struct hadron_af *af, const struct hadron_af_settings *settings);

/* Return where the lens should be for the next frame. */
uint32_t hadron_af_step(struct hadron_af *af, const struct hadron_statistics *statistics);

/* Return the sharpness of a window over its brightness, 65536 for 1. */
uint32_t hadron_focus_measure(const struct hadron_statistics *statistics, uint32_t window);

#ifdef __cplusplus
}
#endif

#endif /* HADRON_3A_H */
