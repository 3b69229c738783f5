/* SPDX-License-Identifier: MIT */
/* Atomics: thin names over the compiler's builtins. Plain atomic_* are sequentially consistent. */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H

#include "lib/types.h"

typedef struct {
    u32 v;
} atomic_t;
typedef struct {
    u64 v;
} atomic64_t;

#define ATOMIC_INIT(x) \
    {                  \
        (x)            \
    }
#define atomic_read(a) __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, x) __atomic_store_n(&(a)->v, (x), __ATOMIC_RELAXED)
#define atomic_add(a, x) __atomic_add_fetch(&(a)->v, (x), __ATOMIC_SEQ_CST) /* returns the new value */
#define atomic_sub(a, x) __atomic_sub_fetch(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define atomic_or(a, x) __atomic_fetch_or(&(a)->v, (x), __ATOMIC_SEQ_CST) /* returns the old value */
#define atomic_and(a, x) __atomic_fetch_and(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define atomic_xchg(a, x) __atomic_exchange_n(&(a)->v, (x), __ATOMIC_SEQ_CST)
#define atomic_cas(a, old, new)                                                                            \
    ({                                                                                                     \
        __typeof__((a)->v) cas_old_ = (old);                                                               \
        __atomic_compare_exchange_n(&(a)->v, &cas_old_, (new), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); \
    })
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, x) __atomic_store_n((p), (x), __ATOMIC_RELEASE)

/* Reference counts: born at 1; the one who brings it to 0 frees. */
typedef struct {
    u32 v;
} refcount_t;
static inline void ref_init(refcount_t *r)
{
    r->v = 1;
}
static inline void ref_get(refcount_t *r)
{
    __atomic_add_fetch(&r->v, 1, __ATOMIC_RELAXED);
}
/* For lock-free look-up: false when the object is already dying. */
static inline bool ref_get_unless_zero(refcount_t *r)
{
    u32 old = __atomic_load_n(&r->v, __ATOMIC_RELAXED);
    while (old != 0) {
        if (__atomic_compare_exchange_n(&r->v, &old, old + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}
static inline __must_check bool ref_put(refcount_t *r) /* true: the last one */
{
    return __atomic_sub_fetch(&r->v, 1, __ATOMIC_ACQ_REL) == 0;
}
static inline u32 ref_read(const refcount_t *r)
{
    return __atomic_load_n(&r->v, __ATOMIC_RELAXED);
}

#endif
