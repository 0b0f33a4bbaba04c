/* fuzz_vitals.c: any bytes as packed vitals. What is taken is consistent: it packs to bytes that unpack to the same. */
#include <stdlib.h>
#include <string.h>

#include "run/recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tn_vitals vitals, again;
    unsigned char bytes[TN_VITALS_PACKED_MAX];
    tn_error error = {0};
    if (tn_vitals_unpack(data, size, &vitals, &error) != TN_OK) {
        if (error.code != TN_ERROR_STORE || error.message[0] == '\0' || vitals.count != 0)
            abort();
        return 0;
    }
    size_t packed = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    if (packed > size || packed > sizeof bytes)
        abort();
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): both are cleared whole before they are filled */
    if (tn_vitals_unpack(bytes, packed, &again, NULL) != TN_OK || memcmp(&vitals, &again, sizeof vitals) != 0)
        abort();
    return 0;
}
