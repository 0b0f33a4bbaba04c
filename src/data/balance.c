/* balance.c: see balance.h. Oversampling, which Buda, Maki and Mazurowski 2018 (arXiv:1710.05381) found to serve networks best: no sample of the frequent class is lost. */
#include "data/balance.h"

#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

/* How many rows each class has, and how often its rows come. */
typedef struct class_share {
    size_t rows, wanted, given; /* given: rows that were handed out so far */
} class_share;

/* `times` [count]: how often each row comes. The rows are met in random order, so that those which come once more are a random choice. */
static void draw_times(const int32_t *class_of, const uint32_t *rows, const uint32_t *order, size_t count, class_share *shares,
                       uint32_t *times)
{
    for (size_t i = 0; i < count; i++) {
        class_share *of = &shares[class_of[rows[order[i]]]];
        size_t more = of->given++ < of->wanted % of->rows ? 1 : 0;
        times[order[i]] = (uint32_t)(of->wanted / of->rows + more);
    }
}

tn_status tn_balance_rows(const int32_t *class_of, size_t classes, uint64_t seed, uint32_t **rows, size_t *count, tn_error *error)
{
    class_share *shares = tn_memory_create(classes, sizeof *shares);
    uint32_t *order = tn_memory_create(*count, sizeof *order), *times = tn_memory_create(*count, sizeof *times), *balanced = NULL;
    size_t most = 0, present = 0, total = 0, filled = 0;
    if (shares != NULL && order != NULL && times != NULL) {
        for (size_t i = 0; i < *count; i++) {
            class_share *of = &shares[class_of[(*rows)[i]]];
            present += of->rows == 0;
            most = ++of->rows > most ? of->rows : most;
        }
        for (size_t k = 0; k < classes; k++)
            shares[k].wanted = most;
        if (tn_size_multiply(most, present, &total))
            balanced = tn_memory_create(total, sizeof *balanced);
    }
    if (balanced != NULL) {
        tn_rng rng;
        tn_rng_init(&rng, seed, TN_STREAM_BALANCE);
        tn_rng_permutation(&rng, order, *count);
        draw_times(class_of, *rows, order, *count, shares, times);
        for (size_t i = 0; i < *count; i++)
            for (uint32_t k = 0; k < times[i]; k++)
                balanced[filled++] = (*rows)[i];
        tn_memory_destroy(*rows);
        *rows = balanced;
        *count = total;
    }
    tn_memory_destroy(shares);
    tn_memory_destroy(order);
    tn_memory_destroy(times);
    return balanced != NULL ? TN_OK : tn_fail_memory(error, total * sizeof *balanced);
}
