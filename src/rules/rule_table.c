/* rule_table.c: the rules, one row each. A rule lives in rule_NAME.c and defines tn_rule_NAME. */
#include <string.h>

#include "rules/rules.h"

/* clang-format off */
#define RULES(ROW)            \
    ROW(nonfinite)            \
    ROW(diverging)            \
    ROW(plateau)              \
    ROW(oscillating)          \
    ROW(loss_spike)           \
    ROW(spiky_gradients)      \
    ROW(exploding)            \
    ROW(vanishing)            \
    ROW(update_ratio)         \
    ROW(unchanged)            \
    ROW(dead_units)           \
    ROW(saturated_units)      \
    ROW(constant_output)      \
    ROW(overfitting)          \
    ROW(init_statistics)      \
    ROW(input_statistics)     \
    ROW(label_statistics)
/* clang-format on */

#define DECLARE(name) extern const tn_rule tn_rule_##name;
RULES(DECLARE)
#undef DECLARE

#define ENTRY(name) &tn_rule_##name,
static const tn_rule *const TABLE[] = {RULES(ENTRY)};
#undef ENTRY

_Static_assert(sizeof TABLE / sizeof TABLE[0] <= TN_RULES_MAX, "raise TN_RULES_MAX");

size_t tn_rule_count(void)
{
    return sizeof TABLE / sizeof TABLE[0];
}

const tn_rule *tn_rule_at(size_t index)
{
    return index < tn_rule_count() ? TABLE[index] : NULL;
}

size_t tn_rule_index(const char *name)
{
    size_t index = 0;
    while (index < tn_rule_count() && strcmp(TABLE[index]->name, name) != 0)
        index++;
    return index;
}

const char *tn_rule_state_name(tn_rule_state state)
{
    static const char *const names[] = {
        [TN_RULE_TOO_FEW_STEPS] = "too few steps", [TN_RULE_QUIET] = "quiet", [TN_RULE_FIRED] = "fired", [TN_RULE_OFF] = "off"};
    return names[state];
}

const char *tn_signal_severity_name(tn_signal_severity severity)
{
    return severity == TN_SIGNAL_ERROR ? "error" : "warning";
}
