/* Training kernels for one CPU thread: maps in channels_last memory, float32 or bfloat16.
 *
 * norm_*: batch normalisation of a batch together with the activation after it. depthwise_backward:
 * the gradients of depthwise convolutions of 3x3 and 5x5. Sums over a batch are of float32 for
 * each part of it and of float64 over the parts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define CHUNK 128 /* spans added up in float32 before the sums go on in float64 */
enum { NONE, RELU, SILU, HARDSWISH };

typedef union { float real; int32_t bits; uint32_t word; } Bits;

INLINE float get(int half, const void *map, long place) {
    if (!half) return ((const float *)map)[place];
    Bits wide = {.word = (uint32_t)((const uint16_t *)map)[place] << 16};
    return wide.real;
}

INLINE void put(int half, void *map, long place, float value) {
    if (!half) {
        ((float *)map)[place] = value;
    } else { /* to the nearest, ties to even */
        Bits wide = {.real = value};
        ((uint16_t *)map)[place] = (uint16_t)((wide.word + 0x7fff + ((wide.word >> 16) & 1)) >> 16);
    }
}

/* 1 / (1 + 2^t): 2^t is 2^n times the Taylor polynomial of 2^f, to 2e-6 of its value. */
INLINE float sigmoid(float z) {
    float t = z * -1.44269504f;
    t = t > 126.f ? 126.f : t;
    t = t < -126.f ? -126.f : t;
    float n = __builtin_rintf(t), f = t - n;
    float p = 1.33335581e-3f;
    p = p * f + 9.61812911e-3f;
    p = p * f + 5.55041087e-2f;
    p = p * f + 2.40226507e-1f;
    p = p * f + 6.93147181e-1f;
    p = p * f + 1.f;
    Bits scale = {.bits = ((int32_t)n + 127) << 23};
    return 1.f / (1.f + p * scale.real);
}

INLINE float activated(int kind, float z) {
    if (kind == RELU) return z < 0.f ? 0.f : z;
    if (kind == SILU) return z * sigmoid(z);
    if (kind == HARDSWISH) {
        float gate = z + 3.f;
        gate = gate < 0.f ? 0.f : gate;
        gate = gate > 6.f ? 6.f : gate;
        return z * gate * (1.f / 6.f);
    }
    return z;
}

/* The gradient g of an activation's output as that of its input z. */
INLINE float through(int kind, float g, float z) {
    if (kind == RELU) return z > 0.f ? g : 0.f;
    if (kind == SILU) {
        float s = sigmoid(z);
        return g * s * (1.f + z * (1.f - s));
    }
    if (kind == HARDSWISH) return z <= -3.f ? 0.f : z >= 3.f ? g : g * (z * (1.f / 3.f) + .5f);
    return g;
}

/* Rows processed together: their values fill whole vectors, whatever the number of channels. */
INLINE long span(long channels) {
    long rows = 1;
    while (rows * channels % 16 && rows < 16) rows *= 2;
    while (rows * channels < 128) rows *= 2;
    return rows;
}

INLINE void repeat(float *values, long channels, long rows) {
    for (long r = 1; r < rows; r++) memcpy(values + r * channels, values, channels * sizeof(float));
}

INLINE void fold(float *sums, double *totals, long channels, long rows) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < channels; c++) totals[c] += sums[r * channels + c];
    memset(sums, 0, rows * channels * sizeof(float));
}

INLINE void forward(int kind, int half, const void *restrict x, void *restrict y, long rows, long channels,
                    const float *weight, const float *bias, float eps, float *mean, float *var, float *inverse) {
    long m = span(channels), length = m * channels, whole = rows / m * m;
    float *space = calloc(3 * length, sizeof(float));
    double *totals = calloc(2 * channels, sizeof(double));
    float *restrict first = space, *restrict second = space + length, *restrict shift = space + 2 * length;
    /* Deviations from the first row are small, and their squares keep their digits. */
    for (long c = 0; c < channels; c++) shift[c] = get(half, x, c);
    repeat(shift, channels, m);
    for (long start = 0; start < whole; start += CHUNK * m) {
        long end = start + CHUNK * m < whole ? start + CHUNK * m : whole;
        for (long r = start; r < end; r += m)
            for (long j = 0; j < length; j++) {
                float d = get(half, x, r * channels + j) - shift[j];
                first[j] += d;
                second[j] += d * d;
            }
        fold(first, totals, channels, m);
        fold(second, totals + channels, channels, m);
    }
    for (long j = whole * channels; j < rows * channels; j++) {
        double d = (double)get(half, x, j) - shift[j % channels];
        totals[j % channels] += d;
        totals[channels + j % channels] += d * d;
    }
    for (long c = 0; c < channels; c++) {
        double away = totals[c] / rows, square = totals[channels + c] / rows - away * away;
        mean[c] = shift[c] + away;
        var[c] = square < 0 ? 0 : square;
        inverse[c] = 1 / __builtin_sqrt(var[c] + (double)eps);
        first[c] = weight[c] * inverse[c];
        second[c] = bias[c] - mean[c] * first[c];
    }
    repeat(first, channels, m);
    repeat(second, channels, m);
    for (long r = 0; r < whole; r += m)
        for (long j = 0; j < length; j++) {
            long place = r * channels + j;
            put(half, y, place, activated(kind, get(half, x, place) * first[j] + second[j]));
        }
    for (long j = whole * channels; j < rows * channels; j++)
        put(half, y, j, activated(kind, get(half, x, j) * first[j % channels] + second[j % channels]));
    free(space);
    free(totals);
}

INLINE void backward(int kind, int half, const void *restrict x, const void *restrict g, void *restrict dx, long rows,
                     long channels, const float *weight, const float *bias, const float *mean, const float *inverse,
                     float *dweight, float *dbias) {
    long m = span(channels), length = m * channels, whole = rows / m * m;
    float *space = calloc(5 * length, sizeof(float));
    double *totals = calloc(2 * channels, sizeof(double));
    float *restrict first = space, *restrict second = first + length, *restrict scale = second + length,
                    *restrict offset = scale + length, *restrict middle = offset + length;
    for (long c = 0; c < channels; c++) {
        scale[c] = weight[c] * inverse[c];
        offset[c] = bias[c] - mean[c] * scale[c];
        middle[c] = mean[c];
    }
    repeat(scale, channels, m);
    repeat(offset, channels, m);
    repeat(middle, channels, m);
    for (long start = 0; start < whole; start += CHUNK * m) {
        long end = start + CHUNK * m < whole ? start + CHUNK * m : whole;
        for (long r = start; r < end; r += m)
            for (long j = 0; j < length; j++) {
                float value = get(half, x, r * channels + j);
                float d = through(kind, get(half, g, r * channels + j), value * scale[j] + offset[j]);
                if (kind == SILU) put(half, dx, r * channels + j, d); /* a write takes less time than a second exp */
                first[j] += d;
                second[j] += d * (value - middle[j]);
            }
        fold(first, totals, channels, m);
        fold(second, totals + channels, channels, m);
    }
    for (long j = whole * channels; j < rows * channels; j++) {
        long c = j % channels;
        float value = get(half, x, j), d = through(kind, get(half, g, j), value * scale[c] + offset[c]);
        totals[c] += d;
        totals[channels + c] += (double)d * (value - middle[c]);
    }
    /* dx = scale (d - mean(d) - (x - middle) inverse^2 mean(d (x - middle))) = scale d + first + second x */
    for (long c = 0; c < channels; c++) {
        dbias[c] = totals[c];
        dweight[c] = totals[channels + c] * inverse[c];
        double slope = totals[channels + c] / rows * inverse[c] * inverse[c];
        second[c] = -scale[c] * slope;
        first[c] = -scale[c] * (totals[c] / rows - slope * mean[c]);
    }
    repeat(first, channels, m);
    repeat(second, channels, m);
    for (long r = 0; r < whole; r += m)
        for (long j = 0; j < length; j++) {
            long place = r * channels + j;
            float value = get(half, x, place), z = value * scale[j] + offset[j];
            float d = kind == SILU ? get(half, dx, place) : through(kind, get(half, g, place), z);
            put(half, dx, place, scale[j] * d + (first[j] + second[j] * value));
        }
    for (long j = whole * channels; j < rows * channels; j++) {
        long c = j % channels;
        float value = get(half, x, j), d = through(kind, get(half, g, j), value * scale[c] + offset[c]);
        put(half, dx, j, scale[c] * d + (first[c] + second[c] * value));
    }
    free(space);
    free(totals);
}

#define EACH_KIND(function, half, ...)                                    \
    switch (kind) {                                                       \
    case RELU: function(RELU, half, __VA_ARGS__); break;                  \
    case SILU: function(SILU, half, __VA_ARGS__); break;                  \
    case HARDSWISH: function(HARDSWISH, half, __VA_ARGS__); break;        \
    default: function(NONE, half, __VA_ARGS__);                           \
    }

void norm_forward(int kind, int half, const void *x, void *y, long rows, long channels, const float *weight,
                  const float *bias, float eps, float *mean, float *var, float *inverse) {
    if (half) EACH_KIND(forward, 1, x, y, rows, channels, weight, bias, eps, mean, var, inverse)
    else EACH_KIND(forward, 0, x, y, rows, channels, weight, bias, eps, mean, var, inverse)
}

void norm_backward(int kind, int half, const void *x, const void *g, void *dx, long rows, long channels,
                   const float *weight, const float *bias, const float *mean, const float *inverse, float *dweight,
                   float *dbias) {
    if (half) EACH_KIND(backward, 1, x, g, dx, rows, channels, weight, bias, mean, inverse, dweight, dbias)
    else EACH_KIND(backward, 0, x, g, dx, rows, channels, weight, bias, mean, inverse, dweight, dbias)
}

/* Depthwise convolutions: image by image, W channels at a time, copied into a buffer with a border. */
#define W 16
typedef float Vector __attribute__((vector_size(4 * W)));
typedef struct {
    long batch, channels, height, width, out_height, out_width;
} Sizes;

INLINE void pack(int half, const void *map, long start, Vector *to, long height, long width, long row, long channels,
                 long count) {
    for (long h = 0; h < height; h++)
        for (long w = 0; w < width; w++) {
            float *out = (float *)(to + h * row + w);
            long place = start + (h * width + w) * channels;
            if (count >= W)
                for (long l = 0; l < W; l++) out[l] = get(half, map, place + l);
            else
                for (long l = 0; l < count; l++) out[l] = get(half, map, place + l);
        }
}

/* dx, dweight: NULL if not wanted. The padding is half of the window. */
INLINE void depthwise(const int k, const int stride, int half, const void *x, const float *weight, const void *g,
                      void *dx, float *dweight, const Sizes *s) {
    long pad = k / 2, row = s->width + 2 * pad, area = (s->height + 2 * pad) * row;
    long out_area = s->out_height * s->out_width, blocks = (s->channels + W - 1) / W;
    size_t values = (2 * area + out_area + 2 * blocks * k * k) * sizeof(Vector);
    Vector *border = aligned_alloc(sizeof(Vector), values), *spread = border + area, *gradient = spread + area;
    Vector *kernels = gradient + out_area, *totals = kernels + blocks * k * k;
    memset(border, 0, values);
    for (long c = 0; c < s->channels; c++)
        for (int t = 0; t < k * k; t++) ((float *)(kernels + c / W * k * k + t))[c % W] = weight[c * k * k + t];
    for (long b = 0; b < s->batch; b++)
        for (long c = 0; c < s->channels; c += W) {
            long count = s->channels - c, place = b * s->height * s->width * s->channels + c;
            const Vector *kernel = kernels + c / W * k * k;
            Vector *total = totals + c / W * k * k;
            pack(half, g, b * out_area * s->channels + c, gradient, s->out_height, s->out_width, s->out_width,
                 s->channels, count);
            if (dweight) {
                pack(half, x, place, border + pad * row + pad, s->height, s->width, row, s->channels, count);
                Vector sums[k * k];
#pragma GCC unroll 64
                for (int t = 0; t < k * k; t++) sums[t] = total[t];
                for (long h = 0; h < s->out_height; h++)
                    for (long w = 0; w < s->out_width; w++) {
                        const Vector *from = border + h * stride * row + w * stride;
                        Vector d = gradient[h * s->out_width + w];
#pragma GCC unroll 8
                        for (int i = 0; i < k; i++)
#pragma GCC unroll 8
                            for (int j = 0; j < k; j++) sums[i * k + j] += from[i * row + j] * d;
                    }
#pragma GCC unroll 64
                for (int t = 0; t < k * k; t++) total[t] = sums[t];
            }
            if (!dx) continue;
            memset(spread, 0, area * sizeof(Vector));
            for (long h = 0; h < s->out_height; h++)
                for (long w = 0; w < s->out_width; w++) {
                    Vector *to = spread + h * stride * row + w * stride;
                    Vector d = gradient[h * s->out_width + w];
#pragma GCC unroll 8
                    for (int i = 0; i < k; i++)
#pragma GCC unroll 8
                        for (int j = 0; j < k; j++) to[i * row + j] += d * kernel[i * k + j];
                }
            for (long h = 0; h < s->height; h++)
                for (long w = 0; w < s->width; w++) {
                    const float *from = (const float *)(spread + (h + pad) * row + w + pad);
                    long to = place + (h * s->width + w) * s->channels;
                    if (count >= W)
                        for (long l = 0; l < W; l++) put(half, dx, to + l, from[l]);
                    else
                        for (long l = 0; l < count; l++) put(half, dx, to + l, from[l]);
                }
        }
    for (long c = 0; dweight && c < s->channels; c++)
        for (int t = 0; t < k * k; t++) dweight[c * k * k + t] = ((float *)(totals + c / W * k * k + t))[c % W];
    free(border);
}

#define EACH_WINDOW(half)                                                                                   \
    if (k == 3 && stride == 1) depthwise(3, 1, half, x, weight, g, dx, dweight, s);                         \
    if (k == 3 && stride == 2) depthwise(3, 2, half, x, weight, g, dx, dweight, s);                         \
    if (k == 5 && stride == 1) depthwise(5, 1, half, x, weight, g, dx, dweight, s);                         \
    if (k == 5 && stride == 2) depthwise(5, 2, half, x, weight, g, dx, dweight, s);

void depthwise_backward(int k, int stride, int half, const void *x, const float *weight, const void *g, void *dx,
                        float *dweight, const Sizes *s) {
    if (half) {
        EACH_WINDOW(1)
    } else {
        EACH_WINDOW(0)
    }
}
