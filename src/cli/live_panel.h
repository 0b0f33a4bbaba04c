/* live_panel.h: what a training tells on stderr while it goes on: a panel that is redrawn in place on a terminal, and a line for each signal elsewhere.
 *
 * A panel needs a terminal of its own: a program that is trained prints to the same one, so it gets lines. Without a terminal no escape sequence is written. */
#ifndef TN_CLI_LIVE_PANEL_H
#define TN_CLI_LIVE_PANEL_H

#include "cli/command.h"
#include "cli/progress.h"

enum { TN_PANEL_LINES_MAX = 64 };

typedef struct tn_live_panel {
    const tn_options *options;
    tn_progress *progress; /* stands still while a panel is drawn */
    bool colour;
    size_t drawn;                       /* lines that stand on the terminal */
    size_t columns[TN_PANEL_LINES_MAX]; /* of each */
} tn_live_panel;

/* Sets what `settings` tells while a training goes on. `panel` must live as long as the session. */
void tn_live_panel_attach(tn_live_panel *panel, const tn_options *options, tn_progress *progress, tn_settings *settings);

/* Takes the panel away, before anything else is printed. */
void tn_live_panel_clear(tn_live_panel *panel);

/* Lines of the terminal that `count` lines of so many columns take where it is `width` columns wide: a line that was drawn on a wider one has been wrapped. */
size_t tn_live_panel_height(const size_t *columns, size_t count, size_t width);

/* The sentence of a rule, as a line on stderr. */
void tn_signal_print(const char *rule, uint64_t step, const char *text);

#endif
