/* text_plan.c: what a debug would run, as text: each experiment with its trials and about how long they take; see text_parts.h. */
#include <math.h>

#include "report/text_parts.h"

static void trial(tn_page *page, const json_t *entry)
{
    char trials[32], steps[32];
    const char *text = tn_part_string(entry, "text");
    double count = tn_part_number(entry, "trials");
    tn_page_fill_to(page, 2 * TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, "- ");
    if (count > 1)
        tn_page_putf(page, TN_STYLE_DIM, "%s trials of %s steps: ", tn_count_format(trials, count),
                     tn_count_format(steps, tn_part_number(entry, "steps")));
    else
        tn_page_putf(page, TN_STYLE_DIM, "%s step%s: ", tn_count_format(steps, tn_part_number(entry, "steps")),
                     tn_part_number(entry, "steps") == 1 ? "" : "s");
    tn_page_wrap(page, TN_STYLE_PLAIN, 2 * TN_PART_INDENT + 2, text ? text : "");
    tn_page_end_line(page);
}

void tn_part_plan(tn_page *page, const json_t *plan)
{
    size_t index, at;
    const json_t *experiment, *entry;
    json_array_foreach(plan, index, experiment)
    {
        const char *name = tn_part_string(experiment, "experiment"), *protocol = tn_part_string(experiment, "protocol"),
                   *why = tn_part_string(experiment, "why");
        tn_page_gap(page);
        tn_page_put(page, TN_STYLE_NAME, name ? name : "");
        tn_page_putf(page, TN_STYLE_DIM, " (%s), about %.1f s", protocol ? protocol : "-",
                     fmax(0.1, tn_part_number(experiment, "seconds")));
        tn_page_end_line(page);
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_wrap(page, TN_STYLE_DIM, TN_PART_INDENT, why ? why : "");
        tn_page_end_line(page);
        json_array_foreach(json_object_get(experiment, "trials"), at, entry) trial(page, entry);
    }
}
