/* picture_list.c: the list in JSON. See picture_list.h.
 *
 * It is read twice: once for how many numbers a label has, and once for the numbers. */
#include "data/picture_list.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BOX = 4, BOXES_MAX = 1024, NUMBERS_MAX = 1 << 16 };

static const char *const KEYS[] = {[TN_PICTURE_LABEL] = "label", [TN_PICTURE_BOXES] = "boxes", [TN_PICTURE_COUNT] = "count"};

static bool is_finite_number(const json_t *value)
{
    return json_is_number(value) && isfinite((float)json_number_value(value));
}

static bool is_box(const json_t *value)
{
    bool good = json_array_size(value) == BOX;
    for (size_t i = 0; good && i < BOX; i++)
        good = is_finite_number(json_array_get(value, i)) && (i < 2 || json_number_value(json_array_get(value, i)) >= 0);
    return good;
}

static tn_status fail_entry(size_t at, const char *what, tn_error *error)
{
    return tn_fail(error, TN_ERROR_DATA, "entry %zu (from 0) of the list %s", at, what);
}

static tn_status check_boxes(const json_t *boxes, size_t at, tn_error *error)
{
    if (!json_is_array(boxes) || json_array_size(boxes) > BOXES_MAX)
        return fail_entry(at, "has no list of at most 1,024 \"boxes\"; expected {\"file\": \"a.png\", \"boxes\": [[x, y, w, h], ...]}",
                          error);
    for (size_t i = 0; i < json_array_size(boxes); i++)
        if (!is_box(json_array_get(boxes, i)))
            return fail_entry(at, "has a box that is not [x, y, w, h]: four numbers, in pixels, w and h not below 0", error);
    return TN_OK;
}

/* How many numbers a label is; 0 for a word. */
static tn_status measure_label(const json_t *label, size_t at, size_t *width, tn_error *error)
{
    *width = json_is_string(label) ? 0 : json_is_array(label) ? json_array_size(label) : 1;
    bool good = json_is_string(label) || is_finite_number(label) || (*width > 0 && *width <= NUMBERS_MAX && json_is_array(label));
    for (size_t i = 0; good && i < json_array_size(label); i++)
        good = is_finite_number(json_array_get(label, i));
    return good ? TN_OK : fail_entry(at, "has no \"label\" that is a number, a word, or a list of numbers", error);
}

/* Numbers of the label of an entry, unchecked: those of labels alike must be, those of boxes may be fewer than others have. */
static tn_status measure(const json_t *entry, size_t at, tn_picture_target target, size_t *width, tn_error *error)
{
    const json_t *value = json_object_get(entry, KEYS[target]), *boxes = json_object_get(entry, "boxes");
    *width = 1;
    if (target == TN_PICTURE_LABEL)
        return measure_label(value, at, width, error);
    if (target == TN_PICTURE_COUNT && value != NULL)
        return json_is_integer(value) && json_integer_value(value) >= 0
                   ? TN_OK
                   : fail_entry(at, "has a \"count\" that is no whole number of at least 0", error);
    if (target == TN_PICTURE_BOXES)
        *width = BOX * json_array_size(boxes);
    return check_boxes(boxes, at, error);
}

static tn_status check_file(const json_t *entry, size_t at, tn_error *error)
{
    if (json_string_length(json_object_get(entry, "file")) == 0)
        return fail_entry(at, "names no \"file\"; expected an object such as {\"file\": \"a.png\", \"label\": 3}", error);
    return TN_OK;
}

/* Checks every entry, and finds the width of labels; 0: they are words. */
static tn_status check_entries(const json_t *entries, tn_picture_target target, size_t most_boxes, size_t *width, tn_error *error)
{
    *width = 0;
    for (size_t at = 0; at < json_array_size(entries); at++) {
        const json_t *entry = json_array_get(entries, at);
        size_t own = 0;
        tn_status status = check_file(entry, at, error);
        if (status == TN_OK)
            status = measure(entry, at, target, &own, error);
        if (status != TN_OK)
            return status;
        if (target != TN_PICTURE_BOXES && at > 0 && own != *width)
            return fail_entry(at, "has another kind of label than the first; all must be words, or as many numbers", error);
        if (most_boxes > 0 && target == TN_PICTURE_BOXES && own > BOX * most_boxes)
            return tn_fail(error, TN_ERROR_DATA, "entry %zu (from 0) of the list has %zu boxes, and \"boxes\" of the hypes allows %zu", at,
                           own / BOX, most_boxes);
        *width = own > *width ? own : *width;
    }
    if (target == TN_PICTURE_BOXES && most_boxes > 0)
        *width = BOX * most_boxes;
    if (target == TN_PICTURE_BOXES && *width == 0)
        return tn_fail(error, TN_ERROR_DATA, "holds no picture with a box; for their number use \"target\": \"count\"");
    return TN_OK;
}

static tn_picture_target find_target(const json_t *first)
{
    for (size_t target = TN_PICTURE_LABEL; target <= TN_PICTURE_COUNT; target++)
        if (json_object_get(first, KEYS[target]) != NULL)
            return (tn_picture_target)target;
    return TN_PICTURE_LABEL; /* which it does not have either, and will be told so */
}

static void take_numbers(const json_t *entry, tn_picture_target target, float *label)
{
    const json_t *value = json_object_get(entry, KEYS[target]);
    if (target == TN_PICTURE_COUNT) {
        label[0] = value != NULL ? (float)json_integer_value(value) : (float)json_array_size(json_object_get(entry, "boxes"));
    } else if (target == TN_PICTURE_BOXES) {
        for (size_t i = 0; i < BOX * json_array_size(value); i++)
            label[i] = (float)json_number_value(json_array_get(json_array_get(value, i / BOX), i % BOX));
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            label[i] = (float)json_number_value(json_array_get(value, i));
    } else {
        label[0] = (float)json_number_value(value);
    }
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Numbers the words in their order. */
static tn_status number_words(const json_t *entries, tn_picture_list *list, tn_error *error)
{
    const char **words = tn_memory_create(list->count, sizeof *words);
    list->class_names = tn_memory_create(list->count, sizeof *list->class_names);
    tn_status status = words != NULL && list->class_names != NULL ? TN_OK : tn_fail_memory(error, 2 * list->count * sizeof *words);
    for (size_t i = 0; i < list->count && status == TN_OK; i++)
        words[i] = json_string_value(json_object_get(json_array_get(entries, i), "label"));
    if (status == TN_OK)
        qsort(words, list->count, sizeof *words, compare_words);
    for (size_t i = 0; i < list->count && status == TN_OK; i++) {
        if (i > 0 && strcmp(words[i], words[i - 1]) == 0)
            continue;
        list->class_names[list->class_count] = tn_string_copy(words[i]);
        if (list->class_names[list->class_count] == NULL)
            status = tn_fail_memory(error, strlen(words[i]));
        else
            list->class_count++;
    }
    for (size_t i = 0; i < list->count && status == TN_OK; i++) {
        const char *word = json_string_value(json_object_get(json_array_get(entries, i), "label"));
        char **found = bsearch(&word, list->class_names, list->class_count, sizeof *list->class_names, compare_words);
        list->labels[i] = (float)(found - list->class_names);
    }
    tn_memory_destroy(words);
    return status;
}

static tn_status take_entries(const json_t *entries, tn_picture_target target, size_t width, tn_picture_list *list, tn_error *error)
{
    const size_t count = json_array_size(entries);
    list->width = width > 0 ? width : 1;
    list->are_boxes = target == TN_PICTURE_BOXES;
    list->are_counts = target == TN_PICTURE_COUNT;
    list->files = tn_memory_create(count, sizeof *list->files);
    list->labels = tn_memory_create(count, list->width * sizeof *list->labels);
    if (list->files == NULL || list->labels == NULL)
        return tn_fail_memory(error, count * list->width * sizeof *list->labels);
    for (; list->count < count; list->count++) {
        const json_t *entry = json_array_get(entries, list->count);
        list->files[list->count] = tn_string_copy(json_string_value(json_object_get(entry, "file")));
        if (list->files[list->count] == NULL)
            return tn_fail_memory(error, json_string_length(json_object_get(entry, "file")));
        if (width > 0)
            take_numbers(entry, target, list->labels + list->count * width);
    }
    return width > 0 ? TN_OK : number_words(entries, list, error);
}

/* jansson does not always say that memory was out; then a second try finds no fault, or the first found no words for it. */
static tn_status parse_json(const uint8_t *bytes, size_t size, json_t **value, tn_error *error)
{
    json_error_t fault;
    *value = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &fault);
    if (*value != NULL)
        return TN_OK;
    json_t *again = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    const bool memory_was_out = again != NULL || fault.text[0] == '\0' || json_error_code(&fault) == json_error_out_of_memory;
    json_decref(again);
    if (memory_was_out)
        return tn_fail_memory(error, size);
    tn_fail(error, TN_ERROR_DATA, "is no JSON: %.100s", fault.text);
    return tn_error_at(error, NULL, fault.line, NULL);
}

tn_status tn_picture_list_parse(const uint8_t *bytes, size_t size, tn_picture_target target, size_t most_boxes, tn_picture_list *list,
                                tn_error *error)
{
    *list = (tn_picture_list){0};
    json_t *entries;
    tn_status status = parse_json(bytes, size, &entries, error);
    if (status != TN_OK)
        return status;
    size_t width = 0;
    if (json_array_size(entries) == 0)
        status =
            tn_fail(error, TN_ERROR_DATA, "is no list with an entry for each picture; expected [{\"file\": \"a.png\", \"label\": 3}, ...]");
    if (status == TN_OK && target == TN_PICTURE_ANY)
        target = find_target(json_array_get(entries, 0));
    if (status == TN_OK)
        status = check_entries(entries, target, most_boxes, &width, error);
    if (status == TN_OK)
        status = take_entries(entries, target, width, list, error);
    json_decref(entries);
    if (status != TN_OK)
        tn_picture_list_deinit(list);
    return status;
}
