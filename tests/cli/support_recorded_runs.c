/* support_recorded_runs.c: the store of made-up runs that tests of the report have. */
#include "report/support_recorded.c"
