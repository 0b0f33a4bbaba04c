/* error.h: fill a tn_error. The library never prints, exits or aborts; it returns. */
#ifndef TN_BASE_ERROR_H
#define TN_BASE_ERROR_H

#include <stddef.h>

#include "tenet_status.h"

#if defined(__FAST_MATH__)
#error "tenet tests finiteness on every value; -ffast-math removes those tests"
#endif

#if defined(__GNUC__)
#define TN_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define TN_MUST_USE                             __attribute__((warn_unused_result))
#else
#define TN_PRINTF(format_index, first_argument)
#define TN_MUST_USE
#endif

/* Writes code and message, clears the rest, and returns the code, so that `return tn_fail(error, ...)` is the whole of a failure.
 * `error` may be NULL. */
tn_status tn_fail(tn_error *error, tn_status code, const char *format, ...) TN_PRINTF(3, 4);

/* The usual message for an allocation of `bytes` bytes that failed. */
tn_status tn_fail_memory(tn_error *error, size_t bytes);

/* Adds where the mistake lies to an error that tn_fail has written. `file` and `pointer` may be NULL, `line` 0. Returns error->code. */
tn_status tn_error_at(tn_error *error, const char *file, int line, const char *pointer);

/* "file:line: message (at /pointer)" into `text`, cut to `size` bytes, always terminated. */
void tn_error_format(const tn_error *error, char *text, size_t size);

#endif
