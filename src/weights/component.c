/* component.c: see component.h.
 *
 *   1. each name by itself: words and rank give most kinds
 *   2. neighbours: a bias beside a normalisation's gain is the normalisation's; the length of a bias tells the axis of the outputs
 *   3. the network as a whole: the first convolution, depthwise ones of PyTorch, the last dense layer; feed-forward blocks only where there is attention */
#include "weights/component.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* LAYER_MAX: tensors of one layer that are looked through for its bias, so that a file of a hundred thousand names in one place takes no time. */
enum { NAME_MAX = TN_WEIGHTS_NAME_MAX, INPUT_CHANNELS_MAX = 4, KERNEL_MAX = 11, LAYER_MAX = 64, PROJECTION_MIN = 8, OUTPUTS_MAX = 8 };

static const struct {
    const char *id, *title, *what;
} KINDS[] = {
#define TN_KIND(id, title, what) {#id, title, what},
#include "weights/health_kinds.def"
#undef TN_KIND
};

/* In lower case once and for all would need memory: the few ids are written out. */
const char *tn_kind_id(tn_kind kind)
{
    static const char *const IDS[] = {
        "conv_first", "conv",        "depthwise",   "dense",       "dense_output",  "recurrent_input", "recurrent_hidden",
        "embedding",  "attention_q", "attention_k", "attention_v", "attention_qkv", "attention_o",     "ff_up",
        "ff_down",    "norm_gain",   "norm_bias",   "bias",        "state",         "unknown"};
    _Static_assert(sizeof IDS / sizeof *IDS == TN_KINDS, "an id for each kind of health_kinds.def");
    return IDS[kind];
}

const char *tn_kind_title(tn_kind kind)
{
    return KINDS[kind].title;
}

const char *tn_kind_what(tn_kind kind)
{
    return KINDS[kind].what;
}

bool tn_kind_is_weight(tn_kind kind)
{
    return kind < TN_KIND_NORM_GAIN;
}

/* ---- words of a name ---- */

/* The name in lower case, '/' and ':' as '.', so that words are found once. */
static void simplify(const char *name, char simple[NAME_MAX])
{
    size_t i = 0;
    for (; name[i] && i < NAME_MAX - 1; i++) {
        char c = (char)tolower((unsigned char)name[i]);
        simple[i] = c == '/' || c == ':' ? '.' : c;
    }
    simple[i] = '\0';
    /* TensorFlow's ":0". */
    if (i > 2 && strcmp(simple + i - 2, ".0") == 0 && strchr(name, ':'))
        simple[i - 2] = '\0';
}

static bool holds(const char *name, const char *text)
{
    return strstr(name, text) != NULL;
}

/* Any of the NULL-terminated texts. */
static bool holds_any(const char *name, const char *const *texts)
{
    for (; *texts; texts++)
        if (holds(name, *texts))
            return true;
    return false;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), most = strlen(suffix);
    return length >= most && strcmp(name + length - most, suffix) == 0;
}

/* `word` stands in the name with no letter before or behind it, as "q" does in "attn.q.weight". */
static bool has_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
        if ((at == name || !isalnum((unsigned char)at[-1])) && !isalpha((unsigned char)at[length]))
            return true;
    return false;
}

static bool has_any_word(const char *name, const char *const *words)
{
    for (; *words; words++)
        if (has_word(name, *words))
            return true;
    return false;
}

/* The length of what stands before the last part: "a.b.weight" and "a.b.bias" share "a.b". "enc_b_ih" and "enc_w_ih" are handled by their own rule. */
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

/* Numbers in names count as numbers: "layer.2" before "layer.10". */
static int compare_natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            size_t left = strspn(a, "0123456789"), right = strspn(b, "0123456789");
            if (left != right)
                return left < right ? -1 : 1;
            int order = strncmp(a, b, left);
            if (order != 0)
                return order;
            a += left;
            b += right;
        } else if (*a != *b) {
            return *a < *b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

/* ---- 1. each name by itself ---- */

typedef char simple_name[NAME_MAX];

static bool is_state(const char *name)
{
    static const char *const ENDS[] = {"running_mean",        "running_var",     "num_batches_tracked",
                                       "moving_mean",         "moving_variance", "position_ids",
                                       "rotary_emb.inv_freq", "population_mean", "population_variance"};
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        if (ends_with(name, ENDS[i]))
            return true;
    return false;
}

static bool is_bias_name(const char *name)
{
    static const char *const WORDS[] = {"bias", "biases", "b_ih", "b_hh", "bias_ih", "bias_hh", "in_proj_bias", "fc_b", NULL};
    return has_any_word(name, WORDS) || holds(name, "bias_ih") || holds(name, "bias_hh") || ends_with(name, "_b");
}

static tn_kind tell_vector(const char *name)
{
    static const char *const OTHER[] = {"alpha", "slope", "prelu", "a_log", "cls_token", "inv_freq", NULL};
    if (holds_any(name, OTHER))
        return TN_KIND_UNKNOWN;
    if (ends_with(name, "gain") || ends_with(name, "gamma") || ends_with(name, "scale") || ends_with(name, "scale.weights"))
        return TN_KIND_NORM_GAIN;
    if (ends_with(name, "beta") || ends_with(name, "scale.biases") || ends_with(name, "bn_offset"))
        return TN_KIND_NORM_BIAS;
    if (is_bias_name(name))
        return TN_KIND_BIAS;
    return ends_with(name, "weight") || ends_with(name, "weights") ? TN_KIND_NORM_GAIN : TN_KIND_UNKNOWN;
}

static const char *const ATTENTION[] = {"attn", "attention", "mha", "q_proj", "k_proj", "v_proj", "o_proj", NULL};

static tn_kind tell_attention(const char *name)
{
    static const char *const QKV[] = {"in_proj", "c_attn", "qkv", "query_key_value", NULL};
    static const char *const Q[] = {"query", "q_proj", "q_lin", "wq", "q", "to_q", NULL};
    static const char *const K[] = {"key", "k_proj", "k_lin", "wk", "k", "to_k", NULL};
    static const char *const V[] = {"value", "v_proj", "v_lin", "wv", "v", "to_v", NULL};
    static const char *const O[] = {"o_proj", "out_proj",     "out_lin",          "wo",     "o", "to_out", "c_proj",
                                    "proj",   "output.dense", "attention_output", "output", NULL};
    if (holds_any(name, QKV))
        return TN_KIND_ATTENTION_QKV;
    return has_any_word(name, Q)   ? TN_KIND_ATTENTION_Q
           : has_any_word(name, K) ? TN_KIND_ATTENTION_K
           : has_any_word(name, V) ? TN_KIND_ATTENTION_V
           : has_any_word(name, O) ? TN_KIND_ATTENTION_O
                                   : TN_KIND_UNKNOWN;
}

static tn_kind tell_recurrent(const char *name)
{
    static const char *const CELLS[] = {"lstm", "gru", "rnn", NULL};
    if (holds(name, "weight_hh") || holds(name, "w_hh") || holds(name, "recurrent"))
        return TN_KIND_RECURRENT_HIDDEN;
    if (holds(name, "weight_ih") || holds(name, "w_ih") ||
        (holds_any(name, CELLS) && (ends_with(name, "kernel") || ends_with(name, "input_weight"))))
        return TN_KIND_RECURRENT_INPUT;
    return TN_KIND_UNKNOWN;
}

/* In a transformer; elsewhere "fc1" is a dense layer as any other. */
static tn_kind tell_feed_forward(const char *name)
{
    static const char *const UP[] = {"intermediate", "fc1",   "linear1", "w1", "c_fc", "up_proj", "gate_proj",
                                     "lin1",         "fc_up", "fc_in",   "wi", "w3",   "mlp.0",   NULL};
    static const char *const DOWN[] = {"fc2",     "linear2", "w2",           "c_proj", "down_proj", "lin2",
                                       "fc_down", "fc_out",  "output.dense", "mlp.2",  "mlp.3",     NULL};
    return has_any_word(name, UP) ? TN_KIND_FF_UP : has_any_word(name, DOWN) ? TN_KIND_FF_DOWN : TN_KIND_UNKNOWN;
}

static tn_kind tell_matrix(const tn_component *component, const char *name)
{
    static const char *const EMBEDDINGS[] = {"embed", "wte", "wpe", "tok_emb", "pos_emb", NULL};
    tn_kind kind = tell_recurrent(name);
    if (kind != TN_KIND_UNKNOWN)
        return kind;
    if (component->has_shape && component->rank >= 3)
        return holds(name, "depthwise") || has_word(name, "dwconv") || has_word(name, "dw") ? TN_KIND_DEPTHWISE : TN_KIND_CONV;
    if (holds_any(name, EMBEDDINGS) || has_word(name, "emb") || ends_with(name, "_emb"))
        return TN_KIND_EMBEDDING;
    /* The vector of an additive attention is no projection. */
    bool is_wide =
        !component->has_shape || (component->dims[0] >= PROJECTION_MIN && component->dims[component->rank - 1] >= PROJECTION_MIN);
    if (is_wide && holds_any(name, ATTENTION) && (kind = tell_attention(name)) != TN_KIND_UNKNOWN)
        return kind;
    if (!component->has_shape && holds(name, "conv"))
        return holds(name, "depthwise") ? TN_KIND_DEPTHWISE : TN_KIND_CONV;
    return ends_with(name, "weight") || ends_with(name, "weights") || ends_with(name, "kernel") || ends_with(name, "_w") ||
                   has_word(name, "fc")
               ? TN_KIND_DENSE
               : TN_KIND_UNKNOWN;
}

static tn_kind tell_alone(const tn_component *component, const char *name)
{
    static const char *const NORMS[] = {"norm", "bn", NULL};
    if (is_state(name))
        return TN_KIND_STATE;
    /* Row-shaped biases, as [1, n], are vectors too. */
    size_t long_axes = 0;
    for (size_t i = 0; i < component->rank; i++)
        long_axes += component->dims[i] > 1;
    bool named_bias = is_bias_name(name) || ends_with(name, "beta");
    bool is_norm = holds_any(name, NORMS) && component->count < 65536 && (component->rank <= 1 || !component->has_shape);
    bool is_vector = component->has_shape ? component->rank <= 1 || (long_axes <= 1 && named_bias)
                                          : named_bias || is_norm || ends_with(name, "gain") || ends_with(name, "gamma");
    return is_vector ? tell_vector(name) : tell_matrix(component, name);
}

/* ---- 2. neighbours ---- */

/* A network whose names are read. Tensors of one layer, whose names share a stem, stand side by side in `order`. */
typedef struct network {
    tn_component *components;
    simple_name *names;
    size_t count;
    size_t *order;       /* [count] component numbers, by stem */
    size_t *group_begin; /* [count]: of component i, where its layer begins in `order` */
    size_t *group_end;
} network;

static int compare_stems(const char *a, const char *b)
{
    size_t left = stem_length(a), right = stem_length(b);
    int order = memcmp(a, b, left < right ? left : right);
    return order != 0 ? order : left < right ? -1 : left > right;
}

static int compare_order(const void *a, const void *b, void *context)
{
    const simple_name *names = context;
    size_t one = *(const size_t *)a, other = *(const size_t *)b;
    int order = compare_stems(names[one], names[other]);
    return order != 0 ? order : one < other ? -1 : one > other;
}

static void group_layers(network *net)
{
    for (size_t i = 0; i < net->count; i++)
        net->order[i] = i;
    qsort_r(net->order, net->count, sizeof *net->order, compare_order, net->names);
    for (size_t begin = 0, end; begin < net->count; begin = end) {
        for (end = begin + 1; end < net->count && compare_stems(net->names[net->order[begin]], net->names[net->order[end]]) == 0; end++)
            continue;
        for (size_t k = begin; k < end; k++) {
            /* Names without a stem share nothing. */
            bool alone = stem_length(net->names[net->order[k]]) == 0;
            net->group_begin[net->order[k]] = begin;
            net->group_end[net->order[k]] = alone ? begin : end - begin > LAYER_MAX ? begin + LAYER_MAX : end;
        }
    }
}

/* The first tensor of that kind in the layer of component i; NULL where there is none. */
static const tn_component *find_beside(const network *net, size_t i, tn_kind kind)
{
    for (size_t k = net->group_begin[i]; k < net->group_end[i]; k++)
        if (net->order[k] != i && net->components[net->order[k]].kind == kind)
            return &net->components[net->order[k]];
    return NULL;
}

static void tell_norm_biases(network *net)
{
    for (size_t i = 0; i < net->count; i++)
        if (net->components[i].kind == TN_KIND_BIAS && stem_length(net->names[i]) > 0 && find_beside(net, i, TN_KIND_NORM_GAIN))
            net->components[i].kind = TN_KIND_NORM_BIAS;
}

/* Whether axis 0 counts the outputs. `bias`: the layer's, or NULL. */
static bool tell_layout(const tn_component *component, const char *name, const tn_component *bias, bool by_tenet)
{
    size_t first = component->dims[0], last = component->dims[component->rank - 1];
    if (bias && first != last && (bias->count == first || bias->count == last))
        return bias->count == first;
    if (by_tenet || ends_with(name, "kernel") || ends_with(name, "filters") || ends_with(name, "filter") || ends_with(name, "weights"))
        return false;
    return !(component->rank == 4 && first <= KERNEL_MAX && component->dims[1] <= KERNEL_MAX && last > KERNEL_MAX);
}

static size_t product(const size_t *dims, size_t from, size_t to)
{
    size_t result = 1;
    for (size_t i = from; i < to; i++)
        result *= dims[i];
    return result;
}

static void tell_fans_by_shape(tn_component *component, const char *name, const tn_component *bias, bool by_tenet)
{
    size_t rank = component->rank;
    const size_t *dims = component->dims;
    if (component->kind == TN_KIND_EMBEDDING) {
        component->fan_in = dims[rank - 1];
        component->outputs_first = true;
        return;
    }
    component->outputs_first = tell_layout(component, name, bias, by_tenet);
    if (component->kind == TN_KIND_DEPTHWISE && !component->outputs_first) { /* [k, k, channels, multiplier] */
        component->fan_in = component->fan_out = product(dims, 0, rank - 2);
        return;
    }
    size_t outputs = component->outputs_first ? dims[0] : dims[rank - 1];
    size_t inputs = component->outputs_first ? dims[1] : dims[rank - 2];
    size_t window = component->outputs_first ? product(dims, 2, rank) : product(dims, 0, rank - 2);
    component->fan_in = inputs * window;
    component->fan_out = component->kind == TN_KIND_DEPTHWISE ? window : outputs * window;
}

static void tell_fans(network *net, bool by_tenet)
{
    for (size_t i = 0; i < net->count; i++) {
        tn_component *component = &net->components[i];
        if (!tn_kind_is_weight(component->kind))
            continue;
        const tn_component *bias = find_beside(net, i, TN_KIND_BIAS);
        if (component->has_shape && component->rank >= 2) {
            tell_fans_by_shape(component, net->names[i], bias, by_tenet);
        } else if (!component->has_shape && bias && bias->count > 0 && component->count % bias->count == 0) {
            component->fan_in = component->count / bias->count;
            component->fan_out = bias->count;
        }
    }
    for (size_t i = 0; i < net->count; i++) {
        tn_component *bias = &net->components[i];
        for (size_t k = net->group_begin[i]; bias->kind == TN_KIND_BIAS && k < net->group_end[i]; k++) {
            const tn_component *weight = &net->components[net->order[k]];
            if (tn_kind_is_weight(weight->kind) && weight->fan_in > bias->fan_in) {
                bias->fan_in = weight->fan_in;
                bias->weight = net->order[k] + 1;
            }
        }
    }
}

/* ---- 3. the network as a whole ---- */

static size_t conv_inputs(const tn_component *component)
{
    return component->outputs_first ? component->dims[1] : component->dims[component->rank - 2];
}

/* A PyTorch filter [n, 1, k, k] is depthwise, or the first one of a net for grey pictures: only the first in order can be that. */
static void tell_depthwise_and_first(tn_component *components, const simple_name *names, size_t count)
{
    size_t first = count;
    for (size_t i = 0; i < count; i++) {
        if (components[i].kind != TN_KIND_CONV || !components[i].has_shape || conv_inputs(&components[i]) > INPUT_CHANNELS_MAX)
            continue;
        if (first == count || compare_natural(names[i], names[first]) < 0)
            first = i;
    }
    /* Where any convolution takes 2 to 4 channels, it is the first, whatever order the names have. */
    for (size_t i = 0; i < count; i++)
        if (components[i].kind == TN_KIND_CONV && components[i].has_shape && first < count && conv_inputs(&components[first]) == 1 &&
            conv_inputs(&components[i]) > 1 && conv_inputs(&components[i]) <= INPUT_CHANNELS_MAX)
            first = i;
    for (size_t i = 0; i < count; i++) {
        tn_component *component = &components[i];
        if (component->kind != TN_KIND_CONV || !component->has_shape)
            continue;
        size_t outputs = component->outputs_first ? component->dims[0] : component->dims[component->rank - 1];
        if (i == first) {
            component->kind = TN_KIND_CONV_FIRST;
        } else if (conv_inputs(component) == 1 && outputs > 1) {
            component->kind = TN_KIND_DEPTHWISE;
            component->fan_out = component->fan_in;
        }
    }
}

static bool has_attention(const tn_component *components, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (components[i].kind >= TN_KIND_ATTENTION_Q && components[i].kind <= TN_KIND_ATTENTION_O)
            return true;
    return false;
}

/* Whether the answer stands behind the last dense layer already, so that this one is hidden. */
static bool has_answer(const tn_component *components, const simple_name *names, size_t count, size_t last)
{
    for (size_t i = 0; i < count; i++)
        if (components[i].kind == TN_KIND_DENSE_OUTPUT && compare_natural(names[i], names[last]) > 0)
            return true;
    return false;
}

static void tell_dense(tn_component *components, const simple_name *names, size_t count)
{
    static const char *const OUTPUTS[] = {"classifier", "lm_head", "head", "logits", "predictions", "decoder", "output", NULL};
    bool transformer = has_attention(components, count), named = false;
    size_t last = count;
    for (size_t i = 0; i < count; i++) {
        if (components[i].kind != TN_KIND_DENSE)
            continue;
        tn_kind kind = transformer ? tell_feed_forward(names[i]) : TN_KIND_UNKNOWN;
        if (kind != TN_KIND_UNKNOWN) {
            components[i].kind = kind;
            continue;
        }
        if (holds(names[i], "pooler"))
            continue;
        /* So few outputs are an answer, whatever the name: one of several heads. */
        size_t outputs = components[i].outputs_first ? components[i].dims[0]
                         : components[i].rank > 0    ? components[i].dims[components[i].rank - 1]
                                                     : OUTPUTS_MAX;
        if (components[i].has_shape && outputs < OUTPUTS_MAX) {
            components[i].kind = TN_KIND_DENSE_OUTPUT;
            continue;
        }
        if (last == count || compare_natural(names[i], names[last]) > 0)
            last = i;
        if (has_any_word(names[i], OUTPUTS) && !holds(names[i], "decoder.")) {
            components[i].kind = TN_KIND_DENSE_OUTPUT;
            named = true;
        }
    }
    if (!named && last < count && !has_answer(components, names, count, last))
        components[last].kind = TN_KIND_DENSE_OUTPUT;
}

static void tell(network *net, bool by_tenet)
{
    for (size_t i = 0; i < net->count; i++) {
        tn_component *component = &net->components[i];
        simplify(component->name, net->names[i]);
        component->fan_in = component->fan_out = component->weight = 0;
        component->outputs_first = false;
        component->kind = tell_alone(component, net->names[i]);
    }
    group_layers(net);
    tell_norm_biases(net);
    tell_fans(net, by_tenet);
    tell_depthwise_and_first(net->components, net->names, net->count);
    tell_dense(net->components, net->names, net->count);
}

tn_status tn_components_tell(tn_component *components, size_t count, bool by_tenet, tn_error *error)
{
    network net = {.components = components, .count = count};
    net.names = tn_memory_create(count, sizeof *net.names);
    net.order = tn_memory_create(count, 3 * sizeof *net.order);
    tn_status status = net.names && net.order ? TN_OK : tn_fail_memory(error, count * (sizeof *net.names + 3 * sizeof *net.order));
    if (status == TN_OK) {
        net.group_begin = net.order + count;
        net.group_end = net.order + 2 * count;
        tell(&net, by_tenet);
    }
    tn_memory_destroy(net.order);
    tn_memory_destroy(net.names);
    return status;
}
