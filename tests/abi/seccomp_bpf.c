// SPDX-License-Identifier: MIT
/* Classic BPF of seccomp(2): what a program may contain, and what its instructions compute. */
#include "tests/abi/seccomp.h"

/* ---- what is let in ---- */

/* In a child, because what is attached stays. 0 or an errno. */
static int verdict(const struct sock_filter *f, size_t n)
{
    int status = CHILD(no_new_privs(); _exit(attach(0, f, n) == 0 ? 0 : errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#define VERDICT(...)                                   \
    ({                                                 \
        const struct sock_filter v_[] = {__VA_ARGS__}; \
        verdict(v_, sizeof v_ / sizeof v_[0]);         \
    })
#define STMT(code, k) BPF_STMT(code, k)
#define JUMP(op, k, jt, jf) BPF_JUMP(BPF_JMP | (op), (k), (jt), (jf))

/* A child tries one opcode after the other, and returns at the first one that surprises. The filters that are let in only
 * allow: the opcodes that end with something else are behind a jump. */
static int code_is_let_in(unsigned code)
{
    const struct sock_filter f[] = {
        STMT(BPF_ST, 4), JUMP(BPF_JA, 1, 0, 0), {code, 0, 0, 4}, ALLOW, ALLOW, ALLOW, ALLOW, ALLOW, ALLOW,
    };
    return attach(0, f, COUNT(f)) == 0;
}

static void opcodes(void)
{
    static const unsigned char allowed[] = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15, 0x16, 0x1c, 0x1d,
        0x20, 0x24, 0x25, 0x2c, 0x2d, 0x34, 0x35, 0x3c, 0x3d, 0x44, 0x45, 0x4c, 0x4d, 0x54,
        0x5c, 0x60, 0x61, 0x64, 0x6c, 0x74, 0x7c, 0x80, 0x81, 0x84, 0x87, 0xa4, 0xac,
    };
    CHECK_CHILD("of all opcodes, these 41 are let in", {
        no_new_privs();
        for (unsigned code = 0; code < 0x300; code++) {
            int want = code < 256 && memchr(allowed, (int)code, sizeof allowed) != NULL;
            REQ(code_is_let_in(code) == want);
        }
    });
}

static void programs(void)
{
    CHECK(VERDICT(ALLOW) == 0, "the shortest program");
    CHECK(VERDICT(STMT(BPF_LD | BPF_IMM, 0)) == EINVAL, "one without an end");
    CHECK(VERDICT(ALLOW, JUMP(BPF_JA, 0, 0, 0)) == EINVAL, "one that ends in a jump");
    CHECK(VERDICT(LOAD_AT(60), ALLOW) == 0 && VERDICT(LOAD_AT(64), ALLOW) == EINVAL &&
              VERDICT(LOAD_AT(0xfffffffc), ALLOW) == EINVAL,
          "a load past the data");
    CHECK(VERDICT(LOAD_AT(2), ALLOW) == EINVAL && VERDICT(LOAD_AT(61), ALLOW) == EINVAL, "a load that is not aligned");
    CHECK(VERDICT(STMT(BPF_LD | BPF_H | BPF_ABS, 0), ALLOW) == EINVAL &&
              VERDICT(STMT(BPF_LD | BPF_B | BPF_ABS, 0), ALLOW) == EINVAL,
          "loads of less than a word");
    CHECK(VERDICT(JUMP(BPF_JA, 0, 0, 0), ALLOW) == 0 && VERDICT(JUMP(BPF_JA, 1, 0, 0), ALLOW) == EINVAL &&
              VERDICT(JUMP(BPF_JA, 0xffffffff, 0, 0), ALLOW) == EINVAL,
          "a jump out of the program");
    CHECK(VERDICT(JUMP(BPF_JEQ, 0, 0, 1), ALLOW, ALLOW) == 0 &&
              VERDICT(JUMP(BPF_JEQ, 0, 0, 2), ALLOW, ALLOW) == EINVAL &&
              VERDICT(JUMP(BPF_JEQ, 0, 2, 0), ALLOW, ALLOW) == EINVAL,
          "a branch out of it");
    CHECK(VERDICT(STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW) == EINVAL, "a division by the constant 0");
    CHECK(VERDICT(STMT(BPF_ALU | BPF_LSH | BPF_K, 31), ALLOW) == 0 &&
              VERDICT(STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ALLOW) == EINVAL &&
              VERDICT(STMT(BPF_ALU | BPF_RSH | BPF_K, 32), ALLOW) == EINVAL,
          "a shift by 32");
    CHECK(VERDICT(STMT(BPF_ST, 15), ALLOW) == 0 && VERDICT(STMT(BPF_ST, 16), ALLOW) == EINVAL &&
              VERDICT(STMT(BPF_STX, 16), ALLOW) == EINVAL,
          "the sixteen cells");
}

static void cells(void)
{
    CHECK(VERDICT(STMT(BPF_LD | BPF_MEM, 3), ALLOW) == EINVAL, "a cell that nobody wrote is not read");
    CHECK(VERDICT(STMT(BPF_ST, 3), STMT(BPF_LDX | BPF_MEM, 3), ALLOW) == 0, "one that was, is");
    CHECK(VERDICT(JUMP(BPF_JEQ, 0, 0, 1), STMT(BPF_ST, 3), STMT(BPF_LD | BPF_MEM, 3), ALLOW) == EINVAL,
          "nor one that only one of two ways wrote");
    CHECK(VERDICT(JUMP(BPF_JEQ, 0, 0, 2), STMT(BPF_ST, 3), JUMP(BPF_JA, 1, 0, 0), STMT(BPF_STX, 3),
                  STMT(BPF_LD | BPF_MEM, 3), ALLOW) == 0,
          "one that both wrote, is");
    CHECK(VERDICT(JUMP(BPF_JA, 1, 0, 0), STMT(BPF_LD | BPF_MEM, 3), ALLOW) == 0, "what cannot be reached is not asked");
    CHECK(VERDICT(ALLOW, STMT(BPF_LD | BPF_MEM, 3), ALLOW) == EINVAL, "what is behind a return is");
}

static void length(void)
{
    static struct sock_filter f[BPF_MAXINSNS];
    for (size_t i = 0; i < COUNT(f); i++)
        f[i] = (struct sock_filter)ALLOW;
    CHECK(verdict(f, COUNT(f)) == 0, "4096 instructions");
}

/* ---- what they compute ---- */

/* The low half of getppid()'s first argument is in X, of its second in A; then one instruction; then the answer is an error of
 * the low 12 bits of A, or of those above when `high`. */
#define RUN(high, a, x, ...)                                                                                           \
    ({                                                                                                                 \
        int st_ =                                                                                                      \
            CHILD(no_new_privs();                                                                                      \
                  const struct sock_filter f_[] = {LOAD(nr), JUMP(BPF_JEQ, SYS_getppid, 1, 0), ALLOW,                  \
                                                   LOAD_AT(offsetof(struct seccomp_data, args)),                       \
                                                   STMT(BPF_MISC | BPF_TAX, 0),                                        \
                                                   LOAD_AT(offsetof(struct seccomp_data, args) + 8), __VA_ARGS__,      \
                                                   STMT(BPF_ALU | BPF_RSH | BPF_K, (high) ? 24 : 0),                   \
                                                   STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),                              \
                                                   STMT(BPF_ALU | BPF_OR | BPF_K, FAIL(0)), STMT(BPF_RET | BPF_A, 0)}; \
                  REQ(attach(0, f_, sizeof f_ / sizeof f_[0]) == 0); errno = 0;                                        \
                  syscall(SYS_getppid, (long)(x), (long)(a)); _exit(errno));                                           \
        WIFEXITED(st_) ? WEXITSTATUS(st_) : 1000 + WTERMSIG(st_);                                                      \
    })

#define ALU(op) STMT(BPF_ALU | (op) | BPF_X, 0)
#define ALU_K(op, k) STMT(BPF_ALU | (op) | BPF_K, k)
/* 1 when the jump is taken, else 2 */
#define TAKEN(op, src, k) \
    JUMP((op) | (src), k, 0, 2), STMT(BPF_LD | BPF_IMM, 1), JUMP(BPF_JA, 1, 0, 0), STMT(BPF_LD | BPF_IMM, 2)

static void arithmetic(void)
{
    CHECK(RUN(0, 40, 2, ALU(BPF_ADD)) == 42 && RUN(0, 40, 0, ALU_K(BPF_ADD, 3)) == 43, "ADD");
    CHECK(RUN(1, 1, 2, ALU(BPF_SUB)) == 0xff && RUN(0, 44, 0, ALU_K(BPF_SUB, 4)) == 40, "SUB wraps at 32 bits");
    CHECK(RUN(0, 6, 7, ALU(BPF_MUL)) == 42 && RUN(1, 0x10000, 0x1100, ALU(BPF_MUL)) == 0x11, "MUL");
    CHECK(RUN(0, 85, 2, ALU(BPF_DIV)) == 42 && RUN(1, 0xfffffffe, 1, ALU(BPF_DIV)) == 0xff,
          "DIV is of unsigned numbers");
    CHECK(RUN(0, 85, 0, ALU(BPF_DIV)) == 1000 + SIGSYS, "a division by zero ends the program with 0, which kills");
    CHECK(RUN(0, 0x2c, 0x0f, ALU(BPF_AND)) == 12 && RUN(0, 0x20, 3, ALU(BPF_OR)) == 35, "AND, OR");
    CHECK(RUN(0, 0x2c, 0x0f, ALU(BPF_XOR)) == 0x23 && RUN(0, 0x2c, 0, ALU_K(BPF_XOR, 1)) == 0x2d, "XOR");
    CHECK(RUN(0, 5, 3, ALU(BPF_LSH)) == 40 && RUN(0, 160, 2, ALU(BPF_RSH)) == 40, "LSH, RSH");
    CHECK(RUN(0, 5, 35, ALU(BPF_LSH)) == 40 && RUN(0, 160, 34, ALU(BPF_RSH)) == 40, "shifts by X are modulo 32");
    CHECK(RUN(1, 1, 0, STMT(BPF_ALU | BPF_NEG, 0)) == 0xff, "NEG");
}

static void moves(void)
{
    CHECK(RUN(0, 1, 41, STMT(BPF_MISC | BPF_TXA, 0)) == 41, "TXA");
    CHECK(RUN(0, 40, 0, STMT(BPF_MISC | BPF_TAX, 0), STMT(BPF_LD | BPF_IMM, 2), ALU(BPF_ADD)) == 42, "TAX");
    CHECK(RUN(0, 0, 0, STMT(BPF_LD | BPF_W | BPF_LEN, 0)) == 64 &&
              RUN(0, 0, 0, STMT(BPF_LDX | BPF_W | BPF_LEN, 0), STMT(BPF_MISC | BPF_TXA, 0)) == 64,
          "the length is that of the data");
    CHECK(RUN(0, 12, 13, STMT(BPF_ST, 0), STMT(BPF_STX, 15), STMT(BPF_LD | BPF_IMM, 0), STMT(BPF_LDX | BPF_MEM, 0),
              STMT(BPF_LD | BPF_MEM, 15), ALU(BPF_SUB)) == 1,
          "cells keep both registers");
    CHECK(RUN(0, 0, 0, STMT(BPF_LDX | BPF_IMM, 77), STMT(BPF_MISC | BPF_TXA, 0)) == 77, "LDX of a constant");
}

static void jumps(void)
{
    CHECK(RUN(0, 5, 5, TAKEN(BPF_JEQ, BPF_X, 0)) == 1 && RUN(0, 5, 6, TAKEN(BPF_JEQ, BPF_X, 0)) == 2 &&
              RUN(0, 5, 0, TAKEN(BPF_JEQ, BPF_K, 5)) == 1,
          "JEQ");
    CHECK(RUN(0, 5, 5, TAKEN(BPF_JGT, BPF_X, 0)) == 2 && RUN(0, 0x80000000, 1, TAKEN(BPF_JGT, BPF_X, 0)) == 1 &&
              RUN(0, 6, 0, TAKEN(BPF_JGT, BPF_K, 5)) == 1,
          "JGT is of unsigned numbers");
    CHECK(RUN(0, 5, 5, TAKEN(BPF_JGE, BPF_X, 0)) == 1 && RUN(0, 4, 0, TAKEN(BPF_JGE, BPF_K, 5)) == 2, "JGE");
    CHECK(RUN(0, 6, 4, TAKEN(BPF_JSET, BPF_X, 0)) == 1 && RUN(0, 6, 0, TAKEN(BPF_JSET, BPF_K, 9)) == 2, "JSET");
}

int main(void)
{
    opcodes();
    programs();
    cells();
    length();
    arithmetic();
    moves();
    jumps();
    return tap_end();
}
