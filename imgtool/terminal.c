// SPDX-License-Identifier: MIT
/* One process has one terminal: its saved state is the only state here. */
#include "imgtool/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
    struct termios before;
    bool raw;
} saved;

bool terminal_raw(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &saved.before) < 0)
        return false;
    raw = saved.before;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    saved.raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    return saved.raw;
}

void terminal_restore(void)
{
    if (saved.raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved.before);
    saved.raw = false;
}

bool terminal_size(unsigned *rows, unsigned *cols)
{
    static const int fds[] = {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO};
    struct winsize size;

    for (unsigned n = 0; n < sizeof(fds) / sizeof(fds[0]); n++)
        if (ioctl(fds[n], TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
            *rows = size.ws_row;
            *cols = size.ws_col;
            return true;
        }
    return false;
}
