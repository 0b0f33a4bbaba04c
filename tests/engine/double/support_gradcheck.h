/* support_gradcheck.h: compares the gradient that a backward computes with central differences of its forward: each element, with its
 * sign, in double.
 *
 * The scalar is sum(output * weights) with random weights. For element x the difference is (f(x + h) - f(x - h)) / 2h with h = 1e-5 max(1,
 * |x|); its own error is about h^2 |f'''| / 6 + 1e-16 |f| / h, at most 1e-9 for what is tested here. An element is accepted where
 * |analytic - numeric| <= TN_GRADIENT_TOLERANCE (1 + |numeric|); NaN on either side is refused, since the comparison is written so. A
 * fault of one percent in a gradient of 0.001 is seen.
 *
 * The check is itself checked: tn_gradcheck_op_faults plants faults in the analytic gradient, and each must be refused. */
#ifndef TN_TEST_SUPPORT_GRADCHECK_H
#define TN_TEST_SUPPORT_GRADCHECK_H

#include "engine/loss.h"
#include "engine/support_op.h"

#define TN_GRADIENT_TOLERANCE 1e-7

/* What is done to one analytic gradient before it is compared. */
typedef enum tn_fault {
    TN_FAULT_NONE,
    TN_FAULT_SIGN,         /* all elements times -1 */
    TN_FAULT_FACTOR,       /* all times 1.5 */
    TN_FAULT_ELEMENT_SIGN, /* the largest element times -1 */
    TN_FAULT_ELEMENT_ZERO, /* the largest element dropped */
    TN_FAULT_SMALL_TERM,   /* the smallest element above 1e-3 off by a hundredth: a term that is easily overlooked */
    TN_FAULT_NAN,          /* one element NaN */
    TN_FAULT_COUNT
} tn_fault;

typedef struct tn_gradcheck {
    size_t compared, refused;
    double worst;      /* |analytic - numeric| / (1 + |numeric|), of the elements that are numbers */
    char message[256]; /* the first element refused */
} tn_gradcheck;

/* Changes a gradient; false where it has no element to change (all below 1e-3). */
bool tn_fault_plant(tn_fault fault, size_t count, tn_real *gradient);

/* Compares element by element: numeric(context, i) is the numeric derivative by element i. */
typedef double tn_numeric_fn(void *context, size_t element);
void tn_gradcheck_compare(tn_gradcheck *check, const char *label, const char *tensor, size_t count, const tn_real *analytic,
                          tn_numeric_fn *numeric, void *context);

/* Step of the central difference at x. */
double tn_gradcheck_step(double x);

/* The whole check of one op case, with a fault planted in the gradient of tensor `target` (inputs first, then trainable parameters).
 * Returns false where that fault cannot be planted, since the gradient is zero. */
bool tn_gradcheck_op(const tn_op_case *of, tn_fault fault, size_t target, tn_gradcheck *check);
size_t tn_gradcheck_op_targets(const tn_op_case *of);

/* Asserts for one case: gradients agree; every fault in every tensor is refused; backward reads what its flags allow and runs in place
 * where they say so; d_inputs and d_parameters that nobody needs may be NULL; a second backward gives the same bits. */
void tn_gradcheck_assert_op(const tn_op_case *of);

/* The same comparison for a large case, where all elements would take minutes: every `stride`-th element of each tensor. Large cases are cut
 * into tiles and blocks, which small ones are not. One element of each tensor is then set wrong, which must be seen. */
void tn_gradcheck_assert_sampled(const tn_op_case *of, size_t stride);

/* A loss by its output. */
typedef struct tn_loss_case {
    const char *label, *loss;
    size_t batch, width;
    bool classes; /* labels are class numbers, else targets */
    tn_loss_options options;
    double low, high; /* outputs are uniform in here */
    double target_low, target_high;
    bool one_hot; /* targets are one-hot rows */
} tn_loss_case;

bool tn_gradcheck_loss(const tn_loss_case *of, tn_fault fault, tn_gradcheck *check);
void tn_gradcheck_assert_loss(const tn_loss_case *of);

#endif
