/* text_parts.c: reading a report's document, and the small parts that several sections share; see text_parts.h. */
#include "report/text_parts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "causes/causes.h"

const char *tn_part_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

double tn_part_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool tn_part_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

double tn_part_mean(const json_t *array)
{
    double sum = 0;
    size_t count = 0, index;
    const json_t *value;
    json_array_foreach(array, index, value)
    {
        if (json_is_number(value)) {
            sum += json_number_value(value);
            count++;
        }
    }
    return count > 0 ? sum / (double)count : NAN;
}

const char *tn_part_cause_title(const char *cause)
{
    const tn_cause *known = tn_cause_find(cause);
    return known ? known->title : cause;
}

const char *tn_part_figure(char buffer[32], double value)
{
    double size = fabs(value);
    if (isnan(value))
        snprintf(buffer, 32, "NaN");
    else if (size >= 10000 && size < 1e9)
        tn_count_format(buffer, value);
    else
        tn_number_format(buffer, value, 4);
    return buffer;
}

void tn_part_heading(tn_page *page, const char *title)
{
    tn_page_gap(page);
    tn_page_put(page, TN_STYLE_BOLD, title);
    tn_page_end_line(page);
}

void tn_part_label(tn_page *page, size_t indent, const char *label)
{
    tn_page_fill_to(page, indent);
    tn_page_put(page, TN_STYLE_DIM, label);
    tn_page_fill_to(page, indent + TN_PART_LABEL);
}

/* Whether `text` holds `figure` as a number of its own, not as a part of a longer one. */
static bool holds_figure(const char *text, const char *figure)
{
    size_t size = strlen(figure);
    for (const char *at = strstr(text, figure); at; at = strstr(at + 1, figure)) {
        bool begins = at == text || !strchr("0123456789.,-", at[-1]) || (at > text + 1 && at[-1] == ',' && at[-2] == ' ');
        bool ends = !strchr("0123456789", at[size] ? at[size] : 'x') &&
                    !((at[size] == '.' || at[size] == ',') && at[size + 1] >= '0' && at[size + 1] <= '9');
        if (begins && ends)
            return true;
    }
    return false;
}

/* Whether a sentence tells the number already, at whatever precision its writer chose. */
static bool tells(const char *text, double value)
{
    char figure[32];
    for (int digits = 2; digits <= 6; digits++)
        if (holds_figure(text, tn_number_format(figure, value, digits)))
            return true;
    /* Not so few decimals that 0.9 would be found in "1". */
    int least = fabs(value) >= 10 ? 0 : fabs(value) >= 1 ? 1 : 2;
    for (int decimals = least; decimals <= 3 && fabs(value) < 1e9; decimals++) {
        snprintf(figure, sizeof figure, "%.*f", decimals, value);
        if (holds_figure(text, figure))
            return true;
    }
    return holds_figure(text, tn_part_figure(figure, value));
}

/* " (2.31 against 2.5)" for the figures of `item` that its text does not tell already. */
static void add_figures(tn_text *line, const json_t *item)
{
    char value_text[32], limit_text[32];
    double value = tn_part_number(item, "value"), limit = tn_part_number(item, "threshold");
    /* A zero by itself says nothing. */
    bool has_value = !isnan(value) && !(value == 0 && isnan(limit)) && !tells(line->data, value),
         has_limit = !isnan(limit) && !tells(line->data, limit);
    tn_part_figure(value_text, value);
    tn_part_figure(limit_text, limit);
    if (has_value && has_limit)
        tn_text_addf(line, " (%s against %s)", value_text, limit_text);
    else if (has_value)
        tn_text_addf(line, " (%s)", value_text);
    else if (has_limit)
        tn_text_addf(line, " (against %s)", limit_text);
}

void tn_part_evidence(tn_page *page, size_t indent, const json_t *evidence, const char *said)
{
    size_t index;
    const json_t *item;
    json_array_foreach(evidence, index, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : tn_part_string(item, "text");
        if (!text || (said && strcmp(text, said) == 0))
            continue;
        tn_text line;
        tn_text_init(&line);
        tn_text_add(&line, text);
        if (!line.failed)
            add_figures(&line, item);
        char *whole = tn_text_take(&line);
        if (!whole) {
            page->text.failed = true;
            return;
        }
        tn_page_fill_to(page, indent);
        tn_page_put(page, TN_STYLE_DIM, "- ");
        tn_page_wrap(page, TN_STYLE_PLAIN, indent + 2, whole);
        tn_page_end_line(page);
        free(whole);
    }
}

/* The shortest decimal that reads back as the same number. */
static void number_text(char buffer[40], double value)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buffer, 40, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            return;
    }
}

/* Whether a word is read back as itself by --set, which tries JSON first: no JSON value begins with a letter but these three. What holds control characters is
 * written as JSON, which escapes them. */
static bool is_plain_word(const char *word)
{
    bool is_letter = (word[0] >= 'a' && word[0] <= 'z') || (word[0] >= 'A' && word[0] <= 'Z');
    for (const char *at = word; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return is_letter && strcmp(word, "true") != 0 && strcmp(word, "false") != 0 && strcmp(word, "null") != 0;
}

/* The value as --set takes it. malloc'd; NULL where memory is out. */
static char *value_text(const json_t *value)
{
    char number[40];
    if (json_is_real(value)) {
        number_text(number, json_real_value(value));
        return strdup(number);
    }
    if (json_is_string(value) && is_plain_word(json_string_value(value)))
        return strdup(json_string_value(value));
    return tn_json_write(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
}

/* One argument of a shell, in single quotes where it needs them. */
static void add_shell_argument(tn_text *line, const char *path, const char *value)
{
    static const char SAFE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,=@%";
    if (path[strspn(path, SAFE)] == '\0' && value[strspn(value, SAFE)] == '\0') {
        tn_text_addf(line, "%s=%s", path, value);
        return;
    }
    const char *const parts[] = {path, "=", value};
    tn_text_add(line, "'");
    for (size_t i = 0; i < 3; i++) {
        for (const char *at = parts[i]; *at; at++) {
            if (*at == '\'')
                tn_text_add(line, "'\\''");
            else
                tn_text_add_bytes(line, at, 1);
        }
    }
    tn_text_add(line, "'");
}

void tn_part_patch(tn_page *page, size_t indent, const json_t *patch)
{
    const char *path;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)patch, path, value)
    {
        char *text = value_text(value);
        tn_text line;
        tn_text_init(&line);
        tn_text_add(&line, "--set ");
        if (text)
            add_shell_argument(&line, path, text);
        char *argument = text ? tn_text_take(&line) : NULL;
        free(text);
        if (!argument) {
            tn_text_deinit(&line);
            page->text.failed = true;
            return;
        }
        /* Arguments share a line while they fit; none is ever broken. */
        if (!first && page->column + 1 + tn_columns(argument) > page->width)
            tn_page_end_line(page);
        else if (!first)
            tn_page_put(page, TN_STYLE_PLAIN, " ");
        tn_page_fill_to(page, indent);
        tn_page_put(page, TN_STYLE_NAME, argument);
        first = false;
        free(argument);
    }
    if (!first)
        tn_page_end_line(page);
}

/* Scores have two decimals, so that seeds compare at a glance; other measures may have any size. */
static const char *measure(char buffer[32], double value, bool is_score)
{
    if (!is_score || isnan(value))
        return tn_part_figure(buffer, value);
    snprintf(buffer, 32, "%.2f", fabs(value) < 0.005 ? 0 : value);
    return buffer;
}

static void seeds_row(tn_page *page, size_t indent, const char *label, const json_t *values, bool is_score)
{
    size_t index;
    const json_t *value;
    char buffer[32];
    tn_page_fill_to(page, indent);
    tn_page_put(page, TN_STYLE_DIM, label);
    json_array_foreach(values, index, value)
    {
        const char *text = measure(buffer, json_is_number(value) ? json_number_value(value) : NAN, is_score);
        size_t column = indent + 8 + index * 8;
        if (column + 7 > page->width)
            break;
        tn_page_fill_to(page, column + 7 - (tn_columns(text) < 7 ? tn_columns(text) : 7));
        tn_page_put(page, TN_STYLE_PLAIN, text);
    }
    tn_page_end_line(page);
}

void tn_part_effect(tn_page *page, size_t indent, const json_t *effect)
{
    const json_t *before = json_object_get(effect, "before"), *after = json_object_get(effect, "after");
    size_t seeds = json_array_size(before), better = 0;
    if (seeds == 0 || seeds != json_array_size(after))
        return;
    const char *metric = tn_part_string(effect, "metric");
    bool is_score = !metric || strcmp(metric, "score") == 0;
    for (size_t i = 0; i < seeds; i++) {
        const json_t *old = json_array_get(before, i), *new = json_array_get(after, i);
        better += json_is_number(new) && (!json_is_number(old) || json_number_value(new) > json_number_value(old));
    }
    char old_text[32], new_text[32];
    double old = tn_part_mean(before), new = tn_part_mean(after);
    tn_page_fill_to(page, indent);
    tn_page_putf(page, TN_STYLE_PLAIN, "%s %s → ", metric ? metric : "score", measure(old_text, old, is_score));
    tn_page_put(page, is_score && new > old ? TN_STYLE_GOOD : TN_STYLE_BOLD, measure(new_text, new, is_score));
    if (seeds > 1)
        tn_page_put(page, TN_STYLE_PLAIN, " on average");
    if (is_score && seeds > 1)
        tn_page_putf(page, TN_STYLE_PLAIN, ", better on %zu of %zu seeds", better, seeds);
    tn_page_end_line(page);
    if (seeds > 1) {
        seeds_row(page, indent, "before", before, is_score);
        seeds_row(page, indent, "after", after, is_score);
    }
}
