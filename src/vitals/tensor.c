/* tensor.c: names of roles and tensors, as the store and the reports write them. */
#include "vitals/tensor.h"

#include <stdio.h>

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

const char *tn_tensor_key(char key[TN_TENSOR_KEY_BYTES], const tn_tensor_name *name)
{
    const char *part = name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_ACTIVATION_GRADIENT ? ".gradient"
                       : name->role == TN_ROLE_UPDATE                                              ? ".update"
                       : name->role == TN_ROLE_LOSS                                                ? ".samples"
                                                                                                   : "";
    snprintf(key, TN_TENSOR_KEY_BYTES, "%s%s%s%s", name->node, name->parameter ? "." : "", name->parameter ? name->parameter : "", part);
    return key;
}
