/* report_text.c: a report as text for people: the verdict in one line first, then each finding with its proof and its fix, then what else was seen, done and
 * spent. Findings stand in text_findings.c, pictures in text_pictures.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "report/text_parts.h"

static bool is_verdict(const json_t *report, const char *name)
{
    const char *verdict = tn_part_string(report, "verdict");
    return verdict && strcmp(verdict, name) == 0;
}

/* ", better on 3 of 3 seeds" for a suspicion whose fix was tried on some. */
static void add_seeds(tn_text *line, const json_t *finding)
{
    const json_t *effect = json_object_get(json_object_get(finding, "fix"), "effect");
    const json_t *before = json_object_get(effect, "before"), *after = json_object_get(effect, "after");
    size_t seeds = json_array_size(before), better = 0;
    if (seeds == 0 || seeds != json_array_size(after))
        return;
    for (size_t i = 0; i < seeds; i++) {
        const json_t *old = json_array_get(before, i), *new = json_array_get(after, i);
        better += json_is_number(new) && (!json_is_number(old) || json_number_value(new) > json_number_value(old));
    }
    tn_text_addf(line, "; its fix was better on %zu of %zu seeds", better, seeds);
}

static void add_more(tn_text *line, size_t more)
{
    if (more > 0)
        tn_text_addf(line, ", and %zu more finding%s", more, more == 1 ? "" : "s");
}

/* Where no cause was found: what failed first. */
static void add_failure(tn_text *line, const json_t *experiments)
{
    size_t index;
    const json_t *item;
    json_array_foreach(experiments, index, item)
    {
        const char *said = tn_part_string(item, "verdict"), *summary = tn_part_string(item, "summary");
        if (said && summary && strcmp(said, "fail") == 0) {
            tn_text_addf(line, "no cause was found, but something is wrong: %s", summary);
            return;
        }
    }
    tn_text_add(line, "the experiments did not decide");
}

/* The sentence after the verdict's word. */
static void add_verdict(tn_text *line, const json_t *report)
{
    const json_t *findings = json_object_get(report, "findings"), *first = json_array_get(findings, 0);
    const char *cause = tn_part_string(first, "cause"), *why = tn_part_string(report, "reason");
    double score = tn_part_number(report, "score");
    if (cause) {
        tn_text_add(line, tn_part_cause_title(cause));
        if (tn_part_true(first, "confirmed")) {
            tn_text_add(line, " (confirmed)");
        } else {
            tn_text_add(line, " (not confirmed");
            add_seeds(line, first);
            tn_text_add(line, ")");
        }
        add_more(line, json_array_size(findings) - 1);
    } else if (why) {
        tn_text_add(line, why);
    } else if (is_verdict(report, "healthy")) {
        tn_text_add(line, "nothing was found that keeps this network from training");
        if (!isnan(score))
            tn_text_addf(line, " (score %.2f)", score);
    } else if (is_verdict(report, "faulty")) {
        tn_text_add(line, "it does not train, and no single cause was found");
    } else if (tn_part_true(report, "spent")) {
        tn_text_add(line, "stopped before the experiments could decide");
    } else {
        add_failure(line, json_object_get(report, "experiments"));
    }
}

/* A training that ended before its first step: there is nothing to say of its losses, and rules saw nothing. */
static bool never_trained(const json_t *report)
{
    return is_verdict(report, "trained") && tn_part_number(json_object_get(report, "run"), "steps") == 0;
}

static void add_training(tn_text *line, const json_t *report)
{
    const json_t *run = json_object_get(report, "run");
    char first[32], last[32], steps[32];
    const char *end = tn_part_string(run, "end"), *failed = tn_part_string(run, "error");
    double score = tn_part_number(report, "score"), last_loss = tn_part_number(run, "last_loss");
    if (failed && never_trained(report)) {
        tn_text_add(line, failed);
        if (!strstr(failed, "exit status") && tn_part_number(run, "exit_code") > 0)
            tn_text_addf(line, " (exit status %.0f)", tn_part_number(run, "exit_code"));
        return;
    }
    tn_text_addf(line, "%s steps, loss %s → %s", tn_count_format(steps, tn_part_number(run, "steps")),
                 tn_part_figure(first, tn_part_number(run, "first_loss")), tn_part_figure(last, last_loss));
    if (!isnan(score))
        tn_text_addf(line, ", score %.3f", score);
    else if (tn_part_string(report, "score_note"))
        tn_text_addf(line, ", no score: %s", tn_part_string(report, "score_note"));
    if (end && strcmp(end, "completed") != 0)
        tn_text_addf(line, " (%s)", strcmp(end, "nonfinite") == 0 ? "the loss is no longer finite" : failed ? failed : end);
}

static void verdict(tn_page *page, const json_t *report)
{
    const json_t *first = json_array_get(json_object_get(report, "findings"), 0), *experiments = json_object_get(report, "experiments");
    const char *word = tn_part_string(report, "verdict");
    tn_style style = TN_STYLE_DOUBT;
    tn_text line;
    tn_text_init(&line);
    if (is_verdict(report, "trained")) {
        const char *end = tn_part_string(json_object_get(report, "run"), "end");
        bool whole = end && strcmp(end, "completed") == 0;
        style = whole ? TN_STYLE_GOOD : TN_STYLE_DOUBT;
        word = whole ? word : "stopped";
        add_training(&line, report);
    } else if (is_verdict(report, "planned")) {
        const json_t *cost = json_object_get(report, "cost");
        char trials[32], steps[32];
        style = TN_STYLE_GOOD;
        tn_text_addf(&line, "at most %s trials of %s steps in all, about %.0f s", tn_count_format(trials, tn_part_number(cost, "trials")),
                     tn_count_format(steps, tn_part_number(cost, "steps")), ceil(tn_part_number(cost, "seconds")));
    } else if (json_array_size(experiments) == 1 && !first) {
        /* A single experiment says its own verdict: pass is no proof of health. */
        const json_t *only = json_array_get(experiments, 0);
        const char *said = tn_part_string(only, "verdict"), *summary = tn_part_string(only, "summary");
        word = said ? said : word;
        style = said && strcmp(said, "pass") == 0 ? TN_STYLE_GOOD : said && strcmp(said, "fail") == 0 ? TN_STYLE_BAD : TN_STYLE_DOUBT;
        tn_text_add(&line, summary ? summary : "");
    } else {
        bool confirmed = tn_part_true(first, "confirmed");
        style = is_verdict(report, "healthy")                           ? TN_STYLE_GOOD
                : is_verdict(report, "faulty") && (confirmed || !first) ? TN_STYLE_BAD
                                                                        : TN_STYLE_DOUBT;
        if (first && !confirmed)
            word = "suspected";
        add_verdict(&line, report);
    }
    tn_page_put(page, style, word ? word : "inconclusive");
    tn_page_put(page, TN_STYLE_PLAIN, ": ");
    if (line.data)
        tn_page_wrap(page, TN_STYLE_BOLD, page->column, line.data);
    tn_page_end_line(page);
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

/* "lr_boundary (A1, A2): mlp.json, native, 101,770 parameters, 60,000 samples"; `only` is the experiment where there is but one, or NULL. */
static void subject(tn_page *page, const json_t *facts, const json_t *only)
{
    static const struct {
        const char *key, *unit;
    } COUNTS[] = {{"parameters", "parameters"}, {"samples", "samples"}};
    const char *name = tn_part_string(facts, "name"), *kind = tn_part_string(facts, "kind");
    const char *gap = "";
    char buffer[32];
    tn_text line;
    const char *experiment = tn_part_string(only, "name"), *protocol = tn_part_string(only, "protocol");
    tn_text_init(&line);
    if (experiment)
        tn_text_addf(&line, "%s (%s): ", experiment, protocol ? protocol : "-");
    if (name) {
        tn_text_add(&line, name);
        gap = ", ";
    }
    if (kind) {
        tn_text_addf(&line, "%s%s", gap, kind);
        gap = ", ";
    }
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        double count = tn_part_number(facts, COUNTS[i].key);
        if (isnan(count) || count == 0)
            continue;
        tn_text_addf(&line, "%s%s %s", gap, tn_count_format(buffer, count), COUNTS[i].unit);
        gap = ", ";
    }
    if (line.length > 0) {
        tn_page_wrap(page, TN_STYLE_DIM, 0, line.data);
        tn_page_end_line(page);
    }
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

static tn_style verdict_style(const char *said)
{
    if (strcmp(said, "pass") == 0)
        return TN_STYLE_GOOD;
    return strcmp(said, "fail") == 0 ? TN_STYLE_BAD : TN_STYLE_DOUBT;
}

static size_t widest_of(const json_t *list, const char *key)
{
    size_t widest = 0, index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *text = tn_part_string(item, key);
        size_t columns = text ? tn_columns(text) : 0;
        widest = columns > widest ? columns : widest;
    }
    return widest;
}

/* A single experiment: its verdict and summary stand on top already. */
static void one_experiment(tn_page *page, const json_t *experiment)
{
    tn_page_gap(page);
    tn_part_evidence(page, TN_PART_INDENT, json_object_get(experiment, "evidence"), tn_part_string(experiment, "summary"));
    tn_part_pictures(page, experiment, true);
}

/* A table of experiments, under each its evidence where no finding carries it; then the pictures. */
static void experiments(tn_page *page, const json_t *list, bool with_evidence, bool with_samples)
{
    size_t index;
    const json_t *item;
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    size_t protocol_column = TN_PART_INDENT + widest_of(list, "name") + 2;
    size_t verdict_column = protocol_column + widest_of(list, "protocol") + 2;
    size_t summary_column = verdict_column + widest_of(list, "verdict") + 2;
    bool narrow = summary_column + 30 > page->width; /* then a summary stands under its experiment */
    if (narrow)
        summary_column = TN_PART_INDENT + 2;
    tn_part_heading(page, "Experiments");
    json_array_foreach(list, index, item)
    {
        const char *name = tn_part_string(item, "name"), *protocol = tn_part_string(item, "protocol");
        const char *said = tn_part_string(item, "verdict"), *summary = tn_part_string(item, "summary");
        if (!name)
            continue;
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_NAME, name);
        tn_page_fill_to(page, protocol_column);
        tn_page_put(page, TN_STYLE_DIM, protocol ? protocol : "");
        tn_page_fill_to(page, verdict_column);
        tn_page_put(page, said ? verdict_style(said) : TN_STYLE_PLAIN, said ? said : "");
        if (narrow)
            tn_page_end_line(page);
        if (summary)
            tn_page_wrap(page, TN_STYLE_PLAIN, summary_column, summary);
        tn_page_end_line(page);
        if (with_evidence)
            tn_part_evidence(page, TN_PART_INDENT + 2, json_object_get(item, "evidence"), summary);
    }
    json_array_foreach(list, index, item) tn_part_pictures(page, item, with_samples);
}

/* What a program did that a person should know, and what its score is made of. */
static void notes(tn_page *page, const json_t *report)
{
    size_t index;
    const json_t *note;
    const char *score_note = tn_part_string(report, "score_note");
    const json_t *list = json_object_get(report, "notes");
    if (json_array_size(list) == 0 && !score_note)
        return;
    tn_part_heading(page, "Notes");
    if (score_note) {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, "- ");
        tn_page_put(page, TN_STYLE_PLAIN, isnan(tn_part_number(report, "score")) ? "no score: " : "the score: ");
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 2, score_note);
        tn_page_end_line(page);
    }
    json_array_foreach(list, index, note)
    {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, "- ");
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 2, json_is_string(note) ? json_string_value(note) : "");
        tn_page_end_line(page);
    }
}

static void cost(tn_page *page, const json_t *spent)
{
    char trials[32], steps[32];
    double trial_count = tn_part_number(spent, "trials"), step_count = tn_part_number(spent, "steps"),
           seconds = tn_part_number(spent, "seconds");
    if (isnan(trial_count) || isnan(step_count) || isnan(seconds))
        return;
    tn_page_gap(page);
    tn_page_putf(page, TN_STYLE_DIM, "%s trial%s, %s step%s, %.1f s", tn_count_format(trials, trial_count), trial_count == 1 ? "" : "s",
                 tn_count_format(steps, step_count), step_count == 1 ? "" : "s", seconds);
    tn_page_end_line(page);
}

char *tn_report_text(const json_t *report, const tn_report_style *style)
{
    tn_page page;
    tn_page_init(&page, style && style->colour, style ? style->width : 0);
    const json_t *findings = json_object_get(report, "findings"), *list = json_object_get(report, "experiments");
    const char *cause = tn_part_string(json_array_get(findings, 0), "cause");
    bool faulty = tn_part_true(json_array_get(findings, 0), "confirmed"), single = json_array_size(list) == 1,
         healthy = is_verdict(report, "healthy");
    bool decided = faulty || healthy;
    verdict(&page, report);
    subject(&page, json_object_get(report, "subject"), single && !cause ? json_array_get(list, 0) : NULL);
    if (is_verdict(report, "planned")) {
        tn_part_plan(&page, json_object_get(report, "plan"));
        return tn_page_take(&page);
    }
    tn_part_findings(&page, findings);
    tn_part_chain(&page, report);
    tn_part_run(&page, json_object_get(report, "run"));
    /* Where nothing is wrong, the experiments are the proof, and come first. */
    if (!cause && single)
        one_experiment(&page, json_array_get(list, 0));
    else if (!cause)
        experiments(&page, list, true, !decided);
    tn_part_advice(&page, json_object_get(report, "advice"));
    tn_part_ruled_out(&page, json_object_get(report, "ruled_out"));
    if (cause)
        experiments(&page, list, single, single || !decided);
    if (!decided && !never_trained(report))
        tn_part_signals(&page, json_object_get(report, "signals"));
    if (!is_verdict(report, "trained"))
        notes(&page, report);
    cost(&page, json_object_get(report, "cost"));
    if (cause) {
        tn_page_putf(&page, TN_STYLE_DIM, "tenet explain %s  tells more about this cause.", cause);
        tn_page_end_line(&page);
    }
    return tn_page_take(&page);
}
