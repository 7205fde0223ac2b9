/* SPDX-License-Identifier: ISC */
/*
 * What an envelope in the queue costs in memory, the spool's index included:
 * the bound that smtpd/queue.h states, measured.
 */
/* objects: smtpd/queue_message.o smtpd/queue_envelope.o smtpd/queue_sched.o smtpd/queue_route.o smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define ENVELOPES	10000
#define SEGMENT		(1024 * 1024)

static char		 top[64];
static struct spool	*spool;
static uint32_t		 msgids = 0x10000000;

static struct conf	 conf = { .max_deferred = 100 };
struct conf		*proc_conf = &conf;

uint64_t
loop_mono(void)
{
	return 1000 * SECOND;
}

int64_t
queue_now(void)
{
	return 1543836000;
}

noreturn void
fatal(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

static int
sync_cb(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	return 0;
}

/* An address of 43 bytes. */
static struct slice
address(char buf[64], const char *what, uint32_t i)
{
	return slice_make(buf, (size_t)snprintf(buf, 64,
	    "%s.%010u@mail.department.example.org", what, i));
}

#define DOMAINS	1000

static void
add_envelope(struct message *m, uint32_t i, bool relay)
{
	char			 rcpt[64], dest[64], user[32];
	struct ipc_envelope	 e = { .msgid = m->msgid,
	    .evpid = (uint64_t)m->msgid << 32 | (i + 1), .ttl = 4 * 86400,
	    .action = SLICE("local_users"),
	    .rcpt = address(rcpt, "rcpt", i), .dest = address(dest, "dest", i) };

	e.route_kind = relay ? ROUTE_RELAY : ROUTE_USER;
	e.route = slice_make(user, (size_t)snprintf(user, sizeof(user), "n%u.example",
	    relay ? m->msgid % DOMAINS : i % 100));
	assert_non_null(message_add(m, &e));
}

/* A message of n envelopes that all wait for their next try. */
static void
add_message(uint32_t n, bool relay)
{
	char			 sender[64], *text;
	struct message		*m = message_new(++msgids);
	const struct ipc_commit	 c = { .msgid = msgids, .size = 4,
	    .sender = address(sender, "from", msgids),
	    .helo = SLICE("mx17.outbound.example.org"),
	    .src = SLICE("[2001:db8:1234:5678::17]:45678") };
	struct spool_append	 a = { .content = SLICE("text"), .size = 4,
	    .nrcpt = n };
	uint32_t		 i;

	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, queue_now()), 0);
	for (i = 0; i < n; i++)
		add_envelope(m, i, relay);
	assert_non_null(text = envelope_encode(m, &a.envelope.n));
	a.envelope.p = text;
	assert_int_equal(message_enlist(m), 0);
	assert_int_equal(spool_append(spool, &a, &m->recno), 0);
	free(text);
	for (i = 0; i < n; i++) {
		m->env[i]->due = loop_mono() + (1 + i) * SECOND;
		sched_add(m->env[i]);
	}
}

static void
work(void)
{
	assert_int_equal(spool_flush(spool), 0);
	while (spool_work(spool) == 1)
		if (spool_dirty(spool))
			assert_int_equal(spool_flush(spool), 0);
}

static size_t
memory(void)
{
	const struct mallinfo2	 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static const struct {
	uint32_t	 n;		/* envelopes a message */
	bool		 relay;		/* to a thousand destinations */
} sizes[] = {
	{ 1, false }, { 2, false }, { 50, false }, { 1000, false }, { 1, true }, { 50, true },
};

static void
test_envelope_cost(void **state)
{
	static void	*volatile probe;
	size_t		 before = memory(), i, n;
	bool		 told;

	(void)state;
	probe = malloc(100000);
	told = memory() - before >= 100000;	/* a sanitizer's malloc does not */
	free(probe);
	for (i = 0; i < nitems(sizes); i++) {
		work();
		before = memory();
		for (n = 0; n < ENVELOPES; n += sizes[i].n) {
			add_message(sizes[i].n, sizes[i].relay);
			if (n % 1000 == 0)
				work();
		}
		work();
		n = (memory() - before) / ENVELOPES;
		print_message("%u envelopes a message%s: %zu bytes each\n",
		    sizes[i].n, sizes[i].relay ? ", relayed" : "", n);
		assert_in_range(n, told ? 100 : 0, ENVELOPE_COST);
	}
	assert_int_equal(sched_count().waiting, nitems(sizes) * ENVELOPES);
}

static int
start(void **state)
{
	const struct spool_options	 o = { .segment_size = SEGMENT,
	    .segments = 64, .fdatasync = sync_cb };
	int				 fd;

	(void)state;
	strcpy(top, "/tmp/pipepost-memory.XXXXXX");
	assert_non_null(mkdtemp(top));
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_non_null(spool = spool_open(fd, &o));
	work();
	return 0;
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
end(void **state)
{
	struct message	*m;
	size_t		 pos;

	(void)state;
	while (pos = 0, (m = message_next(&pos)) != NULL)
		message_free(m);
	spool_close(spool);
	return nftw(top, remove_cb, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_envelope_cost),
	};

	return cmocka_run_group_tests(tests, start, end);
}
