/* text_metrics.c: what the field calls the results of a training by, and which classes are taken for which. */
#include <math.h>
#include <stdio.h>

#include "report/text_parts.h"

/* A wider matrix is in the document alone. Cells are as wide as their largest number, and never narrower than CELL_MIN. */
enum { CLASSES_SHOWN = 10, CELL_MIN = 4 };

static const struct {
    const char *key, *title;
} FIGURES[] = {
    {"score", "score"},
    {"loss", "loss"},
    {"accuracy", "accuracy"},
    {"top5_accuracy", "among the five likeliest"},
    {"f1_macro", "F1, mean over the labels"},
    {"f1_micro", "F1, all labels together"},
    {"subset_accuracy", "all labels right"},
    {"hamming_loss", "share of wrong labels"},
    {"perplexity", "perplexity"},
    {"bits", "bits for each label"},
    {"r2", "R2"},
    {"rmse", "root of the mean squared error"},
    {"mae", "mean absolute error"},
    {"iou", "overlap with the right box"},
    {"iou50", "boxes overlapped by half"},
    {"exact", "counts that are right"},
};
enum { TITLE_WIDTH = 32 };

static void put_figures(tn_page *page, const json_t *metrics)
{
    char buffer[32];
    for (size_t i = 0; i < sizeof FIGURES / sizeof *FIGURES; i++) {
        double value = tn_part_number(metrics, FIGURES[i].key);
        if (isnan(value))
            continue;
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, FIGURES[i].title);
        tn_page_fill_to(page, TN_PART_INDENT + TITLE_WIDTH);
        tn_page_put(page, TN_STYLE_PLAIN, tn_part_figure(buffer, value));
        tn_page_end_line(page);
    }
}

static int cell_width(const json_t *confusion)
{
    size_t i, k;
    const json_t *row, *cell;
    int width = CELL_MIN;
    json_array_foreach(confusion, i, row)
    {
        json_array_foreach(row, k, cell)
        {
            int digits = snprintf(NULL, 0, "%lld", (long long)json_integer_value(cell));
            width = digits > width ? digits : width;
        }
    }
    return width;
}

/* names: of the classes, NULL where they are numbers. */
static void put_confusion(tn_page *page, const json_t *confusion, const json_t *names)
{
    size_t classes = json_array_size(confusion), i, k;
    const json_t *row, *cell;
    if (classes == 0 || classes > CLASSES_SHOWN)
        return;
    int width = cell_width(confusion);
    tn_page_gap(page);
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, "label   taken for");
    tn_page_end_line(page);
    tn_page_fill_to(page, TN_PART_INDENT + CELL_MIN);
    for (k = 0; k < classes; k++)
        tn_page_putf(page, TN_STYLE_DIM, " %*zu", width, k);
    tn_page_end_line(page);
    json_array_foreach(confusion, i, row)
    {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_putf(page, TN_STYLE_DIM, "%*zu", CELL_MIN, i);
        json_array_foreach(row, k, cell)
            tn_page_putf(page, k == i ? TN_STYLE_NAME : TN_STYLE_PLAIN, " %*lld", width, (long long)json_integer_value(cell));
        if (json_is_string(json_array_get(names, i)))
            tn_page_putf(page, TN_STYLE_DIM, "  %.40s", json_string_value(json_array_get(names, i)));
        tn_page_end_line(page);
    }
}

void tn_part_metrics(tn_page *page, const json_t *metrics)
{
    const char *of = tn_part_string(metrics, "of");
    if (!json_is_object(metrics))
        return;
    char heading[96], buffer[32];
    snprintf(heading, sizeof heading, "On %s %.32s samples", tn_count_format(buffer, tn_part_number(metrics, "samples")), of ? of : "");
    tn_part_heading(page, heading);
    put_figures(page, metrics);
    put_confusion(page, json_object_get(metrics, "confusion"), json_object_get(metrics, "classes"));
}
