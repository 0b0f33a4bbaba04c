/* support_cli_parts.c: parts of the program that a test calls directly, since cli is no library. */
#include "cli/options.c"
#include "cli/progress.c"
