/* progress.h: how far the work is, on stderr: a bar on a terminal, plain lines otherwise, nothing where it is not wanted. */
#ifndef TN_CLI_PROGRESS_H
#define TN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tn_progress {
    bool quiet, terminal;
    bool drawn;        /* a bar stands on the terminal */
    uint64_t last_ns;  /* when it was told last; at first, when it began: short work needs no progress */
    char activity[64]; /* and what was told, cut */
} tn_progress;

void tn_progress_init(tn_progress *progress, bool quiet);

/* A tn_session_progress_fn, with the progress as context. Cheap where nothing is due. */
void tn_progress_tell(void *progress, double fraction, const char *activity);

/* Takes the bar away, before anything else is printed. */
void tn_progress_clear(tn_progress *progress);

/* The bar of a terminal of `columns` columns into `line` [size], at most columns - 1 wide: "43 % ████···· training". What does not fit is left out, the bar last of all
 * but the percentage. */
void tn_progress_line(char *line, size_t size, size_t columns, double fraction, const char *activity);

#endif
