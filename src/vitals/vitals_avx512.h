/* vitals_avx512.h: what the passes of AVX-512's vitals share: vitals_avx512.c makes them where all values are counted, vitals_avx512_sampled.c the first one where a sample is. Private to
 * the two. */
#ifndef TN_VITALS_AVX512_H
#define TN_VITALS_AVX512_H

#include <immintrin.h>
#include <stdbool.h>

#include "vitals/vitals_kernels.h"

#define TN_AVX512_SETS "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bitalg,avx512vpopcntdq,gfni"

#define TN_TARGET_AVX512_CALLED __attribute__((target(TN_AVX512_SETS), noinline))
#define TN_TARGET_AVX512        __attribute__((target(TN_AVX512_SETS), always_inline)) static inline

enum { TN_AVX512_GROUP = 64 /* values that are packed into one vector of bytes */ };

/* What the passes over one block leave to each other. */
typedef struct tn_avx512_block {
    _Alignas(64) uint8_t exponents[TN_VITALS_BLOCK];
    _Alignas(64) uint8_t signs[TN_VITALS_BLOCK]; /* sign in bit 5; the other bits are anything */
    const unsigned char *bytes, *next;           /* the values of the block, and those to prefetch */
    size_t count, groups;
    uint64_t segment; /* the number of the block's first */
    tn_vitals_sample sample;
    size_t fillers; /* among exponents and signs, as +0, that stand for no finite value */
    float shift;    /* what sums are taken about */
    float min, max;
    double sum, squares; /* about shift, by float lanes */
    uint32_t top;        /* largest exponent */
    /* Where the histogram is sampled, of all values. */
    uint64_t zeros;
    bool has_subnormals; /* may have: they are to be counted */
    float least;         /* magnitude but 0, where zeros were counted; +INFINITY: there is none */
} tn_avx512_block;

/* Packs exponents and signs of four vectors. Byte 2j of quadword q belongs to value 2q of vector j, byte 2j + 1 to value 2q + 1. */
TN_TARGET_AVX512 void tn_avx512_pack(__m512i a, __m512i b, __m512i c, __m512i d, __m512i *exponents, __m512i *signs)
{
    const __m512i exponent_at = _mm512_set1_epi16(23 | (32 + 23) << 8); /* bits 23 to 30 of either half of a quadword */
    const __m512i sign_at = _mm512_set1_epi16(26 | (32 + 26) << 8);     /* bit 31 comes to stand in bit 5 */
    const __mmask64 second = 0x0c0c0c0c0c0c0c0cu, third = 0x3030303030303030u, fourth = 0xc0c0c0c0c0c0c0c0u;
    __m512i e = _mm512_multishift_epi64_epi8(exponent_at, a), s = _mm512_multishift_epi64_epi8(sign_at, a);
    e = _mm512_mask_multishift_epi64_epi8(e, second, exponent_at, b);
    s = _mm512_mask_multishift_epi64_epi8(s, second, sign_at, b);
    e = _mm512_mask_multishift_epi64_epi8(e, third, exponent_at, c);
    s = _mm512_mask_multishift_epi64_epi8(s, third, sign_at, c);
    *exponents = _mm512_mask_multishift_epi64_epi8(e, fourth, exponent_at, d);
    *signs = _mm512_mask_multishift_epi64_epi8(s, fourth, sign_at, d);
}

/* Mask of the lanes that hold values where `count` are left. */
TN_TARGET_AVX512 __mmask16 tn_avx512_first(size_t count)
{
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << count) - 1u);
}

TN_TARGET_AVX512 double tn_avx512_add(const __m512 sums[4])
{
    __m512d total = _mm512_setzero_pd();
    for (size_t j = 0; j < 4; j++) {
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm512_castps512_ps256(sums[j])));
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm512_extractf32x8_ps(sums[j], 1)));
    }
    return _mm512_reduce_add_pd(total);
}

TN_TARGET_AVX512 uint32_t tn_avx512_largest(__m512i bytes)
{
    __m256i half = _mm256_max_epu8(_mm512_castsi512_si256(bytes), _mm512_extracti64x4_epi64(bytes, 1));
    __m128i quarter = _mm_max_epu8(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    /* The least 16-bit word of the complement holds the largest high byte only; so even and odd bytes are joined first. */
    __m128i low = _mm_max_epu8(quarter, _mm_srli_epi16(quarter, 8));
    __m128i words = _mm_xor_si128(_mm_and_si128(low, _mm_set1_epi16(255)), _mm_set1_epi16(255));
    return 255u - ((uint32_t)_mm_cvtsi128_si32(_mm_minpos_epu16(words)) & 255u);
}

/* Sums, extremes and top of a block, its zeros, and exponents and signs of the runs alone (tn_vitals_run_of), in their order. expects_zeros: saves time where it is right. */
void tn_avx512_first_pass_sampled(tn_avx512_block *block, bool expects_zeros);

#endif
