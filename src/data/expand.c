/* expand.c: see expand.h. zlib does the work; this file feeds it pieces that fit its 32-bit counters and checks the ends. */
#include "data/expand.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum { DEFLATE_RATIO_MAX = 1032, GZIP_HEADER_MIN = 18 };

typedef struct byte_expander {
    z_stream stream;
    tn_packing packing;
    const uint8_t *next; /* input not yet given to zlib */
    size_t left, size;
    bool ended;
} byte_expander;

bool tn_gzip_detect(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static size_t offset_of(const byte_expander *expander)
{
    return expander->size - expander->left - expander->stream.avail_in;
}

static tn_status fail_corrupt(const byte_expander *expander, tn_error *error)
{
    return tn_fail(error, TN_ERROR_DATA, "holds damaged compressed data at byte %zu (%s); fetch the file again", offset_of(expander),
                   expander->stream.msg != NULL ? expander->stream.msg : "a wrong checksum or length");
}

/* After one gzip member another may follow. Anything else there is an error. */
static tn_status finish_member(byte_expander *expander, tn_error *error)
{
    size_t left = expander->left + expander->stream.avail_in;
    if (expander->packing == TN_PACKING_DEFLATE || left == 0) {
        expander->ended = true;
        return TN_OK;
    }
    if (!tn_gzip_detect(expander->next - expander->stream.avail_in, left))
        return tn_fail(error, TN_ERROR_DATA, "holds %zu bytes after its compressed data ends at byte %zu; fetch the file again", left,
                       offset_of(expander));
    if (inflateReset(&expander->stream) != Z_OK)
        return fail_corrupt(expander, error);
    return TN_OK;
}

/* Up to `count` plain bytes into `to`; fewer only at the end of the data. */
static tn_status expander_read(byte_expander *expander, uint8_t *to, size_t count, size_t *got, tn_error *error)
{
    z_stream *stream = &expander->stream;
    *got = 0;
    while (*got < count && !expander->ended) {
        if (stream->avail_in == 0) {
            size_t piece = expander->left < UINT_MAX ? expander->left : UINT_MAX;
            stream->next_in = (Bytef *)(uintptr_t)expander->next;
            stream->avail_in = (uInt)piece;
            expander->next += piece;
            expander->left -= piece;
        }
        uInt room = count - *got < UINT_MAX ? (uInt)(count - *got) : UINT_MAX;
        stream->next_out = to + *got;
        stream->avail_out = room;
        int code = inflate(stream, Z_NO_FLUSH);
        *got += room - stream->avail_out;
        if (code == Z_STREAM_END) {
            tn_status status = finish_member(expander, error);
            if (status != TN_OK)
                return status;
        } else if (code == Z_MEM_ERROR) {
            return tn_fail_memory(error, 65536);
        } else if (code == Z_BUF_ERROR || (code == Z_OK && stream->avail_in == 0 && expander->left == 0 && stream->avail_out > 0)) {
            return tn_fail(error, TN_ERROR_DATA, "is cut short: its compressed data stops at byte %zu before its end; fetch the file again",
                           offset_of(expander));
        } else if (code != Z_OK) {
            return fail_corrupt(expander, error);
        }
    }
    return TN_OK;
}

/* All plain data where its size is known. The first `head_size` bytes of it have been read. */
static tn_status expand_claimed(byte_expander *expander, const uint8_t *head, size_t head_size, size_t total, uint8_t **plain,
                                tn_error *error)
{
    if (total / DEFLATE_RATIO_MAX > expander->size)
        return tn_fail(error, TN_ERROR_DATA,
                       "claims to hold %zu bytes, which %zu compressed bytes cannot hold; its header lies or is damaged", total,
                       expander->size);
    if (head_size > total)
        return tn_fail(error, TN_ERROR_DATA, "holds more than the %zu bytes that its header claims; its header lies or is damaged", total);
    uint8_t *block = tn_memory_create(total, 1);
    if (block == NULL)
        return tn_fail_memory(error, total);
    memcpy(block, head, head_size);
    size_t got = 0;
    tn_status status = expander_read(expander, block + head_size, total - head_size, &got, error);
    if (status == TN_OK && head_size + got < total)
        status = tn_fail(error, TN_ERROR_DATA, "is cut short: its header claims %zu bytes and it holds %zu; fetch the file again", total,
                         head_size + got);
    if (status == TN_OK) { /* reading past the end also makes zlib check the checksum */
        uint8_t extra;
        status = expander_read(expander, &extra, 1, &got, error);
        if (status == TN_OK && got != 0)
            status =
                tn_fail(error, TN_ERROR_DATA, "holds more than the %zu bytes that its header claims; its header lies or is damaged", total);
    }
    if (status != TN_OK) {
        tn_memory_destroy(block);
        return status;
    }
    *plain = block;
    return TN_OK;
}

/* All plain data where only the end tells its size. */
static tn_status expand_growing(byte_expander *expander, const uint8_t *head, size_t head_size, size_t limit, uint8_t **plain,
                                size_t *plain_size, tn_error *error)
{
    size_t capacity = 2 * TN_EXPAND_HEAD, size = head_size;
    uint8_t *block = tn_memory_create(capacity, 1);
    if (block == NULL)
        return tn_fail_memory(error, capacity);
    memcpy(block, head, head_size);
    for (;;) {
        size_t got = 0;
        tn_status status = expander_read(expander, block + size, capacity - size, &got, error);
        size += got;
        if (status == TN_OK && size > limit)
            status = tn_fail(error, TN_ERROR_DATA, "holds more than %zu bytes once expanded; expand the file on disk", limit);
        uint8_t *larger = NULL;
        if (status == TN_OK && size == capacity) {
            larger = tn_memory_create(capacity, 2);
            if (larger == NULL)
                status = tn_fail_memory(error, capacity);
        }
        if (status != TN_OK) {
            tn_memory_destroy(block);
            return status;
        }
        if (larger == NULL)
            break;
        memcpy(larger, block, size);
        tn_memory_destroy(block);
        block = larger;
        capacity *= 2;
    }
    *plain = block;
    *plain_size = size;
    return TN_OK;
}

tn_status tn_expand(tn_packing packing, const uint8_t *bytes, size_t size, tn_claim_fn *claim, const void *context, size_t limit,
                    uint8_t **plain, size_t *plain_size, tn_error *error)
{
    *plain = NULL;
    *plain_size = 0;
    if (packing == TN_PACKING_GZIP && size < GZIP_HEADER_MIN)
        return tn_fail(error, TN_ERROR_DATA, "is cut short: %zu bytes are too few for a gzip file", size);
    byte_expander expander = {.packing = packing, .next = bytes, .left = size, .size = size};
    uint8_t *head = tn_memory_create(TN_EXPAND_HEAD, 1);
    if (head == NULL)
        return tn_fail_memory(error, TN_EXPAND_HEAD);
    /* 15: the largest window; 16 more: a gzip wrapper; negative: no wrapper. */
    int code = inflateInit2(&expander.stream, packing == TN_PACKING_GZIP ? 15 + 16 : -15);
    if (code != Z_OK) {
        tn_memory_destroy(head);
        return tn_fail_memory(error, 65536);
    }
    size_t head_size = 0, total = 0;
    tn_status status = expander_read(&expander, head, TN_EXPAND_HEAD, &head_size, error);
    if (status == TN_OK && claim != NULL)
        status = claim(context, head, head_size, &total, error);
    if (status == TN_OK && claim != NULL) {
        status = expand_claimed(&expander, head, head_size, total, plain, error);
        *plain_size = status == TN_OK ? total : 0;
    } else if (status == TN_OK) {
        status = expand_growing(&expander, head, head_size, limit, plain, plain_size, error);
    }
    inflateEnd(&expander.stream);
    tn_memory_destroy(head);
    return status;
}
