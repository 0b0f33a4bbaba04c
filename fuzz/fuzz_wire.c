/* fuzz_wire.c: any bytes as a conversation, once whole and once in small pieces: both give the same records and the same verdict, and what is taken can be sent again. max_len 16384 */
#include <stdlib.h>
#include <string.h>

#include "run/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the record again, in the only form there is. */
static void send_again(tn_wire_buffer *buffer, const tn_wire_record *record)
{
    tn_status status = TN_OK;
    switch (record->type) {
    case TN_WIRE_TENSOR:
        status = tn_wire_put_tensor(buffer, record->index, &record->tensor, NULL);
        break;
    case TN_WIRE_VITALS:
        status = tn_wire_put_vitals(buffer, record->step, record->index, &record->vitals, NULL);
        break;
    case TN_WIRE_UNITS:
        status = tn_wire_put_units(buffer, record->step, record->index, &record->units, record->batch, NULL);
        break;
    case TN_WIRE_STEP:
        status = tn_wire_put_step(buffer, &record->scalars, NULL);
        break;
    case TN_WIRE_SCORE:
        status = tn_wire_put_score(buffer, &record->score, NULL);
        break;
    case TN_WIRE_STOP:
        status = tn_wire_put_text(buffer, record->type, "", NULL);
        break;
    default:
        if (!record->json || strlen(record->json) != record->json_length)
            abort();
        status = tn_wire_put_text(buffer, record->type, record->json, NULL);
    }
    if (status != TN_OK)
        abort();
}

/* The records of `data`, written again; the bytes that were taken are returned. *failed tells whether the conversation ended in nonsense. */
static size_t converse(const uint8_t *data, size_t size, size_t piece, tn_wire_buffer *again, bool *failed)
{
    static tn_wire_record record;
    tn_wire_reader reader = {0};
    *failed = false;
    for (size_t at = 0; at < size && !*failed; at += piece) {
        size_t part = size - at < piece ? size - at : piece;
        if (tn_wire_feed(&reader, data + at, part, NULL) != TN_OK)
            abort();
        for (bool has = true; has;) {
            tn_error error = {0};
            if (tn_wire_next(&reader, &record, &has, &error) != TN_OK) {
                if (has || error.code != TN_ERROR_DATA || error.message[0] == '\0')
                    abort();
                *failed = true;
            }
            if (has)
                send_again(again, &record);
        }
    }
    size_t taken = (size_t)reader.offset;
    tn_wire_reader_deinit(&reader);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_wire_buffer whole = {0}, pieces = {0};
    bool whole_failed, pieces_failed;
    size_t taken = converse(data, size, size ? size : 1, &whole, &whole_failed);
    if (converse(data, size, 7, &pieces, &pieces_failed) != taken || whole_failed != pieces_failed)
        abort();
    if (whole.size != pieces.size || (whole.size && memcmp(whole.bytes, pieces.bytes, whole.size) != 0))
        abort();
    tn_wire_buffer_deinit(&whole);
    tn_wire_buffer_deinit(&pieces);
    return 0;
}
