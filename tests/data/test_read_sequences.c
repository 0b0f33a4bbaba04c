/* test_read_sequences.c: texts as windows of characters or words, and tasks that are made up: what they hold, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/reader.h"

static void parse_with(const char *text, const tn_text_options *options, const char *training, tn_source **source, tn_status expected,
                       const char *words)
{
    tn_error error = {0};
    *source = tn_source_new();
    assert_non_null(*source);
    tn_status status = tn_text_parse((const uint8_t *)text, strlen(text), options, (const uint8_t *)training,
                                     training ? strlen(training) : 0, *source, &error);
    if (status == TN_OK)
        status = tn_source_complete(*source, &error);
    assert_int_equal(status, expected);
    if (words && strstr(error.message, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", error.message, words);
}

static void parse(const char *text, size_t time, size_t stride, tn_source **source, tn_status expected, const char *words)
{
    const tn_text_options options = {.time = time, .stride = stride};
    parse_with(text, &options, NULL, source, expected, words);
}

static void windows(void **state)
{
    (void)state;
    tn_source *source;
    parse("abcabcad", 3, 3, &source, TN_OK, NULL);
    assert_int_equal(source->samples, 2); /* abc -> bca, abc -> bca; ad fills no window */
    assert_int_equal(source->class_count, 4);
    assert_string_equal(source->class_names[3], "d");
    assert_true(source->are_tokens && source->labels_each_step);
    static const uint8_t inputs[] = {0, 1, 2, 0, 1, 2}, labels[] = {1, 2, 0, 1, 2, 0};
    assert_memory_equal(source->inputs.bytes, inputs, sizeof inputs);
    assert_memory_equal(source->labels.bytes, labels, sizeof labels);
    tn_source_release(source);
    parse("abcabcad", 3, 1, &source, TN_OK, NULL);
    assert_int_equal(source->samples, 5);
    assert_int_equal(source->inputs.bytes[12], 1); /* bca -> cad */
    assert_int_equal(source->labels.bytes[14], 3);
    tn_source_release(source);
    parse("\xC3\xA4z\xE2\x82\xAC\xF0\x9F\x98\x80", 1, 1, &source, TN_OK, NULL); /* numbered as Unicode does: z, a-umlaut, euro, a face */
    static const uint8_t of_codes[] = {1, 0, 2};
    assert_int_equal(source->samples, 3);
    assert_memory_equal(source->inputs.bytes, of_codes, sizeof of_codes);
    assert_string_equal(source->class_names[1], "\xC3\xA4");
    assert_string_equal(source->class_names[2], "\xE2\x82\xAC");
    assert_string_equal(source->class_names[3], "\xF0\x9F\x98\x80");
    tn_source_release(source);
}

static void wrong_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\x80", "a\xC3", "a\xC3z", "\xC0\xAFz", "a\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "z\xF4\x90\x80\x80"};
    tn_source *source;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse(bad[i], 1, 1, &source, TN_ERROR_DATA, "is no text in UTF-8: byte ");
        tn_source_release(source);
    }
    parse("abc", 3, 3, &source, TN_ERROR_DATA, "holds 3 characters; a window of 3 and the one behind it needs 4");
    tn_source_release(source);
    parse("", 1, 1, &source, TN_ERROR_DATA, "holds 0 characters");
    tn_source_release(source);
    tn_error error = {0};
    source = tn_source_new();
    const tn_text_options options = {.time = 1, .stride = 1};
    assert_int_equal(tn_text_parse((const uint8_t *)"a\0b", 3, &options, NULL, 0, source, &error), TN_ERROR_DATA);
    tn_source_release(source);
}

/* What the tokens of a text are called, in the order of the text, parted by |. */
static void expect_words(const char *text, const char *expected)
{
    const tn_text_options options = {.unit = TN_TEXT_WORDS, .time = 1, .stride = 1, .masked = 1};
    char found[400] = "";
    tn_source *source;
    parse_with(text, &options, NULL, &source, TN_OK, NULL);
    for (size_t i = 0; i < source->samples; i++) {
        assert_int_equal(source->inputs.bytes[i], 0); /* all are masked */
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s|", source->class_names[(size_t)source->labels.floats[i]]);
    }
    assert_string_equal(found, expected);
    tn_source_release(source);
}

static void words(void **state)
{
    (void)state;
    expect_words("And God said, Let there be light: and there was light.", "And|God|said|,|Let|there|be|light|:|and|there|was|light|.|");
    expect_words("  don't 'quote' it's' O'Neill\n\t''x", "don't|'|quote|'|it's|'|O'Neill|'|'|x|");
    expect_words("a1 2b--c", "a1|2b|-|-|c|");
    /* A euro is a letter's like, as far as this goes; a dash, a quotation mark of typographers and an ideographic full stop are not; a hard space parts. */
    expect_words("na\xC3\xAFve\xE2\x80\x94x\xC2\xA0y\xE2\x80\x9Cz l\xE2\x80\x99 a\xE3\x80\x82",
                 "na\xC3\xAFve|\xE2\x80\x94|x|y|\xE2\x80\x9C|z|l|\xE2\x80\x99|a|\xE3\x80\x82|");
    const tn_text_options options = {.unit = TN_TEXT_WORDS, .time = 2, .stride = 2};
    tn_source *source;
    parse_with("b a b c b a d", &options, NULL, &source, TN_OK, NULL); /* by frequency, then by bytes: b a c d */
    assert_int_equal(source->class_count, 4);
    assert_string_equal(source->class_names[0], "b");
    assert_string_equal(source->class_names[1], "a");
    assert_string_equal(source->class_names[3], "d");
    static const uint8_t inputs[] = {0, 1, 0, 2, 0, 1}, labels[] = {1, 0, 2, 0, 1, 3};
    assert_int_equal(source->inputs.count, sizeof inputs);
    assert_memory_equal(source->inputs.bytes, inputs, sizeof inputs);
    assert_memory_equal(source->labels.bytes, labels, sizeof labels);
    tn_source_release(source);
    static const char *const bad[] = {"a'\x80", "a\xC3", "ab\x80", "'\xC3z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse_with(bad[i], &options, NULL, &source, TN_ERROR_DATA, "is no text in UTF-8: byte ");
        tn_source_release(source);
    }
    parse_with(" one two ", &options, NULL, &source, TN_ERROR_DATA, "holds 2 words; a window of 2 and the one behind it needs 3");
    tn_source_release(source);
}

/* What another program has cut, whatever it marks the pieces with; numbered from the most frequent on. */
static void pieces(void **state)
{
    (void)state;
    const tn_text_options options = {.unit = TN_TEXT_PIECES, .time = 2, .stride = 2};
    tn_source *source;
    parse_with("\xE2\x96\x81the \xE2\x96\x81s at@@ .\n\xE2\x96\x81the\t\xE2\x96\x81'x-1' at@@\xC2\xA0\xE2\x96\x81the", &options, NULL,
               &source, TN_OK, NULL);
    static const char *const names[] = {"\xE2\x96\x81the", "at@@", ".", "\xE2\x96\x81'x-1'", "\xE2\x96\x81s"};
    static const uint8_t inputs[] = {0, 4, 1, 2, 0, 3}, labels[] = {4, 1, 2, 0, 3, 1};
    assert_int_equal(source->class_count, sizeof names / sizeof *names);
    for (size_t i = 0; i < source->class_count; i++)
        assert_string_equal(source->class_names[i], names[i]);
    assert_int_equal(source->inputs.count, sizeof inputs);
    assert_memory_equal(source->inputs.bytes, inputs, sizeof inputs);
    assert_memory_equal(source->labels.bytes, labels, sizeof labels);
    tn_source_release(source);
    static const char *const bad[] = {"a'\x80", "a\xC3", "ab\x80 c", "\xC3z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse_with(bad[i], &options, NULL, &source, TN_ERROR_DATA, "is no text in UTF-8: byte ");
        tn_source_release(source);
    }
    parse_with(" one\n two ", &options, NULL, &source, TN_ERROR_DATA, "holds 2 pieces; a window of 2 and the one behind it needs 3");
    tn_source_release(source);
}

static void vocabularies(void **state)
{
    (void)state;
    tn_source *source;
    tn_text_options options = {.unit = TN_TEXT_WORDS, .time = 3, .stride = 3, .vocabulary = 2};
    parse_with("b a b c b a d e", &options, NULL, &source, TN_OK, NULL);
    assert_int_equal(source->class_count, 3);
    assert_string_equal(source->class_names[0], "<unknown>");
    assert_string_equal(source->class_names[1], "b");
    static const uint8_t inputs[] = {1, 2, 1, 0, 1, 2}, labels[] = {2, 1, 0, 1, 2, 0};
    assert_memory_equal(source->inputs.bytes, inputs, sizeof inputs);
    assert_memory_equal(source->labels.bytes, labels, sizeof labels);
    tn_source_release(source);
    /* Another text in the numbers of this one. */
    parse_with("z a b b", &options, "b a b c b a d e", &source, TN_OK, NULL);
    static const uint8_t others[] = {0, 2, 1};
    assert_int_equal(source->samples, 1);
    assert_memory_equal(source->inputs.bytes, others, sizeof others);
    tn_source_release(source);
    options.vocabulary = 0;
    parse_with("a b zebra b", &options, "b a b c", &source, TN_ERROR_DATA,
               "holds 'zebra' at byte 4, which does not occur in data.train; give data.train a \"vocabulary\"");
    tn_source_release(source);
    /* Characters keep the order of Unicode among those that stay. */
    options = (tn_text_options){.time = 3, .stride = 3, .vocabulary = 2};
    parse_with("zzaaab", &options, NULL, &source, TN_OK, NULL);
    static const uint8_t of_characters[] = {2, 2, 1};
    assert_memory_equal(source->inputs.bytes, of_characters, sizeof of_characters);
    tn_source_release(source);
}

/* More words than a byte can number, and than the table first has room for. */
static void many_words(void **state)
{
    (void)state;
    enum { WORDS = 3000 };
    char *text = malloc(WORDS * 32);
    assert_non_null(text);
    size_t length = 0;
    for (size_t i = 0; i < WORDS; i++)
        length += (size_t)snprintf(text + length, 32, "w%zu ", i);
    const tn_text_options options = {.unit = TN_TEXT_WORDS, .time = 1, .stride = 1};
    tn_source *source;
    parse_with(text, &options, NULL, &source, TN_OK, NULL);
    assert_int_equal(source->class_count, WORDS);
    for (size_t i = 0; i < source->samples; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%zu", i);
        assert_string_equal(source->class_names[(size_t)source->inputs.floats[i]], name);
        if (i > 0)
            assert_true(source->labels.floats[i - 1] == source->inputs.floats[i]);
    }
    tn_source_release(source);
    free(text);
}

static void masked(void **state)
{
    (void)state;
    enum { TIME = 50, ROUNDS = 40 };
    char text[TIME * ROUNDS + 1];
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)('a' + i * i % 7);
    text[sizeof text - 1] = '\0';
    const tn_text_options options = {.time = TIME, .stride = TIME, .vocabulary = 20, .masked = 0.3, .seed = 5};
    tn_source *source, *again;
    parse_with(text, &options, NULL, &source, TN_OK, NULL);
    parse_with(text, &options, NULL, &again, TN_OK, NULL);
    assert_int_equal(source->samples, ROUNDS); /* no token behind the last window is needed */
    assert_string_equal(source->class_names[1], "<mask>");
    size_t hidden = 0;
    for (size_t i = 0; i < source->inputs.count; i++) {
        const bool is_masked = source->inputs.bytes[i] == 1;
        const float told = source->labels.floats[i];
        assert_true(is_masked ? source->class_names[(size_t)told][0] == text[i]
                              : told == -1 && source->class_names[source->inputs.bytes[i]][0] == text[i]);
        hidden += is_masked;
    }
    assert_in_range(hidden, TIME * ROUNDS / 4, TIME * ROUNDS * 35 / 100); /* 600 of 2,000, deviation 20 */
    assert_memory_equal(source->inputs.bytes, again->inputs.bytes, source->inputs.count);
    tn_source_release(source);
    tn_source_release(again);
    tn_text_options other = options;
    other.seed = 6;
    parse_with(text, &other, NULL, &again, TN_OK, NULL);
    parse_with(text, &options, NULL, &source, TN_OK, NULL);
    assert_true(memcmp(source->inputs.bytes, again->inputs.bytes, source->inputs.count) != 0);
    tn_source_release(source);
    tn_source_release(again);
}

static void open_task(const char *task, size_t time, size_t seed, tn_hypes **hypes, tn_data *data)
{
    char text[600];
    tn_error error;
    int length =
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"%s\", \"samples\": 50, \"time\": %zu, \"vocabulary\": 7, "
                 "\"seed\": %zu}}, \"net\": [{\"op\": \"flatten\"}], \"loss\": \"%s\"}",
                 task, time, seed, strcmp(task, "adding") == 0 ? "mse" : "softmax_cross_entropy");
    assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", "", hypes, &error), TN_OK);
    tn_status status = tn_data_open(*hypes, NULL, data, &error);
    if (status != TN_OK)
        fail_msg("%s", error.message);
}

static void tasks(void **state)
{
    (void)state;
    static const char *const names[] = {"copy", "translation"};
    enum { TIME = 5 };
    for (size_t n = 0; n < 2; n++) {
        tn_hypes *hypes;
        tn_data data;
        open_task(names[n], TIME, 3, &hypes, &data);
        assert_int_equal(tn_dataset_label_steps(data.train), 2 * TIME);
        assert_true(tn_dataset_classes(data.train) <= 7);
        float words[7] = {0}; /* what each word was translated to */
        for (uint32_t i = 0; i < 50; i++) {
            float x[2 * TIME];
            int32_t y[2 * TIME];
            tn_dataset_inputs(data.train, &i, 1, x);
            tn_dataset_class_labels(data.train, &i, 1, y);
            assert_true(x[TIME] == 1);
            for (size_t t = 0; t < TIME; t++) {
                const size_t from = n == 0 ? t : t % 2 ? t - 1 : t + 1 < TIME ? t + 1 : t;
                assert_int_equal(y[t], -1);
                assert_true(x[t] >= 2 && x[t] < 7);
                float *word = &words[(size_t)x[from]];
                if (*word == 0)
                    *word = (float)y[TIME + t];
                assert_true(*word == (float)y[TIME + t] && (n == 1 || *word == x[from]));
                if (t > 0)
                    assert_true(x[TIME + t] == (n == 0 ? 0 : (float)y[TIME + t - 1]));
            }
        }
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
}

/* The easier versions hold the same sentences; what is blank or has no label is all that differs. */
static void versions_of_a_translation(void **state)
{
    (void)state;
    enum { TIME = 3, SAMPLES = 50, WORDS = 5 };
    static const char *const told[] = {"sentence", "first", "language"};
    tn_hypes *hypes[3];
    tn_data data[3];
    for (size_t k = 0; k < 3; k++) {
        char keys[100];
        snprintf(keys, sizeof keys, "translation\", \"chained\": true, \"told\": \"%s", told[k]);
        open_task(keys, TIME, 3, &hypes[k], &data[k]);
    }
    float following[WORDS + 2] = {0};
    size_t different = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        float x[3][2 * TIME];
        int32_t y[3][2 * TIME];
        for (size_t k = 0; k < 3; k++) {
            tn_dataset_inputs(data[k].train, &i, 1, x[k]);
            tn_dataset_class_labels(data[k].train, &i, 1, y[k]);
        }
        for (size_t t = 0; t < 2 * TIME; t++) {
            assert_true(x[1][t] == x[0][t] && x[2][t] == (t < TIME ? 0 : x[0][t]));
            assert_int_equal(y[1][t], t == TIME ? y[0][t] : -1);
            assert_int_equal(y[2][t], t > TIME ? y[0][t] : -1);
        }
        for (size_t t = 0; t + 1 < TIME; t++) {
            float *next = &following[(size_t)x[0][t]];
            if (*next == 0)
                *next = x[0][t + 1];
            assert_true(*next == x[0][t + 1] && *next != x[0][t]);
        }
    }
    /* A circle through all five words. */
    for (size_t word = 2, i = 0; i < WORDS; i++, word = (size_t)following[word])
        different += i == 0 || word != 2;
    assert_int_equal(different, WORDS);
    for (size_t k = 0; k < 3; k++) {
        tn_data_close(&data[k]);
        tn_hypes_destroy(hypes[k]);
    }
}

static void adding(void **state)
{
    (void)state;
    tn_hypes *hypes[3];
    tn_data data[3];
    for (size_t k = 0; k < 3; k++) /* the same seed, and another */
        open_task("adding", 8, k < 2 ? 3 : 4, &hypes[k], &data[k]);
    assert_int_equal(tn_dataset_shape(data[0].train)->rank, 2);
    bool differs = false;
    for (uint32_t i = 0; i < 50; i++) {
        float x[3][16], y, sum = 0, marks = 0;
        for (size_t k = 0; k < 3; k++)
            tn_dataset_inputs(data[k].train, &i, 1, x[k]);
        tn_dataset_target_labels(data[0].train, &i, 1, &y);
        for (size_t t = 0; t < 8; t++) {
            sum += x[0][2 * t] * x[0][2 * t + 1];
            marks += x[0][2 * t + 1];
        }
        assert_true(marks == 2 && sum == y);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        differs = differs || memcmp(x[0], x[2], sizeof x[0]) != 0;
    }
    assert_true(differs);
    for (size_t k = 0; k < 3; k++) {
        tn_data_close(&data[k]);
        tn_hypes_destroy(hypes[k]);
    }
}

static tn_status parse_parallel(const char *source_text, const char *target_text, const tn_parallel_options *options, tn_source **source,
                                tn_error *error)
{
    const tn_parallel_text texts[2] = {{(const uint8_t *)source_text, strlen(source_text)},
                                       {(const uint8_t *)target_text, strlen(target_text)}};
    *error = (tn_error){0};
    *source = tn_source_new();
    assert_non_null(*source);
    tn_status status = tn_parallel_parse(texts, options, texts, *source, error);
    return status == TN_OK ? tn_source_complete(*source, error) : status;
}

/* What one sample says, token by token, parted by |; a step without a label is -. */
static void expect_sample(const tn_source *source, size_t sample, const char *inputs, const char *labels)
{
    char found[2][300] = {"", ""};
    for (size_t i = sample * source->width; i < (sample + 1) * source->width; i++) {
        const float told = source->labels.floats[i];
        snprintf(found[0] + strlen(found[0]), 300 - strlen(found[0]), "%s|", source->class_names[source->inputs.bytes[i]]);
        snprintf(found[1] + strlen(found[1]), 300 - strlen(found[1]), "%s|", told == -1 ? "-" : source->class_names[(size_t)told]);
    }
    assert_string_equal(found[0], inputs);
    assert_string_equal(found[1], labels);
}

static void parallel_texts(void **state)
{
    (void)state;
    tn_source *source;
    tn_error error;
    tn_parallel_options options = {.unit = TN_TEXT_WORDS, .time = 6, .names = {"en.txt", "de.txt"}};
    /* Lines 2 and 4 are left out: one is empty, one too long. The last ends without a line's end, one with that of another system. */
    assert_int_equal(parse_parallel("the house\n\nthe cat\r\none two three four\na house",
                                    "das Haus\nleer\ndie Katze!\neins zwei drei vier\nein", &options, &source, &error),
                     TN_OK);
    assert_int_equal(source->samples, 3);
    assert_string_equal(source->class_names[0], "<padding>");
    expect_sample(source, 0, "the|house|<go>|das|Haus|<padding>|", "-|-|das|Haus|<end>|-|");
    expect_sample(source, 1, "the|cat|<go>|die|Katze|!|", "-|-|die|Katze|!|<end>|");
    expect_sample(source, 2, "a|house|<go>|ein|<padding>|<padding>|", "-|-|ein|<end>|-|-|");
    assert_int_equal(source->lines[0], 1);
    assert_int_equal(source->lines[1], 3);
    assert_int_equal(source->lines[2], 5);
    assert_true(source->labels_each_step && source->are_tokens && !source->are_windows);
    tn_source_release(source);
    options.vocabulary = 1; /* both "b", the most frequent of the two files together */
    options.unit = TN_TEXT_CHARACTERS;
    assert_int_equal(parse_parallel("ab\n", "bc\n", &options, &source, &error), TN_OK);
    expect_sample(source, 0, "<unknown>|b|<go>|b|<unknown>|<padding>|", "-|-|b|<unknown>|<end>|-|");
    tn_source_release(source);
    static const struct {
        const char *source, *target, *words;
    } bad[] = {
        {"a\nb\n", "c\n", "has 1 lines, and en.txt has 2; line for line one is to be the counterpart of the other"},
        {"a b c\n", "d e f\n", "holds no pair of lines of 6 steps or fewer: the shortest needs 7"},
        {"\n", "d\n", "holds no line that has a counterpart"},
        {"a\n", "\x80\n", "is no text in UTF-8: byte 0 is 80"},
    };
    options = (tn_parallel_options){.unit = TN_TEXT_WORDS, .time = 6, .names = {"en.txt", "de.txt"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_parallel(bad[i].source, bad[i].target, &options, &source, &error), TN_ERROR_DATA);
        if (!strstr(error.message, bad[i].words))
            fail_msg("case %zu: %s", i, error.message);
        tn_source_release(source);
    }
    /* A word that training does not know, in line 2 of the second file. */
    const tn_parallel_text texts[2] = {{(const uint8_t *)"a\na\n", 4}, {(const uint8_t *)"b\nzoo\n", 6}},
                           training[2] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}};
    source = tn_source_new();
    assert_int_equal(tn_parallel_parse(texts, &options, training, source, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "holds 'zoo' at byte 0, which does not occur in data.train"));
    assert_string_equal(error.file, "de.txt");
    assert_int_equal(error.line, 2);
    tn_source_release(source);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static tn_status open_texts(const char *folder, const char *train, const char *valid, tn_hypes **hypes, tn_data *data, tn_error *error)
{
    char text[900];
    int length = snprintf(text, sizeof text,
                          "{\"data\": {\"train\": {\"format\": \"text\", \"file\": \"train.txt\", %s}, \"valid\": %s}, "
                          "\"net\": [{\"op\": \"flatten\"}], \"loss\": \"softmax_cross_entropy\"}",
                          train, valid);
    assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", folder, hypes, error), TN_OK);
    return tn_data_open(*hypes, NULL, data, error);
}

/* A validation text has the numbers of the training's; one that does not fit is refused. */
static void validation_texts(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet_text_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    write_text(folder, "train.txt", "b a b c b a b");
    write_text(folder, "valid.txt", "c c a zebra");
    static const struct {
        const char *train, *valid;
        tn_status status;
        const char *words;
    } cases[] = {
        {"\"time\": 3, \"unit\": \"word\", \"vocabulary\": 9", "{\"format\": \"text\", \"file\": \"valid.txt\", \"time\": 3}", TN_OK, NULL},
        {"\"time\": 3, \"unit\": \"word\"", "{\"format\": \"text\", \"file\": \"valid.txt\", \"time\": 3}", TN_ERROR_DATA,
         "holds 'zebra' at byte 6"},
        {"\"time\": 3", "{\"format\": \"text\", \"file\": \"valid.txt\", \"time\": 3}", TN_ERROR_DATA, "holds 'z' at byte 6"},
        {"\"time\": 3, \"unit\": \"word\"", "{\"format\": \"text\", \"file\": \"valid.txt\", \"time\": 3, \"unit\": \"character\"}",
         TN_ERROR_HYPES, "is read in the unit and the vocabulary of data.train"},
        {"\"time\": 3, \"masked\": 0.5", "{\"format\": \"text\", \"file\": \"valid.txt\", \"time\": 3}", TN_ERROR_HYPES,
         "say \"masked\" in both or in neither"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_hypes *hypes;
        tn_data data;
        tn_error error = {0};
        tn_status status = open_texts(folder, cases[i].train, cases[i].valid, &hypes, &data, &error);
        if (status != cases[i].status || (cases[i].words && !strstr(error.message, cases[i].words)))
            fail_msg("case %zu: %d, %s", i, (int)status, error.message);
        if (status == TN_OK) {
            float numbers[3];
            tn_dataset_inputs(data.valid, NULL, 1, numbers);
            assert_true(numbers[0] == 3 && numbers[1] == 3 && numbers[2] == 2); /* <unknown> b a c */
        }
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
    snprintf(path, sizeof path, "%s/train.txt", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/valid.txt", folder);
    unlink(path);
    rmdir(folder);
}

/* Fractions are the end of a text, validation before test, and windows that reach from one set into another belong to none. */
static void end_of_text(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet_text_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    write_text(folder, "train.txt", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO"); /* 41 characters: 10 windows of 4, or 19 with stride 2 */
    for (size_t overlapping = 0; overlapping < 2; overlapping++) {
        tn_hypes *hypes;
        tn_data data;
        tn_error error = {0};
        tn_status status = open_texts(folder, overlapping ? "\"time\": 4, \"stride\": 2" : "\"time\": 4",
                                      "{\"fraction\": 0.2}, \"test\": {\"fraction\": 0.1}", &hypes, &data, &error);
        if (status != TN_OK)
            fail_msg("%s", error.message);
        const size_t train = tn_dataset_samples(data.train), valid = tn_dataset_samples(data.valid), test = tn_dataset_samples(data.test);
        assert_int_equal(train, overlapping ? 12 : 7);
        assert_int_equal(valid, overlapping ? 3 : 2);
        assert_int_equal(test, overlapping ? 2 : 1);
        for (size_t i = 0; i < train; i++)
            assert_int_equal(tn_dataset_row(data.train, i), i);
        for (size_t i = 0; i < valid; i++)
            assert_int_equal(tn_dataset_row(data.valid, i), (overlapping ? 13 : 7) + i);
        for (size_t i = 0; i < test; i++)
            assert_int_equal(tn_dataset_row(data.test, i), (overlapping ? 17 : 9) + i);
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
    tn_hypes *hypes;
    tn_data data;
    tn_error error = {0};
    assert_int_equal(open_texts(folder, "\"time\": 20, \"stride\": 10", "{\"fraction\": 0.6}", &hypes, &data, &error), TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "which leaves none to train on"));
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    snprintf(path, sizeof path, "%s/train.txt", folder);
    unlink(path);
    rmdir(folder);
}

/* Through the hypes: a validation pair of files in the numbers of the training's. */
static void parallel_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet_text_XXXXXX", path[64];
    static const char *const names[] = {"a.txt", "b.txt", "c.txt", "d.txt"}, *const texts[] = {"one two\n", "ein zwei\n", "two\n",
                                                                                               "zwei\n"};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 4; i++)
        write_text(folder, names[i], texts[i]);
    static const char text[] =
        "{\"data\": {\"train\": {\"format\": \"parallel\", \"source\": \"a.txt\", \"target\": \"b.txt\", \"time\": 5}, \"valid\": "
        "{\"format\": \"parallel\", \"source\": \"c.txt\", \"target\": \"d.txt\", \"time\": 5, \"unit\": \"word\"}}, "
        "\"net\": [{\"op\": \"flatten\"}], \"loss\": \"softmax_cross_entropy\"}";
    tn_hypes *hypes;
    tn_data data;
    tn_error error = {0};
    assert_int_equal(tn_hypes_parse(text, sizeof text - 1, "t.json", folder, &hypes, &error), TN_OK);
    if (tn_data_open(hypes, NULL, &data, &error) != TN_OK)
        fail_msg("%s", error.message);
    float inputs[5];
    int32_t labels[5];
    tn_dataset_inputs(data.valid, NULL, 1, inputs);
    tn_dataset_class_labels(data.valid, NULL, 1, labels);
    assert_true(inputs[0] == 5 && inputs[1] == 1 && inputs[2] == 6 && inputs[3] == 0); /* ein 3, one 4, two 5, zwei 6 */
    assert_true(labels[0] == -1 && labels[1] == 6 && labels[2] == 2 && labels[3] == -1);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows),
                                       cmocka_unit_test(wrong_texts),
                                       cmocka_unit_test(words),
                                       cmocka_unit_test(pieces),
                                       cmocka_unit_test(vocabularies),
                                       cmocka_unit_test(many_words),
                                       cmocka_unit_test(masked),
                                       cmocka_unit_test(tasks),
                                       cmocka_unit_test(versions_of_a_translation),
                                       cmocka_unit_test(adding),
                                       cmocka_unit_test(validation_texts),
                                       cmocka_unit_test(end_of_text),
                                       cmocka_unit_test(parallel_texts),
                                       cmocka_unit_test(parallel_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
