/* fix_program.c: the mends that an attached program offers of itself (program_mend.h), each as a patch of one path. They need no network in the words of the hypes. */
#include <math.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"
#include "experiments/program_mend.h"

void tn_fix_propose_program(const tn_fix_case *about, tn_fix_list *list)
{
    size_t i;
    const json_t *mend;
    json_array_foreach(about->investigation->facts->mends, i, mend)
    {
        const char *name, *text = json_string_value(json_object_get(mend, "text"));
        double prior = json_number_value(json_object_get(mend, "prior"));
        tn_cause_id cause;
        if (!tn_mend_read(mend, &name, &cause) || !tn_mend_can_race(mend))
            continue;
        json_t *patch = json_object();
        tn_patch_put(patch, json_true(), "program.%.80s", name);
        tn_fix *fix = tn_fix_add_patch(list, cause, patch, "%s", text ? text : name);
        fix->prior = prior >= 0 && prior <= 1 ? prior : fix->prior;
        fix->misuse = true;
    }
}
