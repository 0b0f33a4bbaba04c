/* simd.c: which instruction set this processor and its system support.
 *
 * __builtin_cpu_supports reads what the compiler's run-time library found by CPUID and XGETBV before main, so there is no state here. A set
 * counts only where the system also saves its registers. */
#include "base/simd.h"

tn_isa tn_isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bitalg") &&
        __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("gfni"))
        return TN_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return TN_ISA_AVX2;
#endif
    return TN_ISA_SCALAR;
}

bool tn_isa_has_bfloat16(void)
{
#if defined(__x86_64__)
    return tn_isa_best() == TN_ISA_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool tn_isa_has_amx_bfloat16(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("amx-bf16");
#else
    return false;
#endif
}

const char *tn_isa_name(tn_isa isa)
{
    switch (isa) {
    case TN_ISA_AVX512:
        return "avx512";
    case TN_ISA_AVX2:
        return "avx2";
    case TN_ISA_SCALAR:
        break;
    }
    return "scalar";
}
