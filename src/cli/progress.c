/* progress.c: see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A bar is redrawn at most ten times a second; a line, which stays, is printed every five seconds, or two where something else is being done by now. */
static const uint64_t BAR_EVERY_NS = 100000000, LINE_EVERY_NS = 5000000000, LINE_NEW_NS = 2000000000;

enum { BAR_COLUMNS = 24, COLUMNS_DEFAULT = 80, LINE_MAX_BYTES = 512 };

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void tn_progress_init(tn_progress *progress, bool quiet)
{
    const char *terminal = getenv("TERM");
    *progress =
        (tn_progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0, .last_ns = now_ns()};
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

/* At most `room` columns of `text`: whole UTF-8 characters, control characters as '?'. */
static size_t put_cut(char *line, size_t size, size_t used, const char *text, size_t room)
{
    for (; *text && room > 0; room--) {
        size_t step = 1;
        while (((unsigned char)text[step] & 0xC0) == 0x80)
            step++;
        if (used + step >= size)
            break;
        memcpy(line + used, text, step);
        if ((unsigned char)text[0] < 0x20 || text[0] == 0x7F)
            line[used] = '?';
        used += step;
        text += step;
    }
    line[used] = '\0';
    return used;
}

void tn_progress_line(char *line, size_t size, size_t columns, double fraction, const char *activity)
{
    fraction = fraction > 0 ? fraction < 1 ? fraction : 1 : 0;
    char percent[16];
    snprintf(percent, sizeof percent, "%3.0f %%", fraction * 100);
    size_t room = columns > 1 ? columns - 1 : 0;
    size_t used = put_cut(line, size, 0, percent, room);
    room -= used;
    if (room >= BAR_COLUMNS + 1) {
        size_t filled = (size_t)(fraction * BAR_COLUMNS + 0.5);
        used = put_cut(line, size, used, " ", 1);
        for (size_t i = 0; i < BAR_COLUMNS; i++)
            used = put_cut(line, size, used, i < filled ? "█" : "·", 1);
        room -= BAR_COLUMNS + 1;
    }
    if (room >= 12) {
        used = put_cut(line, size, used, "  ", 2);
        put_cut(line, size, used, activity ? activity : "", room - 2);
    }
}

void tn_progress_tell(void *context, double fraction, const char *activity)
{
    tn_progress *progress = context;
    if (progress->quiet)
        return;
    char line[LINE_MAX_BYTES];
    uint64_t now = now_ns(), every = progress->terminal ? BAR_EVERY_NS : LINE_EVERY_NS;
    activity = activity ? activity : "";
    if (!progress->terminal && strncmp(activity, progress->activity, sizeof progress->activity - 1) != 0)
        every = LINE_NEW_NS;
    if (now - progress->last_ns < every)
        return;
    progress->last_ns = now;
    snprintf(progress->activity, sizeof progress->activity, "%s", activity);
    if (progress->terminal) {
        tn_progress_line(line, sizeof line, terminal_columns(), fraction, activity);
        fprintf(stderr, "\r%s\033[K", line);
        progress->drawn = true;
    } else {
        put_cut(line, sizeof line, 0, activity, 200);
        fprintf(stderr, "tenet: %3.0f %% %s\n", fraction * 100, line);
    }
    fflush(stderr);
}

void tn_progress_clear(tn_progress *progress)
{
    if (progress->drawn)
        fprintf(stderr, "\r\033[K");
    fflush(stderr);
    progress->drawn = false;
}
