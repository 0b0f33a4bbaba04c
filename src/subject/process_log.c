/* process_log.c: the lines of JSON that a program of any language appends to $TENET_LOG, read while it runs.
 *
 * A line is {"step": 1, "loss": 2.3} and may have "learning_rate", "samples" (trained on so far) and "score"; other keys, and lines with neither a loss nor a score, are the
 * program's own business. JSON has no NaN; since a loss that is none is what matters most here, NaN, Infinity and what printf makes of them are read all the same, as is null.
 * A line counts once its newline is there. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "subject/process_parts.h"

enum { LINE_MAX_BYTES = 1 << 20, PIECE = 1 << 16 };

/* Steps and samples above this are no longer told apart by a double. */
static const double WHOLE_MAX = 9007199254740992.0;

struct tn_process_log {
    char *path;
    int file; /* -1: not there yet */
    tn_text pending;
    size_t line;      /* of the file, from 1; the last one that was read */
    uint64_t step;    /* the last one told */
    uint64_t samples; /* likewise */
    off_t read;       /* bytes of the file */
    bool deaf;        /* the listener wants no more */
};

tn_status tn_process_log_create(const char *path, tn_process_log **log, tn_error *error)
{
    *log = calloc(1, sizeof **log);
    if (!*log)
        return tn_fail_memory(error, sizeof **log);
    (*log)->file = -1;
    tn_text_init(&(*log)->pending);
    (*log)->path = tn_string_copy(path);
    if (!(*log)->path) {
        tn_process_log_destroy(*log);
        *log = NULL;
        return tn_fail_memory(error, strlen(path));
    }
    return TN_OK;
}

void tn_process_log_destroy(tn_process_log *log)
{
    if (!log)
        return;
    if (log->file >= 0)
        close(log->file);
    tn_text_deinit(&log->pending);
    free(log->path);
    free(log);
}

static tn_status fail_line(const tn_process_log *log, tn_error *error, const char *found)
{
    tn_fail(
        error, TN_ERROR_DATA,
        "line %zu of $TENET_LOG: %s; expected an object on a line of its own, such as {\"step\": 1, \"loss\": 2.3}, with steps that rise",
        log->line, found);
    return tn_error_at(error, log->path, log->line > INT32_MAX ? 0 : (int)log->line, NULL);
}

/* Length of a word that stands for a value that JSON cannot write: NaN, nan, -nan, -nan(ind), Infinity, inf, -inf, in any case; 0 where there is none. */
static size_t special_length(const char *at, const char **meaning)
{
    static const struct {
        const char *word, *meaning, *negative;
    } WORDS[] = {{"nan", "\"nan\"", "\"nan\""}, {"infinity", "\"inf\"", "\"-inf\""}, {"inf", "\"inf\"", "\"-inf\""}};
    size_t sign = *at == '-' || *at == '+';
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t length = strlen(WORDS[i].word);
        if (strncasecmp(at + sign, WORDS[i].word, length) != 0)
            continue;
        *meaning = *at == '-' ? WORDS[i].negative : WORDS[i].meaning;
        const char *end = at + sign + length;
        if (*end == '(' && strchr(end, ')'))
            end = strchr(end, ')') + 1;
        return isalnum((unsigned char)*end) || *end == '_' ? 0 : (size_t)(end - at);
    }
    return 0;
}

/* The line with such words outside of strings in quotes. */
static void quote_specials(const char *line, tn_text *text)
{
    bool in_string = false;
    for (const char *at = line; *at;) {
        const char *meaning = NULL;
        size_t length = in_string ? 0 : special_length(at, &meaning);
        if (length > 0) {
            tn_text_add(text, meaning);
            at += length;
            continue;
        }
        size_t taken = in_string && at[0] == '\\' && at[1] ? 2 : 1;
        if (*at == '"')
            in_string = !in_string;
        tn_text_add_bytes(text, at, taken);
        at += taken;
    }
}

/* A number, or a word or null that stands for one. false where it is another thing. */
static bool read_number(const json_t *value, double *number)
{
    if (json_is_null(value)) {
        *number = NAN;
        return true;
    }
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        *number = strcmp(text, "inf") == 0 ? INFINITY : strcmp(text, "-inf") == 0 ? -INFINITY : NAN;
        return isinf(*number) || strcmp(text, "nan") == 0;
    }
    *number = json_number_value(value);
    return json_is_number(value);
}

/* A whole number that is not negative. 1, 1.0 and 1e3 are. */
static bool read_whole(const json_t *value, uint64_t *whole)
{
    double number;
    if (!json_is_number(value) || !read_number(value, &number) || !(number >= 0 && number <= WHOLE_MAX) || number != floor(number))
        return false;
    *whole = (uint64_t)number;
    return true;
}

/* What a line says. */
typedef struct said {
    bool has_step, has_loss, has_score;
    uint64_t step, samples;
    double loss, learning_rate, score;
} said;

static tn_status read_line(const tn_process_log *log, const json_t *object, said *line, tn_error *error)
{
    char message[160];
    const struct {
        const char *key;
        double *value;
        bool *has;
    } NUMBERS[] = {
        {"loss", &line->loss, &line->has_loss}, {"score", &line->score, &line->has_score}, {"learning_rate", &line->learning_rate, NULL}};
    *line = (said){.learning_rate = NAN, .samples = 0};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        const json_t *value = json_object_get(object, NUMBERS[i].key);
        if (value && !read_number(value, NUMBERS[i].value)) {
            snprintf(message, sizeof message, "\"%s\" is no number", NUMBERS[i].key);
            return fail_line(log, error, message);
        }
        if (value && NUMBERS[i].has)
            *NUMBERS[i].has = true;
    }
    const json_t *step = json_object_get(object, "step"), *samples = json_object_get(object, "samples");
    line->has_step = step != NULL;
    if (!line->has_loss && !line->has_score)
        return TN_OK;
    if (step && !read_whole(step, &line->step))
        return fail_line(log, error, "\"step\" is no whole number from 0");
    if (samples && !read_whole(samples, &line->samples))
        return fail_line(log, error, "\"samples\" is no whole number from 0");
    if (line->has_loss && !step)
        return fail_line(log, error, "there is a loss, but no \"step\"");
    return TN_OK;
}

static tn_status tell(tn_process_log *log, const said *line, const tn_log_listener *listener, tn_error *error)
{
    char message[160];
    bool is_step = line->has_loss && line->step > 0;
    if (is_step && line->step <= log->step) {
        snprintf(message, sizeof message, "step %llu comes after step %llu", (unsigned long long)line->step, (unsigned long long)log->step);
        return fail_line(log, error, message);
    }
    if (line->samples > 0)
        log->samples = line->samples;
    if (is_step) {
        log->step = line->step;
        tn_step step = {
            .step = line->step, .samples = line->samples, .loss = line->loss, .learning_rate = line->learning_rate, .gradient_norm = NAN};
        if (listener->on_step && !listener->on_step(listener->context, &step))
            log->deaf = true;
    }
    if (line->has_score && isfinite(line->score) && !log->deaf) {
        tn_score_point point = {.step = line->has_step ? line->step : log->step,
                                .samples = log->samples,
                                .train_score = NAN,
                                .valid_score = line->score,
                                .train_loss = NAN,
                                .valid_loss = NAN};
        if (listener->on_score && !listener->on_score(listener->context, &point))
            log->deaf = true;
    }
    return TN_OK;
}

/* One line without its newline. Empty ones count, and say nothing. */
static tn_status take_line(tn_process_log *log, const char *text, size_t length, const tn_log_listener *listener, tn_error *error)
{
    log->line++;
    if (memchr(text, '\0', length))
        return fail_line(log, error, "there is a zero byte in it");
    if (strspn(text, " \t\r") == length)
        return TN_OK;
    tn_text quoted;
    tn_text_init(&quoted);
    quote_specials(text, &quoted);
    json_error_t mistake;
    json_t *object = quoted.failed ? NULL : json_loads(quoted.data, 0, &mistake);
    bool out_of_memory = quoted.failed || (!object && json_error_code(&mistake) == json_error_out_of_memory);
    tn_text_deinit(&quoted);
    if (out_of_memory)
        return tn_fail_memory(error, length);
    tn_status status;
    said line;
    char message[300];
    if (json_is_object(object)) {
        status = read_line(log, object, &line, error);
        if (status == TN_OK && (line.has_loss || line.has_score))
            status = tell(log, &line, listener, error);
    } else {
        snprintf(message, sizeof message, "\"%.60s\" is no JSON object%s%.120s", text, object ? "" : ": ", object ? "" : mistake.text);
        status = fail_line(log, error, message);
    }
    json_decref(object);
    return status;
}

/* What is in the file by now, behind what is pending. */
static tn_status read_more(tn_process_log *log, bool *more, tn_error *error)
{
    char piece[PIECE];
    struct stat about;
    *more = false;
    if (log->file < 0)
        log->file = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (log->file < 0)
        return errno == ENOENT ? TN_OK : tn_fail(error, TN_ERROR_IO, "cannot open $TENET_LOG, \"%s\": %s", log->path, strerror(errno));
    if (fstat(log->file, &about) == 0 && about.st_size < log->read) {
        tn_fail(error, TN_ERROR_DATA, "$TENET_LOG became shorter after line %zu; open it for appending, once or for each line", log->line);
        return tn_error_at(error, log->path, 0, NULL);
    }
    ssize_t got = read(log->file, piece, sizeof piece);
    if (got < 0 && errno != EINTR && errno != EAGAIN)
        return tn_fail(error, TN_ERROR_IO, "cannot read $TENET_LOG, \"%s\": %s", log->path, strerror(errno));
    if (got > 0) {
        log->read += got;
        tn_text_add_bytes(&log->pending, piece, (size_t)got);
    }
    *more = got == (ssize_t)sizeof piece;
    return log->pending.failed ? tn_fail_memory(error, (size_t)got) : TN_OK;
}

/* Takes the first `count` bytes away. */
static void drop(tn_text *pending, size_t count)
{
    memmove(pending->data, pending->data + count, pending->length - count + 1);
    pending->length -= count;
}

static tn_status take_lines(tn_process_log *log, bool all, const tn_log_listener *listener, size_t *lines, tn_error *error)
{
    size_t done = 0;
    tn_status status = TN_OK;
    while (status == TN_OK && !log->deaf && done < log->pending.length) {
        char *start = log->pending.data + done;
        size_t left = log->pending.length - done;
        char *newline = memchr(start, '\n', left);
        if (!newline && !all)
            break;
        size_t length = newline ? (size_t)(newline - start) : left;
        start[length] = '\0';
        done += length + (newline != NULL);
        ++*lines;
        status = take_line(log, start, length, listener, error);
    }
    if (done > 0)
        drop(&log->pending, done);
    if (status == TN_OK && log->pending.length > LINE_MAX_BYTES) {
        log->line++;
        status = fail_line(log, error, "it has more than 1 MiB");
        drop(&log->pending, log->pending.length);
    }
    return status;
}

tn_status tn_process_log_poll(tn_process_log *log, bool ended, const tn_log_listener *listener, size_t *lines, tn_error *error)
{
    size_t count = 0;
    bool more = true;
    tn_status status = TN_OK;
    while (status == TN_OK && more && !log->deaf) {
        status = read_more(log, &more, error);
        if (status == TN_OK)
            status = take_lines(log, ended && !more, listener, &count, error);
    }
    if (lines)
        *lines = count;
    return status;
}
