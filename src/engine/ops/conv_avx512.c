/* conv_avx512.c: convolutions in AVX-512, direct and by Winograd. See conv_direct_kernels.h and conv_winograd_kernels.h.
 *
 * Measured on Zen 5, one thread, GFLOP/s forward, weights, input (and by im2col with dnnl_sgemm): 3x3 of 16 channels 224, 234, 225 (111,
 * 107, 149), 32 channels 252, 254, 251 (193, 193, 185), 64 channels 259, 250, 259 (221, 214, 213), 128 channels 265, 241, 264 (241, 238,
 * 232), 256 channels 256, 249, 257 (251, 235, 214); LeNet's 5x5, 6 to 16 channels 234, 220, 154 (88, 88, 93), 1 to 6 channels 69, 75, -
 * (8, 9, -): six filters fill six lanes of sixteen.
 *
 * On Zen 4, where a multiply-add of 512 bits takes as long as two of 256, and these alone reach 115 (bench/bench_conv.c): direct 3x3 of 16 channels 106, 101, 105, 32 channels 110, 110, 110, 64 channels
 * 114, 109, 115, and by Winograd, counting what plain loops would multiply, 148, 159, 149, then 177, 194, 176, then 210, 212, 211. There a load of 512 bits is the only one of a cycle, broadcasts too. */
#include "engine/ops/conv.h"

#include "engine/lanes_avx512.h"

#ifdef TN_WITH_AVX512

enum {
    FILTERS_MIN = 9,
    V_MAX = 4,
    FORWARD_PIXELS = 12,
    FORWARD_SUMS = 24,
    WEIGHT_SUMS = 28,
    WEIGHT_ROWS = 5,
    INPUT_PIXELS = 4,
    INPUT_REGISTERS = 6,
    INPUT_SUMS = 24
};

/* 384 KB of weights: with less of L2, three quarters of the speed. An image is never cut. */
enum { PANEL_REALS = 98304, WEIGHT_PIXELS = 1 << 30, WEIGHT_SAMPLES = 1, WEIGHT_PACKS = 0 };

#define FORWARD_CASES TN_CASES_12(FORWARD_CASE, 1) TN_CASES_12(FORWARD_CASE, 2) TN_CASES_8(FORWARD_CASE, 3) TN_CASES_6(FORWARD_CASE, 4)
#define WEIGHT_CASES                                                                                                                       \
    TN_CASES_28(WEIGHT_CASE, 1, 1)                                                                                                         \
    TN_CASES_14(WEIGHT_CASE, 2, 1)                                                                                                         \
    TN_CASES_9(WEIGHT_CASE, 3, 1)                                                                                                          \
    TN_CASES_7(WEIGHT_CASE, 4, 1)                                                                                                          \
    TN_CASES_5(WEIGHT_CASE, 5, 1)                                                                                                          \
    TN_CASES_14(WEIGHT_CASE, 1, 2)                                                                                                         \
    TN_CASES_7(WEIGHT_CASE, 2, 2)                                                                                                          \
    TN_CASES_4(WEIGHT_CASE, 3, 2)                                                                                                          \
    TN_CASES_3(WEIGHT_CASE, 4, 2)                                                                                                          \
    TN_CASES_2(WEIGHT_CASE, 5, 2)                                                                                                          \
    TN_CASES_9(WEIGHT_CASE, 1, 3)                                                                                                          \
    TN_CASES_4(WEIGHT_CASE, 2, 3)                                                                                                          \
    TN_CASES_3(WEIGHT_CASE, 3, 3)                                                                                                          \
    TN_CASES_2(WEIGHT_CASE, 4, 3)                                                                                                          \
    TN_CASES_1(WEIGHT_CASE, 5, 3)                                                                                                          \
    TN_CASES_7(WEIGHT_CASE, 1, 4)                                                                                                          \
    TN_CASES_3(WEIGHT_CASE, 2, 4)                                                                                                          \
    TN_CASES_2(WEIGHT_CASE, 3, 4)                                                                                                          \
    TN_CASES_1(WEIGHT_CASE, 4, 4)                                                                                                          \
    TN_CASES_1(WEIGHT_CASE, 5, 4)
#define INPUT_CASES                                                                                                                        \
    TN_CASES_4(INPUT_CASE, 1)                                                                                                              \
    TN_CASES_4(INPUT_CASE, 2)                                                                                                              \
    TN_CASES_4(INPUT_CASE, 3)                                                                                                              \
    TN_CASES_4(INPUT_CASE, 4)                                                                                                              \
    TN_CASES_4(INPUT_CASE, 5)                                                                                                              \
    TN_CASES_4(INPUT_CASE, 6)

/* Of V and M or Z what fits into L2 beside U; three times the pixels that go together in forward. */
enum { WINOGRAD_TILES = 36 };

#include "engine/ops/conv_direct_kernels.h"
#include "engine/ops/conv_winograd_kernels.h"

const tn_conv_way tn_conv_direct = DIRECT_WAY("direct");
const tn_conv_way tn_conv_winograd = WINOGRAD_WAY("winograd");

#else

const tn_conv_way tn_conv_direct = {.name = "direct", .fits = tn_conv_never_fits};
const tn_conv_way tn_conv_winograd = {.name = "winograd", .fits = tn_conv_never_fits};

#endif
