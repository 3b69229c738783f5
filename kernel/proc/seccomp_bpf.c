// SPDX-License-Identifier: MIT
/*
 * Classic BPF for seccomp(2). What the check proves, and the machine relies on: every opcode is known; every jump goes
 * forward and stays inside, so a program ends after at most its length; the last instruction returns; words are read
 * inside struct seccomp_data and aligned; a cell of the scratch memory is written on every way before it is read.
 * The rules are Linux's: net/core/filter.c (bpf_check_classic, check_load_and_stores), kernel/seccomp.c
 * (seccomp_check_filter). Packets' loads, the modulus and MSH are not among what seccomp allows.
 */
#include "proc/seccomp_bpf.h"

#include "abi/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

/* ---- the check ---- */

static bool alu_is_good(const struct sock_filter *i)
{
    bool by_k = BPF_SRC(i->code) == BPF_K;
    switch (BPF_OP(i->code)) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
        return true;
    case BPF_DIV:
        return !by_k || i->k;
    case BPF_LSH:
    case BPF_RSH:
        return !by_k || i->k < 32;
    case BPF_NEG:
        return by_k; /* BPF_NEG | BPF_X is not an instruction */
    default:
        return false;
    }
}

/* `left`: instructions behind this one. */
static bool jump_is_good(const struct sock_filter *i, u32 left)
{
    switch (BPF_OP(i->code)) {
    case BPF_JA:
        return BPF_SRC(i->code) == BPF_K && i->k < left;
    case BPF_JEQ:
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSET:
        return i->jt < left && i->jf < left;
    default:
        return false;
    }
}

static bool is_good(const struct sock_filter *i, u32 left)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return i->k < sizeof(struct seccomp_data) && !(i->k & 3);
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
        return true;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return i->k < BPF_MEMWORDS;
    default:
        if (i->code > 0xff)
            return false;
        return BPF_CLASS(i->code) == BPF_ALU   ? alu_is_good(i)
               : BPF_CLASS(i->code) == BPF_JMP ? jump_is_good(i, left)
                                               : false;
    }
}

/* valid[i]: cells that every jump to i has written; what falls into it is added on the way. */
static bool cells_are_written(const struct sock_filter *f, u32 n, u16 *valid)
{
    u16 now = 0;
    memset(valid, 0xff, n * sizeof(*valid));
    for (u32 i = 0; i < n; i++) {
        now &= valid[i];
        switch (f[i].code) {
        case BPF_ST:
        case BPF_STX:
            now |= (u16)(1u << f[i].k);
            continue;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
            if (!(now & 1u << f[i].k))
                return false;
            continue;
        case BPF_JMP | BPF_JA:
            valid[i + 1 + f[i].k] &= now;
            break;
        default:
            if (BPF_CLASS(f[i].code) != BPF_JMP)
                continue;
            valid[i + 1 + f[i].jt] &= now;
            valid[i + 1 + f[i].jf] &= now;
        }
        now = 0xffff; /* behind a jump is only who jumps there */
    }
    return true;
}

int seccomp_bpf_check(const struct sock_filter *f, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (!is_good(&f[i], n - i - 1))
            return -EINVAL;
    }
    if (BPF_CLASS(f[n - 1].code) != BPF_RET)
        return -EINVAL;
    u16 *valid = kmalloc(n * sizeof(*valid), MEM_WAIT);
    if (!valid)
        return -ENOMEM;
    bool good = cells_are_written(f, n, valid);
    kfree(valid);
    return good ? 0 : -EINVAL;
}

/* ---- the machine ---- */

static u32 alu(u16 code, u32 a, u32 v)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + v;
    case BPF_SUB:
        return a - v;
    case BPF_MUL:
        return a * v;
    case BPF_DIV:
        return a / v;
    case BPF_AND:
        return a & v;
    case BPF_OR:
        return a | v;
    case BPF_XOR:
        return a ^ v;
    case BPF_LSH:
        return a << (v & 31);
    case BPF_RSH:
        return a >> (v & 31);
    default:
        return -a;
    }
}

static bool holds(u16 code, u32 a, u32 v)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == v;
    case BPF_JGT:
        return a > v;
    case BPF_JGE:
        return a >= v;
    default:
        return a & v;
    }
}

static u32 word_of(const struct seccomp_data *d, u32 at)
{
    u32 v;
    memcpy(&v, (const u8 *)d + at, sizeof(v));
    return v;
}

static u32 loaded(const struct sock_filter *f, const u32 *cell)
{
    return BPF_MODE(f->code) == BPF_MEM   ? cell[f->k]
           : BPF_MODE(f->code) == BPF_LEN ? sizeof(struct seccomp_data)
                                          : f->k;
}

bool seccomp_bpf_run(const struct sock_filter *f, const struct seccomp_data *d, u32 known, u32 *ret)
{
    u32 a = 0, x = 0, cell[BPF_MEMWORDS] = {0};
    for (;; f++) {
        u32 v = BPF_SRC(f->code) == BPF_X ? x : f->k;
        switch (BPF_CLASS(f->code)) {
        case BPF_LD:
            if (BPF_MODE(f->code) != BPF_ABS)
                a = loaded(f, cell);
            else if (f->k < known)
                a = word_of(d, f->k);
            else
                return false;
            break;
        case BPF_LDX:
            x = loaded(f, cell);
            break;
        case BPF_ST:
            cell[f->k] = a;
            break;
        case BPF_STX:
            cell[f->k] = x;
            break;
        case BPF_JMP:
            f += BPF_OP(f->code) == BPF_JA ? f->k : holds(f->code, a, v) ? f->jt : f->jf;
            break;
        case BPF_ALU:
            if (BPF_OP(f->code) == BPF_DIV && !v) { /* ends with what kills */
                *ret = 0;
                return true;
            }
            a = alu(f->code, a, v);
            break;
        case BPF_RET:
            *ret = BPF_RVAL(f->code) == BPF_A ? a : f->k;
            return true;
        default: /* BPF_MISC */
            if (BPF_MISCOP(f->code) == BPF_TAX)
                x = a;
            else
                a = x;
        }
    }
}
