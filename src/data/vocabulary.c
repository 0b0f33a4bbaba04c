/* vocabulary.c: see vocabulary.h. Tokens are found by open addressing; a table is at most half full, so that a search ends soon. */
#include "data/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

enum { CODES = 0x110000, FIRST_SLOTS = 512, TOKENS_MAX = 1 << 24 }; /* numbers of tokens are floats, which know whole numbers up to 2^24 */

/* ---- characters ---- */

/* The code point at bytes [size] and how many bytes it takes; 0 bytes: this is no UTF-8. */
static size_t decode(const uint8_t *bytes, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t first = bytes[0];
    const size_t length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    *code = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3Fu);
    }
    return *code >= least[length] && *code < CODES && !(*code >= 0xD800 && *code < 0xE000) ? length : 0;
}

typedef enum kind { SPACE, PUNCTUATION, APOSTROPHE, LETTER } kind;

/* Ranges of codes beyond ASCII that belong to no word: Latin-1's signs, general punctuation, that of Chinese and Japanese. */
static kind kind_of(uint32_t code)
{
    if (code == '\'' || code == 0x2019)
        return APOSTROPHE;
    if (code <= 0x20 || (code >= 0x7F && code <= 0xA0) || (code >= 0x2000 && code <= 0x200B) || (code >= 0x2028 && code <= 0x202F) ||
        code == 0x205F || code == 0x3000 || code == 0xFEFF)
        return SPACE;
    if (code < 0x80)
        return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') ? LETTER : PUNCTUATION;
    if ((code <= 0xBF && code != 0xAA && code != 0xB5 && code != 0xBA) || code == 0xD7 || code == 0xF7 ||
        (code >= 0x2000 && code <= 0x206F) || (code >= 0x3001 && code <= 0x303F))
        return PUNCTUATION;
    return LETTER;
}

/* A text that is read from its start to its end. */
typedef struct reading {
    const uint8_t *bytes;
    size_t size, at;
    tn_text_unit unit;
} reading;

static tn_status read_code(const reading *from, size_t at, uint32_t *code, size_t *length, tn_error *error)
{
    *length = decode(from->bytes + at, from->size - at, code);
    if (*length == 0)
        return tn_fail(error, TN_ERROR_DATA, "is no text in UTF-8: byte %zu is %02x, out of place; convert it, or check the path", at,
                       from->bytes[at]);
    if (*code == 0)
        return tn_fail(error, TN_ERROR_DATA, "holds a zero byte, at %zu; a text has none", at);
    return TN_OK;
}

/* Whether a letter stands at `at`; what is no UTF-8 there is told when it is read. */
static bool letter_at(const reading *from, size_t at, size_t *length)
{
    uint32_t code;
    *length = at < from->size ? decode(from->bytes + at, from->size - at, &code) : 0;
    return *length > 0 && code != 0 && kind_of(code) == LETTER;
}

/* The end of the word that has a letter in front of `at`. */
static size_t end_of_word(const reading *from, size_t at)
{
    for (;;) {
        uint32_t code;
        size_t length, next;
        if (letter_at(from, at, &length)) {
            at += length;
            continue;
        }
        if (length == 0 || decode(from->bytes + at, from->size - at, &code) == 0 || kind_of(code) != APOSTROPHE ||
            !letter_at(from, at + length, &next))
            return at;
        at += length + next;
    }
}

/* The end of the piece in front of `at`. What is no UTF-8 ends it, and is told when it is read. */
static size_t end_of_piece(const reading *from, size_t at)
{
    uint32_t code;
    size_t length;
    while (at < from->size && (length = decode(from->bytes + at, from->size - at, &code)) > 0 && code != 0 && kind_of(code) != SPACE)
        at += length;
    return at;
}

/* The next token, of length 0 at the end. */
static tn_status read_token(reading *from, tn_token *token, tn_error *error)
{
    *token = (tn_token){0};
    while (from->at < from->size) {
        uint32_t code;
        size_t length;
        tn_status status = read_code(from, from->at, &code, &length, error);
        if (status != TN_OK)
            return status;
        const kind found = from->unit == TN_TEXT_CHARACTERS ? PUNCTUATION : kind_of(code);
        const size_t start = from->at, next = start + length;
        if (found == SPACE) {
            from->at = next;
            continue;
        }
        from->at = from->unit == TN_TEXT_PIECES ? end_of_piece(from, next) : found == LETTER ? end_of_word(from, next) : next;
        *token = (tn_token){.bytes = from->bytes + start, .length = from->at - start, .number = TN_TOKEN_NONE};
        return TN_OK;
    }
    return TN_OK;
}

/* ---- the table ---- */

void tn_vocabulary_init(tn_vocabulary *of, tn_text_unit unit)
{
    *of = (tn_vocabulary){.unit = unit, .unknown = TN_TOKEN_NONE};
}

void tn_vocabulary_deinit(tn_vocabulary *of)
{
    tn_memory_destroy(of->tokens);
    tn_memory_destroy(of->slots);
    *of = (tn_vocabulary){0};
}

/* The slot of a token: where it stands, or, empty, where it would. There is an empty one. */
static size_t find_slot(const tn_vocabulary *of, const tn_token *token)
{
    size_t slot = (size_t)tn_hash_bytes(TN_HASH_START, token->bytes, token->length) & (of->slot_count - 1);
    while (of->slots[slot] != 0) {
        const tn_token *other = &of->tokens[of->slots[slot] - 1];
        if (other->length == token->length && memcmp(other->bytes, token->bytes, token->length) == 0)
            break;
        slot = (slot + 1) & (of->slot_count - 1);
    }
    return slot;
}

/* Makes the slots, twice as many as before where that is not enough for `tokens`, and puts all tokens into them. */
static tn_status fill_slots(tn_vocabulary *of, size_t tokens, tn_error *error)
{
    size_t slots = of->slot_count > 0 ? of->slot_count : FIRST_SLOTS;
    while (slots < 2 * tokens)
        slots *= 2;
    uint32_t *made = tn_memory_create(slots, sizeof *made);
    if (made == NULL)
        return tn_fail_memory(error, slots * sizeof *made);
    tn_memory_destroy(of->slots);
    of->slots = made;
    of->slot_count = slots;
    for (size_t i = 0; i < of->count; i++)
        of->slots[find_slot(of, &of->tokens[i])] = (uint32_t)(i + 1);
    return TN_OK;
}

/* Room for one token more. */
static tn_status grow(tn_vocabulary *of, tn_error *error)
{
    if (of->count < of->capacity)
        return TN_OK;
    if (of->count >= TOKENS_MAX)
        return tn_fail(error, TN_ERROR_DATA, "holds more than %d different words; a text of words in a language has fewer", TOKENS_MAX);
    const size_t capacity = of->capacity > 0 ? 2 * of->capacity : FIRST_SLOTS / 2;
    tn_token *tokens = tn_memory_create(capacity, sizeof *tokens);
    if (tokens == NULL)
        return tn_fail_memory(error, capacity * sizeof *tokens);
    if (of->count > 0)
        memcpy(tokens, of->tokens, of->count * sizeof *tokens);
    tn_memory_destroy(of->tokens);
    of->tokens = tokens;
    of->capacity = capacity;
    return fill_slots(of, capacity, error);
}

tn_status tn_vocabulary_add(tn_vocabulary *of, const uint8_t *bytes, size_t size, tn_error *error)
{
    reading from = {.bytes = bytes, .size = size, .unit = of->unit};
    for (;;) {
        tn_token token = {0};
        tn_status status = grow(of, error);
        if (status == TN_OK)
            status = read_token(&from, &token, error);
        if (status != TN_OK || token.length == 0)
            return status;
        const size_t slot = find_slot(of, &token);
        if (of->slots[slot] == 0) {
            of->tokens[of->count++] = token;
            of->slots[slot] = (uint32_t)of->count;
        }
        of->tokens[of->slots[slot] - 1].times++;
    }
}

/* ---- numbers ---- */

/* For UTF-8 this is the order of Unicode. */
static int by_bytes(const void *a, const void *b)
{
    const tn_token *x = a, *y = b;
    const size_t shorter = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->bytes, y->bytes, shorter);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static int by_times(const void *a, const void *b)
{
    const tn_token *x = a, *y = b;
    return x->times != y->times ? (x->times < y->times) - (x->times > y->times) : by_bytes(a, b);
}

tn_status tn_vocabulary_close(tn_vocabulary *of, size_t most, size_t special, uint32_t unknown, tn_error *error)
{
    const size_t kept = most > 0 && most < of->count ? most : of->count;
    if (of->count > 0) {
        qsort(of->tokens, of->count, sizeof *of->tokens, by_times);
        if (of->unit == TN_TEXT_CHARACTERS)
            qsort(of->tokens, kept, sizeof *of->tokens, by_bytes);
    }
    for (size_t i = 0; i < of->count; i++)
        of->tokens[i].number = i < kept ? (uint32_t)(special + i) : TN_TOKEN_NONE;
    of->numbers = special + kept;
    of->unknown = unknown;
    return fill_slots(of, of->count, error);
}

tn_status tn_vocabulary_names(const tn_vocabulary *of, char **names, tn_error *error)
{
    for (size_t i = 0; i < of->count && of->tokens[i].number != TN_TOKEN_NONE; i++) {
        const tn_token *token = &of->tokens[i];
        char *name = malloc(token->length + 1);
        if (name == NULL)
            return tn_fail_memory(error, token->length + 1);
        memcpy(name, token->bytes, token->length);
        name[token->length] = '\0';
        names[token->number] = name;
    }
    return TN_OK;
}

tn_status tn_vocabulary_number(const tn_vocabulary *of, const uint8_t *bytes, size_t size, uint32_t *numbers, size_t *count,
                               tn_error *error)
{
    reading from = {.bytes = bytes, .size = size, .unit = of->unit};
    *count = 0;
    for (;;) {
        tn_token token = {0};
        tn_status status = read_token(&from, &token, error);
        if (status != TN_OK || token.length == 0)
            return status;
        const uint32_t found = of->slots[find_slot(of, &token)];
        uint32_t number = found > 0 ? of->tokens[found - 1].number : TN_TOKEN_NONE;
        if (number == TN_TOKEN_NONE)
            number = of->unknown;
        if (number == TN_TOKEN_NONE)
            return tn_fail(error, TN_ERROR_DATA,
                           "holds '%.*s' at byte %zu, which does not occur in data.train; give data.train a \"vocabulary\", so that there "
                           "is a token for what is unknown",
                           token.length < 60 ? (int)token.length : 60, (const char *)token.bytes, (size_t)(token.bytes - bytes));
        numbers[(*count)++] = number;
    }
}
