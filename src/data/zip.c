/* zip.c: see zip.h. */
#include "data/zip.h"

#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22, /* end of central directory, without its comment */
    END_COMMENT_MAX = 65535,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    ENTRY_SIZE = 46, /* of the central directory, without name, extra field and comment */
    LOCAL_SIZE = 30
};

static const uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator64_mark = 0x07064b50, entry_mark = 0x02014b50,
                      local_mark = 0x04034b50;

static size_t read16(const uint8_t *at)
{
    return (size_t)at[0] | (size_t)at[1] << 8;
}

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)(read16(at) | read16(at + 2) << 16);
}

static uint64_t read64(const uint8_t *at)
{
    return (uint64_t)read32(at) | (uint64_t)read32(at + 4) << 32;
}

/* True where [start, start + length) lies inside a file of `size` bytes. */
static bool inside(uint64_t start, uint64_t length, size_t size)
{
    return start <= size && length <= size - start;
}

static tn_status fail_damaged(tn_error *error, size_t offset, const char *what)
{
    return tn_fail(error, TN_ERROR_DATA, "is a damaged npz archive at byte %zu: %s; fetch or save it again", offset, what);
}

typedef struct zip_directory {
    uint64_t start, entries;
} zip_directory;

static tn_status find_directory(const uint8_t *bytes, size_t size, zip_directory *directory, tn_error *error)
{
    if (size < END_SIZE)
        return tn_fail(error, TN_ERROR_DATA, "is no npz archive: %zu bytes are too few; check the format and the path", size);
    size_t last = size - END_SIZE, first = last > END_COMMENT_MAX ? last - END_COMMENT_MAX : 0, end = last;
    while (read32(bytes + end) != end_mark || read16(bytes + end + 20) != last - end) {
        if (end == first)
            return tn_fail(error, TN_ERROR_DATA, "has no zip directory at its end (byte %zu): it is cut short, or no npz archive", size);
        end--;
    }
    directory->entries = read16(bytes + end + 10);
    directory->start = read32(bytes + end + 16);
    uint64_t length = read32(bytes + end + 12), limit = end;
    bool needs64 = directory->entries == 0xffff || directory->start == 0xffffffff || length == 0xffffffff;
    if (needs64 && end >= LOCATOR64_SIZE && read32(bytes + end - LOCATOR64_SIZE) == locator64_mark) {
        uint64_t at = read64(bytes + end - LOCATOR64_SIZE + 8);
        if (!inside(at, END64_SIZE, end - LOCATOR64_SIZE) || read32(bytes + at) != end64_mark)
            return fail_damaged(error, end - LOCATOR64_SIZE, "its zip64 directory is not where it says");
        directory->entries = read64(bytes + at + 32);
        length = read64(bytes + at + 40);
        directory->start = read64(bytes + at + 48);
        limit = at;
    }
    if (!inside(directory->start, length, (size_t)limit))
        return fail_damaged(error, end, "its directory lies outside of the file");
    return TN_OK;
}

/* Sizes and offset of an entry that are 0xffffffff stand as 64 bits in the extra field 1, in this order, and only those. */
static bool read_extra64(const uint8_t *extra, size_t length, uint64_t *values[3])
{
    while (length >= 4) {
        size_t kind = read16(extra), part = read16(extra + 2);
        if (part > length - 4)
            return false;
        if (kind == 1) {
            const uint8_t *at = extra + 4;
            size_t left = part;
            for (size_t i = 0; i < 3; i++) {
                if (*values[i] != 0xffffffff)
                    continue;
                if (left < 8)
                    return false;
                *values[i] = read64(at);
                at += 8;
                left -= 8;
            }
            return true;
        }
        extra += 4 + part;
        length -= 4 + part;
    }
    return *values[0] != 0xffffffff && *values[1] != 0xffffffff && *values[2] != 0xffffffff;
}

/* The entry at `at` of the central directory, whose data is looked up through its local header. */
static tn_status read_member(const uint8_t *bytes, size_t size, size_t at, tn_zip_member *member, tn_error *error)
{
    const uint8_t *entry = bytes + at;
    size_t flags = read16(entry + 8), method = read16(entry + 10);
    uint64_t packed = read32(entry + 20), plain = read32(entry + 24), local = read32(entry + 42);
    uint64_t *values[3] = {&plain, &packed, &local};
    if (!read_extra64(entry + ENTRY_SIZE + read16(entry + 28), read16(entry + 30), values))
        return fail_damaged(error, at, "a damaged zip64 field");
    if ((flags & 1) != 0)
        return tn_fail(error, TN_ERROR_DATA, "holds encrypted arrays; save it without encryption");
    if (method != 0 && method != 8)
        return tn_fail(error, TN_ERROR_DATA,
                       "is compressed by zip method %zu; expected 0 (stored) or 8 (deflate), as numpy.savez writes them", method);
    if (!inside(local, LOCAL_SIZE, size) || read32(bytes + local) != local_mark)
        return fail_damaged(error, at, "an array is not where the directory says");
    uint64_t start = local + LOCAL_SIZE + read16(bytes + local + 26) + read16(bytes + local + 28);
    if (!inside(start, packed, size) || plain > SIZE_MAX || (method == 0 && packed != plain))
        return fail_damaged(error, at, "an array's size does not fit the file");
    *member = (tn_zip_member){.bytes = bytes + start,
                              .packed_size = (size_t)packed,
                              .size = (size_t)plain,
                              .checksum = read32(entry + 16),
                              .deflated = method == 8};
    return TN_OK;
}

static bool name_fits(const uint8_t *text, size_t length, const char *name, const char *suffix)
{
    size_t name_length = strlen(name);
    if (length < name_length || memcmp(text, name, name_length) != 0)
        return false;
    size_t rest = length - name_length;
    return rest == 0 || (rest == strlen(suffix) && memcmp(text + name_length, suffix, rest) == 0);
}

/* An entry of the central directory. */
typedef struct zip_entry {
    size_t at;           /* of the archive */
    const uint8_t *name; /* [name_length] */
    size_t name_length;
} zip_entry;

/* Reads the entry at *at and moves *at behind it. */
static tn_status next_entry(const uint8_t *bytes, size_t size, size_t *at, zip_entry *entry, tn_error *error)
{
    if (!inside(*at, ENTRY_SIZE, size) || read32(bytes + *at) != entry_mark)
        return fail_damaged(error, *at, "its directory ends early");
    size_t name_length = read16(bytes + *at + 28), length = ENTRY_SIZE + name_length + read16(bytes + *at + 30) + read16(bytes + *at + 32);
    if (!inside(*at, length, size))
        return fail_damaged(error, *at, "its directory ends early");
    *entry = (zip_entry){.at = *at, .name = bytes + *at + ENTRY_SIZE, .name_length = name_length};
    *at += length;
    return TN_OK;
}

tn_status tn_zip_walk(const uint8_t *bytes, size_t size, tn_zip_name_fn *fn, void *context, tn_error *error)
{
    zip_directory directory = {0};
    tn_status status = find_directory(bytes, size, &directory, error);
    size_t at = (size_t)directory.start;
    for (uint64_t i = 0; i < directory.entries && status == TN_OK; i++) {
        zip_entry entry = {0};
        status = next_entry(bytes, size, &at, &entry, error);
        if (status == TN_OK)
            status = fn(context, (const char *)entry.name, entry.name_length, error);
    }
    return status;
}

tn_status tn_zip_find(const uint8_t *bytes, size_t size, const char *name, const char *suffix, tn_zip_member *member, tn_error *error)
{
    zip_directory directory = {0};
    tn_status status = find_directory(bytes, size, &directory, error);
    char names[200] = "";
    size_t used = 0, at = (size_t)directory.start;
    for (uint64_t i = 0; i < directory.entries && status == TN_OK; i++) {
        zip_entry entry = {0};
        status = next_entry(bytes, size, &at, &entry, error);
        if (status != TN_OK)
            break;
        if (name_fits(entry.name, entry.name_length, name, suffix))
            return read_member(bytes, size, entry.at, member, error);
        if (entry.name_length < sizeof names - used - 3) {
            memcpy(names + used, ", ", used > 0 ? 2 : 0);
            used += used > 0 ? 2 : 0;
            memcpy(names + used, entry.name, entry.name_length);
            used += entry.name_length;
        }
    }
    if (status != TN_OK)
        return status;
    return tn_fail(error, TN_ERROR_DATA, "has no array '%s'; it holds: %s", name, used > 0 ? names : "nothing");
}

tn_status tn_zip_check(const uint8_t *plain, size_t size, const tn_zip_member *member, tn_error *error)
{
    uint32_t found = (uint32_t)crc32_z(0, plain, size);
    if (found != member->checksum)
        return tn_fail(error, TN_ERROR_DATA, "holds a damaged array: its checksum is %08x, the archive says %08x; fetch or save it again",
                       (unsigned)found, (unsigned)member->checksum);
    return TN_OK;
}
