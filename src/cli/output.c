/* output.c: stdout and stderr: what is printed arrives, or the exit code says that it did not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"

/* Columns past which lines are hard to read. */
enum { WIDTH_MAX = 110 };

void tn_output_begin(void)
{
    for (int stream = 0; stream <= 2; stream++) {
        if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /* The other way round than needed: reading from what was stdin and writing to what was stdout still fail. */
        int opened = open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
        if (opened >= 0 && opened != stream)
            close(opened);
    }
}

int tn_output_print(char *string, int code)
{
    if (!string) {
        fprintf(stderr, "tenet: memory is out\n");
        return TN_EXIT_COULD_NOT_RUN;
    }
    size_t length = strlen(string);
    fwrite(string, 1, length, stdout);
    if (length == 0 || string[length - 1] != '\n')
        fputc('\n', stdout);
    tn_string_free(string);
    return code;
}

int tn_output_print_apart(char *string, int code)
{
    if (!string) {
        fprintf(stderr, "tenet: memory is out\n");
        return code;
    }
    fprintf(stderr, "%s\n", string);
    tn_string_free(string);
    return code;
}

int tn_output_end(int code)
{
    bool failed = ferror(stdout) != 0;
    int why = 0; /* unknown where an earlier write failed */
    if (fclose(stdout) != 0) {
        failed = true;
        why = errno;
    }
    if (!failed)
        return code;
    fprintf(stderr, "tenet: the output could not be written%s%s\n", why ? ": " : "", why ? strerror(why) : "");
    return TN_EXIT_COULD_NOT_RUN;
}

bool tn_output_allows_colour(const tn_options *options)
{
    const char *refused = getenv("NO_COLOR");
    return !(options->given & TN_OPTION_NO_COLOR) && !(refused && *refused);
}

bool tn_output_has_colour(const tn_options *options)
{
    const char *terminal = getenv("TERM");
    return tn_output_allows_colour(options) && isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

size_t tn_output_columns(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

size_t tn_output_width(void)
{
    size_t columns = tn_output_columns();
    return columns < WIDTH_MAX ? columns : WIDTH_MAX;
}

int tn_usage_print(const char *command, const char *message)
{
    fprintf(stderr, "tenet%s%s: %s\n", command ? " " : "", command ? command : "", message);
    fprintf(stderr, "'tenet %s%s--help' shows how it is used.\n", command ? command : "", command ? " " : "");
    return TN_EXIT_USAGE;
}

int tn_failure_print(const tn_command *command, const tn_error *error)
{
    char text[2048];
    tn_error_text(error, text, sizeof text);
    fprintf(stderr, "tenet %s: %s\n", command->name, text);
    switch (error->code) {
    case TN_ERROR_USAGE:
    case TN_ERROR_HYPES:
    case TN_ERROR_UNSUPPORTED:
        return TN_EXIT_USAGE;
    case TN_ERROR_CANCELLED:
        return TN_EXIT_INCONCLUSIVE;
    default:
        return TN_EXIT_COULD_NOT_RUN;
    }
}
