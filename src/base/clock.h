/* clock.h: wall time for budgets and reports. Nothing that a trial computes depends on it. */
#ifndef TN_BASE_CLOCK_H
#define TN_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that never goes back, from an arbitrary start. */
uint64_t tn_clock_ns(void);

#endif
