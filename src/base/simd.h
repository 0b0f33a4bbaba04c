/* simd.h: one source, several instruction sets.
 *
 * TN_SIMD_CLONES before a function compiles it for AVX-512, AVX2 and the baseline, and picks one when the program starts. It serves
 * loops that the compiler vectorises by itself; a loop over a float sum is not one of them (no fast-math), so keep lanes by hand there.
 * Sanitizers run before such a choice can be made, so there only the baseline is built. */
#ifndef TN_BASE_SIMD_H
#define TN_BASE_SIMD_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define TN_SANITIZED 1
#endif
#endif

/* By levels of features and not by names of processors: "arch=haswell" is chosen on that very model alone, and every other one would run the baseline. */
/* Clang before 17 gives the chooser of a static function external linkage, so that two files with a function of one name do not link: there only the baseline is built. */
#if !defined(__x86_64__) || !defined(__linux__) || defined(TN_SANITIZED)
#define TN_SIMD_CLONES
#elif defined(__clang__) && __clang_major__ < 17
#define TN_SIMD_CLONES
#elif defined(__clang__)
#define TN_SIMD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TN_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

typedef enum tn_isa { TN_ISA_SCALAR = 0, TN_ISA_AVX2 = 1, TN_ISA_AVX512 = 2 } tn_isa;

/* The best set that this processor and its system support, by CPUID. AVX512 means F, BW, DQ, VL, VBMI, BITALG, VPOPCNTDQ and GFNI. */
tn_isa tn_isa_best(void);
/* Beyond TN_ISA_AVX512: pairs of bfloat16 multiplied and added (AVX-512 BF16), and tiles of them (AMX). clang's run-time library does not tell of AMX; there it counts as missing. */
bool tn_isa_has_bfloat16(void);
bool tn_isa_has_amx_bfloat16(void);

const char *tn_isa_name(tn_isa isa); /* "scalar", "avx2", "avx512" */

#endif
