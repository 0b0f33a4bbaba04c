/* fix_solver.c: what the solver may do otherwise, the learning rate apart: shuffling, clipping, the schedule and other settings, Adam, another batch size, more steps. */
#include <math.h>
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/gradient_norms.h"

/* The usual batch and Adam's usual rate (Kingma and Ba 2015). More steps: how many times as many; a run of a few steps is made at least as long as the shortest trial that shows whether a network learns. */
enum { USUAL_BATCH = 32, SMALL_BATCH = 8, LARGE_BATCH = 256, MORE_STEPS = 10, STEPS_LEAST = 300 };
static const double ADAM_RATE = 0.001;
static const double SORTED = 0.5; /* of tn_subject_facts.label_order: half way from shuffled to sorted; own choice */

/* A norm that gradients are often clipped to where none was measured (Pascanu, Mikolov and Bengio 2013, arXiv:1211.5063; the default of many recipes). */
static const double CUSTOMARY_LIMIT = 1;

/* A limit that the median norm is so many times above cuts next to all of every gradient; as python/tenet/usage_clipping.py has it for programs. */
static const double TIGHT = 10;

/* The limit that the hypes have already; 0 where they have none. */
static double given_limit(const tn_hypes *hypes)
{
    return hypes && !tn_hypes_is_null(hypes, "solver.clip_norm") ? tn_hypes_number(hypes, "solver.clip_norm") : 0;
}

/* The limit of clipping is read off the measured norms: where a few stand far above the rest it cuts those, else about half of the batches. */
static void propose_clip(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_trial_result *look = &about->look->result;
    tn_gradient_norms norms;
    if (!look->gradient_norms)
        return;
    if (tn_gradient_norms_measure(look, &norms, NULL) != TN_OK) {
        about->investigation->out_of_memory = true;
        return;
    }
    double given = given_limit(about->hypes);
    if (given > 0 && norms.median > TIGHT * given) {
        tn_fix *looser = tn_fix_add_knobs(list, TN_CAUSE_tight_clipping, TN_KNOB_CLIP_NORM,
                                          "gradients clipped to a global norm of %.3g in place of %.3g", norms.limit, given);
        looser->knobs.clip_norm = norms.limit;
        looser->general = false;
        looser->prior = 0.6;
        return;
    }
    bool spiky = norms.rare || tn_look_fired(about->look, "spiky_gradients");
    double limit = spiky ? norms.limit : norms.median;
    if (!(limit > 0))
        limit = 1;
    tn_fix *fix = tn_fix_add_knobs(list, TN_CAUSE_needs_clipping, TN_KNOB_CLIP_NORM, "gradients clipped to a global norm of %.3g%s", limit,
                                   norms.limit == limit && spiky ? ", the 90th percentile of those measured" : "");
    fix->knobs.clip_norm = limit;
    fix->prior = spiky ? 0.8 : 0.2;
    fix->general = !spiky;
    /* The norms of a run that explodes are those of the explosion. */
    if (tn_look_is_broken(about->look) && limit > CUSTOMARY_LIMIT) {
        fix = tn_fix_add_knobs(list, TN_CAUSE_needs_clipping, TN_KNOB_CLIP_NORM,
                               "gradients clipped to a global norm of %g, a customary limit", CUSTOMARY_LIMIT);
        fix->knobs.clip_norm = CUSTOMARY_LIMIT;
        fix->prior = 0.2;
    }
}

/* An epsilon that outweighs the gradients it is added to, and a momentum near 1, which keeps each step going for hundreds. As python/tenet/usage_optimizer.py has it for programs. */
static void propose_settings(const tn_fix_case *about, tn_fix_list *list)
{
    static const struct {
        const char *path;
        double large, usual;
    } settings[] = {{"solver.epsilon", 1e-3, 1e-8}, {"solver.momentum", 0.98, 0.9}, {"solver.beta1", 0.98, 0.9}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings && about->hypes && !about->investigation->facts->is_program; i++) {
        double given = tn_hypes_number(about->hypes, settings[i].path);
        if (!(given >= settings[i].large))
            continue;
        json_t *patch = json_pack("{s:f}", settings[i].path, settings[i].usual);
        tn_fix_add_patch(list, TN_CAUSE_wrong_optimizer, patch, "%s %g in place of %g", settings[i].path, settings[i].usual, given)->prior =
            0.5;
    }
}

/* A warm-up that leaves the rate below a third at the end, and divisions that leave a hundredth of it half way: as python/tenet/usage_schedule.py has them for programs. */
static const double WARM = 3, FADED = 0.01;

/* What the divisions of solver.decay leave of the rate after half of the steps. */
static double left_half_way(const tn_fix_case *about)
{
    const tn_hypes *hypes = about->hypes;
    if (tn_hypes_is_null(hypes, "solver.decay") || strcmp(tn_hypes_string(hypes, "solver.decay.kind"), "step") != 0)
        return 1;
    double epoch_steps = fmax(1, (double)about->investigation->facts->steps_per_epoch);
    double epoch = floor((double)tn_investigation_length(about->investigation) / 2 / epoch_steps) -
                   (double)tn_hypes_integer(hypes, "solver.decay.after");
    double divisions = epoch < 0 ? 0 : 1 + floor(epoch / (double)tn_hypes_integer(hypes, "solver.decay.every"));
    return pow(tn_hypes_number(hypes, "solver.decay.factor"), -divisions);
}

static void propose_schedule(const tn_fix_case *about, tn_fix_list *list)
{
    uint64_t total = tn_investigation_length(about->investigation);
    if (!about->hypes || about->investigation->facts->is_program || total == 0)
        return;
    int64_t warmup = tn_hypes_integer(about->hypes, "solver.warmup");
    if ((double)warmup > WARM * (double)total)
        tn_fix_add_patch(list, TN_CAUSE_wrong_schedule, json_pack("{s:i}", "solver.warmup", 0), "no warm-up in place of one of %lld steps",
                         (long long)warmup)
            ->prior = 0.6;
    double left = left_half_way(about);
    if (left <= FADED)
        tn_fix_add_patch(list, TN_CAUSE_wrong_schedule, json_pack("{s:n}", "solver.decay"),
                         "no decay of the learning rate, which leaves %.2g of it half way", left)
            ->prior = 0.6;
}

static void propose_batch(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_subject_facts *facts = about->investigation->facts;
    if (facts->train_samples < 2 * USUAL_BATCH ||
        (facts->batch_size >= SMALL_BATCH && facts->batch_size <= LARGE_BATCH && facts->batch_size < facts->train_samples))
        return;
    tn_fix *fix = tn_fix_add_knobs(list, TN_CAUSE_batch_size, TN_KNOB_BATCH_SIZE, "batches of %d samples", USUAL_BATCH);
    fix->knobs.batch_size = USUAL_BATCH;
    fix->prior = 0.4;
}

static void propose_adam(const tn_fix_case *about, tn_fix_list *list)
{
    if (about->hypes && strncmp(tn_hypes_string(about->hypes, "solver.opt"), "adam", 4) == 0)
        return;
    tn_fix *fix = tn_fix_add_knobs(list, TN_CAUSE_wrong_optimizer, TN_KNOB_OPTIMIZER | TN_KNOB_LEARNING_RATE, "Adam with learning rate %g",
                                   ADAM_RATE);
    fix->knobs.optimizer = "adam";
    fix->knobs.learning_rate = ADAM_RATE;
    fix->prior = 0.1;
}

void tn_fix_propose_solver(const tn_fix_case *about, tn_fix_list *list)
{
    bool is_stream = about->hypes && json_is_true(tn_hypes_value(about->hypes, "solver.carry_state"));
    if (about->hypes && !is_stream && !tn_hypes_boolean(about->hypes, "solver.shuffle")) {
        json_t *patch = json_pack("{s:b}", "solver.shuffle", 1);
        tn_fix_add_patch(list, TN_CAUSE_not_shuffled, patch, "the samples shuffled in each epoch")->prior =
            about->investigation->facts->label_order > SORTED ? 0.9 : 0.5;
    }
    propose_clip(about, list);
    propose_settings(about, list);
    propose_schedule(about, list);
    propose_batch(about, list);
    propose_adam(about, list);
    /* A run cut short by what a trial may cost says nothing about whether the user's own is long enough. */
    if (!about->look->truncated) {
        uint64_t steps = about->look->steps > 0 ? about->look->steps : 1, least = (STEPS_LEAST + steps - 1) / steps;
        uint64_t times = least > MORE_STEPS ? least : MORE_STEPS;
        tn_fix *fix = tn_fix_add_knobs(list, TN_CAUSE_too_few_steps, 0, "%llu times as many steps", (unsigned long long)times);
        fix->cost = (double)times;
        fix->prior = 0.3;
    }
}
