/* fix_learning_rate.c: other learning rates. Where the ladder found that the given rate breaks, the rates around the first clean one; else both directions, as far as the ladder
 * ran clean. */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "experiments/fixes/fix.h"

static void propose(tn_fix_list *list, tn_cause_id cause, double rate, double prior)
{
    tn_fix *fix = tn_fix_add_knobs(list, cause, TN_KNOB_LEARNING_RATE, "learning rate %.3g", rate);
    fix->knobs.learning_rate = rate;
    fix->prior = prior;
}

/* Two significant digits: a rate that a person would write. Through text, so that it also prints so. */
static double rounded(double rate)
{
    char text[32];
    return strtod(tn_number_format(text, rate, 2), NULL);
}

void tn_fix_propose_learning_rate(const tn_fix_case *about, tn_fix_list *list)
{
    static const double lower[] = {3, 10, 30, 100, 1000, 1e5}, higher[] = {3, 10, 30, 100, 1000};
    const tn_known_rates *rates = &about->investigation->rates;
    double given = about->investigation->facts->learning_rate;
    if (!(given > 0))
        return;
    if (rates->given_broke && !isnan(rates->clean)) {
        propose(list, TN_CAUSE_lr_too_high, rounded(rates->clean), 0.9);
        propose(list, TN_CAUSE_lr_too_high, rounded(rates->clean / 3), 0.9);
        propose(list, TN_CAUSE_lr_too_high, rounded(rates->clean / 10), 0.8);
        propose(list, TN_CAUSE_lr_too_high, rounded(rates->clean / 100), 0.5);
        return;
    }
    /* Far below every usual rate the factors do not reach; the ladder knows where the loss fell. */
    if (rates->steepest > given * higher[3]) {
        propose(list, TN_CAUSE_lr_too_low, rounded(rates->steepest / 10), 0.5);
        propose(list, TN_CAUSE_lr_too_low, rounded(rates->steepest / 3), 0.5);
        propose(list, TN_CAUSE_lr_too_low, rounded(rates->steepest), 0.5);
        if (tn_look_is_costly(about->investigation))
            return;
    }
    bool unstable = about->look->nonfinite || about->look->diverged || tn_look_fired(about->look, "diverging");
    for (size_t i = 0; i < sizeof lower / sizeof *lower; i++)
        propose(list, TN_CAUSE_lr_too_high, rounded(given / lower[i]), unstable ? 0.8 : 0.3);
    for (size_t i = 0; i < sizeof higher / sizeof *higher && !unstable; i++)
        if (isnan(rates->boundary) || given * higher[i] < rates->boundary)
            propose(list, TN_CAUSE_lr_too_low, rounded(given * higher[i]), 0.4);
}
