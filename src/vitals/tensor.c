/* tensor.c: names of the roles, as the store and the reports write them. */
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
    }
    return "unknown";
}
