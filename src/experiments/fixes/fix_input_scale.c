/* fix_input_scale.c: standardised inputs (PROTOCOL C4), proposed only where the inputs, as the network sees them, are far from it. */
#include <math.h>
#include <string.h>

#include "experiments/fixes/fix.h"

/* Units of the inputs, which should be near mean 0 and std 1. Pixels of 0 .. 1 (mean 0.3, std 0.35) stay within; bytes, prices and addresses do not. Own choice, calibrated on the
 * healthy networks of examples/; moved by sparse inputs, whose std is small. */
static const double STD_LARGE = 5, STD_SMALL = 0.02, MEAN_LARGE = 5;

/* A table whose widest feature is this many times wider than its narrowest. Not asked of images, whose corners hardly vary, nor where all values lie within [-1, 1], as those of pixels in a table and
 * of columns that say which of many categories it is: there the narrow features are rare, not small. */
static const double STD_RATIO = 20;
enum { TABLE_FEATURES_MAX = 64 };

static bool is_far_from_standard(const tn_subject_facts *facts)
{
    if (facts->input_std > STD_LARGE || fabs(facts->input_mean) > MEAN_LARGE || facts->input_std < STD_SMALL)
        return true;
    bool is_bounded = facts->input_min >= -1 && facts->input_max <= 1;
    return !is_bounded && facts->features <= TABLE_FEATURES_MAX && facts->input_std_min > 0 &&
           facts->input_std_max / facts->input_std_min > STD_RATIO;
}

void tn_fix_propose_input_scale(const tn_fix_case *about, tn_fix_list *list)
{
    if (!is_far_from_standard(about->investigation->facts))
        return;
    tn_fix *fix =
        tn_fix_add_knobs(list, TN_CAUSE_unscaled_input, TN_KNOB_INPUT_SCALE, "standardised inputs (mean 0, standard deviation 1)");
    fix->knobs.input_scale = "standardize";
    fix->general = false;
    fix->prior = 0.7;
}
