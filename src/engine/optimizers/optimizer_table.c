/* optimizer_table.c: one row for each optimizer. A new one is a file beside this one, a line in optimizers.h and a row here; the schema of
 * hypes lists its settings. */
#include <string.h>

#include "engine/optimizers/optimizers.h"

static const tn_optimizer *const table[] = {
    &tn_optimizer_sgd, &tn_optimizer_adam, &tn_optimizer_adamw, &tn_optimizer_rmsprop, &tn_optimizer_adagrad, &tn_optimizer_adadelta,
};

size_t tn_optimizer_count(void)
{
    return sizeof table / sizeof *table;
}

const tn_optimizer *tn_optimizer_at(size_t index)
{
    return index < tn_optimizer_count() ? table[index] : NULL;
}

const tn_optimizer *tn_optimizer_find(const char *name)
{
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
