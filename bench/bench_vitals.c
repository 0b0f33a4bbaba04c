/* bench_vitals.c: how fast vitals are taken, in GB/s, beside plain reading of the same buffer, on one thread.
 *
 * Usage: bench_vitals [--large] [--data gaussian|relu|constant|offset|wide] [--seconds S]. Prints one JSON document. Sizes: 64 and 256 KiB,
 * 16 and 64 MiB, with --large 1 GiB. Reading and the sets take turns, so that a busy machine slows all alike; the best turn of each counts.
 * Reading is the faster of a loop with and one without software prefetch. Small tensors are given as nanoseconds a call. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "vitals/vitals.h"

enum { SMALL_COUNT = 8 };

#if defined(__x86_64__)
#define READ_AVX512(name, prefetch)                                                                                                        \
    __attribute__((target("avx512f"), noinline)) static uint64_t name(const float *values, size_t count)                                   \
    {                                                                                                                                      \
        __m512i sum[8];                                                                                                                    \
        for (size_t j = 0; j < 8; j++)                                                                                                     \
            sum[j] = _mm512_setzero_si512();                                                                                               \
        for (size_t i = 0; i + 128 <= count; i += 128)                                                                                     \
            for (size_t j = 0; j < 8; j++) {                                                                                               \
                if (prefetch)                                                                                                              \
                    _mm_prefetch((const char *)(values + i + 16 * j) + 8192, _MM_HINT_T1);                                                 \
                sum[j] = _mm512_or_si512(sum[j], _mm512_loadu_si512(values + i + 16 * j));                                                 \
            }                                                                                                                              \
        for (size_t j = 1; j < 8; j++)                                                                                                     \
            sum[0] = _mm512_or_si512(sum[0], sum[j]);                                                                                      \
        return (uint64_t)_mm512_reduce_or_epi64(sum[0]);                                                                                   \
    }
#define READ_AVX2(name, prefetch)                                                                                                          \
    __attribute__((target("avx2"), noinline)) static uint64_t name(const float *values, size_t count)                                      \
    {                                                                                                                                      \
        __m256i sum[8];                                                                                                                    \
        for (size_t j = 0; j < 8; j++)                                                                                                     \
            sum[j] = _mm256_setzero_si256();                                                                                               \
        for (size_t i = 0; i + 64 <= count; i += 64)                                                                                       \
            for (size_t j = 0; j < 8; j++) {                                                                                               \
                if (prefetch && j % 2 == 0)                                                                                                \
                    _mm_prefetch((const char *)(values + i + 8 * j) + 8192, _MM_HINT_T1);                                                  \
                sum[j] = _mm256_or_si256(sum[j], _mm256_loadu_si256((const void *)(values + i + 8 * j)));                                  \
            }                                                                                                                              \
        uint64_t lanes[4];                                                                                                                 \
        for (size_t j = 1; j < 8; j++)                                                                                                     \
            sum[0] = _mm256_or_si256(sum[0], sum[j]);                                                                                      \
        _mm256_storeu_si256((void *)lanes, sum[0]);                                                                                        \
        return lanes[0] | lanes[1] | lanes[2] | lanes[3];                                                                                  \
    }
READ_AVX512(read_avx512, 0)
READ_AVX512(read_avx512_prefetch, 1)
READ_AVX2(read_avx2, 0)
READ_AVX2(read_avx2_prefetch, 1)
#else
static uint64_t read_plain(const float *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i + 2 <= count; i += 2) {
        uint64_t two;
        memcpy(&two, values + i, sizeof two);
        sum |= two;
    }
    return sum;
}
#endif

static volatile uint64_t sink;

/* One turn: 0 and 1 read, 2 and up take vitals. */
static void turn(size_t what, const float *values, size_t count, tn_vitals *vitals)
{
    if (what >= 2) {
        tn_vitals_init(vitals);
        tn_vitals_add_isa(vitals, values, count, (tn_isa)(what - 2));
        sink = vitals->zeros;
        return;
    }
#if defined(__x86_64__)
    if (tn_isa_best() == TN_ISA_AVX512)
        sink = what ? read_avx512_prefetch(values, count) : read_avx512(values, count);
    else if (tn_isa_best() == TN_ISA_AVX2)
        sink = what ? read_avx2_prefetch(values, count) : read_avx2(values, count);
#else
    sink = read_plain(values, count);
#endif
}

static void measure(const float *values, size_t count, double seconds, double gigabytes[5])
{
    static tn_vitals vitals;
    double bytes = 4.0 * (double)count;
    size_t repeats = bytes > 4e6 ? 1 : (size_t)(4e6 / bytes);
    size_t ways = 3 + (size_t)tn_isa_best();
    memset(gigabytes, 0, 5 * sizeof *gigabytes);
    uint64_t start = tn_clock_ns();
    do {
        for (size_t what = 0; what < ways; what++) {
            uint64_t before = tn_clock_ns();
            for (size_t r = 0; r < repeats; r++)
                turn(what, values, count, &vitals);
            double speed = bytes * (double)repeats / (double)(tn_clock_ns() - before);
            gigabytes[what] = speed > gigabytes[what] ? speed : gigabytes[what];
        }
    } while ((double)(tn_clock_ns() - start) < 1e9 * seconds);
}

static int fill(float *values, size_t count, const char *data)
{
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    /* A period of a million values is far longer than any predictor remembers. */
    size_t period = count < 1000003 ? count : 1000003;
    for (size_t i = 0; i < period; i++) {
        float normal = (float)tn_rng_normal(&rng);
        if (strcmp(data, "gaussian") == 0)
            values[i] = normal;
        else if (strcmp(data, "relu") == 0)
            values[i] = normal > 0 ? normal : 0;
        else if (strcmp(data, "constant") == 0)
            values[i] = 0.5f;
        else if (strcmp(data, "offset") == 0)
            values[i] = 1000.0f + normal;
        else if (strcmp(data, "wide") == 0)
            values[i] = ldexpf(normal, (int)tn_rng_below(&rng, 60) - 30);
        else
            return -1;
    }
    for (size_t i = period; i < count; i++)
        values[i] = values[i - period];
    return 0;
}

int main(int argc, char **argv)
{
    const char *data = "gaussian";
    double seconds = 1;
    size_t sizes[] = {64u << 10, 256u << 10, 16u << 20, 64u << 20, 1u << 30};
    size_t size_count = 4;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--large") == 0)
            size_count = 5;
        else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
            data = argv[++i];
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = strtod(argv[++i], NULL);
        else {
            fprintf(stderr, "usage: bench_vitals [--large] [--data gaussian|relu|constant|offset|wide] [--seconds S]\n");
            return 2;
        }
    }
    float *values = tn_memory_create(sizes[size_count - 1] / 4, 4);
    if (!values) {
        fprintf(stderr, "bench_vitals: no memory for %zu bytes\n", sizes[size_count - 1]);
        return 3;
    }
    if (fill(values, sizes[size_count - 1] / 4, data) != 0) {
        fprintf(stderr, "bench_vitals: unknown data '%s'\n", data);
        return 2;
    }
    printf("{\"data\": \"%s\", \"unit\": \"GB/s\", \"threads\": 1, \"best\": \"%s\", \"rows\": [", data, tn_isa_name(tn_isa_best()));
    for (size_t s = 0; s < size_count; s++) {
        double gigabytes[5];
        measure(values, sizes[s] / 4, seconds, gigabytes);
        printf("%s\n  {\"bytes\": %zu, \"read\": %.2f", s ? "," : "", sizes[s], gigabytes[0] > gigabytes[1] ? gigabytes[0] : gigabytes[1]);
        for (size_t isa = 0; isa <= (size_t)tn_isa_best(); isa++)
            printf(", \"%s\": %.2f", tn_isa_name((tn_isa)isa), gigabytes[2 + isa]);
        printf("}");
    }
    printf("],\n \"small\": {\"unit\": \"ns a call\", \"rows\": [");
    const size_t small[SMALL_COUNT] = {1, 10, 64, 128, 640, 1280, 4096, 8192};
    for (size_t s = 0; s < SMALL_COUNT; s++) {
        double gigabytes[5];
        measure(values, small[s], seconds / 8, gigabytes);
        printf("%s\n  {\"values\": %zu", s ? "," : "", small[s]);
        for (size_t isa = 0; isa <= (size_t)tn_isa_best(); isa++)
            printf(", \"%s\": %.0f", tn_isa_name((tn_isa)isa), 4.0 * (double)small[s] / gigabytes[2 + isa]);
        printf("}");
    }
    printf("]}}\n");
    tn_memory_destroy(values);
    return 0;
}
