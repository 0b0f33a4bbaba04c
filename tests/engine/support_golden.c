/* support_golden.c: see support_golden.h. */
#include "engine/support_golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The line at *at, terminated, and *at moved behind it; NULL at the end. */
static char *next_line(char **at)
{
    char *line = *at;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end != NULL) {
        *end = '\0';
        *at = end + 1;
    } else {
        *at = line + strlen(line);
    }
    return line;
}

/* The word at *at, terminated, and *at moved behind it. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    *at = word + strcspn(word, " ");
    if (**at != '\0') {
        *(*at)++ = '\0';
    }
    return word;
}

static char *copy(const char *text)
{
    char *made = strdup(text);
    assert_non_null(made);
    return made;
}

static double *read_values(char *line, size_t count, const char *name)
{
    double *values = malloc((count > 0 ? count : 1) * sizeof *values);
    assert_non_null(values);
    char *at = line;
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = strtod(at, &end);
        if (end == at) {
            fail_msg("tensor %s has %zu values, not %zu", name, i, count);
        }
        at = end;
    }
    if (at[strspn(at, " ")] != '\0') {
        fail_msg("tensor %s has more than %zu values: %s", name, count, at);
    }
    return values;
}

static void read_entry(tn_golden_case *into, const char *kind, char *rest, char **at)
{
    assert_true(into->entry_count < TN_GOLDEN_ENTRIES_MAX);
    tn_golden_entry *entry = &into->entries[into->entry_count++];
    entry->name = copy(next_word(&rest));
    if (strcmp(kind, "text") == 0) {
        entry->text = copy(rest);
    } else if (strcmp(kind, "number") == 0) {
        entry->count = 1;
        entry->values = read_values(rest, 1, entry->name);
    } else if (strcmp(kind, "tensor") == 0) {
        entry->count = 1;
        while (*rest != '\0') {
            assert_true(entry->shape.rank < TN_SHAPE_RANK_MAX);
            entry->shape.dims[entry->shape.rank] = strtoull(next_word(&rest), NULL, 10);
            entry->count *= entry->shape.dims[entry->shape.rank++];
        }
        char *line = next_line(at);
        assert_non_null(line);
        entry->values = read_values(line, entry->count, entry->name);
    } else {
        fail_msg("a golden file holds \"%s\"", kind);
    }
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    text[size] = '\0';
    fclose(file);
    return text;
}

void tn_golden_read(tn_golden *golden, const char *path)
{
    *golden = (tn_golden){0};
    char *text = read_text(path), *at = text, *line;
    tn_golden_case *open = NULL;
    while ((line = next_line(&at)) != NULL) {
        if (*line == '\0' || *line == '#') {
            continue;
        }
        char *rest = line;
        const char *kind = next_word(&rest);
        if (strcmp(kind, "case") == 0) {
            assert_null(open);
            golden->cases = realloc(golden->cases, (golden->count + 1) * sizeof *golden->cases);
            assert_non_null(golden->cases);
            open = &golden->cases[golden->count++];
            memset(open, 0, sizeof *open);
            open->label = copy(rest);
        } else if (strcmp(kind, "end") == 0) {
            assert_non_null(open);
            open = NULL;
        } else {
            assert_non_null(open);
            read_entry(open, kind, rest, &at);
        }
    }
    assert_null(open);
    free(text);
}

void tn_golden_destroy(tn_golden *golden)
{
    for (size_t c = 0; c < golden->count; c++) {
        for (size_t e = 0; e < golden->cases[c].entry_count; e++) {
            free(golden->cases[c].entries[e].name);
            free(golden->cases[c].entries[e].text);
            free(golden->cases[c].entries[e].values);
        }
        free(golden->cases[c].label);
    }
    free(golden->cases);
    *golden = (tn_golden){0};
}

const tn_golden_entry *tn_golden_find(const tn_golden_case *from, const char *name)
{
    for (size_t e = 0; e < from->entry_count; e++) {
        if (strcmp(from->entries[e].name, name) == 0) {
            return &from->entries[e];
        }
    }
    return NULL;
}

const tn_golden_entry *tn_golden_get(const tn_golden_case *from, const char *name)
{
    const tn_golden_entry *entry = tn_golden_find(from, name);
    if (entry == NULL) {
        fail_msg("%s: there is no %s", from->label, name);
    }
    return entry;
}

double tn_golden_number(const tn_golden_case *from, const char *name, double otherwise)
{
    const tn_golden_entry *entry = tn_golden_find(from, name);
    return entry != NULL ? entry->values[0] : otherwise;
}

size_t tn_golden_differs(const tn_golden_entry *expected, const float *found, double tolerance)
{
    for (size_t i = 0; i < expected->count; i++) {
        const double want = expected->values[i], have = (double)found[i];
        const bool both_nan = isnan(want) && isnan(have), same = want == have;
        if (!both_nan && !same && !(fabs(have - want) <= tolerance * (1 + fabs(want)) && isfinite(want))) {
            return i;
        }
    }
    return expected->count;
}

void tn_golden_assert(const tn_golden_case *from, const char *name, const float *found, size_t count, double tolerance)
{
    const tn_golden_entry *expected = tn_golden_get(from, name);
    assert_int_equal(expected->count, count);
    const size_t first = tn_golden_differs(expected, found, tolerance);
    if (first < count) {
        fail_msg("%s, %s[%zu]: found %.9g, PyTorch has %.9g", from->label, name, first, (double)found[first], expected->values[first]);
    }
}
