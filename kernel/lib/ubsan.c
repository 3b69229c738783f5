// SPDX-License-Identifier: MIT
/* Handlers of the compiler's undefined-behaviour checks (checked build): each is fatal and names file, line and what. */
#if defined(SLIPWAY_DEBUG) && !defined(SLIPWAY_HOST)
#include "lib/printf.h"

struct ubsan_location {
    const char *file;
    u32 line, column;
};

static void __noreturn report(const struct ubsan_location *l, const char *what)
{
    panic("undefined behaviour: %s at %s:%u", what, l->file, l->line);
}

/* Every handler's first argument points at data that begins with the location. */
#define UBSAN_HANDLER(name, what, ...)                                   \
    void __ubsan_handle_##name(struct ubsan_location *l, ##__VA_ARGS__); \
    void __ubsan_handle_##name(struct ubsan_location *l, ##__VA_ARGS__)  \
    {                                                                    \
        report(l, what);                                                 \
    }

UBSAN_HANDLER(add_overflow, "signed addition overflows")
UBSAN_HANDLER(sub_overflow, "signed subtraction overflows")
UBSAN_HANDLER(mul_overflow, "signed multiplication overflows")
UBSAN_HANDLER(negate_overflow, "negation overflows")
UBSAN_HANDLER(divrem_overflow, "division overflows")
UBSAN_HANDLER(shift_out_of_bounds, "shift out of bounds")
UBSAN_HANDLER(out_of_bounds, "index out of bounds")
UBSAN_HANDLER(builtin_unreachable, "unreachable code reached")
UBSAN_HANDLER(missing_return, "function without return value")
UBSAN_HANDLER(vla_bound_not_positive, "array bound not positive")
UBSAN_HANDLER(load_invalid_value, "invalid value of an enum or bool")
UBSAN_HANDLER(pointer_overflow, "pointer overflows")
UBSAN_HANDLER(invalid_builtin, "builtin with an invalid argument")
UBSAN_HANDLER(nonnull_arg, "null argument")
UBSAN_HANDLER(nonnull_return_v1, "null returned")
UBSAN_HANDLER(type_mismatch_v1, "null or misaligned pointer")
#endif
