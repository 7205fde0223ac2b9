/* SPDX-License-Identifier: ISC */
/*
 * The joiner: its numbers, its texts, when it writes, and what it keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/join_local.h"
#include "lib/join_number.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"

#define LINK	"report|0.6|1600000000.000000|smtp-in|link-connect|"
#define IN(event)	"report|0.6|1600000001.500000|smtp-in|" event "|"

/* -- numbers -- */

static void
numbers_test(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 hex;
	} rows[] = {
		{ "0",			0 },
		{ "aF",			0xaf },
		{ "deadbeef",		0xdeadbeef },
		{ "DEADBEEF",		0xdeadbeef },
		{ "123456789",		0x123456789 },
		{ "0123456789abcdef",	0x0123456789abcdef },
		{ "FEDCBA9876543210",	0xfedcba9876543210 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(number_hex(slice_str(rows[i].text)), rows[i].hex);
	assert_int_equal(number_decimal(SLICE("007")), 7);
	assert_int_equal(number_decimal(SLICE("18446744073709551616")),
	    184467440737095516);
	assert_int_equal(number_time("1541750432.123456"), 1541750432123456);
	assert_int_equal(number_time("9999999999.999999"), 9999999999999999);
	assert_int_equal(number_time("0000000000.000001"), 1);
}

/* -- texts -- */

static void
texts_test(void **state)
{
	struct pool	 p = { 0 };
	struct text	 a = { 0 }, b = { 0 };
	char		*block;
	size_t		 n;

	(void)state;
	for (n = 1; n < 200000; n += n / 3 + 1) {
		while (a.n < n)
			text_add(&p, &a, "xyz", 1 + (a.n % 3));
		text_set(&p, &b, text_slice(&a));
		assert_int_equal(b.n, a.n);
		assert_memory_equal(b.p, a.p, a.n);
		assert_true(b.size >= b.n);
	}
	text_free(&p, &a);
	assert_null(a.p);
	text_free(&p, &b);
	for (n = 1; n < 100000; n++) {
		block = pool_take(&p, n);
		memset(block, 0x5a, n);
		pool_give(&p, block, n);
	}
	/* What is given back is taken again. */
	block = pool_take(&p, 40);
	pool_give(&p, block, 40);
	assert_ptr_equal(pool_take(&p, 48), block);
	assert_int_equal((uintptr_t)pool_take(&p, 17) % 8, 0);
	/* More than a text may hold. */
	assert_int_equal(p.error, 0);
	assert_false(text_room(&p, &a, (size_t)1 << 40));
	assert_int_not_equal(p.error, 0);
	pool_free(&p);
}

/* -- parsing -- */

static void
parse_test(void **state)
{
	static const char *const	 lines[] = {
		"report|0.6|1600000000.000001|smtp-in|protocol-client|1|a|b",
		"report|0.6|1600000000.000001|smtp-in|protocol-client|1|",
		"report|0.6|1600000000.000001|smtp-in|protocol-client|1",
		"report|0.6|1600000000.000001|smtp-out|protocol-server|0123456789abcdef|250-x",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1|data|proceed",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1|data|proceed|",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1|data|rewrite|proceed",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1||proceed",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1|proceed",
		"report|0.6|1600000000.000001|smtp-in|filter-response|1",
		"report|1|1600000000|smtp-in|tx-mail|1|1|<a|b>|ok",
		"report|0.6|1600000000.000001|smtp-in|tx-mail|1|x|ok|a",
		"report|0.6|1600000000.000001|smtp-in|tx-mail|1|0123abcD|ok|a|b",
		"report|0.7|1600000000.000001|smtp-in|tx-rcpt|1|0123abcd||",
		"report|0.7|1600000000.000001|smtp-in|tx-rcpt|1|0123abcd|ok",
		"report|0.5|1600000000.000001|smtp-in|tx-rcpt|1|0123abcd|a|b|ok",
		"report|0.6|1600000000.000001|smtp-in|tx-rcpt|1|0123abcg|ok|a",
		"report|0.6|1600000000.000001|smtp-in|tx-rcpt|1|0123abcde|ok|a",
		"report|0.6|1600000000.000001|smtp-in|tx-envelope|1|0123abcd|0123abcd0123abcd",
		"report|0.6|1600000000.000001|smtp-in|tx-envelope|1|0123abcd|0123abcd0123abcx",
		"report|0.6|1600000000.000001|smtp-in|tx-envelope|1|0123abcd|0123abcd0123abcd|x",
		"report|0.6|1600000000.000001|smtp-in|tx-envelope|1|0123abcd",
		"report|0.6|1600000000.000001|smtp-in|tx-begin|1|0123abcd",
		"report|0.6|1600000000.000001|smtp-in|tx-begin|1",
		"report|0.6|1600000000.000001|smtp-in|tx-begin|1|",
		"report|0.6|1600000000.000001|smtp-in|tx-reset|1|0123abcd|x",
		"report|0.6|1600000000.000001|smtp-in|tx-data|1|0123abcd|ok",
		"report|0.6|1600000000.000001|smtp-in|tx-news|1|x",
		"config|ready",
		"hello",
		"",
	};
	struct report	 quick, whole;
	enum field	 f;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		assert_int_equal(join_parse(&quick, slice_str(lines[i])),
		    report_parse(&whole, slice_str(lines[i])));
		if (whole.error != NULL || whole.event == EV_UNKNOWN)
			continue;
		assert_int_equal(quick.present, whole.present);
		for (f = 0; f < RF_MAX; f++)
			if (report_has(&whole, f))
				assert_true(slice_eq(quick.field[f], whole.field[f]));
	}
}

/* -- joining -- */

struct world {
	struct join	*j;
	struct outbuf	 out;
	FILE		*file;
	char		 text[65536];
};

static void
world_new(struct world *w, enum join_output output)
{
	const struct join_options	 options = { output, 1000000, 0 };

	w->file = tmpfile();
	assert_non_null(w->file);
	assert_int_equal(outbuf_init(&w->out, fileno(w->file)), 0);
	w->j = join_new(&options, &w->out);
	assert_non_null(w->j);
}

static void
put(struct world *w, const char *line, size_t n)
{
	struct report	 r;

	assert_int_equal(join_parse(&r, slice_make(line, n)), REPORT_KNOWN);
	assert_int_equal(join_report(w->j, &r), 0);
}

static const char *
written(struct world *w)
{
	ssize_t	 n;

	assert_int_equal(outbuf_flush(&w->out), 0);
	n = pread(fileno(w->file), w->text, sizeof(w->text) - 1, 0);
	assert_true(n >= 0);
	w->text[n] = '\0';
	return w->text;
}

static void
world_free(struct world *w)
{
	join_free(w->j);
	free(w->out.buf);
	fclose(w->file);
}

#define PUT(w, lit)	put(w, "" lit, sizeof(lit) - 1)

/* A transaction is written at its end, no sooner and no later. */
static void
moment_test(void **state)
{
	struct world	 w;

	(void)state;
	world_new(&w, JOIN_TX);
	PUT(&w, LINK "1|h|pass|192.0.2.1:1|192.0.2.2:25");
	PUT(&w, IN("tx-begin") "1|a");
	PUT(&w, IN("protocol-client") "1|.");
	PUT(&w, IN("tx-commit") "1|a|7");
	assert_string_equal(written(&w), "");
	PUT(&w, IN("protocol-server") "1|250-one");
	assert_string_equal(written(&w), "");
	PUT(&w, IN("protocol-server") "1|250 two, and three");
	assert_string_equal(written(&w), IN("tx-summary") "0000000000000001|"
	    "0000000a|commit|1600000001.500000|0.000000|192.0.2.1:1|192.0.2.2:25|"
	    "h|pass|||||||||7|7|||250 two%2C and three\n");
	world_free(&w);
}

#define WRITTEN	"1600000001.500000|0.000000|192.0.2.1:1|192.0.2.2:25|h|pass|"

/* Where replies are not reported it is written at once, and only there. */
static void
mute_test(void **state)
{
	static const struct {
		const char	*first;		/* before the transaction, if any */
		bool		 at_once;
		const char	*reply;		/* that is known in the end */
	} rows[] = {
		{ NULL,						true,	"" },
		{ IN("protocol-client") "1|EHLO x",		true,	"" },
		{ IN("protocol-server") "1|220 hello",		false,	"250 it is" },
		{ IN("protocol-server") "1|220-hello, and",	true,	"" },
	};
	struct world	 w;
	char		 expected[256];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		world_new(&w, JOIN_TX);
		PUT(&w, LINK "1|h|pass|192.0.2.1:1|192.0.2.2:25");
		if (rows[i].first != NULL)
			put(&w, rows[i].first, strlen(rows[i].first));
		PUT(&w, IN("protocol-client") "1|MAIL FROM:<>");
		PUT(&w, IN("tx-begin") "1|a");
		PUT(&w, IN("protocol-client") "1|DATA");
		PUT(&w, IN("protocol-client") "1|.");
		PUT(&w, IN("tx-commit") "1|a|7");
		assert_int_equal(*written(&w) != '\0', rows[i].at_once);
		PUT(&w, IN("tx-reset") "1|a");
		PUT(&w, IN("protocol-server") "1|250 it is");
		assert_int_equal(join_end(w.j), 0);
		snprintf(expected, sizeof(expected), IN("tx-summary")
		    "0000000000000001|0000000a|commit|" WRITTEN "||||<>||||7|7|||%s\n",
		    rows[i].reply);
		assert_string_equal(written(&w), expected);
		world_free(&w);
	}
}

/* The first command that is seen may yet have a reply. */
static void
late_start_test(void **state)
{
	struct world	 w;

	(void)state;
	world_new(&w, JOIN_TX);
	PUT(&w, IN("protocol-client") "1|DATA");
	PUT(&w, IN("protocol-client") "1|.");
	PUT(&w, IN("tx-commit") "1|a|7");
	assert_string_equal(written(&w), "");
	PUT(&w, IN("protocol-server") "1|451 no");
	assert_non_null(strstr(written(&w), "|0000000a|rollback|"));
	world_free(&w);
}

/* Words that hold NULs are none of ours. */
static void
nul_test(void **state)
{
	struct world	 w;

	(void)state;
	world_new(&w, JOIN_TX);
	PUT(&w, LINK "1|h|pa\0s|192.0.2.1:1|192.0.2.2:25");
	PUT(&w, IN("tx-begin") "1|a");
	PUT(&w, IN("tx-rcpt") "1|a|ok\0\0\0\0|x\0y");
	PUT(&w, IN("tx-rollback") "1|a");
	assert_int_equal(join_end(w.j), 0);
	written(&w);
	assert_memory_equal(strstr(w.text, "|h||"), "|h|||||||x\0y|||||||\n", 20);
	world_free(&w);
}

/* Of envelopes that had their fate the newest are remembered, and no more. */
static void
closed_test(void **state)
{
	struct world	 w;
	uint64_t	 id;

	(void)state;
	world_new(&w, JOIN_MSG);
	for (id = 0; id < 3 * CLOSED_MOST; id++) {
		closed_add(w.j, id);
		closed_add(w.j, id);
		assert_true(closed_has(w.j, id));
		assert_int_equal(closed_has(w.j, id - CLOSED_MOST + 1), id >= CLOSED_MOST - 1);
		assert_false(closed_has(w.j, id - CLOSED_MOST));
	}
	assert_int_equal(w.j->closed.map.used, CLOSED_MOST);
	world_free(&w);
	world_new(&w, JOIN_CHECK);
	w.j->options.most = 3;
	for (id = 10; id < 20; id++) {
		closed_add(w.j, id);
		assert_true(closed_has(w.j, id));
		assert_false(closed_has(w.j, id - 3));
	}
	assert_int_equal(w.j->closed.map.used, 3);
	world_free(&w);
}

static void
put_message(struct world *w, unsigned msgid)
{
	static const char *const	 lines[] = {
		IN("tx-begin") "1|%08x", IN("tx-envelope") "1|%08x|%08x00000001",
		IN("tx-rcpt") "1|%08x|ok|a@b", IN("tx-commit") "1|%08x|7",
	};
	char				 line[256];
	size_t				 i;

	for (i = 0; i < nitems(lines); i++) {
		snprintf(line, sizeof(line), lines[i], msgid, msgid);
		put(w, line, strlen(line));
	}
}

/*
 * A check holds few messages as long as there are no lines of the queue, then
 * all; and what has its fate is let go.
 */
static void
check_test(void **state)
{
	struct world	 w;
	unsigned	 i;
	char		 line[256];

	(void)state;
	world_new(&w, JOIN_CHECK);
	for (i = 1; i <= 2 * CLOSED_MOST; i++)
		put_message(&w, i);
	assert_int_equal(w.j->messages.used, CLOSED_MOST);
	assert_int_equal(join_evicted(w.j), 0);
	for (i = 2 * CLOSED_MOST; i > CLOSED_MOST + 1; i--) {
		snprintf(line, sizeof(line), "report|0.7|1600000002.000000|queue|"
		    "envelope-delivered|0000000000000000|%08x|%08x00000001|mda|1|0.5||a@b|",
		    i, i);
		put(&w, line, strlen(line));
	}
	assert_int_equal(w.j->messages.used, 1);
	assert_int_equal(join_violations(w.j), 0);
	assert_int_equal(join_end(w.j), 0);
	assert_int_equal(join_violations(w.j), 1);
	assert_non_null(strstr(written(&w), "|msg-summary|0000000000000001|00001001|open|"));
	world_free(&w);
}

/* An open session with all there may be takes less than 1 KiB. */
static void
memory_test(void **state)
{
	static const char *const	 session[] = {
		IN("link-connect") "%016zx|mail-%zu.customers.example.net|pass|203.0.113.77:50123|198.51.100.25:25",
		IN("link-identify") "%016zx|EHLO|mail-%zu.customers.example.net",
		IN("link-tls") "%016zx|TLSv1.3:TLS_AES_256_GCM_SHA384:256",
		IN("link-auth") "%016zx|pass|somebody-%zu",
		IN("tx-begin") "%016zx|%08zx",
		IN("tx-mail") "%016zx|%08zx|ok|somebody@customers.example.net",
		IN("protocol-client") "%016zx|RCPT TO:<first@recipients.example.org>",
		IN("tx-envelope") "%016zx|%08zx|0000000a0000000b",
		IN("tx-rcpt") "%016zx|%08zx|ok|first@recipients.example.org",
		IN("protocol-server") "%016zx|250 2.1.5 Destination address valid: Recipient ok",
	};
	const size_t	 sessions = 20000;
	struct world	 w;
	char		 line[512];
	const void	*slab;
	size_t		 i, k, bytes = 0;

	(void)state;
	world_new(&w, JOIN_TX);
	for (i = 1; i <= sessions; i++)
		for (k = 0; k < nitems(session); k++) {
			snprintf(line, sizeof(line), session[k], i, i);
			put(&w, line, strlen(line));
		}
	assert_int_equal(w.j->sessions.used, sessions);
	for (slab = w.j->pool.slabs; slab != NULL; memcpy(&slab, slab, sizeof(slab)))
		bytes += 65536;
	bytes += w.j->sessions.size * sizeof(struct u64slot);
	assert_true(bytes / sessions < 1024);
	assert_int_equal(join_end(w.j), 0);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(numbers_test),
		cmocka_unit_test(texts_test),
		cmocka_unit_test(parse_test),
		cmocka_unit_test(moment_test),
		cmocka_unit_test(mute_test),
		cmocka_unit_test(late_start_test),
		cmocka_unit_test(nul_test),
		cmocka_unit_test(closed_test),
		cmocka_unit_test(check_test),
		cmocka_unit_test(memory_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
