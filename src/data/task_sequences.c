/* task_sequences.c: made-up sequences.
 *
 *   copy         symbols 2 .. vocabulary - 1 of some length, as many blanks (0) but one, a "go" (1), then blanks: the symbols are to be said again. Inputs [2 time], labels at
 *                the last `time` steps; none at the others. (Hochreiter and Schmidhuber's memory test in Arjovsky's form, 2016, arXiv:1511.06464, with a short wait)
 *   adding       two columns, a number in [0, 1] and a mark; the target is the sum of the two numbers that are marked, one in each half (Hochreiter and Schmidhuber 1997)
 *   translation  a sentence of `time` words, "go" (1), and its translation as far as it is known: the next word of it is to be said at each step from "go" on. The dictionary is
 *                a permutation of the words, drawn from the seed, and each pair of words changes places. Inputs [2 time], labels at the last `time` steps.
 *                "chained": the words of a sentence follow each other round a circle that holds them all, also drawn from the seed; so the first word of a translation needs the
 *                sentence, and the others the one before them. Easier versions by "told": the first word alone; or language, the others alone, of a sentence that is blank */
#include <string.h>

#include "base/memory.h"
#include "data/task.h"

enum { GO = 1, WORDS = 2, NO_LABEL = -1 };

typedef struct task {
    size_t samples, time, vocabulary;
    tn_rng *rng;
    uint32_t *dictionary; /* [vocabulary - WORDS] */
    uint32_t *following;  /* likewise: which word comes after each; NULL: any */
    bool tells_first, tells_others, shows_sentence;
    float *inputs, *labels;
} task;

static uint32_t draw_word(task *of)
{
    return WORDS + (uint32_t)tn_rng_below(of->rng, of->vocabulary - WORDS);
}

static void make_copy(task *of, size_t sample)
{
    const size_t time = of->time, length = 2 * time;
    float *x = of->inputs + sample * length, *y = of->labels + sample * length;
    for (size_t t = 0; t < length; t++) {
        x[t] = 0;
        y[t] = NO_LABEL;
    }
    for (size_t t = 0; t < time; t++) {
        x[t] = (float)draw_word(of);
        y[time + t] = x[t];
    }
    x[time] = GO;
}

static void make_translation(task *of, size_t sample)
{
    const size_t time = of->time, length = 2 * time;
    float *x = of->inputs + sample * length, *y = of->labels + sample * length;
    for (size_t t = 0; t < time; t++) {
        x[t] = t > 0 && of->following != NULL ? (float)(of->following[(size_t)x[t - 1] - WORDS] + WORDS) : (float)draw_word(of);
        y[t] = NO_LABEL;
    }
    x[time] = GO;
    for (size_t t = 0; t < time; t++) {
        const size_t other = t % 2 ? t - 1 : t + 1 < time ? t + 1 : t;
        const float word = (float)(of->dictionary[(size_t)x[other] - WORDS] + WORDS);
        y[time + t] = (t == 0 ? of->tells_first : of->tells_others) ? word : NO_LABEL;
        if (t + 1 < time)
            x[time + t + 1] = word;
    }
    for (size_t t = 0; t < time && !of->shows_sentence; t++)
        x[t] = 0;
}

static void make_adding(task *of, size_t sample)
{
    const size_t time = of->time, half = time / 2;
    float *x = of->inputs + sample * 2 * time;
    const size_t marks[] = {(size_t)tn_rng_below(of->rng, half), half + (size_t)tn_rng_below(of->rng, time - half)};
    for (size_t t = 0; t < time; t++) {
        x[2 * t] = (float)tn_rng_uniform(of->rng);
        x[2 * t + 1] = t == marks[0] || t == marks[1] ? 1 : 0;
    }
    of->labels[sample] = x[2 * marks[0]] + x[2 * marks[1]];
}

/* One circle through all words: each follows the one that a random order has before it. */
static tn_status draw_circle(task *of, size_t words, tn_error *error)
{
    uint32_t *order = tn_memory_create(words, sizeof *order);
    of->following = tn_memory_create(words, sizeof *of->following);
    if (order == NULL || of->following == NULL) {
        tn_memory_destroy(order);
        return tn_fail_memory(error, words * sizeof *order);
    }
    tn_rng_permutation(of->rng, order, words);
    for (size_t i = 0; i < words; i++)
        of->following[order[i]] = order[(i + 1) % words];
    tn_memory_destroy(order);
    return TN_OK;
}

static tn_status make(task *of, const char *name, tn_source *source, tn_error *error)
{
    const bool is_adding = strcmp(name, "adding") == 0, is_copy = strcmp(name, "copy") == 0;
    const size_t length = 2 * of->time, words = of->vocabulary - WORDS;
    size_t values;
    bool fits = tn_size_multiply(of->samples, length, &values);
    of->inputs = fits ? tn_memory_create(values, sizeof *of->inputs) : NULL;
    of->labels = fits ? tn_memory_create(is_adding ? of->samples : values, sizeof *of->labels) : NULL;
    of->dictionary = tn_memory_create(words, sizeof *of->dictionary);
    if (of->inputs == NULL || of->labels == NULL || of->dictionary == NULL)
        return tn_fail_memory(error, values * sizeof *of->inputs);
    tn_rng_permutation(of->rng, of->dictionary, words);
    for (size_t i = 0; i < of->samples; i++) {
        if (is_adding)
            make_adding(of, i);
        else if (is_copy)
            make_copy(of, i);
        else
            make_translation(of, i);
    }
    const size_t pairs[] = {of->samples, of->time, 2}, steps[] = {of->samples, length};
    source->are_sequences = is_adding;
    source->labels_each_step = !is_adding;
    void *inputs = of->inputs, *labels = of->labels;
    of->inputs = of->labels = NULL;
    tn_status status = tn_task_adopt(&inputs, TN_RAW_FLOAT32, is_adding ? 3 : 2, is_adding ? pairs : steps, &source->inputs, error);
    if (status == TN_OK)
        status = tn_task_adopt(&labels, TN_RAW_FLOAT32, is_adding ? 1 : 2, steps, &source->labels, error);
    tn_memory_destroy(labels);
    return status;
}

/* What a translation is to be told of; other tasks have all of it. */
static tn_status read_version(const json_t *description, task *of, tn_error *error)
{
    const char *told = json_string_value(json_object_get(description, "told"));
    const bool is_language = told != NULL && strcmp(told, "language") == 0;
    of->tells_first = !is_language;
    of->tells_others = told == NULL || strcmp(told, "first") != 0;
    of->shows_sentence = !is_language;
    const bool is_chained = json_is_true(json_object_get(description, "chained"));
    return is_chained ? draw_circle(of, of->vocabulary - WORDS, error) : TN_OK;
}

tn_status tn_task_sequences(const json_t *description, tn_rng *rng, tn_source *source, tn_error *error)
{
    task of = {.samples = tn_task_number(description, "samples"),
               .time = tn_task_number(description, "time"),
               .vocabulary = tn_task_number(description, "vocabulary"),
               .rng = rng};
    tn_status status = read_version(description, &of, error);
    if (status == TN_OK)
        status = make(&of, json_string_value(json_object_get(description, "task")), source, error);
    tn_memory_destroy(of.inputs);
    tn_memory_destroy(of.labels);
    tn_memory_destroy(of.dictionary);
    tn_memory_destroy(of.following);
    return status;
}
