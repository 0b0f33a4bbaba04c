/* vitals_avx2.h: what the two passes of AVX2's vitals share: vitals_avx2.c makes the first one, vitals_avx2_histogram.c the second. Private to the two. */
#ifndef TN_VITALS_AVX2_H
#define TN_VITALS_AVX2_H

#include "vitals/vitals_kernels.h"

#define TN_TARGET_AVX2        __attribute__((target("avx2,fma,popcnt,bmi")))
#define TN_TARGET_AVX2_INLINE __attribute__((target("avx2,fma,popcnt,bmi"), always_inline)) static inline

enum { TN_AVX2_GROUP = 32 /* values that are packed into one vector of bytes */ };

/* What the first pass leaves of a block. */
typedef struct tn_avx2_block {
    _Alignas(32) uint8_t exponents[TN_VITALS_BLOCK];
    _Alignas(32) uint8_t signs[TN_VITALS_BLOCK]; /* 128 for a negative value, else 0; the other bits hold its key, once there is one */
    _Alignas(32) uint8_t keys[TN_VITALS_BLOCK];
    const unsigned char *bytes, *ahead; /* the values, and what is fetched while they are read */
    size_t count;
    uint64_t segment; /* the number of the block's first, which says where its run lies */
    tn_vitals_sample sample;
    size_t filled;         /* exponents: of all values, or of the runs, up to whole groups */
    size_t fillers;        /* behind the last value, up to a whole group, which stand for the block's first value */
    size_t filled_fillers; /* of them, in `exponents` */
    uint32_t first;        /* the bits of that value */
    float shift;           /* what sums are taken about */
    float min, max;        /* not where a value is not finite */
    double sum, squares;   /* about shift */
    uint32_t top;          /* largest exponent of the values */
    bool has_exponent_0;   /* and it is not known how many of them are zeros */
    uint32_t zeros;        /* where they were counted on the way */
    uint32_t filled_top;   /* the same of those in `exponents` */
    bool filled_has_0;
} tn_avx2_block;

/* How blocks of one array are counted: by tables where exponents lie far apart. */
typedef struct tn_avx2_counter {
    size_t by_tables; /* blocks for which they serve from here on */
    size_t in_tables; /* values that they hold; nothing is in them, and they are not even cleared, where there are none */
    tn_vitals_table tables[TN_VITALS_TABLES];
} tn_avx2_counter;

static inline void tn_avx2_counter_init(tn_avx2_counter *counter)
{
    counter->by_tables = counter->in_tables = 0;
}

/* Adds the block's exponents and signs to the histogram, but for what stays in the tables. */
void tn_avx2_count(tn_avx2_counter *counter, tn_avx2_block *block, tn_vitals *vitals);

/* Adds what the tables hold. */
void tn_avx2_counter_end(tn_avx2_counter *counter, tn_vitals *vitals);

#endif
