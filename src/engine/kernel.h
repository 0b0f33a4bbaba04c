/* kernel.h: how kernels for one instruction set are written, whichever it is (avx512.h, avx2.h). TN_WITH_KERNELS is not defined where there are none: another processor, or the engine in double.
 *
 * Kernels are built for their set function by function, whatever the rest is built for, and are called only where tn_isa_best() says so.
 * A kernel is written once for any size of its block, and inlined with constants for each size, so that all sums are registers. Under a
 * sanitizer those many instrumented copies take minutes to compile: there it stays one function, called with the size as it is
 * (TN_ONE_SIZE_FITS_ALL). */
#ifndef TN_ENGINE_KERNEL_H
#define TN_ENGINE_KERNEL_H

#include "base/simd.h"
#include "engine/real.h"

#if defined(__x86_64__) && !defined(TN_REAL_DOUBLE)

#define TN_WITH_KERNELS 1

#include <immintrin.h>
#include <stddef.h>

#ifdef TN_SANITIZED
#define TN_ONE_SIZE_FITS_ALL 1
#define TN_UNROLL
#define TN_INLINE_TARGET(set) static inline __attribute__((set))
#else
#define TN_ONE_SIZE_FITS_ALL  0
#define TN_UNROLL             _Pragma("GCC unroll 32")
#define TN_INLINE_TARGET(set) static inline __attribute__((always_inline, set))
#endif

/* A switch has a case for each size of a block: TN_CASES_n(CASE, ...) is CASE(1, ...) to CASE(n, ...). */
#define TN_CASES_1(CASE, ...)  CASE(1, __VA_ARGS__)
#define TN_CASES_2(CASE, ...)  TN_CASES_1(CASE, __VA_ARGS__) CASE(2, __VA_ARGS__)
#define TN_CASES_3(CASE, ...)  TN_CASES_2(CASE, __VA_ARGS__) CASE(3, __VA_ARGS__)
#define TN_CASES_4(CASE, ...)  TN_CASES_3(CASE, __VA_ARGS__) CASE(4, __VA_ARGS__)
#define TN_CASES_5(CASE, ...)  TN_CASES_4(CASE, __VA_ARGS__) CASE(5, __VA_ARGS__)
#define TN_CASES_6(CASE, ...)  TN_CASES_5(CASE, __VA_ARGS__) CASE(6, __VA_ARGS__)
#define TN_CASES_7(CASE, ...)  TN_CASES_6(CASE, __VA_ARGS__) CASE(7, __VA_ARGS__)
#define TN_CASES_8(CASE, ...)  TN_CASES_7(CASE, __VA_ARGS__) CASE(8, __VA_ARGS__)
#define TN_CASES_9(CASE, ...)  TN_CASES_8(CASE, __VA_ARGS__) CASE(9, __VA_ARGS__)
#define TN_CASES_10(CASE, ...) TN_CASES_9(CASE, __VA_ARGS__) CASE(10, __VA_ARGS__)
#define TN_CASES_11(CASE, ...) TN_CASES_10(CASE, __VA_ARGS__) CASE(11, __VA_ARGS__)
#define TN_CASES_12(CASE, ...) TN_CASES_11(CASE, __VA_ARGS__) CASE(12, __VA_ARGS__)
#define TN_CASES_13(CASE, ...) TN_CASES_12(CASE, __VA_ARGS__) CASE(13, __VA_ARGS__)
#define TN_CASES_14(CASE, ...) TN_CASES_13(CASE, __VA_ARGS__) CASE(14, __VA_ARGS__)
#define TN_CASES_15(CASE, ...) TN_CASES_14(CASE, __VA_ARGS__) CASE(15, __VA_ARGS__)
#define TN_CASES_16(CASE, ...) TN_CASES_15(CASE, __VA_ARGS__) CASE(16, __VA_ARGS__)
#define TN_CASES_17(CASE, ...) TN_CASES_16(CASE, __VA_ARGS__) CASE(17, __VA_ARGS__)
#define TN_CASES_18(CASE, ...) TN_CASES_17(CASE, __VA_ARGS__) CASE(18, __VA_ARGS__)
#define TN_CASES_19(CASE, ...) TN_CASES_18(CASE, __VA_ARGS__) CASE(19, __VA_ARGS__)
#define TN_CASES_20(CASE, ...) TN_CASES_19(CASE, __VA_ARGS__) CASE(20, __VA_ARGS__)
#define TN_CASES_21(CASE, ...) TN_CASES_20(CASE, __VA_ARGS__) CASE(21, __VA_ARGS__)
#define TN_CASES_22(CASE, ...) TN_CASES_21(CASE, __VA_ARGS__) CASE(22, __VA_ARGS__)
#define TN_CASES_23(CASE, ...) TN_CASES_22(CASE, __VA_ARGS__) CASE(23, __VA_ARGS__)
#define TN_CASES_24(CASE, ...) TN_CASES_23(CASE, __VA_ARGS__) CASE(24, __VA_ARGS__)
#define TN_CASES_25(CASE, ...) TN_CASES_24(CASE, __VA_ARGS__) CASE(25, __VA_ARGS__)
#define TN_CASES_26(CASE, ...) TN_CASES_25(CASE, __VA_ARGS__) CASE(26, __VA_ARGS__)
#define TN_CASES_27(CASE, ...) TN_CASES_26(CASE, __VA_ARGS__) CASE(27, __VA_ARGS__)
#define TN_CASES_28(CASE, ...) TN_CASES_27(CASE, __VA_ARGS__) CASE(28, __VA_ARGS__)

#endif

#endif
