/* test_runs.c: runs as a list, alone and side by side: the exact text for a few widths, the documents, and what holds at every width.
 *
 * Texts are compared with those in data/; TENET_UPDATE_GOLDEN=1 writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <math.h>

#include "report/plot.h"
#include "report/runs.h"
#include "report/support_recorded.h"

typedef struct fixture {
    tn_store *store;
    tn_run_list list;
    tn_history *histories[3];
    tn_run_view runs[3];
} fixture;

static int setup(void **state)
{
    static fixture all;
    all = (fixture){0};
    assert_int_equal(tn_store_open(":memory:", &all.store, NULL), TN_OK);
    recorded_write(all.store, NULL);
    assert_int_equal(tn_run_list_read(all.store, &all.list, NULL), TN_OK);
    assert_int_equal(all.list.count, 3);
    for (size_t i = 0; i < 3; i++) {
        tn_run_row *row = &all.list.rows[i];
        snprintf(row->started, strlen(row->started) + 1, "2026-11-28T10:00:0%zuZ", i);
        assert_int_equal(tn_history_from_store(all.store, row->id, row->end != NULL, &all.histories[i], NULL), TN_OK);
        all.runs[i] = (tn_run_view){.row = row, .history = all.histories[i]};
    }
    *state = &all;
    return 0;
}

static int teardown(void **state)
{
    fixture *all = *state;
    for (size_t i = 0; i < 3; i++)
        tn_history_destroy(all->histories[i]);
    tn_run_list_deinit(&all->list);
    return tn_store_close(all->store, NULL) == TN_OK ? 0 : -1;
}

static void expect(char *text, const char *name)
{
    char path[512];
    assert_non_null(text);
    snprintf(path, sizeof path, "%s/%s.txt", TN_TEST_DATA, name);
    if (getenv("TENET_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    static char golden[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is missing; TENET_UPDATE_GOLDEN=1 writes it", path);
    golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, golden);
    free(text);
}

static const tn_report_style PLAIN = {.width = 100}, NARROW = {.width = 60}, ASCII = {.width = 80, .ascii = true}, WIDE = {.width = 160};

static void texts_are_exact(void **state)
{
    const fixture *all = *state;
    expect(tn_runs_text(&all->list, NULL, 0, &PLAIN), "runs_100");
    expect(tn_runs_text(&all->list, NULL, 0, &NARROW), "runs_60");
    expect(tn_runs_text(&all->list, "train", 1, &WIDE), "runs_filtered");
    expect(tn_run_show_text(&all->runs[0], NULL, &PLAIN), "show_100");
    json_t *metrics = json_pack("{s:s, s:i, s:f, s:f, s:[[i, i], [i, i]]}", "of", "validation", "samples", 200, "accuracy", 0.91,
                                "f1_macro", 0.9, "confusion", 100, 3, 15, 82);
    json_t *test =
        json_pack("{s:s, s:i, s:f, s:f, s:f}", "of", "test", "samples", 10000, "score", 0.885, "loss", 0.2871, "accuracy", 0.8965);
    const tn_run_view measured = {.row = all->runs[0].row, .history = all->runs[0].history, .metrics = metrics, .test = test};
    expect(tn_run_show_text(&measured, NULL, &PLAIN), "show_metrics_100");
    json_decref(metrics);
    json_decref(test);
    expect(tn_run_show_text(&all->runs[1], NULL, &NARROW), "show_broken_60");
    expect(tn_run_show_text(&all->runs[1], NULL, &ASCII), "show_broken_ascii");
    expect(tn_run_show_text(&all->runs[2], NULL, &PLAIN), "show_killed");
    expect(tn_run_show_text(&all->runs[1], tn_history_tensor_find(all->histories[1], "dense_1.weight"), &PLAIN), "show_tensor");
    expect(tn_run_show_text(&all->runs[0], tn_history_tensor_find(all->histories[0], "relu_2"), &ASCII), "show_tensor_ascii");
    expect(tn_run_compare_text(all->runs, &PLAIN), "compare_100");
    const tn_run_view swapped[2] = {all->runs[2], all->runs[0]};
    expect(tn_run_compare_text(swapped, &NARROW), "compare_60");
    const tn_run_view same[2] = {all->runs[0], all->runs[0]};
    expect(tn_run_compare_text(same, &ASCII), "compare_same_ascii");
}

/* Lines of pictures and tables fit; words that cannot be broken may not. */
static void check_fits(char *text, const tn_report_style *style, size_t slack)
{
    assert_non_null(text);
    char *rest = text;
    for (char *line = strtok_r(rest, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (tn_columns(line) > style->width + slack)
            fail_msg("%zu columns, and the page has %zu: %s", tn_columns(line), style->width, line);
        for (const char *at = line; style->ascii && *at; at++)
            assert_true((unsigned char)*at < 0x80 && *at != '\033');
    }
    free(text);
}

static void every_width_fits(void **state)
{
    const fixture *all = *state;
    for (size_t width = 60; width <= 200; width++)
        for (int ascii = 0; ascii < 2; ascii++) {
            const tn_report_style style = {.width = width, .ascii = ascii};
            for (size_t i = 0; i < 3; i++) {
                check_fits(tn_run_show_text(&all->runs[i], NULL, &style), &style, 0);
                for (size_t k = 0; k < tn_history_tensor_count(all->histories[i]); k++)
                    check_fits(tn_run_show_text(&all->runs[i], tn_history_tensor_at(all->histories[i], k), &style), &style, 0);
            }
            check_fits(tn_run_compare_text(all->runs, &style), &style, 0);
            const tn_run_view swapped[2] = {all->runs[2], all->runs[0]};
            check_fits(tn_run_compare_text(swapped, &style), &style, 0);
            check_fits(tn_runs_text(&all->list, NULL, 0, &style), &style, 0);
        }
}

static void colours_are_given_where_asked(void **state)
{
    const fixture *all = *state;
    char *plain = tn_run_show_text(&all->runs[1], NULL, &PLAIN),
         *coloured = tn_run_show_text(&all->runs[1], NULL, &(tn_report_style){.width = 100, .colour = true});
    assert_null(strchr(plain, '\033'));
    assert_non_null(strchr(coloured, '\033'));
    free(plain);
    free(coloured);
}

static void an_empty_store(void **state)
{
    (void)state;
    const tn_run_list none = {0};
    const tn_run_row *row;
    tn_error error = {0};
    char *text = tn_runs_text(&none, NULL, 0, &PLAIN);
    assert_string_equal(text, "The store holds no run yet.\n");
    free(text);
    assert_int_equal(tn_run_list_find(&none, "last", &row, &error), TN_ERROR_USAGE);
    assert_non_null(strstr(error.message, "no run yet"));
}

static void runs_are_found(void **state)
{
    const fixture *all = *state;
    const tn_run_row *row;
    tn_error error = {0};
    assert_int_equal(tn_run_list_find(&all->list, "2", &row, NULL), TN_OK);
    assert_int_equal(row->id, 2);
    assert_int_equal(tn_run_list_find(&all->list, "last", &row, NULL), TN_OK);
    assert_int_equal(row->id, 3);
    static const char *const WRONG[] = {"4", "0", "-1", "x", "", "1x", "99999999999999999999", "LAST"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        assert_int_equal(tn_run_list_find(&all->list, WRONG[i], &row, &error), TN_ERROR_USAGE);
        assert_null(row);
    }
    char *text = tn_runs_text(&all->list, "scale", 0, &PLAIN);
    assert_string_equal(text, "None of the 3 runs is of the experiment 'scale'.\n");
    free(text);
}

static void rows_say_what_was_recorded(void **state)
{
    const fixture *all = *state;
    const tn_run_row *rows = all->list.rows;
    char changes[64];
    assert_int_equal(rows[0].steps, RECORDED_STEPS);
    assert_int_equal(rows[1].steps, 60);
    assert_true(isnan(rows[1].loss) && rows[1].has_loss);
    assert_string_equal(rows[1].signals, "diverging, nonfinite");
    assert_string_equal(rows[1].end, "nonfinite");
    assert_null(rows[2].end);
    assert_true(isnan(rows[2].score) && fabs(rows[0].score - (0.9 - rows[0].loss / 4)) < 1e-12);
    tn_run_row_changes(&rows[1], changes, sizeof changes);
    assert_string_equal(changes, "solver.learning_rate=10 net.1.op=tanh");
    tn_run_row_changes(&rows[1], changes, 20);
    assert_string_equal(changes, "solver.learning_r..");
    tn_run_row_changes(&rows[0], changes, sizeof changes);
    assert_string_equal(changes, "");
}

static json_t *parsed(char *text, const char *schema)
{
    assert_non_null(text);
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "schema")), schema);
    free(text);
    return document;
}

static void documents(void **state)
{
    const fixture *all = *state;
    json_t *document = parsed(tn_runs_json(&all->list, NULL, 2), "tenet.runs/1"), *runs = json_object_get(document, "runs");
    assert_int_equal(json_array_size(runs), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(runs, 0), "run")), 3);
    assert_true(json_is_null(json_object_get(json_array_get(runs, 0), "end")));
    assert_true(json_is_null(json_object_get(json_array_get(runs, 1), "loss"))); /* NaN */
    assert_true(json_real_value(json_object_get(json_object_get(json_array_get(runs, 1), "changes"), "solver.learning_rate")) == 10);
    json_decref(document);

    document = parsed(tn_run_show_json(&all->runs[1], NULL), "tenet.run/1");
    const json_t *loss = json_object_get(json_object_get(document, "series"), "loss"), *tensors = json_object_get(document, "tensors");
    assert_int_equal(json_array_size(json_object_get(loss, "first_step")), 60);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(loss, "nan"), 57)), 1);
    assert_true(json_is_null(json_array_get(json_object_get(loss, "last"), 59)));
    assert_int_equal(json_array_size(json_object_get(document, "signals")), 2);
    assert_int_equal(json_array_size(tensors), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(tensors, 0), "role")), "weight");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(tensors, 0), "nonfinite_step")), RECORDED_BROKEN);
    assert_null(json_object_get(json_array_get(tensors, 0), "histograms"));
    json_decref(document);

    document = parsed(tn_run_show_json(&all->runs[0], tn_history_tensor_find(all->histories[0], "relu_2")), "tenet.run/1");
    tensors = json_object_get(document, "tensors");
    assert_int_equal(json_array_size(tensors), 1);
    const json_t *first = json_array_get(json_object_get(json_array_get(tensors, 0), "histograms"), 0),
                 *positive = json_object_get(first, "positive");
    double sum = json_real_value(json_array_get(json_object_get(json_array_get(tensors, 0), "zeros"), 0));
    for (size_t i = 0; i < json_array_size(positive); i++)
        sum += json_real_value(json_array_get(positive, i));
    assert_true(fabs(sum - 1) < 1e-3);
    json_decref(document);

    document = parsed(tn_run_compare_json(all->runs), "tenet.compare/1");
    assert_int_equal(json_array_size(json_object_get(document, "differences")), 2);
    const json_t *parted = json_array_get(json_object_get(document, "parted"), 0);
    assert_true(json_is_null(json_object_get(parted, "factor"))); /* one is NaN, the other is not */
    assert_true(json_is_number(json_object_get(json_object_get(json_object_get(document, "final"), "loss"), "first")));
    assert_true(json_is_null(json_object_get(json_object_get(json_object_get(document, "final"), "loss"), "second")));
    json_decref(document);
}

/* What differs by less than the factor does not part; the step is the first on which it does. */
static void partings_have_their_step(void **state)
{
    const fixture *all = *state;
    json_t *document = parsed(tn_run_compare_json(all->runs), "tenet.compare/1");
    size_t index, weights = 0;
    const json_t *one;
    json_array_foreach(json_object_get(document, "parted"), index, one)
    {
        const char *tensor = json_string_value(json_object_get(one, "tensor"));
        if (strcmp(tensor, "dense_1.weight") != 0)
            continue;
        weights++;
        assert_int_equal(json_integer_value(json_object_get(one, "from_step")), 11); /* 1.1^11 = 2.9, 1.1^1 = 1.1 */
        assert_int_equal(json_integer_value(json_object_get(one, "factor_step")), RECORDED_BROKEN);
    }
    assert_int_equal(weights, 1);
    json_decref(document);
    const tn_run_view same[2] = {all->runs[1], all->runs[1]};
    document = parsed(tn_run_compare_json(same), "tenet.compare/1");
    assert_int_equal(json_array_size(json_object_get(document, "parted")), 0);
    assert_int_equal(json_array_size(json_object_get(document, "differences")), 0);
    json_decref(document);
}

static void sparklines(void **state)
{
    (void)state;
    static const struct {
        double values[6];
        size_t count, columns;
        const char *expected;
    } CASES[] = {
        {{0, 1, 2, 3}, 4, 4, "▁▃▆█|"},
        {{0, 1, 2, 3}, 4, 6, "▁▃▆█  |"},
        {{0, 3, 0, 1}, 4, 2, "█▃|"},  /* the largest of each share */
        {{5, 5.01, 5}, 3, 3, "▅▅▅|"}, /* what a person calls constant */
        {{0, 0}, 2, 2, "▁▁|"},
        {{1, 10, 100, 1000}, 4, 4, "▁▃▆█|"}, /* two decades: logarithmic */
        {{1, NAN, 3, INFINITY}, 4, 4, "▁×█×|"},
        {{NAN, NAN}, 2, 2, "××|"},
        {{0}, 0, 3, "   |"},
        {{-2, -1}, 2, 2, "▁█|"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        tn_page page;
        tn_page_init(&page, false, 80);
        tn_sparkline_put(&page, CASES[i].values, CASES[i].count, CASES[i].columns);
        tn_page_put(&page, TN_STYLE_PLAIN, "|");
        char *text = tn_page_take(&page);
        assert_string_equal(text, CASES[i].expected);
        free(text);
    }
}

/* A picture of a history of these losses, without its last two lines. */
static char *plotted(const double *losses, size_t count, size_t width, size_t rows)
{
    tn_history *history;
    tn_page page;
    assert_int_equal(tn_history_create(&history, NULL), TN_OK);
    tn_observer observer = tn_history_observer(history);
    for (size_t i = 0; i < count; i++)
        observer.on_step(observer.context, &(tn_step){.step = i + 1, .loss = losses[i], .gradient_norm = NAN});
    tn_page_init(&page, false, width);
    tn_plot_put(&page, &(tn_plot){.curves = {tn_history_series_of(history, TN_HISTORY_LOSS)}, .rows = rows});
    tn_history_destroy(history);
    char *text = tn_page_take(&page);
    char *axis = strstr(text, "            └");
    if (axis)
        axis[0] = '\0';
    return text;
}

static void curves(void **state)
{
    (void)state;
    static const struct {
        double losses[8];
        size_t count, rows;
        const char *expected;
    } CASES[] = {
        {{3, 2, 1, 0}, 4, 1, "        1.5 │⠉⠉⠓⠒⠒⠲⠤⠤⠤⣄⣀\n"},    {{3, 2, 1, 0}, 4, 2, "          3 │⠉⠓⠒⠦⢤⣀\n          0 │     ⠈⠙⠒⠦⠤⣄\n"},
        {{1, 1, 1}, 3, 1, "          1 │⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒\n"},       {{7}, 1, 1, "          7 │⠂\n"},
        {{1, NAN, 1}, 3, 1, "          1 │⠒⠒⠒⠒⠒×⠒⠒⠒⠒⠒\n"},     {{NAN, INFINITY}, 2, 1, "            │×         ×\n"},
        {{1, 1, 9, 1, 1}, 5, 1, "          5 │⣀⣀⣀⣠⠴⠋⠓⠦⣄⣀⣀\n"}, {{0}, 0, 1, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *text = plotted(CASES[i].losses, CASES[i].count, 24, CASES[i].rows);
        assert_string_equal(text, CASES[i].expected);
        free(text);
    }
    /* One step of a hundred thousand. */
    enum { MANY = 100000 };
    double *losses = calloc(MANY, sizeof *losses);
    assert_non_null(losses);
    losses[MANY / 2] = 1;
    char *text = plotted(losses, MANY, 24, 1);
    assert_string_equal(text, "        0.5 │⣀⣀⣀⣀⣀⣿⣀⣀⣀⣀⣀\n");
    free(text);
    free(losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_exact), cmocka_unit_test(every_width_fits),         cmocka_unit_test(colours_are_given_where_asked),
        cmocka_unit_test(an_empty_store),  cmocka_unit_test(runs_are_found),           cmocka_unit_test(rows_say_what_was_recorded),
        cmocka_unit_test(documents),       cmocka_unit_test(partings_have_their_step), cmocka_unit_test(sparklines),
        cmocka_unit_test(curves),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
