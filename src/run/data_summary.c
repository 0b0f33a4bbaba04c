/* data_summary.c: see data_summary.h. Sums are taken about each column's first finite value, so that a large offset costs no digits.
 *
 * How much a feature tells alone: for classes the between-class share of its variance, eta^2 = sum_k n_k (mean_k - mean)^2 / sum (x - mean)^2, which is 1 where each class has a
 * value of its own; for targets the squared correlation. Both need one number for each feature and class (or target) while samples stream by; where these are more than JOINT_MAX it is not taken. */
#include "run/data_summary.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { JOINT_MAX = 1 << 21, COMPARED_MAX = 20000 /* features that are compared with each other */ };

typedef struct column {
    uint64_t finite, nonfinite, changes, hash;
    double last, shift, sum, squares, min, max;
} column;

struct tn_data_builder {
    tn_data_shape shape;
    uint64_t samples, nonfinite_row, nonfinite_label_row;
    column *features, *targets;
    double *
        joint; /* [features, classes or targets]: sums of the feature by class, or of feature times target, about the shifts; NULL: not taken */
    uint64_t *class_counts;
    uint64_t labelled; /* samples with a class or targets */
    tn_column_summary *feature, *target;
    tn_data_summary summary;
};

tn_status tn_data_builder_create(const tn_data_shape *shape, tn_data_builder **builder, tn_error *error)
{
    *builder = NULL;
    tn_data_builder *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    size_t labels = shape->classes ? shape->classes : shape->targets, joint;
    created->shape = *shape;
    created->nonfinite_row = created->nonfinite_label_row = TN_NO_ROW;
    created->features = tn_memory_create(shape->features, sizeof *created->features);
    created->targets = tn_memory_create(shape->targets, sizeof *created->targets);
    created->class_counts = tn_memory_create(shape->classes, sizeof *created->class_counts);
    created->feature = tn_memory_create(shape->features, sizeof *created->feature);
    created->target = tn_memory_create(shape->targets, sizeof *created->target);
    bool has_joint = tn_size_multiply(shape->features, labels, &joint) && joint <= JOINT_MAX;
    if (has_joint)
        created->joint = tn_memory_create(joint, sizeof *created->joint);
    if (!created->features || !created->targets || !created->class_counts || !created->feature || !created->target ||
        (has_joint && !created->joint)) {
        tn_data_builder_destroy(created);
        return tn_fail_memory(error, shape->features * sizeof *created->features);
    }
    *builder = created;
    return TN_OK;
}

void tn_data_builder_destroy(tn_data_builder *builder)
{
    if (!builder)
        return;
    tn_memory_destroy(builder->features);
    tn_memory_destroy(builder->targets);
    tn_memory_destroy(builder->joint);
    tn_memory_destroy(builder->class_counts);
    tn_memory_destroy(builder->feature);
    tn_memory_destroy(builder->target);
    tn_memory_destroy(builder);
}

/* false: the value is not finite. */
static bool add_value(column *of, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    of->hash = (of->hash ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
    of->hash ^= of->hash >> 29;
    if ((bits & 0x7F800000u) == 0x7F800000u) {
        of->nonfinite++;
        return false;
    }
    double wide = (double)value;
    if (of->finite++ == 0)
        of->shift = of->min = of->max = wide;
    double moved = wide - of->shift;
    of->changes += of->finite > 1 && wide != of->last;
    of->last = wide;
    of->sum += moved;
    of->squares += moved * moved;
    of->min = wide < of->min ? wide : of->min;
    of->max = wide > of->max ? wide : of->max;
    return true;
}

static void note_row(uint64_t *first, const tn_data_builder *builder, const uint32_t *rows, size_t i)
{
    if (*first == TN_NO_ROW)
        *first = rows ? rows[i] : builder->samples;
}

static void add_joint(tn_data_builder *builder, const float *inputs, int32_t label, const float *targets)
{
    size_t classes = builder->shape.classes, width = builder->shape.targets;
    for (size_t f = 0; f < builder->shape.features; f++) {
        double moved = (double)inputs[f] - builder->features[f].shift;
        if (classes) {
            builder->joint[f * classes + (size_t)label] += moved;
            continue;
        }
        for (size_t k = 0; k < width; k++)
            builder->joint[f * width + k] += moved * ((double)targets[k] - builder->targets[k].shift);
    }
}

void tn_data_summary_add(tn_data_builder *builder, const float *inputs, const int32_t *labels, const float *targets, const uint32_t *rows,
                         size_t samples)
{
    size_t features = builder->shape.features, classes = builder->shape.classes, width = builder->shape.targets;
    for (size_t i = 0; i < samples; i++) {
        const float *row = inputs ? inputs + i * features : NULL, *target = targets && width ? targets + i * width : NULL;
        for (size_t f = 0; row && f < features; f++)
            if (!add_value(&builder->features[f], row[f]))
                note_row(&builder->nonfinite_row, builder, rows, i);
        for (size_t k = 0; target && k < width; k++)
            if (!add_value(&builder->targets[k], target[k]))
                note_row(&builder->nonfinite_label_row, builder, rows, i);
        bool has_class = labels && classes && labels[i] >= 0 && (size_t)labels[i] < classes;
        if (has_class)
            builder->class_counts[labels[i]]++;
        if (has_class || target) {
            builder->labelled++;
            if (row && builder->joint)
                add_joint(builder, row, has_class ? labels[i] : 0, target);
        }
        builder->samples++;
    }
}

/* Sum of squared deviations from the mean. A constant column has exactly 0, since the shift is its value. */
static double m2_of(const column *of)
{
    double m2 = of->finite ? of->squares - of->sum * (of->sum / (double)of->finite) : 0;
    return m2 > 0 ? m2 : 0;
}

static double mean_of(const column *of)
{
    return of->finite ? of->shift + of->sum / (double)of->finite : 0;
}

static tn_column_summary summary_of(const column *of)
{
    return (tn_column_summary){
        .finite = of->finite,
        .nonfinite = of->nonfinite,
        .mean = mean_of(of),
        .std = of->finite ? sqrt(m2_of(of) / (double)of->finite) : 0,
        .min = of->min,
        .max = of->max,
        .changes = of->finite ? (double)of->changes / (double)of->finite : 0,
        .constant = of->min == of->max,
        .duplicate_of = TN_NO_COLUMN,
        .tells = NAN,
    };
}

/* How much of class membership feature f alone tells. Every sample seen must have a class. */
static double tells_class(const tn_data_builder *builder, size_t f)
{
    const column *of = &builder->features[f];
    const double *sums = builder->joint + f * builder->shape.classes;
    double between = 0, m2 = m2_of(of), mean = of->sum / (double)of->finite;
    for (size_t k = 0; k < builder->shape.classes; k++) {
        double count = (double)builder->class_counts[k], away = count > 0 ? sums[k] / count - mean : 0;
        between += count * away * away;
    }
    return fmin(between / m2, 1);
}

static double tells_target(const tn_data_builder *builder, size_t f)
{
    const column *of = &builder->features[f];
    size_t width = builder->shape.targets;
    double most = 0, n = (double)of->finite;
    for (size_t k = 0; k < width; k++) {
        const column *target = &builder->targets[k];
        double together = builder->joint[f * width + k] - of->sum * target->sum / n, parts = m2_of(of) * m2_of(target);
        if (target->nonfinite == 0 && parts > 0)
            most = fmax(most, fmin(together * together / parts, 1));
    }
    return most;
}

static void find_duplicates(tn_data_builder *builder)
{
    for (size_t f = 1; f < builder->shape.features && f < COMPARED_MAX && builder->shape.is_table; f++) {
        const column *of = &builder->features[f];
        for (size_t g = 0; g < f && !builder->feature[f].constant; g++) {
            const column *other = &builder->features[g];
            if (of->hash == other->hash && of->finite == other->finite && of->sum == other->sum && of->squares == other->squares) {
                builder->feature[f].duplicate_of = g;
                break;
            }
        }
    }
}

/* Mean, deviation and extremes over all features. */
static void find_whole(const tn_data_builder *builder, tn_data_summary *whole)
{
    double count = 0, sum = 0, m2 = 0;
    whole->min = INFINITY;
    whole->max = -INFINITY;
    for (size_t f = 0; f < whole->features; f++) {
        const tn_column_summary *of = &builder->feature[f];
        count += (double)of->finite;
        sum += of->mean * (double)of->finite;
        whole->nonfinite += of->nonfinite;
        whole->constant_features += of->finite > 0 && of->constant;
        if (of->finite == 0)
            continue;
        whole->min = fmin(whole->min, of->min);
        whole->max = fmax(whole->max, of->max);
    }
    whole->mean = count > 0 ? sum / count : 0;
    for (size_t f = 0; f < whole->features; f++) {
        const tn_column_summary *of = &builder->feature[f];
        double away = of->finite ? of->mean - whole->mean : 0;
        m2 += m2_of(&builder->features[f]) + away * away * (double)of->finite;
    }
    whole->std = count > 0 ? sqrt(m2 / count) : 0;
}

static void find_labels(const tn_data_builder *builder, tn_data_summary *summary)
{
    uint64_t most = 0, all = 0;
    double count = 0, sum = 0, m2 = 0;
    for (size_t k = 0; k < builder->shape.classes; k++) {
        all += builder->class_counts[k];
        most = builder->class_counts[k] > most ? builder->class_counts[k] : most;
    }
    summary->majority = all > 0 ? (double)most / (double)all : 0;
    for (size_t k = 0; k < builder->shape.targets; k++) {
        summary->nonfinite_labels += builder->target[k].nonfinite;
        count += (double)builder->target[k].finite;
        sum += builder->target[k].mean * (double)builder->target[k].finite;
    }
    summary->label_mean = count > 0 ? sum / count : 0;
    for (size_t k = 0; k < builder->shape.targets; k++) {
        const tn_column_summary *of = &builder->target[k];
        double away = of->finite ? of->mean - summary->label_mean : 0;
        m2 += m2_of(&builder->targets[k]) + away * away * (double)of->finite;
    }
    summary->label_std = count > 0 ? sqrt(m2 / count) : 0;
}

const tn_data_summary *tn_data_builder_summary(tn_data_builder *builder)
{
    const tn_data_shape *shape = &builder->shape;
    bool tells = builder->joint && builder->labelled == builder->samples && builder->samples > 0;
    for (size_t f = 0; f < shape->features; f++) {
        const column *of = &builder->features[f];
        builder->feature[f] = summary_of(of);
        if (tells && of->nonfinite == 0 && of->finite == builder->samples && m2_of(of) > 0)
            builder->feature[f].tells = shape->classes ? tells_class(builder, f) : tells_target(builder, f);
    }
    for (size_t k = 0; k < shape->targets; k++)
        builder->target[k] = summary_of(&builder->targets[k]);
    find_duplicates(builder);
    tn_data_summary *summary = &builder->summary;
    *summary = (tn_data_summary){
        .samples = builder->samples,
        .is_table = shape->is_table,
        .is_codes = shape->is_codes,
        .ignored = shape->ignored,
        .features = shape->features,
        .feature = builder->feature,
        .nonfinite_row = builder->nonfinite_row,
        .classes = shape->classes,
        .class_counts = builder->class_counts,
        .targets = shape->targets,
        .target = builder->target,
        .nonfinite_label_row = builder->nonfinite_label_row,
    };
    find_labels(builder, summary);
    find_whole(builder, summary);
    return summary;
}
