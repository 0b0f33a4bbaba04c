/* allocator.c: see allocator.h.
 *
 * Blocks alive stand in a table of pointers with linear probing, under one lock; a removal moves later entries up, so no tombstones gather. A block that is freed here but not in the table came from a library; the real free takes it. */
#include "support/allocator.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <malloc.h>
#include <sqlite3.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

json_t *__real_json_loads(const char *text, size_t flags, json_error_t *error);
json_t *__real_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void __wrap_free(void *block);
json_t *__wrap_json_loads(const char *text, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error);

enum { SLOTS = 1 << 16 };

static struct {
    pthread_mutex_t lock;
    uint64_t count, failed, fail_at, alive, generation;
    struct {
        void *block; /* NULL: empty */
        uint64_t number, generation;
    } slots[SLOTS];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t slot_of(const void *block)
{
    return (size_t)(((uintptr_t)block >> 4) * 0x9e3779b97f4a7c15u >> 48) % SLOTS;
}

/* Numbers an allocation; 0 where it is to fail. */
static uint64_t next_number(void)
{
    pthread_mutex_lock(&table.lock);
    uint64_t number = ++table.count;
    if (number == table.fail_at) {
        table.failed++;
        number = 0;
    }
    pthread_mutex_unlock(&table.lock);
    return number;
}

static void *remember(void *block, uint64_t number)
{
    if (!block)
        return NULL;
    pthread_mutex_lock(&table.lock);
    size_t slot = slot_of(block);
    while (table.slots[slot].block)
        slot = (slot + 1) % SLOTS;
    table.slots[slot].block = block;
    table.slots[slot].number = number;
    table.slots[slot].generation = table.generation;
    if (++table.alive > SLOTS / 2)
        abort(); /* so many blocks at once are a leak */
    pthread_mutex_unlock(&table.lock);
    return block;
}

/* Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R. */
static void empty_slot(size_t hole)
{
    for (size_t next = (hole + 1) % SLOTS; table.slots[next].block; next = (next + 1) % SLOTS) {
        size_t home = slot_of(table.slots[next].block);
        /* The entry stays where its home lies cyclically in (hole, next]. */
        if ((next + SLOTS - home) % SLOTS < (next + SLOTS - hole) % SLOTS)
            continue;
        table.slots[hole] = table.slots[next];
        hole = next;
    }
    table.slots[hole].block = NULL;
    table.alive--;
}

static void forget(const void *block)
{
    pthread_mutex_lock(&table.lock);
    size_t slot = slot_of(block);
    while (table.slots[slot].block && table.slots[slot].block != block)
        slot = (slot + 1) % SLOTS;
    if (table.slots[slot].block)
        empty_slot(slot);
    pthread_mutex_unlock(&table.lock);
}

static void *refuse(void)
{
    errno = ENOMEM;
    return NULL;
}

void *__wrap_malloc(size_t size)
{
    uint64_t number = next_number();
    return number ? remember(__real_malloc(size), number) : refuse();
}

void *__wrap_calloc(size_t count, size_t size)
{
    uint64_t number = next_number();
    return number ? remember(__real_calloc(count, size), number) : refuse();
}

void *__wrap_realloc(void *block, size_t size)
{
    uint64_t number = next_number();
    if (!number)
        return refuse(); /* the old block stays valid */
    if (block)
        forget(block);
    return remember(__real_realloc(block, size), number);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    uint64_t number = next_number();
    return number ? remember(__real_aligned_alloc(alignment, size), number) : refuse();
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = __wrap_aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    return *block ? 0 : ENOMEM;
}

char *__wrap_strndup(const char *text, size_t length)
{
    size_t size = strnlen(text, length);
    char *copy = __wrap_malloc(size + 1);
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

void __wrap_free(void *block)
{
    if (block)
        forget(block);
    __real_free(block);
}

/* Whether this thread is inside jansson's parser. */
static _Thread_local bool is_parsing;

json_t *__wrap_json_loads(const char *text, size_t flags, json_error_t *error)
{
    is_parsing = true;
    json_t *value = __real_json_loads(text, flags, error);
    is_parsing = false;
    return value;
}

json_t *__wrap_json_loadb(const char *text, size_t size, size_t flags, json_error_t *error)
{
    is_parsing = true;
    json_t *value = __real_json_loadb(text, size, flags, error);
    is_parsing = false;
    return value;
}

/* The parser of jansson 2.14 ignores that its text buffer, which doubles from 16 bytes on, could not grow, and then reads and writes past its end (lex_scan_string). So
 * requests of such sizes do not fail there; all others do. */
static void *jansson_malloc(size_t size)
{
    if (is_parsing && size >= 32 && (size & (size - 1)) == 0)
        return remember(__real_malloc(size), UINT64_MAX);
    return __wrap_malloc(size);
}

/* SQLite frees by xFree and asks for the size of a block. */
static void *sqlite_malloc(int size)
{
    return __wrap_malloc((size_t)size);
}

static void *sqlite_realloc(void *block, int size)
{
    return __wrap_realloc(block, (size_t)size);
}

static int sqlite_size(void *block)
{
    return block ? (int)malloc_usable_size(block) : 0;
}

static int sqlite_roundup(int size)
{
    return (size + 7) / 8 * 8;
}

static int sqlite_init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void sqlite_shutdown_nothing(void *context)
{
    (void)context;
}

void tn_allocator_install(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = sqlite_malloc,
        .xFree = __wrap_free,
        .xRealloc = sqlite_realloc,
        .xSize = sqlite_size,
        .xRoundup = sqlite_roundup,
        .xInit = sqlite_init,
        .xShutdown = sqlite_shutdown_nothing,
    };
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
        abort();
    json_set_alloc_funcs(jansson_malloc, __wrap_free);
}

void tn_allocator_fail_at(uint64_t n)
{
    pthread_mutex_lock(&table.lock);
    table.count = 0;
    table.failed = 0;
    table.fail_at = n;
    table.generation++;
    pthread_mutex_unlock(&table.lock);
}

void tn_allocator_stop_failing(void)
{
    pthread_mutex_lock(&table.lock);
    table.fail_at = 0;
    pthread_mutex_unlock(&table.lock);
}

static uint64_t read_locked(const uint64_t *value)
{
    pthread_mutex_lock(&table.lock);
    uint64_t result = *value;
    pthread_mutex_unlock(&table.lock);
    return result;
}

uint64_t tn_allocator_count(void)
{
    return read_locked(&table.count);
}

uint64_t tn_allocator_failed(void)
{
    return read_locked(&table.failed);
}

uint64_t tn_allocator_alive(void)
{
    return read_locked(&table.alive);
}

uint64_t tn_allocator_oldest_alive(void)
{
    uint64_t oldest = 0;
    pthread_mutex_lock(&table.lock);
    for (size_t slot = 0; slot < SLOTS; slot++) {
        if (!table.slots[slot].block || table.slots[slot].generation != table.generation)
            continue;
        if (!oldest || table.slots[slot].number < oldest)
            oldest = table.slots[slot].number;
    }
    pthread_mutex_unlock(&table.lock);
    return oldest;
}
