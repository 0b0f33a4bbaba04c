/* fix_label_scale.c: standardised targets of a regression (PROTOCOL C4), proposed only where they are far from it. */
#include <math.h>

#include "experiments/fixes/fix.h"

/* Units of the targets as the loss sees them. A target of std 1 .. 10 trains as a rule; own choice, see fix_input_scale.c. */
static const double STD_LARGE = 10, STD_SMALL = 0.05, OFFSET_LARGE = 10;

void tn_fix_propose_label_scale(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_subject_facts *facts = about->investigation->facts;
    if (facts->task != TN_SUBJECT_REGRESSION || !(facts->label_std > 0))
        return;
    bool far = facts->label_std > STD_LARGE || facts->label_std < STD_SMALL || fabs(facts->label_mean) > OFFSET_LARGE;
    if (!far)
        return;
    tn_fix *fix =
        tn_fix_add_knobs(list, TN_CAUSE_unscaled_label, TN_KNOB_LABEL_SCALE, "standardised targets (mean 0, standard deviation 1)");
    fix->knobs.label_scale = "standardize";
    fix->general = false;
    fix->prior = 0.5;
}
