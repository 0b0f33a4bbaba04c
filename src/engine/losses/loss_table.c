/* loss_table.c: one row for each loss, the walk of those that work element by element, and what concerns all of them. A new loss is a file
 * beside this one, a line in losses.h and a row here; the schema of hypes names it. */
#include <math.h>
#include <string.h>

#include "engine/losses/losses.h"

static const tn_loss *const table[] = {
    &tn_loss_softmax_cross_entropy,
    &tn_loss_sigmoid_cross_entropy,
    &tn_loss_categorical_cross_entropy,
    &tn_loss_binary_cross_entropy,
    &tn_loss_mse,
    &tn_loss_mae,
    &tn_loss_huber,
};

size_t tn_loss_count(void)
{
    return sizeof table / sizeof *table;
}

const tn_loss *tn_loss_at(size_t index)
{
    return index < tn_loss_count() ? table[index] : NULL;
}

const tn_loss *tn_loss_find(const char *name)
{
    for (size_t i = 0; i < tn_loss_count(); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}

double tn_loss_reduce(const tn_loss_options *options, size_t batch, const tn_real *sample_losses)
{
    return tn_row_sum(sample_losses, batch) * tn_loss_weight(options, batch);
}

double tn_loss_expected_initial(const tn_loss *loss, size_t classes)
{
    if (loss == &tn_loss_softmax_cross_entropy || loss == &tn_loss_categorical_cross_entropy) {
        return log((double)classes);
    }
    if (loss == &tn_loss_sigmoid_cross_entropy || loss == &tn_loss_binary_cross_entropy) {
        return log(2.0); /* each output says 1/2, and the outputs are averaged */
    }
    return (double)NAN;
}

/* one_hot [count] = the elements start .. start + count - 1 of the rows [B, width] that the classes mean. */
static void fill_one_hot(const int32_t *classes, size_t width, size_t start, size_t count, tn_real *one_hot)
{
    for (size_t i = 0; i < count; i++) {
        one_hot[i] = 0;
    }
    for (size_t sample = start / width; sample * width < start + count; sample++) {
        const size_t hot = sample * width + (size_t)classes[sample];
        if (hot >= start && hot < start + count) {
            one_hot[hot - start] = 1;
        }
    }
}

void tn_loss_elementwise(const tn_loss_options *options, size_t batch, size_t width, double share, const tn_real *output,
                         const tn_labels *labels, tn_real *sample_losses, tn_real *d_output, tn_loss_span_fn *span)
{
    const tn_real factor = (tn_real)(tn_loss_weight(options, batch) * share);
    tn_real errors[TN_LOSS_BLOCK], unwanted[TN_LOSS_BLOCK], one_hot[TN_LOSS_BLOCK];
    double sum = 0; /* of the sample that is being walked through */
    size_t sample = 0, column = 0;
    for (size_t start = 0; start < batch * width; start += TN_LOSS_BLOCK) {
        const size_t rest = batch * width - start, count = rest < TN_LOSS_BLOCK ? rest : TN_LOSS_BLOCK;
        const tn_real *target = one_hot;
        if (labels->classes != NULL) {
            fill_one_hot(labels->classes, width, start, count, one_hot);
        } else {
            target = labels->targets + start;
        }
        span(options, count, factor, output + start, target, errors, d_output != NULL ? d_output + start : unwanted);
        for (size_t i = 0; i < count;) {
            const size_t left = width - column, now = left < count - i ? left : count - i;
            sum += tn_row_sum(errors + i, now);
            i += now;
            column += now;
            if (column == width) {
                sample_losses[sample++] = (tn_real)(sum * share);
                sum = 0;
                column = 0;
            }
        }
    }
}
