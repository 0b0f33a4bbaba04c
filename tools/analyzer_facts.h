/* analyzer_facts.h: what clang-tidy cannot see, since it looks at one file at a time: these functions never return TN_OK.
 *
 * tools/run_lint.py includes it before each file; no build does. Without it every `return tn_fail(...)` looks like a success whose results are missing. */
#ifndef TN_TOOLS_ANALYZER_FACTS_H
#define TN_TOOLS_ANALYZER_FACTS_H

#include "base/error.h"
#include "hypes/hypes.h"

#define tn_fail(error, code, ...) ((void)(tn_fail)(error, code, __VA_ARGS__), (code))
#define tn_fail_memory(error, bytes) ((void)(tn_fail_memory)(error, bytes), TN_ERROR_MEMORY)
#define tn_error_at(error, file, line, pointer) ((void)(tn_error_at)(error, file, line, pointer), TN_ERROR_HYPES)
#define tn_hypes_fail(hypes, path, error, ...) ((void)(tn_hypes_fail)(hypes, path, error, __VA_ARGS__), TN_ERROR_HYPES)

#endif
