/* SPDX-License-Identifier: ISC */
/*
 * The joiner on any lines, under bounds: each output's lines are records of
 * its event, and parallel lists have the same number of items.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/join.h"
#include "lib/outbuf.h"
#include "lib/report_list.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
items(const struct report *r, enum field f)
{
	struct slice	 list = report_has(r, f) ? r->field[f] : SLICE_NONE, item;
	size_t		 n = 0;

	while (report_item(&list, &item))
		n++;
	return n;
}

/* A list whose only item is empty is absent. */
static void
check_parallel(const struct report *r, enum field a, enum field b)
{
	size_t	 n = items(r, a), m = items(r, b);

	if (n != m && !(n <= 1 && m <= 1))
		abort();
}

static void
check_line(struct slice line, enum event_id event, bool check)
{
	struct report	 r;

	if (report_parse(&r, line) != REPORT_KNOWN)
		abort();
	/* What is checked is transactions and messages. */
	if (check && r.event == EV_MSG_SUMMARY)
		event = EV_MSG_SUMMARY;
	if (r.event != event || !report_has(&r, RF_STATUS) || !report_has(&r, RF_BEGIN))
		abort();
	check_parallel(&r, RF_RECIPIENT, RF_EVPID);
	if (event == EV_TX_SUMMARY)
		check_parallel(&r, RF_RECIPIENT, RF_RCPT_RESULT);
	if (event != EV_MSG_SUMMARY)
		return;
	check_parallel(&r, RF_RECIPIENT, RF_FATE);
	check_parallel(&r, RF_FATE, RF_DELAY);
	check_parallel(&r, RF_FATE, RF_ATTEMPTS);
}

/* The lines of a text, which ends in one. */
static void
check_output(const char *p, size_t n, enum event_id event, bool check)
{
	const char	*end = p + n, *lf;

	for (; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			abort();
		check_line(slice_make(p, (size_t)(lf - p)), event, check);
	}
}

/* What is cut quickly is the same. */
static void
check_parse(const struct report *quick, const struct report *whole)
{
	enum field	 f;

	if (quick->present != whole->present)
		abort();
	for (f = 0; f < RF_MAX; f++)
		if (report_has(whole, f) &&
		    !slice_eq(quick->field[f], whole->field[f]))
			abort();
}

static void
join_all(struct join *j, const char *p, size_t n)
{
	const char	*end = p + n, *lf;
	struct report	 r, whole;
	struct slice	 line;

	for (; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		line = slice_make(p, (size_t)(lf - p));
		if (join_parse(&r, line) != report_parse(&whole, line))
			abort();
		if (whole.error != NULL || whole.event == EV_UNKNOWN || line.n == 0)
			continue;
		check_parse(&r, &whole);
		if (join_report(j, &r) == -1)
			abort();
	}
	if (join_end(j) == -1)
		abort();
}

static void
join_to(int fd, enum join_output output, enum event_id event, size_t most,
    const char *p, size_t n)
{
	const struct join_options	 options = { output, most, most * 1000000 };
	struct join			*j;
	struct outbuf			 out;
	static char			 text[1 << 20];
	ssize_t				 length;

	if (ftruncate(fd, 0) == -1 || outbuf_init(&out, fd) == -1 ||
	    (j = join_new(&options, &out)) == NULL)
		abort();
	join_all(j, p, n);
	join_free(j);
	if (outbuf_flush(&out) == -1)
		abort();
	free(out.buf);
	if ((length = pread(fd, text, sizeof(text), 0)) == -1)
		abort();
	if ((size_t)length < sizeof(text))
		check_output(text, (size_t)length, event, output == JOIN_CHECK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 fd = -1;
	const char	*p = (const char *)data;
	size_t		 most;

	if (fd == -1) {
		char	 name[] = "/tmp/join_fuzz.XXXXXX";

		if ((fd = mkostemp(name, O_APPEND | O_CLOEXEC)) == -1)
			abort();
		unlink(name);
	}
	for (most = 2; most <= 100; most *= 50) {
		join_to(fd, JOIN_TX, EV_TX_SUMMARY, most, p, size);
		join_to(fd, JOIN_LINK, EV_LINK_SUMMARY, most, p, size);
		join_to(fd, JOIN_MSG, EV_MSG_SUMMARY, most, p, size);
		join_to(fd, JOIN_CHECK, EV_TX_SUMMARY, most, p, size);
	}
	return 0;
}
