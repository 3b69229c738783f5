// SPDX-License-Identifier: MIT
/*
 * The control port. What comes from the guest is not trusted: a line too long, not JSON, or with values of other types
 * than the contract's is ignored, and only the first ending counts.
 */
#include "imgtool/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void control_open(struct control *c, int fd)
{
    memset(c, 0, sizeof(*c));
    c->fd = fd;
}

void control_close(struct control *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* ---- to the guest ------------------------------------------------------------------------------------------ */

static void send_queued(struct control *c)
{
    while (c->queued && c->fd >= 0) {
        ssize_t n = write(c->fd, c->out, c->queued);

        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            c->queued -= (size_t)n;
            memmove(c->out, c->out + n, c->queued);
        }
    }
}

/* Takes the object over. */
static void send_object(struct control *c, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;

    if (text && c->queued + len + 1 <= sizeof(c->out)) {
        memcpy(c->out + c->queued, text, len);
        c->out[c->queued + len] = '\n';
        c->queued += len + 1;
    }
    free(text);
    json_decref(object);
    send_queued(c);
}

void control_signal(struct control *c, int signo)
{
    send_object(c, json_pack("{s:s,s:i}", "cmd", "signal", "signo", signo));
}

void control_stop(struct control *c, int signo, int64_t grace_ms)
{
    send_object(c, json_pack("{s:s,s:i,s:I}", "cmd", "stop", "signo", signo, "grace_ms", (json_int_t)grace_ms));
}

void control_winsize(struct control *c, unsigned rows, unsigned cols)
{
    send_object(c, json_pack("{s:s,s:i,s:i}", "cmd", "winsize", "rows", (int)rows, "cols", (int)cols));
}

/* ---- from the guest ---------------------------------------------------------------------------------------- */

static void end_with(struct control *c, enum ending ending, int value, const json_t *message)
{
    const char *text = json_string_value(message);

    if (c->ending != ENDING_NONE)
        return;
    c->ending = ending;
    c->value = value;
    snprintf(c->message, sizeof(c->message), "%s", text ? text : "");
}

static void read_exit(struct control *c, const json_t *object)
{
    const json_t *code = json_object_get(object, "code"), *signal = json_object_get(object, "signal");

    if (json_is_integer(code) && json_integer_value(code) >= 0 && json_integer_value(code) <= 255)
        end_with(c, ENDING_CODE, (int)json_integer_value(code), json_object_get(object, "error"));
    else if (json_is_integer(signal) && json_integer_value(signal) >= 1 && json_integer_value(signal) <= 64)
        end_with(c, ENDING_SIGNAL, (int)json_integer_value(signal), NULL);
}

static void read_event(struct control *c, const json_t *object)
{
    const char *event = json_string_value(json_object_get(object, "event"));

    if (!event)
        return;
    if (!strcmp(event, "boot"))
        c->booted = true;
    else if (!strcmp(event, "pid1"))
        c->pid1 = true;
    else if (!strcmp(event, "exit"))
        read_exit(c, object);
    else if (!strcmp(event, "panic"))
        end_with(c, ENDING_PANIC, 0, json_object_get(object, "message"));
    else if (!strcmp(event, "fatal"))
        end_with(c, ENDING_FATAL, 0, json_object_get(object, "message"));
}

static void read_line(struct control *c)
{
    json_t *object = c->overlong ? NULL : json_loadb(c->line, c->fill, 0, NULL);

    if (object)
        read_event(c, object);
    json_decref(object);
    c->fill = 0;
    c->overlong = false;
}

static void read_bytes(struct control *c, const char *data, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        if (data[n] == '\n')
            read_line(c);
        else if (c->fill < sizeof(c->line))
            c->line[c->fill++] = data[n];
        else
            c->overlong = true;
    }
}

unsigned control_poll(const struct control *c, struct pollfd *set)
{
    if (c->fd < 0)
        return 0;
    *set = (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->queued ? POLLOUT : 0))};
    return 1;
}

void control_run(struct control *c)
{
    char data[SW_CTL_LINE_MAX];

    send_queued(c);
    while (c->fd >= 0) {
        ssize_t n = read(c->fd, data, sizeof(data));

        if (n > 0)
            read_bytes(c, data, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            control_close(c);
    }
}
