/* tensor.c: names of roles and tensors, as the store and the reports write them, and the vitals of one that is cut. */
#include "vitals/tensor.h"

const char *tn_role_name(tn_role role)
{
    switch (role) {
    case TN_ROLE_INPUT:
        return "input";
    case TN_ROLE_WEIGHT:
        return "weight";
    case TN_ROLE_GRADIENT:
        return "gradient";
    case TN_ROLE_UPDATE:
        return "update";
    case TN_ROLE_ACTIVATION:
        return "activation";
    case TN_ROLE_ACTIVATION_GRADIENT:
        return "activation_gradient";
    case TN_ROLE_LOSS:
        return "loss";
    }
    return "unknown";
}

/* Appends what of `text` fits, and ends it. By hand: labels are made at every observed step, and a format would take a small network a hundredth of it. */
static size_t append(char *to, size_t size, size_t length, const char *text)
{
    for (; *text && length + 1 < size; text++)
        to[length++] = *text;
    to[length] = '\0';
    return length;
}

static size_t append_label(char *to, size_t size, const tn_tensor_name *name)
{
    size_t length = append(to, size, 0, name->node);
    return name->parameter ? append(to, size, append(to, size, length, "."), name->parameter) : length;
}

void tn_tensor_label(char label[TN_TENSOR_LABEL_BYTES], const tn_tensor_name *name)
{
    (void)append_label(label, TN_TENSOR_LABEL_BYTES, name);
}

const char *tn_tensor_key(char key[TN_TENSOR_KEY_BYTES], const tn_tensor_name *name)
{
    const char *part = name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_ACTIVATION_GRADIENT ? ".gradient"
                       : name->role == TN_ROLE_UPDATE                                              ? ".update"
                       : name->role == TN_ROLE_LOSS                                                ? ".samples"
                                                                                                   : "";
    (void)append(key, TN_TENSOR_KEY_BYTES, append_label(key, TN_TENSOR_KEY_BYTES, name), part);
    return key;
}
