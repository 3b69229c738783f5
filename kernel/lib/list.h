/* SPDX-License-Identifier: MIT */
/* Circular doubly linked list with an embedded head. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
    n->next = next;
    n->prev = prev;
    next->prev = n;
    prev->next = n;
}
static inline void list_add(struct list *head, struct list *n) /* first */
{
    list_insert_between(n, head, head->next);
}
static inline void list_add_tail(struct list *head, struct list *n) /* last; head may be any node: before it */
{
    list_insert_between(n, head->prev, head);
}
static inline void list_del(struct list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
}
static inline void list_del_init(struct list *n)
{
    list_del(n);
    list_init(n);
}
/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member) list_entry((head)->prev, type, member)
#define list_for_each(pos, head, member)                                           \
    for (pos = list_first(head, __typeof__(*pos), member); &pos->member != (head); \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                    \
    for (pos = list_first(head, __typeof__(*pos), member),            \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
         &pos->member != (head); pos = tmp, tmp = list_entry(pos->member.next, __typeof__(*pos), member))

#endif
