/* conv_avx2.c: convolutions in AVX2, direct and by Winograd. See conv_direct_kernels.h and conv_winograd_kernels.h.
 *
 * Measured on Zen 3, one thread, GFLOP/s forward, weights, input (and by im2col with dnnl_sgemm), where multiply-adds alone reach 98: 3x3 of
 * 16 channels 86, 82, 85 (58, 56, 60), 32 channels 88, 85, 88 (77, 76, 76), 64 channels 91, 85, 91 (86, 82, 81), 16 to 32 with stride 2 80,
 * 74, 78 (70, 72, 72); LeNet's 5x5, 6 to 16 channels 94, 93, 72 (57, 55, 53), 1 to 6 channels 44, 45, - (9, 11, -): six of eight lanes. oneDNN's
 * convolution (2.6, the layout of its choice, without reorders) came to 72, 50, 76, to 87, 70, 97 and 91, 73, 91 for the first three, and to 61,
 * 52, 47 and 33, 8, - for LeNet's.
 *
 * On Zen 4 (115 at best) by Winograd, counting what plain loops would multiply: 16 channels 135, 146, 138, 32 channels 178, 171, 181, 64 channels 208, 189, 207 (direct: 102, 92, 102, then 104, 96, 106, then 104, 98,
 * 104). */
#include "engine/ops/conv.h"

#include "engine/lanes_avx2.h"

#ifdef TN_WITH_AVX2

enum {
    FILTERS_MIN = 1,
    V_MAX = 2,
    FORWARD_PIXELS = 12,
    FORWARD_SUMS = 12,
    WEIGHT_SUMS = 12,
    WEIGHT_ROWS = 5,
    INPUT_PIXELS = 2,
    INPUT_REGISTERS = 6,
    INPUT_SUMS = 12
};

/* 192 KB of weights, in an L2 of 256 KB and more; of dy and the canvas what L1 holds. */
enum { PANEL_REALS = 49152, WEIGHT_PIXELS = 256, WEIGHT_SAMPLES = 8, WEIGHT_PACKS = 1 };

#define FORWARD_CASES TN_CASES_12(FORWARD_CASE, 1) TN_CASES_6(FORWARD_CASE, 2)
#define WEIGHT_CASES                                                                                                                       \
    TN_CASES_12(WEIGHT_CASE, 1, 1)                                                                                                         \
    TN_CASES_6(WEIGHT_CASE, 2, 1)                                                                                                          \
    TN_CASES_4(WEIGHT_CASE, 3, 1)                                                                                                          \
    TN_CASES_3(WEIGHT_CASE, 4, 1)                                                                                                          \
    TN_CASES_2(WEIGHT_CASE, 5, 1)                                                                                                          \
    TN_CASES_6(WEIGHT_CASE, 1, 2)                                                                                                          \
    TN_CASES_3(WEIGHT_CASE, 2, 2)                                                                                                          \
    TN_CASES_2(WEIGHT_CASE, 3, 2)                                                                                                          \
    TN_CASES_1(WEIGHT_CASE, 4, 2)                                                                                                          \
    TN_CASES_1(WEIGHT_CASE, 5, 2)
#define INPUT_CASES                                                                                                                        \
    TN_CASES_2(INPUT_CASE, 1)                                                                                                              \
    TN_CASES_2(INPUT_CASE, 2)                                                                                                              \
    TN_CASES_2(INPUT_CASE, 3)                                                                                                              \
    TN_CASES_2(INPUT_CASE, 4)                                                                                                              \
    TN_CASES_2(INPUT_CASE, 5)                                                                                                              \
    TN_CASES_2(INPUT_CASE, 6)

/* Of V and M or Z what fits into L2 beside U; three times the pixels that go together in forward. */
enum { WINOGRAD_TILES = 36 };

#include "engine/ops/conv_direct_kernels.h"
#include "engine/ops/conv_winograd_kernels.h"

const tn_conv_way tn_conv_direct_avx2 = DIRECT_WAY("direct_avx2");
const tn_conv_way tn_conv_winograd_avx2 = WINOGRAD_WAY("winograd_avx2");

#else

const tn_conv_way tn_conv_direct_avx2 = {.name = "direct_avx2", .fits = tn_conv_never_fits};
const tn_conv_way tn_conv_winograd_avx2 = {.name = "winograd_avx2", .fits = tn_conv_never_fits};

#endif
