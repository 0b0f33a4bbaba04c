/* recurrent.h: what rnn, gru and lstm share: layers and directions, the products over all steps and over one, weight gradients of all steps at once.
 * A cell itself, what happens between the products of one step, stands in the op's own file.
 *
 * A sequence [T, I] becomes [T, D H], H units in each of D directions, the outputs of all steps; later layers read those of the layer before. Layout, equations and
 * names are PyTorch's (weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, and the same with _reverse, and _l1, ...), but weights are [inputs, G H] here, the gates side by side.
 * The state starts at 0 with each sample, or, in training, where that of the batch before was left (pass->carried): truncated back-propagation through time (Williams and Peng 1990). */
#ifndef TN_ENGINE_RECURRENT_H
#define TN_ENGINE_RECURRENT_H

#include "engine/op.h"

/* Some of the gates of weight_hh, and where their products go in a row of gates [wide H]. */
typedef struct tn_hidden_part {
    size_t weight_gate, gates, gate;
    bool adds; /* to the input's part, which stands there; else it is kept apart */
} tn_hidden_part;

/* One step of `rows` sequences. Rows of gates are wide H reals, `state_step` reals lie between rows of h and h_before, H between those of the rest. h_before and cell_before are NULL at the
 * first step unless a state is carried there. */
typedef struct tn_cell_step {
    size_t rows, units, state_step;
    const void *settings;
    tn_real *gates; /* forward: sums in, activations out */
    tn_real *h, *cell;
    const tn_real *h_before, *cell_before;
    /* backward: all of gates to cell_before are as forward left them */
    tn_real *d_gates;        /* out: derivatives by the sums, in the same places */
    const tn_real *d_output; /* by h, from the layers above, rows state_step apart */
    tn_real *d_h;            /* in: by h, from the step behind; out: what goes to h_before without passing through weight_hh */
    tn_real *d_cell;         /* in: by cell, from the step behind; out: by cell_before */
} tn_cell_step;

typedef struct tn_cell {
    size_t gates; /* of the weights */
    size_t wide;  /* of a row of gates; the first `gates` take the input's part */
    bool has_cell;
    size_t part_count;
    tn_hidden_part parts[2];
    void (*forward)(const tn_cell_step *step);
    void (*backward)(const tn_cell_step *step);
} tn_cell;

enum { TN_RECURRENT_SETTINGS_BYTES = 32 };

/* The first member of the op's attributes, if it has others, is not needed: `settings` has room for them. */
typedef struct tn_recurrent {
    size_t steps, inputs, units, layers, directions;
    _Alignas(16) unsigned char settings[TN_RECURRENT_SETTINGS_BYTES];
} tn_recurrent;

/* configure: reads units, layers and bidirectional and adds the parameters; the op may then set `settings`. */
tn_status tn_recurrent_configure(tn_node *node, const json_t *hypes_node, const tn_cell *cell, tn_error *error);

void tn_recurrent_forward(const tn_node *node, const tn_pass *pass, const tn_cell *cell);
void tn_recurrent_backward(const tn_node *node, const tn_pass *pass, const tn_cell *cell);

#endif
