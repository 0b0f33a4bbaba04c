/* test_read_csv.c: tables with and without header, quotes, line ends, words for labels; and what is wrong with others, with line and column. */
#include "support_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const tn_csv_column last = {.number = -1};

static void source_clear(tn_source *source)
{
    tn_array_deinit(&source->inputs);
    tn_array_deinit(&source->labels);
    for (size_t i = 0; i < source->class_count; i++)
        free(source->class_names[i]);
    tn_memory_destroy(source->class_names);
    tn_memory_destroy(source->lines);
    *source = (tn_source){0};
}

static tn_status parse(const char *text, size_t size, tn_csv_header header, char delimiter, const tn_csv_column *labels, size_t label_count,
                       tn_source *source, tn_error *error)
{
    *source = (tn_source){0};
    *error = (tn_error){0};
    char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    if (size > 0)
        memcpy(exact, text, size);
    tn_csv_options options = {.header = header, .delimiter = delimiter, .labels = labels, .label_count = label_count};
    tn_status status = tn_csv_parse((const uint8_t *)exact, size, &options, source, error);
    if (status == TN_OK)
        status = tn_source_complete(source, error);
    if (status != TN_OK)
        source_clear(source);
    free(exact);
    return status;
}

static void must_parse(const char *text, tn_csv_column label, tn_source *source)
{
    tn_error error;
    if (parse(text, strlen(text), TN_CSV_HEADER_FIND, ',', &label, 1, source, &error) != TN_OK)
        fail_msg("line %d: %s", error.line, error.message);
}

static void must_fail(const char *text, tn_csv_column label, int line, const char *part)
{
    tn_source source;
    tn_error error;
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_FIND, ',', &label, 1, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, part);
    assert_int_equal(error.line, line);
}

/* samples, inputs and labels, all given as numbers. */
static void assert_table(const tn_source *source, size_t samples, size_t width, const double *inputs, const double *labels)
{
    assert_int_equal(source->samples, samples);
    assert_int_equal(source->width, width);
    for (size_t i = 0; i < samples * width; i++)
        assert_near(array_value(&source->inputs, i), inputs[i], 0);
    for (size_t i = 0; i < samples; i++)
        assert_near(tn_source_label(source, i, 0), labels[i], 0);
}

static void reads_plain_and_header(void **state)
{
    (void)state;
    static const double inputs[] = {1, 2, 4, 5}, labels[] = {3, 6};
    static const char *const texts[] = {"1,2,3\n4,5,6\n",          "1,2,3\n4,5,6",
                                        "1,2,3\r\n4,5,6\r\n",      "\357\273\2771,2,3\n4,5,6\n",
                                        "a,b,c\n1,2,3\n4,5,6\n",   "\"1\",2,3\n4,\"5\",6\n",
                                        " 1 , 2 ,\t3 \n4,5,6\n\n", "\n1,2,3\n  \n4,5,6\n\n\n",
                                        "1,2,3\r4,5,6\r",          "\"a \"\"b\"\"\",\"x,\ny\",c\r\n1,2,3\r\n4,5,6"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tn_source source;
        must_parse(texts[i], last, &source);
        assert_table(&source, 2, 2, inputs, labels);
        source_clear(&source);
    }
}

static void finds_the_label(void **state)
{
    (void)state;
    static const double inputs[] = {2, 3, 5, 6}, labels[] = {1, 4};
    const char *text = "a,b,c\n1,2,3\n4,5,6\n";
    static const tn_csv_column columns[] = {{.name = "a"}, {.number = 0}, {.number = -3}};
    for (size_t i = 0; i < 3; i++) {
        tn_source source;
        must_parse(text, columns[i], &source);
        assert_table(&source, 2, 2, inputs, labels);
        source_clear(&source);
    }
    must_fail(text, (tn_csv_column){.number = 3}, 0, "3 columns, so there is no label column 3");
    must_fail(text, (tn_csv_column){.number = -4}, 0, "no label column -4");
    must_fail("mpg,weight\n1,2\n", (tn_csv_column){.name = "wieght"}, 0, "no column 'wieght'; the nearest is 'weight'");
    must_fail("mpg,weight\n1,2\n", (tn_csv_column){.name = "qqqqqqqq"}, 0, "no column 'qqqqqqqq'");
}

static void reads_several_labels(void **state)
{
    (void)state;
    static const tn_csv_column columns[] = {{.name = "c"}, {.number = 0}};
    const char *text = "a,b,c\n1,2,3\n4,5,6\n";
    tn_source source;
    tn_error error;
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_FIND, ',', columns, 2, &source, &error), TN_OK);
    assert_int_equal(source.label_width, 2);
    assert_int_equal(source.width, 1);
    assert_near(tn_source_label(&source, 1, 0), 6, 0);
    assert_near(tn_source_label(&source, 1, 1), 4, 0);
    source_clear(&source);
    static const tn_csv_column twice[] = {{.name = "a"}, {.number = 0}};
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_FIND, ',', twice, 2, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, "twice");
    static const tn_csv_column all[] = {{.number = 0}, {.number = 1}, {.number = 2}};
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_FIND, ',', all, 3, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, "all of them labels");
}

static void obeys_the_header_option(void **state)
{
    (void)state;
    const char *text = "1,2,3\n4,5,6\n";
    tn_source source;
    tn_error error;
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_FIRST_LINE, ',', &last, 1, &source, &error), TN_OK);
    assert_int_equal(source.samples, 1);
    source_clear(&source);
    assert_int_equal(parse(text, strlen(text), TN_CSV_HEADER_NONE, ',', &last, 1, &source, &error), TN_OK);
    assert_int_equal(source.samples, 2);
    source_clear(&source);
    const char *named = "a,b,c\n1,2,3\n";
    assert_int_equal(parse(named, strlen(named), TN_CSV_HEADER_NONE, ',', &last, 1, &source, &error), TN_ERROR_DATA);
    assert_int_equal(error.line, 1);
    tn_csv_column by_name = {.name = "c"};
    assert_int_equal(parse(named, strlen(named), TN_CSV_HEADER_NONE, ',', &by_name, 1, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, "no header");
    must_fail("a,b,c\n", last, 1, "cell 1 of this row holds 'a'");
    assert_int_equal(parse("a,b\n", 4, TN_CSV_HEADER_FIRST_LINE, ',', &last, 1, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, "a header and no rows");
}

static void reads_other_delimiters(void **state)
{
    (void)state;
    static const double inputs[] = {1, 2, 4, 5}, labels[] = {3, 6};
    tn_source source;
    tn_error error;
    assert_int_equal(parse("1;2;3\n4;5;6\n", 12, TN_CSV_HEADER_FIND, ';', &last, 1, &source, &error), TN_OK);
    assert_table(&source, 2, 2, inputs, labels);
    source_clear(&source);
    assert_int_equal(parse("1\t2\t3\n4\t5\t6\n", 12, TN_CSV_HEADER_FIND, '\t', &last, 1, &source, &error), TN_OK);
    assert_table(&source, 2, 2, inputs, labels);
    source_clear(&source);
    assert_int_equal(parse("1\t2\t3\n4\t\t6\n", 11, TN_CSV_HEADER_FIND, '\t', &last, 1, &source, &error), TN_ERROR_DATA);
    assert_int_equal(error.line, 2);
    must_fail("1;2;3\n4;5;6\n", last, 0, "Is the delimiter ','?");
}

static void numbers_words(void **state)
{
    (void)state;
    tn_source source;
    must_parse("x,kind\n1,pear\n2,apple\n3,\"a \"\"fig\"\"\"\n4,pear\n", last, &source);
    assert_int_equal(source.class_count, 3);
    assert_string_equal(source.class_names[0], "a \"fig\"");
    assert_string_equal(source.class_names[1], "apple");
    assert_string_equal(source.class_names[2], "pear");
    static const double inputs[] = {1, 2, 3, 4}, labels[] = {2, 1, 0, 2};
    assert_table(&source, 4, 1, inputs, labels);
    source_clear(&source);
    must_fail("x,kind\n1,2\n2,12.x\n3,4\n", last, 3,
              "cell 2 of this row (column 'kind') holds the label '12.x', where other rows have numbers");
    must_fail("x,kind\n1,pear\n2,\n", last, 3, "cell 2 of this row (column 'kind') holds no value: ''");
}

static void reports_bad_cells(void **state)
{
    (void)state;
    must_fail("a,b,c\n1,2,3\n4,?,6\n", last, 3, "cell 2 of this row (column 'b') holds no value: '?'; fill it in or leave the row out");
    must_fail("1,2,3\n4,,6\n", last, 2, "cell 2 of this row holds no value: ''");
    must_fail("1,2,3\n4,NaN,6\n", last, 2, "holds no value: 'NaN'");
    must_fail("1,2,3\n4,inf,6\n", last, 2, "holds 'inf', which is not a finite number");
    must_fail("1,2,3\n4,0x10,6\n", last, 2, "'0x10'");
    must_fail("1,2,3\n4,1e999,6\n", last, 2, "'1e999'");
    must_fail("1,2,3\n4,1.2.3,6\n", last, 2, "'1.2.3'");
    must_fail("1,2,3\n4,5\n", last, 2, "this row has 2 cells where the first row has 3");
    must_fail("1,2,3\n4,5,6,7\n", last, 2, "this row has 4 cells");
    must_fail("1,2,3\n\n4,\"5,6\n7,8,9\n", last, 3, "a quote that opens here is never closed");
    must_fail("1,2,3\n4,\"5\"x,6\n", last, 2, "text after a closing quote");
    must_fail("\"a\n\nb\",c\n1,2\n3,x\n", last, 5, "holds the label 'x'"); /* a quoted line end counts as a line */
    must_fail("", last, 0, "holds no rows");
    must_fail("\n \n\r\n", last, 0, "holds no rows");
    tn_source source;
    tn_error error;
    assert_int_equal(parse("1,2,3\n4,\0\1,6\n", 13, TN_CSV_HEADER_FIND, ',', &last, 1, &source, &error), TN_ERROR_DATA);
    assert_contains(error.message, "'?"
                                   "?'");
}

static void reads_numbers_exactly(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0.5",
                                        "+3",
                                        ".25",
                                        "7.",
                                        "1e3",
                                        "1E-3",
                                        "-2.5e+2",
                                        "123456789012345678",
                                        "0.1",
                                        "1e-320",
                                        "3232235777",
                                        "9007199254740993",
                                        "1234567890.123456789"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        /* Labels of one column keep what float32 keeps; the cell reader itself is exact. */
        char text[128];
        snprintf(text, sizeof text, "%s,0\n", texts[i]);
        tn_source source;
        must_parse(text, last, &source);
        assert_near(array_value(&source.inputs, 0), (float)strtod(texts[i], NULL), 0);
        source_clear(&source);
    }
}

/* Raw addresses differ by 1 near 3e9, where float32 steps by 256. The column must keep them apart. */
static void keeps_large_numbers_apart(void **state)
{
    (void)state;
    tn_source source;
    must_parse("3232235778,1,0\n3232235779,2,1\n3232235773,3,0\n", last, &source);
    assert_non_null(source.inputs.offsets);
    assert_near(array_value(&source.inputs, 2) - array_value(&source.inputs, 0), 1, 0);
    assert_near(array_value(&source.inputs, 4) - array_value(&source.inputs, 0), -5, 0);
    assert_near(source.inputs.offsets[1], 0, 0);
    source_clear(&source);
}

/* A cut table is refused with a line, or is a table that is just shorter: nothing in it says how long it was. */
static void survives_truncation(void **state)
{
    (void)state;
    const char *text = "\xef\xbb\xbfname,\"b \"\"q\"\"\",kind\r\n1.5,-2e3,\"pe\nar\"\r\n4,5,fig\r\n";
    size_t refused = 0;
    for (size_t size = 0; size < strlen(text); size++) {
        tn_source source;
        tn_error error;
        tn_status status = parse(text, size, TN_CSV_HEADER_FIRST_LINE, ',', &last, 1, &source, &error);
        if (status == TN_OK) {
            assert_in_range(source.samples, 1, 2);
            source_clear(&source);
        } else {
            assert_int_equal(status, TN_ERROR_DATA);
            assert_true(error.message[0] != '\0');
            refused++;
        }
    }
    assert_in_range(refused, 30, strlen(text));
}

static void reads_gz(void **state)
{
    (void)state;
    bytes text = {0};
    for (int i = 0; i < 40000; i++) {
        char row[64];
        snprintf(row, sizeof row, "%d,%d\n", i, i % 7);
        bytes_add(&text, row, strlen(row));
    }
    bytes packed = bytes_gzip(&text);
    tn_source source;
    tn_error error;
    assert_int_equal(parse((const char *)packed.data, packed.size, TN_CSV_HEADER_FIND, ',', &last, 1, &source, &error), TN_OK);
    assert_int_equal(source.samples, 40000);
    assert_near(array_value(&source.inputs, 39999), 39999, 0);
    source_clear(&source);
    for (size_t size = 0; size < packed.size; size += 997)
        assert_int_equal(parse((const char *)packed.data, size, TN_CSV_HEADER_FIND, ',', &last, 1, &source, &error), TN_ERROR_DATA);
    bytes_free(&packed);
    bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_plain_and_header),
        cmocka_unit_test(finds_the_label),
        cmocka_unit_test(reads_several_labels),
        cmocka_unit_test(obeys_the_header_option),
        cmocka_unit_test(reads_other_delimiters),
        cmocka_unit_test(numbers_words),
        cmocka_unit_test(reports_bad_cells),
        cmocka_unit_test(reads_numbers_exactly),
        cmocka_unit_test(keeps_large_numbers_apart),
        cmocka_unit_test(survives_truncation),
        cmocka_unit_test(reads_gz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
