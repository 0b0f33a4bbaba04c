/* panel.h: a training as a few lines of text that are drawn again and again in one place: loss, validation, gradient norm, rate, speed, time left, the layers whose updates tell most, the
 * last signals.
 *
 * Not for controlling a terminal: whoever draws it knows where and when. No line is wider than asked, whatever names the network has. */
#ifndef TN_REPORT_PANEL_H
#define TN_REPORT_PANEL_H

#include <stdbool.h>
#include <stddef.h>

#include "report/history.h"
#include "report/webpage.h"

/* Borrowed. */
typedef struct tn_panel {
    const tn_history *history;
    const tn_run_facts *facts;
} tn_panel;

/* Lines of at most `width` columns, at most `lines` of them, each ended by a newline; malloc'd, NULL where memory is out. Where there is little room the least telling lines are left out. */
char *tn_panel_draw(const tn_panel *panel, bool colour, size_t width, size_t lines);

#endif
