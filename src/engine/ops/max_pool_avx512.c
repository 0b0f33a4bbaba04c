/* max_pool_avx512.c: max pooling in AVX-512. See max_pool.h. */
#include "engine/ops/max_pool.h"

#include "engine/lanes_avx512.h"

#ifdef TN_WITH_AVX512

#include "engine/ops/max_pool_kernels.h"

const tn_max_pool_wide tn_max_pool_avx512 = {pool_inside, spread_apart};

#else

const tn_max_pool_wide tn_max_pool_avx512 = {NULL, NULL};

#endif
