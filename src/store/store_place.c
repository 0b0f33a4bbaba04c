/* store_place.c: whether a store may lie where the user wants it.
 *
 * In WAL mode the processes of a store share memory (the -shm file), which machines cannot do over a network: two writers would destroy the file (SQLite, "Write-Ahead
 * Logging", disadvantages). So a network file system is refused, before anything is created. FUSE is let through: it serves local disks and
 * containers too, and statfs does not tell which. Types: statfs(2) and linux/magic.h. */
#include "store/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/memory.h"

static const struct {
    unsigned long type;
    const char *name;
} NETWORKS[] = {
    {0x6969, "NFS"},       {0x517B, "SMB"},        {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"}, {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},   {0x73757245, "Coda"},   {0x564C, "NCP"},        {0x00C36400, "Ceph"}, {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},  {0x19830326, "BeeGFS"}, {0x7461636F, "OCFS2"},  {0x01161970, "GFS2"}, {0xAAD7AAEA, "PanFS"},
    {0x013111A8, "IBRIX"}, {0x61636673, "ACFS"},   {0x7C7C6673, "PRL_FS"},
};

const char *tn_store_network_name(long type)
{
    /* f_type is a signed word on some systems, so CIFS's number arrives there as a negative one. */
    unsigned long bits = (unsigned long)type & 0xFFFFFFFFUL;
    for (size_t i = 0; i < sizeof NETWORKS / sizeof NETWORKS[0]; i++)
        if (NETWORKS[i].type == bits)
            return NETWORKS[i].name;
    return NULL;
}

tn_status tn_store_check_place(const char *path, tn_error *error)
{
    struct statfs place;
    int failed = statfs(path, &place);
    if (failed && errno == ENOENT) {
        char *folder = tn_string_copy(path);
        if (!folder)
            return tn_fail_memory(error, strlen(path) + 1);
        char *slash = strrchr(folder, '/');
        if (slash)
            slash[slash == folder] = '\0';
        failed = statfs(slash ? folder : ".", &place);
        free(folder);
    }
    if (failed)
        return tn_fail(error, TN_ERROR_STORE, "cannot open or create the store %s: %s. Check that its folder exists and may be written.",
                       path, strerror(errno));
    const char *network = tn_store_network_name((long)place.f_type);
    if (network)
        return tn_fail(error, TN_ERROR_STORE,
                       "the store %s would lie on a network file system (%s), where machines cannot share the memory that the store's "
                       "write-ahead log needs, and could "
                       "destroy it. Give --store a path on a local disk, and copy the file when the runs have ended.",
                       path, network);
    return TN_OK;
}
