/* SPDX-License-Identifier: ISC */
/*
 * The pipes of a filter, real ones: they fill, block, end; lines come cut at any byte, and too
 * long ones.  The events and the filter are the test's own.
 */
/* objects: smtpd/smtp_pipe.o */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/nitems.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp_filter.h"

#define PIPE_SIZE	4096	/* what the system's pipe holds */
#define LINE_BOUND	(512 + 2 * 1000)

struct event_base	*loop_base;

static struct conf	 conf = { .max_line = 1000 };
struct conf		*proc_conf = &conf;

static struct filter_proc filter;
static struct filter_pipe *p = &filter.pipe;
static uint64_t		 mono = 1000 * SECOND;

/* What is waited for, and what happened. */
static event_callback_fn on_writable, on_readable;
static bool		 wants_write, wants_read;
static char		 ended[100], failed[100], lines[1 << 20];
static size_t		 nlines, nrelieved;
static bool		 fatal_line;	/* a line ends the filter */

uint64_t
loop_mono(void)
{
	return mono;
}

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	(void)base;
	(void)fd;
	assert_ptr_equal(arg, p);
	assert_true(ev == &p->writable ? what == EV_WRITE : what == (EV_READ | EV_PERSIST));
	*(ev == &p->writable ? &on_writable : &on_readable) = fn;
	return 0;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	assert_null(tv);
	*(ev == &p->writable ? &wants_write : &wants_read) = true;
	return 0;
}

int
event_del(struct event *ev)
{
	*(ev == &p->writable ? &wants_write : &wants_read) = false;
	return 0;
}

void
filter_ended(struct filter_proc *f, const char *why)
{
	assert_ptr_equal(f, &filter);
	snprintf(ended, sizeof(ended), "%s", why);
	pipe_close(p);
}

void
filter_fail(struct filter_proc *f, const char *fmt, ...)
{
	va_list	 ap;

	assert_ptr_equal(f, &filter);
	va_start(ap, fmt);
	vsnprintf(failed, sizeof(failed), fmt, ap);
	va_end(ap);
	pipe_close(p);
}

/* Each with a '/' behind it. */
void
filter_line(struct filter_proc *f, struct slice line)
{
	size_t	 len = strlen(lines);

	assert_ptr_equal(f, &filter);
	nlines++;
	assert_true(len + line.n + 2 < sizeof(lines));
	if (line.n > 0)
		memcpy(lines + len, line.p, line.n);
	memcpy(lines + len + line.n, "/", 2);
	if (fatal_line)
		pipe_close(p);
}

void
filter_relieved(struct filter_proc *f)
{
	assert_ptr_equal(f, &filter);
	nrelieved++;
}

/* -- the other end -- */

static int	 to, from;	/* where the filter reads, and writes */

static void
open_pipes(void)
{
	int	 in[2], out[2];

	pipe_init(p, &filter);
	*ended = *failed = *lines = '\0';
	nlines = nrelieved = 0;
	wants_write = wants_read = fatal_line = false;
	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	assert_int_equal(fcntl(in[1], F_SETPIPE_SZ, PIPE_SIZE), PIPE_SIZE);
	to = in[0];
	from = out[1];
	pipe_open_in(p, in[1]);
	pipe_open_out(p, out[0]);
	assert_true(wants_read);
	assert_false(wants_write);
}

static void
close_pipes(void)
{
	pipe_close(p);
	assert_int_equal(p->in, -1);
	assert_int_equal(p->out, -1);
	assert_int_equal(pipe_waiting(p), 0);
	assert_false(wants_read || wants_write);
	if (to != -1)
		close(to);
	if (from != -1)
		close(from);
}

static void
tell(const char *text, size_t n)
{
	char	*room = pipe_room(p, n);

	assert_non_null(room);
	memcpy(room, text, n);
	pipe_used(p, n);
}

static void
say(const char *text, size_t n)
{
	assert_int_equal(write(from, text, n), n);
	on_readable(p->out, EV_READ, p);
}

/* -- to it -- */

/* What byte stands where in all that it is told. */
static char
byte_at(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static size_t
check_read(size_t at, size_t most)
{
	static char	 buf[1 << 16];
	ssize_t		 n, i;

	if ((n = read(to, buf, most < sizeof(buf) ? most : sizeof(buf))) == -1) {
		assert_int_equal(errno, EAGAIN);
		return 0;
	}
	for (i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(at + (size_t)i));
	return (size_t)n;
}

static void
tell_pattern(size_t *at, size_t n)
{
	static char	 text[1 << 18];
	size_t		 i;

	assert_true(n <= sizeof(text));
	for (i = 0; i < n; i++)
		text[i] = byte_at(*at + i);
	tell(text, n);
	*at += n;
}

static void
test_blocks(void **state)
{
	size_t	 told = 0, heard = 0, n;

	(void)state;
	open_pipes();
	tell_pattern(&told, 3 * PIPE_SIZE);
	assert_int_equal(p->written, 0);
	pipe_flush(p);
	assert_true(p->blocked && wants_write);
	assert_int_equal(p->progress, mono);
	assert_int_equal(p->written, PIPE_SIZE);
	assert_int_equal(p->queued, told);
	assert_int_equal(pipe_waiting(p), 2 * PIPE_SIZE);

	/* While it is blocked nothing is tried, and its time stands. */
	heard += check_read(heard, PIPE_SIZE);
	mono += SECOND;
	pipe_flush(p);
	assert_int_equal(p->written, PIPE_SIZE);
	assert_int_equal(p->progress, mono - SECOND);
	tell_pattern(&told, 10);

	for (n = 0; p->blocked; n++) {
		assert_int_equal(nrelieved, n);
		on_writable(p->in, EV_WRITE, p);
		assert_true(!p->blocked || p->progress == mono);
		heard += check_read(heard, SIZE_MAX);
	}
	heard += check_read(heard, SIZE_MAX);
	assert_int_equal(heard, told);
	assert_int_equal(p->written, told);
	assert_int_equal(pipe_waiting(p), 0);
	assert_int_equal(nrelieved, n);
	close_pipes();
}

/* Any sizes, any speed: all arrives in order, and an idle filter keeps little. */
static void
test_room(void **state)
{
	static const size_t	 sizes[] = { 1, 100, 70000, 3, 200000, 4096, 0, 65536 };
	size_t			 told = 0, heard = 0, i;

	(void)state;
	open_pipes();
	for (i = 0; i < 200; i++) {
		tell_pattern(&told, sizes[i % nitems(sizes)]);
		assert_true(p->start <= p->end && p->end <= p->size);
		if (i % 3 == 0) {
			heard += check_read(heard, sizes[(i * 5 + 1) % nitems(sizes)]);
			p->blocked = false;
			pipe_flush(p);
		}
	}
	assert_true(p->size > 1024 * 1024);
	while (heard < told) {
		heard += check_read(heard, SIZE_MAX);
		if (p->blocked)
			on_writable(p->in, EV_WRITE, p);
		else
			pipe_flush(p);
	}
	assert_int_equal(p->queued, told);
	assert_int_equal(p->written, told);
	assert_true(p->size <= 1024 * 1024);
	close_pipes();
}

/* What was taken makes room before more memory is asked for. */
static void
test_reuse(void **state)
{
	size_t	 told = 0, heard = 0, i;

	(void)state;
	open_pipes();
	tell_pattern(&told, 60000);
	for (i = 0; i < 2000; i++) {
		tell_pattern(&told, 1000);
		while (heard + 60000 < told) {
			p->blocked = false;
			pipe_flush(p);
			heard += check_read(heard, 1000);
		}
	}
	assert_true(p->size <= 4 * 64 * 1024);
	close_pipes();
}

static void
test_write_fails(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	open_pipes();
	close(to);
	to = -1;
	tell("x\n", 2);
	pipe_flush(p);
	assert_string_equal(ended, strerror(EPIPE));
	assert_int_equal(p->in, -1);
	/* With no pipe what it is told waits; nothing is tried. */
	tell("y\n", 2);
	pipe_flush(p);
	assert_int_equal(pipe_waiting(p), 2);
	close_pipes();
	assert_int_equal(p->queued, 0);
	assert_int_equal(p->written, 0);
}

/* A new life's pipe is not blocked as the old one was, and what waited is not for it. */
static void
test_opened_again(void **state)
{
	size_t	 told = 0;
	int	 in[2];

	(void)state;
	open_pipes();
	tell_pattern(&told, 3 * PIPE_SIZE);
	pipe_flush(p);
	assert_true(p->blocked);
	pipe_close(p);
	assert_int_equal(pipe_waiting(p), 0);
	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	close(to);
	to = in[0];
	pipe_open_in(p, in[1]);
	assert_false(p->blocked);
	told = 0;
	tell_pattern(&told, 100);
	pipe_flush(p);
	assert_int_equal(check_read(0, SIZE_MAX), 100);
	close_pipes();
}

/* -- from it -- */

/* Cut at any two bytes it says the same. */
static void
test_cut(void **state)
{
	static const char	 text[] = "one\n\ntwo|x\r\n.\nhalf";
	const size_t		 n = sizeof(text) - 1;
	size_t			 i, j;

	(void)state;
	for (i = 0; i <= n; i++)
		for (j = i; j <= n; j++) {
			open_pipes();
			say(text, i);
			say(text + i, j - i);
			say(text + j, n - j);
			assert_string_equal(lines, "one//two|x\r/./");
			say("\n", 1);
			assert_string_equal(lines, "one//two|x\r/./half/");
			assert_string_equal(failed, "");
			assert_string_equal(ended, "");
			close_pipes();
		}
}

/* A line has its bound, however it comes, and whether or not its end was seen. */
static void
test_long(void **state)
{
	static const struct {
		size_t	 n, first;	/* bytes of it, and of them in the first piece */
		bool	 ends, ok;
	} t[] = {
		{ LINE_BOUND,		LINE_BOUND + 3,	true,	true },
		{ LINE_BOUND,		LINE_BOUND,	true,	true },
		{ LINE_BOUND,		1,		true,	true },
		{ LINE_BOUND,		LINE_BOUND - 1,	true,	true },
		{ LINE_BOUND,		LINE_BOUND,	false,	true },
		{ LINE_BOUND + 1,	LINE_BOUND + 4,	true,	false },
		{ LINE_BOUND + 1,	LINE_BOUND + 1,	true,	false },
		{ LINE_BOUND + 1,	LINE_BOUND,	true,	false },
		{ LINE_BOUND + 1,	1,		true,	false },
		{ LINE_BOUND + 1,	LINE_BOUND + 1,	false,	false },
		{ LINE_BOUND + 1,	LINE_BOUND,	false,	false },
		{ 20000,		20003,		true,	false },
	};
	static char	 text[20004];
	size_t		 i, n;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		open_pipes();
		memset(text, 'x', t[i].n);
		memcpy(text + t[i].n, "\n.\n", 4);
		n = t[i].n + (t[i].ends ? 3 : 0);
		say(".\n", 2);
		say(text, t[i].first);
		if (n > t[i].first && *failed == '\0')
			say(text + t[i].first, n - t[i].first);
		if (t[i].ok)
			assert_string_equal(failed, "");
		else
			assert_string_equal(failed, "a line is longer than 2512 bytes");
		assert_int_equal(nlines, t[i].ok && t[i].ends ? 3 : 1);
		close_pipes();
	}
}

/* One that ends its filter is the last that is read. */
static void
test_last_line(void **state)
{
	(void)state;
	open_pipes();
	fatal_line = true;
	say("one\ntwo\nthr", 11);
	assert_string_equal(lines, "one/");
	assert_int_equal(p->out, -1);
	close_pipes();

	open_pipes();
	say("on", 2);
	fatal_line = true;
	say("e\ntwo\n", 6);
	assert_string_equal(lines, "one/");
	close_pipes();
}

static void
test_end(void **state)
{
	(void)state;
	open_pipes();
	on_readable(p->out, EV_READ, p);	/* there was nothing */
	assert_string_equal(ended, "");
	say("half", 4);
	close(from);
	from = -1;
	on_readable(p->out, EV_READ, p);
	assert_string_equal(ended, "it closed its output");
	assert_int_equal(nlines, 0);
	close_pipes();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_opened_again),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_last_line),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
