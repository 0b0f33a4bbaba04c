/* tensor.c: names of roles and tensors, as the store and the reports write them. */
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

/* Appends what of `text` fits, and ends it. */
static size_t append(char key[TN_TENSOR_KEY_BYTES], size_t length, const char *text)
{
    for (; *text && length + 1 < TN_TENSOR_KEY_BYTES; text++)
        key[length++] = *text;
    key[length] = '\0';
    return length;
}

const char *tn_tensor_key(char key[TN_TENSOR_KEY_BYTES], const tn_tensor_name *name)
{
    const char *part = name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_ACTIVATION_GRADIENT ? ".gradient"
                       : name->role == TN_ROLE_UPDATE                                              ? ".update"
                       : name->role == TN_ROLE_LOSS                                                ? ".samples"
                                                                                                   : "";
    size_t length = append(key, 0, name->node);
    if (name->parameter)
        length = append(key, append(key, length, "."), name->parameter);
    append(key, length, part);
    return key;
}
