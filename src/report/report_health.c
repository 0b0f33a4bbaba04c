/* report_health.c: the health of weights as text; see report_health.h.
 *
 *   1. the verdict and why
 *   2. the components outside of the reference: what was found, what usually causes it, their histogram above the reference's on one axis
 *   3. all components, one a line, with both histograms small
 *
 * A histogram counts magnitudes by powers of two, each column one octave, the bar its share. Small pictures are aligned at each tensor's own typical size, so they compare shapes; the large ones stand on one
 * axis of size times sqrt(fan-in), so that a layer whose weights are too large lies to the right of its reference. */
#include "report/report_health.h"

#include <math.h>
#include <string.h>

#include "report/text_parts.h"

enum { BINS_MAX = 64, ROWS_MAX = 60, FAR_MAX = 12, NAME_COLUMNS = 38, KIND_COLUMNS = 22, UNIT_BIN = 11 };

static const char *const BARS[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

typedef struct octaves {
    double bins[BINS_MAX];
    size_t count;
} octaves;

static octaves read_histogram(const json_t *array)
{
    octaves read = {.count = json_array_size(array)};
    if (read.count > BINS_MAX)
        read.count = 0;
    for (size_t i = 0; i < read.count; i++)
        read.bins[i] = json_number_value(json_array_get(array, i));
    return read;
}

static void put_bar(tn_page *page, tn_style style, double share, double most)
{
    double eighths = most > 0 ? 8 * share / most : 0;
    /* What is there is seen, however little. */
    size_t height = share > 1e-6 && eighths < 1 ? 1 : (size_t)fmin(fmax(eighths + 0.5, 0), 8);
    tn_page_put(page, style, BARS[height]);
}

static double most_of(const octaves *histogram)
{
    double most = 0;
    for (size_t i = 0; i < histogram->count; i++)
        most = fmax(most, histogram->bins[i]);
    return most;
}

static void put_histogram(tn_page *page, tn_style style, const octaves *histogram)
{
    for (size_t i = 0; i < histogram->count; i++)
        put_bar(page, style, histogram->bins[i], most_of(histogram));
}

static tn_style style_of_level(const char *level)
{
    return !level || strcmp(level, "unjudged") == 0 ? TN_STYLE_DIM
           : strcmp(level, "inside") == 0           ? TN_STYLE_GOOD
           : strcmp(level, "edge") == 0             ? TN_STYLE_PLAIN
           : strcmp(level, "outside") == 0          ? TN_STYLE_DOUBT
                                                    : TN_STYLE_BAD;
}

static const char *word_of_level(const char *level)
{
    return !level || strcmp(level, "unjudged") == 0 ? "-"
           : strcmp(level, "edge") == 0             ? "at the edge"
           : strcmp(level, "far") == 0              ? "far outside"
                                                    : level;
}

/* ---- 1. the verdict ---- */

static void put_verdict(tn_page *page, const json_t *document)
{
    const json_t *source = json_object_get(document, "source");
    const char *verdict = tn_part_string(document, "verdict"), *path = tn_part_string(source, "path"),
               *why = tn_part_string(document, "why");
    char count[32];
    bool good = verdict && strcmp(verdict, "healthy") == 0, bad = verdict && strcmp(verdict, "unhealthy") == 0;
    tn_page_put(page, good ? TN_STYLE_GOOD : bad ? TN_STYLE_BAD : TN_STYLE_DOUBT, verdict ? verdict : "no verdict");
    tn_page_put(page, TN_STYLE_PLAIN, "  ");
    tn_page_put(page, TN_STYLE_NAME, path ? path : "");
    if (!isnan(tn_part_number(source, "run")))
        tn_page_putf(page, TN_STYLE_PLAIN, ", run %.0f at step %.0f", tn_part_number(source, "run"), tn_part_number(source, "step"));
    tn_page_putf(page, TN_STYLE_DIM, "  (%s parameters)", tn_count_format(count, tn_part_number(document, "parameters")));
    tn_page_end_line(page);
    if (why) {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT, why);
        tn_page_end_line(page);
    }
}

/* ---- 2. what lies outside ---- */

/* One histogram on the axis of size times sqrt(fan-in): `octave` is where its typical size stands. */
static void put_axis_row(tn_page *page, const char *label, tn_style style, const octaves *histogram, long octave, long first, long columns)
{
    tn_page_fill_to(page, 2 * TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, label);
    tn_page_fill_to(page, 2 * TN_PART_INDENT + 11);
    for (long column = 0; column < columns; column++) {
        long bin = first + column - octave + UNIT_BIN;
        put_bar(page, style, bin >= 0 && bin < (long)histogram->count ? histogram->bins[bin] : 0, most_of(histogram));
    }
    tn_page_end_line(page);
}

static void put_axis(tn_page *page, const json_t *component)
{
    const json_t *reference = json_object_get(component, "reference"), *measure = json_object_get(component, "measure");
    double gain = tn_part_number(measure, "gain"), usual = json_number_value(json_array_get(json_object_get(reference, "gain"), 1));
    octaves here = read_histogram(json_object_get(measure, "histogram")), there = read_histogram(json_object_get(reference, "histogram"));
    if (!(gain > 0) || !(usual > 0) || here.count == 0 || there.count == 0)
        return;
    long octave = lround(log2(gain)), usual_octave = lround(log2(usual)), columns_max = (long)(page->width > 40 ? page->width - 30 : 10);
    long first = (octave < usual_octave ? octave : usual_octave) - UNIT_BIN,
         last = (octave > usual_octave ? octave : usual_octave) + (long)here.count - UNIT_BIN;
    if (last - first > columns_max) /* too far apart for one picture; the words say how far */
        return;
    put_axis_row(page, "here", TN_STYLE_BAD, &here, octave, first, last - first);
    put_axis_row(page, "reference", TN_STYLE_DIM, &there, usual_octave, first, last - first);
}

static bool is_outside(const json_t *component)
{
    const char *level = tn_part_string(component, "level");
    return level && (strcmp(level, "outside") == 0 || strcmp(level, "far") == 0);
}

static void put_problems(tn_page *page, const json_t *component)
{
    const char *said = NULL;
    size_t index;
    const json_t *problem;
    tn_page_gap(page);
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_NAME, tn_part_string(component, "name"));
    tn_page_putf(page, TN_STYLE_PLAIN, "  %s, ", tn_part_string(component, "title"));
    tn_page_put(page, style_of_level(tn_part_string(component, "level")), word_of_level(tn_part_string(component, "level")));
    tn_page_end_line(page);
    json_array_foreach(json_object_get(component, "problems"), index, problem)
    {
        const char *text = tn_part_string(problem, "text"), *cause = tn_part_string(problem, "cause");
        if (!text || strcmp(tn_part_string(problem, "level"), "edge") == 0)
            continue;
        tn_page_fill_to(page, 2 * TN_PART_INDENT);
        tn_page_wrap(page, TN_STYLE_PLAIN, 2 * TN_PART_INDENT, text);
        tn_page_end_line(page);
        if (cause && (!said || strcmp(said, cause) != 0)) {
            tn_page_fill_to(page, 3 * TN_PART_INDENT);
            tn_page_wrap(page, TN_STYLE_DIM, 3 * TN_PART_INDENT, cause);
            tn_page_end_line(page);
        }
        said = cause;
    }
    put_axis(page, component);
}

static void put_outside(tn_page *page, const json_t *components)
{
    size_t index, shown = 0, left = 0;
    const json_t *component;
    json_array_foreach(components, index, component)
    {
        if (!is_outside(component))
            continue;
        if (shown++ < FAR_MAX)
            put_problems(page, component);
        else
            left++;
    }
    if (left > 0) {
        tn_page_gap(page);
        tn_page_putf(page, TN_STYLE_DIM, "  and %zu more outside; --json tells of all", left);
        tn_page_end_line(page);
    }
}

/* ---- 3. all components ---- */

static void put_shape(tn_page *page, const json_t *component)
{
    const json_t *shape = json_object_get(component, "shape"), *size;
    size_t index;
    if (!shape) {
        tn_page_putf(page, TN_STYLE_DIM, " %.0f values", tn_part_number(component, "values"));
        return;
    }
    tn_page_put(page, TN_STYLE_DIM, " [");
    json_array_foreach(shape, index, size)
        tn_page_putf(page, TN_STYLE_DIM, "%s%" JSON_INTEGER_FORMAT, index > 0 ? ", " : "", json_integer_value(size));
    tn_page_put(page, TN_STYLE_DIM, "]");
}

static void put_row(tn_page *page, const json_t *component)
{
    const json_t *measure = json_object_get(component, "measure"), *reference = json_object_get(component, "reference"),
                 *fresh = json_object_get(component, "fresh");
    const json_t *usual = json_object_get(reference, "gain");
    const char *level = tn_part_string(component, "level"), *scheme = tn_part_string(fresh, "scheme"),
               *kind = tn_part_string(component, "kind");
    octaves here = read_histogram(json_object_get(measure, "histogram")), there = read_histogram(json_object_get(reference, "histogram"));
    char figure[32];
    double gain = tn_part_number(measure, "gain");
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_NAME, tn_part_string(component, "name"));
    put_shape(page, component);
    tn_page_end_line(page);
    tn_page_fill_to(page, 2 * TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_PLAIN, tn_part_string(component, "title"));
    tn_page_fill_to(page, 2 * TN_PART_INDENT + KIND_COLUMNS);
    put_histogram(page, TN_STYLE_PLAIN, &here);
    tn_page_put(page, TN_STYLE_DIM, there.count > 0 ? " | " : "");
    put_histogram(page, TN_STYLE_DIM, &there);
    tn_page_fill_to(page, 2 * TN_PART_INDENT + KIND_COLUMNS + 38);
    if (gain > 0 && kind && strcmp(kind, "state") != 0) {
        tn_page_putf(page, TN_STYLE_PLAIN, "%s", tn_number_format(figure, gain, 2));
        if (usual)
            tn_page_putf(page, TN_STYLE_DIM, " (%.2g-%.2g)", json_number_value(json_array_get(usual, 0)),
                         json_number_value(json_array_get(usual, 2)));
        tn_page_put(page, TN_STYLE_PLAIN, "  ");
    }
    tn_page_put(page, style_of_level(level), word_of_level(level));
    if (scheme)
        tn_page_putf(page, TN_STYLE_DOUBT, ", fresh: %s", scheme);
    tn_page_end_line(page);
}

static void put_all(tn_page *page, const json_t *components)
{
    size_t index, count = json_array_size(components);
    const json_t *component;
    tn_page_gap(page);
    tn_page_put(page, TN_STYLE_BOLD, "components");
    tn_page_put(page, TN_STYLE_DIM, "  histogram here | reference (sizes by powers of two), gain (usual), verdict");
    tn_page_end_line(page);
    json_array_foreach(components, index, component)
    {
        if (index == ROWS_MAX)
            break;
        put_row(page, component);
    }
    if (count > ROWS_MAX) {
        tn_page_putf(page, TN_STYLE_DIM, "  and %zu more; --json lists all", count - ROWS_MAX);
        tn_page_end_line(page);
    }
}

static void put_skipped(tn_page *page, const json_t *skipped)
{
    size_t index;
    const json_t *tensor;
    if (json_array_size(skipped) == 0)
        return;
    tn_page_gap(page);
    tn_page_put(page, TN_STYLE_BOLD, "not judged");
    tn_page_end_line(page);
    json_array_foreach(skipped, index, tensor)
    {
        if (index == FAR_MAX) {
            tn_page_putf(page, TN_STYLE_DIM, "  and %zu more", json_array_size(skipped) - FAR_MAX);
            tn_page_end_line(page);
            break;
        }
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_NAME, tn_part_string(tensor, "name"));
        tn_page_putf(page, TN_STYLE_PLAIN, ": %s", tn_part_string(tensor, "why"));
        tn_page_end_line(page);
    }
}

char *tn_report_health_text(const json_t *document, bool colour, size_t width)
{
    tn_page page;
    tn_page_init(&page, colour, width);
    put_verdict(&page, document);
    put_outside(&page, json_object_get(document, "components"));
    put_all(&page, json_object_get(document, "components"));
    put_skipped(&page, json_object_get(document, "skipped"));
    return tn_page_take(&page);
}
