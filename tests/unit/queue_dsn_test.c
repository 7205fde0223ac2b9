/* SPDX-License-Identifier: ISC */
/* objects: smtpd/queue_dsn.o */
/*
 * Delivery status notifications: the status of each kind of reply, and texts
 * that no address and no reply breaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/dsn.h"
#include "smtpd/queue_dsn.h"

static void
test_status(void **state)
{
	static const struct {
		struct slice	 host, reply;
		enum dsn_action	 action;
		bool		 expired;
		const char	*status;
	} rows[] = {
		{ SLICE("mx"), SLICE("550 5.1.1 no such user"),	DSN_FAILED, false, "5.1.1" },
		{ SLICE("mx"), SLICE("550-5.1.1 no such user"),	DSN_FAILED, false, "5.1.1" },
		{ SLICE("mx"), SLICE("550 5.7.509: policy"),	DSN_FAILED, false, "5.7.509" },
		{ SLICE("mx"), SLICE("550 5.1.1234 x"),		DSN_FAILED, false, "5.0.0" },
		{ SLICE("mx"), SLICE("550 5.1"),		DSN_FAILED, false, "5.0.0" },
		{ SLICE("mx"), SLICE("550 5.1.1"),		DSN_FAILED, false, "5.1.1" },
		{ SLICE("mx"), SLICE("550 go away"),		DSN_FAILED, false, "5.0.0" },
		{ SLICE("mx"), SLICE(""),			DSN_FAILED, false, "5.0.0" },
		{ SLICE(""), SLICE("mda: exit 64"),		DSN_FAILED, false, "5.3.0" },
		{ SLICE(""), SLICE("5.6.7 needs SMTPUTF8"),	DSN_FAILED, false, "5.6.7" },
		{ SLICE("mx"), SLICE("451 4.3.0 later"),	DSN_FAILED, true, "5.4.7" },
		{ SLICE("mx"), SLICE("451 4.3.0 later"),	DSN_DELAYED, false, "4.3.0" },
		{ SLICE("mx"), SLICE("connect: refused"),	DSN_DELAYED, false, "4.4.1" },
		{ SLICE("mx"), SLICE("banner: timed out"),	DSN_DELAYED, false, "4.4.2" },
		{ SLICE("mx"), SLICE("connect: refused"),	DSN_FAILED, true, "5.4.7" },
		{ SLICE("mx"), SLICE("250 2.6.0 queued"),	DSN_RELAYED, false, "2.6.0" },
		{ SLICE(""), SLICE(""),				DSN_DELIVERED, false, "2.0.0" },
		{ SLICE("mx"), SLICE("4"),			DSN_FAILED, false, "5.0.0" },
	};
	char	 buf[DSN_STATUS_MAX];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		const struct dsn_rcpt	 r = { .host = rows[i].host,
		    .reply = rows[i].reply, .action = rows[i].action,
		    .expired = rows[i].expired };

		assert_string_equal(dsn_status(&r, buf), rows[i].status);
	}
}

static char *
write_one(const struct dsn_rcpt *r, struct slice to, struct slice content, bool full)
{
	const struct dsn	 d = {
		.hostname = "mx.example.org", .to = to, .unique = 0xabcdef,
		.envid = SLICE(""), .rcpt = r, .n = 1, .content = content, .full = full,
	};
	char	*text;
	size_t	 n;

	text = dsn_write(&d, &n);
	assert_non_null(text);
	assert_int_equal(strlen(text), n);
	return text;
}

static void
has(const char *text, const char *what, bool yes)
{
	if ((strstr(text, what) != NULL) != yes)
		fail_msg("%s in: %s", what, text);
}

/* What a host did not say is not put into its mouth. */
static void
test_words(void **state)
{
	static const struct {
		struct slice	 reply;
		const char	*words, *code;
	} rows[] = {
		{ SLICE("450 later"),		"    host mx said:\n    450 later\n",
		    "Diagnostic-Code: smtp;450 later\n" },
		{ SLICE("connect: refused"),	"    host mx:\n    connect: refused\n",
		    "Diagnostic-Code: x-pipepost;connect: refused\n" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		const struct dsn_rcpt	 r = { .dest = SLICE("a@b.example"), .host = SLICE("mx"),
		    .reply = rows[i].reply, .action = DSN_DELAYED };
		char			*text = write_one(&r, SLICE("s@example.org"), SLICE(""), false);

		has(text, rows[i].words, true);
		has(text, rows[i].code, true);
		free(text);
	}
}

/* Control bytes of a peer make no line, 8-bit ones only where they may. */
static void
test_hostile(void **state)
{
	const struct dsn_rcpt	 r = {
		.dest = SLICE("a\nX-Evil: 1@b"), .orcpt = SLICE("rfc822;x+0AX-Evil:+201"),
		.host = SLICE("mx\r\nX-Evil: 1"), .reply = SLICE("550 \303\251\0\nX-Evil: 1"),
	};
	char	*text = write_one(&r, SLICE("s@example.org"), SLICE("A: b\n\nbody\n"), false);
	size_t	 i;

	(void)state;
	has(text, "\nX-Evil", false);
	has(text, "\nbody", false);
	for (i = 0; text[i] != '\0'; i++)
		assert_true((unsigned char)text[i] < 0x80);
	free(text);
}

static void
test_utf8(void **state)
{
	const struct dsn_rcpt	 r = { .dest = SLICE("andr\303\251@b.example"),
	    .reply = SLICE("550 \303\251") };
	char	*text = write_one(&r, SLICE("s@example.org"), SLICE("A: b\n"), false);

	(void)state;
	has(text, "report-type=global-delivery-status", true);
	has(text, "Final-Recipient: utf-8;andr\303\251@b.example\n", true);
	has(text, "550 \303\251\n", true);
	assert_int_equal(dsn_body(slice_str(text)), BODY_8BITMIME);
	free(text);
	text = write_one(&r, SLICE("\303\251@example.org"), SLICE("A: b\n"), false);
	assert_int_equal(dsn_body(slice_str(text)), BODY_8BITMIME | BODY_SMTPUTF8);
	free(text);
}

/* What is returned: the header to its end, all, or what there is. */
static void
test_returned(void **state)
{
	static const struct {
		struct slice	 content;
		bool		 full;
		const char	*returned;
	} rows[] = {
		{ SLICE("A: b\nC: d\n\nbody\n"), false,	"text/rfc822-headers\n\nA: b\nC: d\n\n--" },
		{ SLICE("A: b\nC: d\n\nbody\n"), true,	"message/rfc822\n\nA: b\nC: d\n\nbody\n\n--" },
		{ SLICE("\nbody\n"), false,		"text/rfc822-headers\n\n\n--" },
		{ SLICE("A: b"), false,			"text/rfc822-headers\n\nA: b\n\n--" },
		{ SLICE(""), false,			"text/rfc822-headers\n\n\n--" },
		{ SLICE("A: \303\251\n\n"), false,
		    "text/rfc822-headers\nContent-Transfer-Encoding: 8bit\n\nA: \303\251\n\n--" },
	};
	const struct dsn_rcpt	 r = { .dest = SLICE("a@b.example") };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		char	*text = write_one(&r, SLICE("s@example.org"), rows[i].content,
		    rows[i].full);

		has(text, rows[i].returned, true);
		/* Their whole is 8bit if they are. */
		has(text, "\"\nContent-Transfer-Encoding: 8bit\n\nThis is",
		    strstr(rows[i].returned, "8bit") != NULL);
		free(text);
	}
}

/* A long reply is quoted whole, in lines that mail may have. */
static void
test_folded(void **state)
{
	struct dsn_rcpt	 r = { .dest = SLICE("a@b.example"), .host = SLICE("mx") };
	char		 reply[512], *text, *p, *end;
	size_t		 length;

	(void)state;
	memset(reply, 'x', sizeof(reply));
	reply[100] = ' ';
	for (length = 0; length <= sizeof(reply); length++) {
		r.reply = slice_make(reply, length);
		text = write_one(&r, SLICE("s@example.org"), SLICE(""), false);
		for (p = text; (end = strchr(p, '\n')) != NULL; p = end + 1)
			assert_true(end - p < 998);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_returned),
		cmocka_unit_test(test_folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
