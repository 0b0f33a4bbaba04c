/* max_pool_avx2.c: max pooling in AVX2. See max_pool.h. */
#include "engine/ops/max_pool.h"

#include "engine/lanes_avx2.h"

#ifdef TN_WITH_AVX2

#include "engine/ops/max_pool_kernels.h"

const tn_max_pool_wide tn_max_pool_avx2 = {pool_inside, spread_apart};

#else

const tn_max_pool_wide tn_max_pool_avx2 = {NULL, NULL};

#endif
