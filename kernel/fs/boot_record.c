// SPDX-License-Identifier: MIT
/* The boot record's parser. */
#include "fs/boot_record.h"

#include "abi/errno.h"
#include "lib/string.h"

/* The item at `off`; false: the end. Lengths were checked by boot_record_parse. */
static const u8 *item_at(const u8 *data, u64 size, u64 off, struct sw_record_item *item)
{
    if (size - off < sizeof(*item))
        return NULL;
    memcpy(item, data + off, sizeof(*item));
    return data + off + sizeof(*item);
}

static u64 item_end(u64 off, const struct sw_record_item *item)
{
    return off + sizeof(*item) + ALIGN_UP((u64)item->len, 8ul);
}

static u32 get_u32(const u8 *p)
{
    u32 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Expected length of a tag's payload; 0: a string; -1: unknown. */
static int payload_size(u32 tag)
{
    switch (tag) {
    case SW_REC_ARG:
    case SW_REC_ENV:
    case SW_REC_CWD:
    case SW_REC_HOSTNAME:
    case SW_REC_DOMAINNAME:
        return 0;
    case SW_REC_UID:
    case SW_REC_GID:
    case SW_REC_GROUP:
    case SW_REC_STOP_SIGNAL:
    case SW_REC_PORT:
    case SW_REC_FLAGS:
        return 4;
    case SW_REC_TIME:
        return 8;
    case SW_REC_RLIMIT:
        return 24;
    default:
        return -1;
    }
}

static const char *check_item(const struct sw_record_item *item, const u8 *p)
{
    int want = payload_size(item->tag);

    if (want > 0 && item->len != (u32)want)
        return "an item of the boot record has the wrong length";
    if (want == 0 && memchr(p, 0, item->len))
        return "a string of the boot record contains a NUL";
    if ((item->tag == SW_REC_CWD && (!item->len || *p != '/')) || (item->tag == SW_REC_CWD && item->len >= 4096))
        return "the boot record's working directory is no absolute path";
    if (item->tag == SW_REC_HOSTNAME && (!item->len || item->len > 64))
        return "the boot record's host name is empty or too long";
    if (item->tag == SW_REC_STOP_SIGNAL && (!get_u32(p) || get_u32(p) > 64))
        return "the boot record's stop signal does not exist";
    return NULL;
}

static void take_item(struct boot_record *r, const struct sw_record_item *item, const u8 *p)
{
    struct record_string s = {(const char *)p, item->len};

    switch (item->tag) {
    case SW_REC_ARG:
        r->argc++;
        break;
    case SW_REC_ENV:
        r->envc++;
        break;
    case SW_REC_CWD:
        r->cwd = s;
        break;
    case SW_REC_UID:
        r->uid = get_u32(p);
        break;
    case SW_REC_GID:
        r->gid = get_u32(p);
        break;
    case SW_REC_GROUP:
        r->group_count++;
        break;
    case SW_REC_HOSTNAME:
        r->hostname = s;
        break;
    case SW_REC_STOP_SIGNAL:
        r->stop_signal = get_u32(p);
        break;
    case SW_REC_PORT:
        r->port_count++;
        break;
    case SW_REC_TIME:
        memcpy(&r->time, p, sizeof(r->time));
        r->has_time = true;
        break;
    case SW_REC_FLAGS:
        r->flags = get_u32(p);
        break;
    case SW_REC_RLIMIT:
        r->rlimit_count++;
        break;
    case SW_REC_DOMAINNAME:
        r->domainname = s;
        break;
    default:
        r->unknown_tag = item->tag;
    }
}

int boot_record_parse(struct boot_record *r, const void *data, u64 size, const char **why)
{
    struct sw_record_header h;
    struct sw_record_item item;
    const u8 *p;
    u64 off = sizeof(h);

    *r = (struct boot_record){.data = data};
    *why = "the boot record is cut short or of another version";
    if (size < sizeof(h))
        return -EINVAL;
    memcpy(&h, data, sizeof(h));
    if (h.magic != SW_RECORD_MAGIC || h.version != 1 || h.size > size || h.size < sizeof(h))
        return -EINVAL;
    for (u32 n = 0; n < h.item_count; n++, off = MIN(item_end(off, &item), h.size)) {
        p = item_at(data, h.size, off, &item);
        if (!p || item.len > h.size - off - sizeof(item))
            return -EINVAL;
        const char *bad = check_item(&item, p);
        if (bad) {
            *why = bad;
            return -EINVAL;
        }
        take_item(r, &item, p);
    }
    r->size = off;
    *why = "the boot record has no command";
    return r->argc ? 0 : -EINVAL;
}

const void *boot_record_next(const struct boot_record *r, enum sw_record_tag tag, u64 *cursor, u32 *len)
{
    struct sw_record_item item;
    const u8 *p;

    if (!*cursor)
        *cursor = sizeof(struct sw_record_header);
    while (*cursor < r->size && (p = item_at(r->data, r->size, *cursor, &item))) {
        *cursor = MIN(item_end(*cursor, &item), r->size);
        if (item.tag == (u32)tag) {
            *len = item.len;
            return p;
        }
    }
    return NULL;
}

struct record_string boot_record_string(const struct boot_record *r, enum sw_record_tag tag, u32 n)
{
    struct record_string s = {0};
    u64 cursor = 0;

    do
        s.s = boot_record_next(r, tag, &cursor, &s.len);
    while (s.s && n--);
    return s;
}
