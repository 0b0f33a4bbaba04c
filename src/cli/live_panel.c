/* live_panel.c: see live_panel.h. The terminal's size is asked for at each drawing, so that a change of it needs no signal. */
#include "cli/live_panel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/debug_offer.h"

enum { COLUMNS_DEFAULT = 80, LINES_DEFAULT = 24 };

static void terminal_size(size_t *columns, size_t *lines)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    *lines = known && size.ws_row > 0 ? size.ws_row : LINES_DEFAULT;
}

size_t tn_live_panel_height(const size_t *columns, size_t count, size_t width)
{
    size_t height = 0;
    for (size_t i = 0; i < count; i++)
        height += columns[i] > width && width > 0 ? (columns[i] + width - 1) / width : 1;
    return height;
}

/* Columns of a line of text, without its colours. */
static size_t line_columns(const char *line, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (line[i] == '\033') {
            while (i < bytes && line[i] != 'm')
                i++;
        } else {
            columns += ((unsigned char)line[i] & 0xC0) != 0x80;
        }
    }
    return columns;
}

static void back_to_top(tn_live_panel *panel, size_t width)
{
    size_t height = tn_live_panel_height(panel->columns, panel->drawn, width);
    if (height > 0)
        fprintf(stderr, "\r\033[%zuA", height);
    panel->drawn = 0;
}

/* A tn_session_panel_fn. */
static void draw(void *context, const tn_panel *drawn)
{
    tn_live_panel *panel = context;
    size_t columns, lines;
    tn_progress_clear(panel->progress);
    panel->progress->quiet = true;
    terminal_size(&columns, &lines);
    /* The last column stays free, since some terminals wrap there, and the last line holds the cursor. */
    size_t most = lines > 1 ? lines - 1 : 1;
    char *text = tn_panel_text(drawn, panel->colour, columns > 1 ? columns - 1 : 1, most < TN_PANEL_LINES_MAX ? most : TN_PANEL_LINES_MAX);
    if (!text)
        return;
    back_to_top(panel, columns);
    for (const char *line = text, *end; *line && panel->drawn < TN_PANEL_LINES_MAX; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        panel->columns[panel->drawn++] = line_columns(line, (size_t)(end - line));
        fprintf(stderr, "%.*s\033[K\n", (int)(end - line), line);
    }
    fputs("\033[J", stderr);
    fflush(stderr);
    tn_string_free(text);
}

void tn_live_panel_clear(tn_live_panel *panel)
{
    size_t columns, lines;
    if (panel->drawn == 0)
        return;
    terminal_size(&columns, &lines);
    back_to_top(panel, columns);
    fputs("\033[J", stderr);
    fflush(stderr);
}

/* Whether the sentence itself says "step 57". */
static bool names_step(const char *text, uint64_t step)
{
    char word[32];
    int length = snprintf(word, sizeof word, "step %" PRIu64, step);
    const char *found = strstr(text, word);
    return found && !(found[length] >= '0' && found[length] <= '9');
}

void tn_signal_print(const char *rule, uint64_t step, const char *text)
{
    if (names_step(text, step))
        fprintf(stderr, "tenet: %s (tenet explain %s)\n", text, rule);
    else
        fprintf(stderr, "tenet: %s (after step %" PRIu64 "; tenet explain %s)\n", text, step, rule);
    fflush(stderr);
}

/* A tn_session_signal_fn. */
static void tell(void *context, const char *rule, uint64_t step, const char *text)
{
    tn_live_panel *panel = context;
    tn_progress_clear(panel->progress);
    tn_signal_print(rule, step, text);
    if (strcmp(rule, "plateau") == 0)
        tn_debug_offer_print(panel->options);
}

/* The same above a panel, which shows the other rules itself. */
static void tell_above(void *context, const char *rule, uint64_t step, const char *text)
{
    tn_live_panel *panel = context;
    if (strcmp(rule, "plateau") != 0)
        return;
    tn_live_panel_clear(panel);
    panel->drawn = 0;
    tell(context, rule, step, text);
}

void tn_live_panel_attach(tn_live_panel *panel, const tn_options *options, tn_progress *progress, tn_settings *settings)
{
    *panel = (tn_live_panel){.options = options, .progress = progress, .colour = tn_output_allows_colour(options)};
    if (options->given & TN_OPTION_QUIET)
        return;
    if (options->program)
        progress->terminal = false; /* its bar would stand in the program's lines */
    if (progress->terminal) {
        settings->panel = draw;
        settings->panel_context = panel;
        settings->signal = tell_above;
        settings->signal_context = panel;
    } else {
        settings->signal = tell;
        settings->signal_context = panel;
    }
}
