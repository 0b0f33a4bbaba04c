/* text_chain.c: what came of the confirmed changes, made one after the other, as text; see text_parts.h. */
#include <math.h>
#include <string.h>

#include "report/text_parts.h"

/* "and then: the learning rate is too low" or "and then: healthy, score 0.85". `next` is the link after this one, or NULL. */
static void add_outcome(tn_text *line, const json_t *link, const json_t *next)
{
    const char *verdict = tn_part_string(link, "verdict"), *cause = tn_part_string(next, "cause"),
               *suspected = tn_part_string(link, "suspected");
    double score = tn_part_number(link, "score");
    if (cause)
        tn_text_addf(line, "with it made, another fault is found: %s", tn_part_cause_title(cause));
    else if (verdict && strcmp(verdict, "healthy") == 0)
        tn_text_add(line, "with it made, a second debug finds nothing wrong");
    else if (verdict && strcmp(verdict, "faulty") == 0)
        tn_text_add(line, "with it made, it trains better, and something still keeps it from training");
    else if (suspected)
        tn_text_addf(line, "with it made, something else is suspected, and not confirmed: %s", tn_part_cause_title(suspected));
    else
        tn_text_add(line, "with it made, a second debug decides nothing");
    if (!isnan(score))
        tn_text_addf(line, " (score %.2f on the seed as given)", score);
}

static void one_link(tn_page *page, const json_t *link, const json_t *next)
{
    const char *text = tn_part_string(json_object_get(link, "fix"), "text");
    tn_text line;
    tn_text_init(&line);
    add_outcome(&line, link, next);
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, "- ");
    tn_page_putf(page, TN_STYLE_NAME, "%s: ", text ? text : "a change");
    tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 2, line.data ? line.data : "");
    tn_page_end_line(page);
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

/* Where --write had nothing to write, null stands for the file. */
static void written(tn_page *page, const json_t *report)
{
    const json_t *file = json_object_get(report, "written");
    if (!file)
        return;
    tn_page_gap(page);
    if (json_is_string(file))
        tn_page_putf(page, TN_STYLE_GOOD, "The fixed hypes are in %s", json_string_value(file));
    else
        tn_page_put(page, TN_STYLE_DIM, "No change was confirmed, so no fixed hypes were written.");
    tn_page_end_line(page);
}

void tn_part_chain(tn_page *page, const json_t *report)
{
    const json_t *chain = json_object_get(report, "chain"), *link;
    size_t index;
    if (json_array_size(chain) > 0) {
        tn_part_heading(page, "Fixed, and debugged again");
        json_array_foreach(chain, index, link) one_link(page, link, json_array_get(chain, index + 1));
        if (json_array_size(chain) > 1) {
            tn_part_label(page, TN_PART_INDENT, "together");
            tn_part_patch(page, TN_PART_INDENT + TN_PART_LABEL, json_object_get(json_object_get(report, "fixed"), "patch"));
        }
    }
    written(page, report);
}
