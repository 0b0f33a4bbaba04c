/* rule_table.c: the rules, one row each. A rule lives in rule_NAME.c and defines tn_rule_NAME. */
#include "rules/rules.h"

/* clang-format off */
#define RULES(ROW)      \
    ROW(nonfinite)      \
    ROW(diverging)      \
    ROW(plateau)        \
    ROW(vanishing)      \
    ROW(dead_units)     \
    ROW(saturated)      \
    ROW(spiky_gradients)
/* clang-format on */

#define DECLARE(name) extern const tn_rule tn_rule_##name;
RULES(DECLARE)
#undef DECLARE

#define ENTRY(name) &tn_rule_##name,
static const tn_rule *const TABLE[] = {RULES(ENTRY)};
#undef ENTRY

size_t tn_rule_count(void)
{
    return sizeof TABLE / sizeof TABLE[0];
}

const tn_rule *tn_rule_at(size_t index)
{
    return index < tn_rule_count() ? TABLE[index] : NULL;
}
