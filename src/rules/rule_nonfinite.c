/* rule_nonfinite.c: where finite numbers first gave a NaN or an infinity: op, direction, step, tensor and sample (PROTOCOL A3).
 *
 * Tensors are seen in the order in which a step makes them, so the first that is not finite on an observed step was made from finite ones:
 * its maker is the culprit. A weight that broke in the update before is seen there, at the end of that step, before anything reads it. So
 * the origin is exact where the step before was observed too (or there was none), and the signal says so. Without observed tensors the loss
 * tells, and a gradient norm that is infinite, but not where.
 *
 * Not every infinity is a fault: a mask of -Inf before a softmax is meant. What is not finite counts only where the same step's loss, gradient of
 * a weight, update or weight is not finite either. Tensors that were not finite in a step without harm are no suspects later, unless
 * there is no other.
 *
 * An infinity often turns into NaN some ops later (Inf - Inf, Inf / Inf, 0 * Inf). The origin is then the op that overflowed, and the signal
 * tells both.
 *
 * Where a program's own trace tells the function and its line, that is finer than the tensors of its modules, and is what the signal says.
 *
 * A gradient that is not finite while the loss is tells the direction: the backward pass made it. Told so where the step's tensors are not observed and its norm is.
 *
 * Threshold: 0 non-finite values. No other number would do: a NaN spreads to every weight in the next update.
 * Blind spots: on steps whose tensors are not observed only the loss tells, up to a step late. A gradient norm of NaN means that nobody
 * computed it, and says nothing. A value that overflowed and was masked or clipped away in the same op is not seen. In programs an "op" is
 * a module, and what a forward pass computes between modules is the next module's, unless the step is traced: the first one is, with `--watch trace` each, and `tenet nonfinite` traces those before the incident. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules/rule_support.h"

/* A tensor that is not finite. */
typedef struct suspect {
    tn_origin origin;
    char label[TN_TENSOR_LABEL_BYTES];
    uint64_t bad, count, nan;
    bool is_set;
} suspect;

typedef struct state {
    bool fired;
    uint64_t step;          /* whose tensors are being seen */
    uint64_t observed_last; /* the observed step before it */
    bool harmed;            /* a gradient of a weight, an update or a weight of this step is not finite */
    suspect first;          /* of this step */
    suspect excused;        /* likewise, of tensors that did no harm before */
    tn_maker gradient_from; /* whose gradient was seen last: in a chain, what comes next was made by it */
    char gradient_node[48], gradient_op[32];
    bool has_told; /* somebody told the origin of that step: */
    uint64_t told_step;
    tn_origin told;
    char told_text[sizeof((tn_signal *)0)->text];
    bool bad_now[TN_RULE_TENSORS], harmless[TN_RULE_TENSORS];
} state;

static void begin_step(state *s, uint64_t step)
{
    s->observed_last = s->step;
    s->step = step;
    s->harmed = false;
    s->first.is_set = s->excused.is_set = false;
    s->gradient_from = (tn_maker){"loss", "loss", 0};
    memset(s->bad_now, 0, sizeof s->bad_now);
}

/* Whose work the tensor is, guessed for a chain where nobody told. */
static tn_maker maker_of(const state *s, const tn_tensor_seen *seen)
{
    if (seen->maker.node)
        return seen->maker;
    if (seen->name->role == TN_ROLE_ACTIVATION_GRADIENT)
        return s->gradient_from;
    if (seen->name->role == TN_ROLE_UPDATE || seen->name->role == TN_ROLE_WEIGHT)
        return (tn_maker){.node = "the optimizer", .op = "update"};
    return (tn_maker){seen->name->node, seen->name->op ? seen->name->op : "", seen->name->node_index};
}

static const char *direction_of(tn_role role)
{
    switch (role) {
    case TN_ROLE_INPUT:
        return "data";
    case TN_ROLE_ACTIVATION:
    case TN_ROLE_LOSS:
        return "forward";
    case TN_ROLE_GRADIENT:
    case TN_ROLE_ACTIVATION_GRADIENT:
        return "backward";
    case TN_ROLE_UPDATE:
    case TN_ROLE_WEIGHT:
        return "update";
    }
    return "";
}

/* The same from a word that another process said. */
static const char *direction_named(const char *word)
{
    static const char *const NAMES[] = {"forward", "backward", "update", "data"};
    for (size_t i = 0; word && i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(NAMES[i], word) == 0)
            return NAMES[i];
    return "forward";
}

/* The sample that holds the first bad value, and its row, where they are known. */
static void find_sample(tn_origin *origin, const tn_tensor_seen *seen)
{
    const tn_batch_rows *batch = &seen->batch;
    uint64_t count = seen->vitals->count, at = seen->vitals->first_nonfinite;
    origin->sample = origin->row = TN_ORIGIN_UNKNOWN;
    if (seen->name->role == TN_ROLE_LOSS)
        origin->sample = at;
    else if (batch->count > 0 && count % batch->count == 0 && count > 0)
        origin->sample = at / (count / batch->count);
    if (batch->rows && origin->sample < batch->count)
        origin->row = batch->rows[origin->sample];
}

static void fill_suspect(const state *s, suspect *found, const tn_tensor_seen *seen, uint64_t bad)
{
    tn_maker maker = maker_of(s, seen);
    tn_origin *origin = &found->origin;
    *found = (suspect){.bad = bad, .count = seen->vitals->count, .nan = seen->vitals->nan, .is_set = true};
    tn_tensor_label(found->label, seen->name);
    snprintf(origin->node, sizeof origin->node, "%s", maker.node);
    snprintf(origin->op, sizeof origin->op, "%s", maker.op);
    origin->node_index = maker.node_index;
    origin->direction = direction_of(seen->name->role);
    origin->exact = seen->step == 1 || (s->observed_last > 0 && s->observed_last + 1 == seen->step);
    find_sample(origin, seen);
}

/* Where the infinity of a suspect first became NaN. */
static void note_nan(const state *s, suspect *found, const tn_tensor_seen *seen)
{
    tn_maker maker = maker_of(s, seen);
    if (!found->is_set || found->nan > 0 || found->origin.nan_node[0] || seen->vitals->nan == 0)
        return;
    snprintf(found->origin.nan_node, sizeof found->origin.nan_node, "%s", maker.node);
    snprintf(found->origin.nan_op, sizeof found->origin.nan_op, "%s", maker.op);
    found->origin.nan_direction = direction_of(seen->name->role);
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    (void)settings, (void)signal;
    state *s = memory;
    tn_role role = seen->name->role;
    if (s->fired)
        return;
    if (seen->step != s->step)
        begin_step(s, seen->step);
    uint64_t bad = seen->vitals->count - tn_vitals_finite(seen->vitals);
    if (bad > 0) {
        bool is_known = seen->index < TN_RULE_TENSORS, is_excused = is_known && s->harmless[seen->index];
        suspect *found = is_excused ? &s->excused : &s->first;
        if (!found->is_set)
            fill_suspect(s, found, seen, bad);
        note_nan(s, &s->first, seen);
        note_nan(s, &s->excused, seen);
        if (is_known)
            s->bad_now[seen->index] = true;
        s->harmed = s->harmed || role == TN_ROLE_GRADIENT || role == TN_ROLE_UPDATE || role == TN_ROLE_WEIGHT;
    }
    if (role == TN_ROLE_ACTIVATION_GRADIENT) {
        /* Names may live no longer than the call, so they are copied. */
        snprintf(s->gradient_node, sizeof s->gradient_node, "%s", seen->name->node);
        snprintf(s->gradient_op, sizeof s->gradient_op, "%s", seen->name->op ? seen->name->op : "");
        s->gradient_from = (tn_maker){s->gradient_node, s->gradient_op, seen->name->node_index};
    }
}

/* What a program's own trace says comes before the step's scalars. */
static void on_origin(void *memory, const double *settings, tn_signal *signal, const tn_told_origin *origin)
{
    (void)settings, (void)signal;
    state *s = memory;
    if (s->fired || s->has_told)
        return;
    s->has_told = true;
    s->told_step = origin->step;
    s->told = (tn_origin){.node_index = SIZE_MAX,
                          .direction = direction_named(origin->direction),
                          .sample = origin->has_sample ? origin->sample : TN_ORIGIN_UNKNOWN,
                          .row = TN_ORIGIN_UNKNOWN,
                          .exact = origin->exact,
                          .line = origin->line};
    snprintf(s->told.node, sizeof s->told.node, "%s", origin->op ? origin->op : "");
    snprintf(s->told.op, sizeof s->told.op, "%s", origin->op ? origin->op : "");
    snprintf(s->told.nan_node, sizeof s->told.nan_node, "%s", origin->then ? origin->then : "");
    snprintf(s->told.file, sizeof s->told.file, "%s", origin->file ? origin->file : "");
    snprintf(s->told_text, sizeof s->told_text, "%s", origin->text);
}

/* "57 updates were made" counts what came before step 58. */
static void tell_origin(tn_signal *signal, uint64_t step, const suspect *found)
{
    const tn_origin *origin = &found->origin;
    char sample[64] = "", later[112] = "";
    if (origin->row != TN_ORIGIN_UNKNOWN)
        snprintf(sample, sizeof sample, ", first in sample %llu (row %llu)", (unsigned long long)origin->sample,
                 (unsigned long long)origin->row);
    else if (origin->sample != TN_ORIGIN_UNKNOWN)
        snprintf(sample, sizeof sample, ", first in sample %llu", (unsigned long long)origin->sample);
    if (origin->nan_node[0])
        snprintf(later, sizeof later, "; %s makes NaN of it", origin->nan_node);
    tn_signal_fire(signal, step, found->label, (double)found->bad, 0,
                   "%s, %s at step %llu (after %llu updates): %s holds %llu NaN and %llu infinite values of %llu%s%s%s", origin->node,
                   strcmp(origin->direction, "data") == 0 ? "the data" : origin->direction, (unsigned long long)step,
                   (unsigned long long)(step - 1), found->label, (unsigned long long)found->nan,
                   (unsigned long long)(found->bad - found->nan), (unsigned long long)found->count, sample, later,
                   origin->exact ? "" : "; it may have begun before, unseen");
    signal->origin = *origin;
}

static void tell_number(tn_signal *signal, const tn_step *step)
{
    unsigned long long at = (unsigned long long)step->step;
    bool is_loss = !isfinite(step->loss);
    if (is_loss)
        tn_signal_fire(signal, step->step, NULL, step->loss, 0, "the loss is %s at step %llu (after %llu updates)",
                       isnan(step->loss) ? "NaN" : "infinite", at, at - 1);
    else
        tn_signal_fire(signal, step->step, NULL, step->gradient_norm, 0,
                       "the gradient is NaN or infinite at step %llu (after %llu updates) and the loss is not: the backward pass made it",
                       at, at - 1);
    signal->origin = (tn_origin){
        .sample = TN_ORIGIN_UNKNOWN, .row = TN_ORIGIN_UNKNOWN, .direction = is_loss ? NULL : "backward", .node_index = SIZE_MAX};
}

/* As a program's trace told it; `found` is what its tensors show, and may be empty. */
static void tell_told(const state *s, tn_signal *signal, const tn_step *step, const suspect *found)
{
    tn_signal_fire(signal, step->step, found->is_set ? found->label : NULL, found->is_set ? (double)found->bad : step->loss, 0, "%s",
                   s->told_text);
    signal->origin = s->told;
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    (void)settings;
    state *s = memory;
    if (s->fired)
        return true;
    bool is_observed = s->step == step->step;
    bool is_told = s->has_told && s->told_step == step->step;
    bool is_broken = !isfinite(step->loss) || isinf(step->gradient_norm) || (is_observed && s->harmed) || is_told;
    s->fired = is_broken;
    if (!is_broken) {
        tn_signal_quiet(signal);
        for (size_t i = 0; is_observed && i < TN_RULE_TENSORS; i++)
            s->harmless[i] = s->harmless[i] || s->bad_now[i];
    } else if (is_told) {
        tell_told(s, signal, step, is_observed && s->first.is_set ? &s->first : &(suspect){.is_set = false});
    } else if (is_observed && (s->first.is_set || s->excused.is_set)) {
        tell_origin(signal, step->step, s->first.is_set ? &s->first : &s->excused);
    } else {
        tell_number(signal, step);
    }
    return true;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return 1;
}

const tn_rule tn_rule_nonfinite = {
    .name = "nonfinite",
    .title = "the loss or a tensor is no longer finite",
    .severity = TN_SIGNAL_ERROR,
    .what = "Where finite numbers first gave a NaN or an infinity: the op, forward, backward or update, the step, the tensor and the "
            "sample; in a program that is traced the function, its file and line. Infinities that do no harm (masks) are left alone.",
    .blind_spots = "On steps whose tensors are not observed only the loss and the gradient's norm tell, and not where: `tenet nonfinite` "
                   "goes back and finds it. A value that overflowed and was masked away within the same op is not seen.",
    .needs_what = "step",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
    .on_origin = on_origin,
};
