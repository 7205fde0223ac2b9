/* SPDX-License-Identifier: ISC */
/* Envelopes as text: there and back with any bytes, and texts that are none. */
/* objects: smtpd/queue_envelope.o smtpd/queue_message.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/queue.h"

/* Routes as queue_route.c has them, without what goes there. */
static struct route	*routes[8];
static size_t		 nroutes;

struct route *
route_get(enum route_kind kind, struct slice action, struct slice name)
{
	struct route	*r;
	size_t		 i;

	for (i = 0; i < nroutes; i++)
		if (routes[i]->kind == kind && slice_eq(routes[i]->name, name) &&
		    slice_eq(routes[i]->action, action))
			return routes[i];
	assert_true(nroutes < sizeof(routes) / sizeof(routes[0]));
	assert_non_null(r = calloc(1, sizeof(*r) + name.n + action.n));
	r->kind = kind;
	memcpy(r->text, name.p, name.n);
	r->name = slice_make(r->text, name.n);
	memcpy(r->text + name.n, action.p, action.n);
	r->action = slice_make(r->text + name.n, action.n);
	return routes[nroutes++] = r;
}

void
route_keep(struct route *r)
{
	r->envelopes++;
}

void
route_release(struct route *r)
{
	assert_true(r->envelopes > 0);
	r->envelopes--;
}

static int
forget_routes(void **state)
{
	(void)state;
	while (nroutes > 0) {
		assert_int_equal(routes[--nroutes]->envelopes, 0);
		free(routes[nroutes]);
	}
	return 0;
}

#define MSGID	0xfedcba98U

static void
add(struct message *m, uint32_t low, int64_t ttl, struct slice user,
    struct slice text)
{
	const struct ipc_envelope	 e = {
		.msgid = m->msgid, .evpid = (uint64_t)m->msgid << 32 | low,
		.ttl = ttl, .action = text, .route = user, .rcpt = text,
		.dest = text,
	};

	assert_non_null(message_add(m, &e));
}

static struct message *
message(struct slice text)
{
	struct message		*m = message_new(MSGID);
	const struct ipc_commit	 c = {
		.msgid = MSGID, .session = 0xffffffffffffffff,
		.size = 1234567890123, .sender = text, .helo = text, .src = text,
	};

	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, 1543836000), 0);
	return m;
}

static void
same_envelope(const struct envelope *a, const struct envelope *b)
{
	assert_int_equal(a->evpid, b->evpid);
	assert_int_equal(a->ttl, b->ttl);
	assert_int_equal(a->index, b->index);
	assert_ptr_equal(a->route, b->route);
	assert_true(slice_eq(a->action, b->action));
	assert_true(slice_eq(a->rcpt, b->rcpt));
	assert_true(slice_eq(a->dest, b->dest));
	assert_int_equal(a->notify, b->notify);
	assert_true(slice_eq(a->orcpt, b->orcpt));
}

/* Writes it, reads it, compares; frees both. */
static void
there_and_back(struct message *m)
{
	struct message	*back;
	char		*text;
	size_t		 n;
	uint32_t	 i;

	assert_non_null(text = envelope_encode(m, &n));
	assert_null(memchr(text, '\0', n));
	back = envelope_decode(slice_make(text, n));
	assert_non_null(back);
	assert_int_equal(back->msgid, m->msgid);
	assert_int_equal(back->session, m->session);
	assert_int_equal(back->arrival, m->arrival);
	assert_int_equal(back->size, m->size);
	assert_true(slice_eq(back->sender, m->sender));
	assert_true(slice_eq(back->helo, m->helo));
	assert_true(slice_eq(back->src, m->src));
	assert_int_equal(back->body, m->body);
	assert_int_equal(back->ret, m->ret);
	assert_true(slice_eq(back->envid, m->envid));
	assert_int_equal(back->n, m->n);
	assert_int_equal(back->left, m->n);
	assert_int_equal(back->untouched, m->n);
	for (i = 0; i < m->n; i++)
		same_envelope(back->env[i], m->env[i]);
	free(text);
	message_free(back);
	message_free(m);
}

static void
test_text(void **state)
{
	struct message	*m = message(SLICE("a\\b\n"));
	char		*text;
	size_t		 n;
	const char	 want[] =
	    "msgid: fedcba98\nsession: ffffffffffffffff\n"
	    "arrival: 1543836000\nsize: 1234567890123\nsender: a\\134b\\012\n"
	    "helo: a\\134b\\012\nsrc: a\\134b\\012\n"
	    "evpid: fedcba9800000001\nttl: 345600\naction: x\nuser: alice\n"
	    "rcpt: x\ndest: x\n";

	(void)state;
	add(m, 1, 345600, SLICE("alice"), SLICE("x"));
	assert_non_null(text = envelope_encode(m, &n));
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(text, want, n);
	free(text);
	message_free(m);
}

static void
add_relay(struct message *m, uint32_t low, const char *domain, uint8_t notify,
    const char *orcpt)
{
	const struct ipc_envelope	 e = {
		.msgid = m->msgid, .evpid = (uint64_t)m->msgid << 32 | low,
		.ttl = 1, .action = SLICE("out"), .route_kind = ROUTE_RELAY,
		.route = slice_str(domain), .rcpt = SLICE("r"), .dest = SLICE("d"),
		.notify = notify, .orcpt = slice_str(orcpt),
	};

	assert_non_null(message_add(m, &e));
}

/* A destination has a row of its own; what a client did not ask for has none. */
static void
test_relay(void **state)
{
	struct message		*m = message_new(MSGID);
	const struct ipc_commit	 c = {
		.msgid = MSGID, .session = 2, .size = 4, .sender = SLICE("s"),
		.helo = SLICE("h"), .src = SLICE("c"), .body = 3, .ret = 2,
		.envid = SLICE("QQ+2B1"),
	};
	char			*text;
	size_t			 n;
	const char		 want[] =
	    "msgid: fedcba98\nsession: 0000000000000002\narrival: 5\nsize: 4\n"
	    "sender: s\nhelo: h\nsrc: c\nbody: 3\nret: 2\nenvid: QQ+2B1\n"
	    "evpid: fedcba9800000001\nttl: 1\naction: out\nrelay: example.org\n"
	    "rcpt: r\ndest: d\nnotify: 6\norcpt: rfc822;a@b\n"
	    "evpid: fedcba9800000002\nttl: 1\naction: out\nrelay: \n"
	    "rcpt: r\ndest: d\n"
	    "evpid: fedcba9800000003\nttl: 2\naction: x\nuser: alice\n"
	    "rcpt: x\ndest: x\n";

	(void)state;
	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, 5), 0);
	add_relay(m, 1, "example.org", 6, "rfc822;a@b");
	add_relay(m, 2, "", 0, "");
	add(m, 3, 2, SLICE("alice"), SLICE("x"));
	assert_ptr_not_equal(m->env[0]->route, m->env[1]->route);
	assert_int_equal(m->env[0]->route->kind, ROUTE_RELAY);
	assert_non_null(text = envelope_encode(m, &n));
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(text, want, n);
	free(text);
	there_and_back(m);
}

/* Every byte in every field; what looks like an escape or a line too. */
static void
test_any_bytes(void **state)
{
	static const struct slice	 texts[] = { SLICE(""), SLICE("\\"),
	    SLICE("\\\\"), SLICE("\\101"), SLICE("\n"), SLICE("\nevpid: 1\n"),
	    SLICE(": "), SLICE(" "), SLICE("a: b"), SLICE("\r\n"), SLICE("\\n"),
	    SLICE("\\777"), SLICE("\0"), SLICE("a\0b") };
	struct message			*m;
	char				 all[256], one;
	size_t				 i;

	(void)state;
	for (i = 0; i < 256; i++) {
		all[i] = one = (char)i;
		m = message(slice_make(&one, 1));
		add(m, 7, 7, SLICE("alice"), slice_make(&one, 1));
		there_and_back(m);
	}
	m = message(slice_make(all, sizeof(all)));
	add(m, 7, 7, slice_make(all + 1, sizeof(all) - 1),
	    slice_make(all, sizeof(all)));
	add(m, UINT32_MAX, INT64_MAX, SLICE("bob"), SLICE("b"));
	there_and_back(m);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		m = message(texts[i]);
		add(m, 7, 0, SLICE("alice"), texts[i]);
		there_and_back(m);
	}
}

static void
test_many(void **state)
{
	const struct ipc_envelope	 more = { .msgid = MSGID,
	    .evpid = (uint64_t)MSGID << 32, .route = SLICE("alice") };
	struct message			*m = message(SLICE("a@b"));
	uint32_t			 i;

	(void)state;
	for (i = 0; i < SPOOL_NRCPT; i++)
		add(m, 1 + i, i, i % 2 ? SLICE("alice") : SLICE("bob"), SLICE("r"));
	assert_null(message_add(m, &more));
	assert_int_equal(errno, E2BIG);
	there_and_back(m);
}

/* What is no envelope of the message, and what is too long to keep in memory. */
static void
test_refused(void **state)
{
	static char		 long_text[ENVELOPE_MAX + 1];
	struct message		*m = message(SLICE(""));
	const struct slice	 whole = slice_make(long_text, ENVELOPE_MAX);
	const struct {
		struct ipc_envelope	 e;
		int			 error;	/* 0: taken */
	} rows[] = {
		{ { .evpid = 0xfedcba9800000001, .route = SLICE("alice") },	0 },
		{ { .evpid = 0xfedcba9800000001 },				EINVAL },
		{ { .evpid = 0xfedcba9800000001, .route = SLICE("al\0ce") },	EINVAL },
		{ { .evpid = 1, .route = SLICE("alice") },			EINVAL },
		{ { .evpid = 0xfedcba9900000001, .route = SLICE("alice") },	EINVAL },
		{ { .evpid = 0xfedcba9800000001, .route = SLICE("alice"),
		    .rcpt = whole },						0 },
		{ { .evpid = 0xfedcba9800000001, .route = SLICE("alice"),
		    .rcpt = whole, .dest = SLICE("d") },			E2BIG },
		{ { .evpid = 0xfedcba9800000001,
		    .route = slice_make(long_text, LOGIN_MAX + 1) },		EINVAL },
	};
	size_t			 i;
	uint32_t		 n = 0;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		errno = 0;
		n += message_add(m, &rows[i].e) != NULL;
		assert_int_equal(rows[i].error, rows[i].error == 0 ? 0 : errno);
		assert_int_equal(m->n, n);
	}
	assert_int_equal(n, 2);
	message_free(m);
}

#define HEAD	"msgid: 00000001\nsession: 0000000000000002\narrival: 3\n" \
		"size: 4\n"
#define TEXTS	"sender: s\nhelo: h\nsrc: c\n"
#define ENV	"evpid: 0000000100000001\nttl: 5\naction: a\nuser: u\nrcpt: r\ndest: d\n"

static const struct {
	const char	*text;
	uint32_t	 n;		/* envelopes; 0: malformed */
} texts[] = {
	{ HEAD TEXTS ENV,			1 },
	{ HEAD TEXTS ENV ENV,			2 },
	{ HEAD TEXTS "later: any\n" ENV,	1 },	/* of a newer version */
	{ HEAD TEXTS ENV "later: any\n",	1 },
	{ HEAD "sender: \nhelo: \nsrc: \n" ENV,	1 },
	{ HEAD "sender: \\000\nhelo: \\377\nsrc: \\134\n" ENV,	1 },
	{ "",					0 },
	{ HEAD,					0 },
	{ HEAD TEXTS,				0 },	/* no recipient */
	{ TEXTS ENV,				0 },	/* no msgid */
	{ TEXTS HEAD ENV,			0 },	/* another order */
	{ HEAD "sender: s\nhelo: h\n" ENV,	0 },	/* no src */
	{ HEAD "sender: s\n" TEXTS ENV,		0 },	/* twice */
	{ HEAD TEXTS "ttl: 5\n" ENV,		0 },	/* of no recipient */
	{ HEAD TEXTS ENV "evpid: 0000000100000001\n", 0 },	/* half a recipient */
	{ HEAD TEXTS ENV ENV "dest: d\n",	0 },
	{ HEAD TEXTS ENV HEAD,			0 },
	{ HEAD TEXTS ENV "no colon\n",		0 },
	{ HEAD TEXTS ENV "\n",			0 },
	{ HEAD TEXTS ENV "key:\n",		0 },
	{ HEAD TEXTS ENV "key:value\n",		0 },
	{ HEAD TEXTS ENV "cut: short",		0 },
	{ HEAD TEXTS "evpid: 0000000200000001\n" "ttl: 5\naction: a\nuser: u\n"
	    "rcpt: r\ndest: d\n",		0 },	/* of another message */
	{ HEAD TEXTS "evpid: 0000000100000001\n" "ttl: 5\naction: a\nuser: \n"
	    "rcpt: r\ndest: d\n",		0 },	/* of no user */
	{ HEAD TEXTS "evpid: 0000000100000001\n" "ttl: -5\naction: a\nuser: u\n"
	    "rcpt: r\ndest: d\n",		0 },
	{ HEAD TEXTS "evpid: 0000000100000001\n" "ttl: 9223372036854775808\n"
	    "action: a\nuser: u\nrcpt: r\ndest: d\n", 0 },
	{ HEAD TEXTS "evpid: 0000000100000001\n" "ttl: 9223372036854775807\n"
	    "action: a\nuser: u\nrcpt: r\ndest: d\n", 1 },
	{ HEAD TEXTS "evpid: x\n",		0 },
	{ HEAD TEXTS "evpid: \n",		0 },
	{ HEAD TEXTS "evpid: 11111111111111111\n", 0 },	/* more than 64 bits */
	{ "msgid: 1x\n",			0 },
	{ "msgid: 100000000\n",			0 },	/* more than 32 bits */
	{ HEAD "sender: \\1\nhelo: h\nsrc: c\n" ENV,	0 },
	{ HEAD "sender: \\08a\nhelo: h\nsrc: c\n" ENV,	0 },
	{ HEAD "sender: \\777\nhelo: h\nsrc: c\n" ENV,	0 },
	{ HEAD "sender: \\\nhelo: h\nsrc: c\n" ENV,	0 },
};

static void
test_texts(void **state)
{
	struct message	*m;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		m = envelope_decode(slice_str(texts[i].text));
		if ((m == NULL ? 0 : m->n) != texts[i].n)
			fail_msg("%s", texts[i].text);
		if (m != NULL)
			message_free(m);
	}
}

/* A text that ends anywhere, in a block of just that size. */
static void
test_cuts(void **state)
{
	static const char	 whole[] = HEAD TEXTS ENV;
	struct message		*m;
	size_t			 n;
	char			*p;

	(void)state;
	for (n = 0; n < sizeof(whole) - 1; n++) {
		assert_non_null(p = malloc(n + 1));
		memcpy(p, whole, n);
		p = realloc(p, n > 0 ? n : 1);
		m = envelope_decode(slice_make(p, n));
		assert_null(m);
		free(p);
	}
}

/* Content is counted against a bound, and given back. */
static void
test_content(void **state)
{
	static char	 bytes[1024 * 1024];
	const struct slice content = slice_make(bytes, sizeof(bytes));
	struct message	*m[66];
	size_t		 i;

	(void)state;
	for (i = 0; i < 66; i++) {
		assert_non_null(m[i] = message_new((uint32_t)i + 1));
		m[i]->size = sizeof(bytes);
		/* 64 MiB in all, the last 8 for what is needed. */
		assert_int_equal(message_keep(m[i], content, false), i < 56);
		if (i >= 56)
			assert_int_equal(message_keep(m[i], content, true), i < 64);
	}
	/* The needed ones go, and one whose envelopes were tried. */
	for (i = 56; i < 64; i++)
		message_free(m[i]);
	message_free(m[65]);
	add(m[0], 1, 0, SLICE("alice"), SLICE(""));
	add(m[0], 2, 0, SLICE("alice"), SLICE(""));
	message_touched(m[0]->env[0]);
	message_touched(m[0]->env[0]);
	assert_non_null(m[0]->content);
	assert_false(message_keep(m[64], content, false));
	message_touched(m[0]->env[1]);
	assert_null(m[0]->content);
	assert_true(message_keep(m[64], content, false));
	assert_false(message_keep(m[0], slice_make(bytes, 1), true));	/* not its size */
	for (i = 0; i < 56; i++)
		message_free(m[i]);
	message_free(m[64]);
}

/* An envelope with its fate goes, the last one takes the message along. */
static void
test_settle(void **state)
{
	struct message	*m = message(SLICE("s"));

	(void)state;
	add(m, 1, 0, SLICE("alice"), SLICE(""));
	add(m, 2, 0, SLICE("bob"), SLICE(""));
	assert_int_equal(message_enlist(m), 0);
	message_settle(m->env[1]);
	assert_null(m->env[1]);
	assert_int_equal(m->left, 1);
	assert_ptr_equal(message_find(MSGID), m);
	message_settle(m->env[0]);
	assert_null(message_find(MSGID));
}

static void
test_enlist(void **state)
{
	struct message	*a = message_new(1), *twin = message_new(1);
	size_t		 pos = 0;

	(void)state;
	assert_null(message_find(1));
	assert_int_equal(message_enlist(a), 0);
	assert_ptr_equal(message_find(1), a);
	assert_int_equal(message_count(), 1);
	message_free(twin);		/* was never enlisted */
	assert_ptr_equal(message_find(1), a);
	assert_ptr_equal(message_next(&pos), a);
	assert_null(message_next(&pos));
	message_free(a);
	assert_null(message_find(1));
	assert_int_equal(message_count(), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_enlist),
	};

	return cmocka_run_group_tests(tests, NULL, forget_routes);
}
