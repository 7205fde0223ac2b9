/* SPDX-License-Identifier: ISC */
/* Envelopes as text: there and back with any bytes, and texts that are none. */
/* objects: smtpd/queue_envelope.o smtpd/queue_message.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/queue.h"

/* Users as queue_deliver.c has them, without their delivers. */
static struct user	 users[8];
static size_t		 nusers;

struct user *
user_get(const char *name)
{
	size_t	 i;

	for (i = 0; i < nusers; i++)
		if (strcmp(users[i].name, name) == 0)
			return &users[i];
	assert_true(nusers < sizeof(users) / sizeof(users[0]));
	users[nusers].name = strdup(name);
	assert_non_null(users[nusers].name);
	return &users[nusers++];
}

static int
forget_users(void **state)
{
	(void)state;
	while (nusers > 0)
		free(users[--nusers].name);
	return 0;
}

static void
add(struct message *m, uint64_t evpid, int64_t ttl, const char *action,
    const char *user, const char *rcpt, const char *dest)
{
	struct envelope	*e = message_add(m, evpid);

	assert_non_null(e);
	e->ttl = ttl;
	e->user = user_get(user);
	e->action = strdup(action);
	e->rcpt = strdup(rcpt);
	e->dest = strdup(dest);
}

static struct message *
message(const char *sender, const char *helo, const char *src)
{
	struct message	*m = message_new(0xfedcba98);

	assert_non_null(m);
	m->session = 0xffffffffffffffff;
	m->arrival = 1543836000;
	m->size = 1234567890123;
	m->big = 0x8000000000000001;
	m->sender = strdup(sender);
	m->helo = strdup(helo);
	m->src = strdup(src);
	return m;
}

static void
same_envelope(const struct envelope *a, const struct envelope *b)
{
	assert_int_equal(a->evpid, b->evpid);
	assert_int_equal(a->ttl, b->ttl);
	assert_int_equal(a->index, b->index);
	assert_ptr_equal(a->user, b->user);
	assert_string_equal(a->action, b->action);
	assert_string_equal(a->rcpt, b->rcpt);
	assert_string_equal(a->dest, b->dest);
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
	assert_int_equal(strlen(text), n);
	back = envelope_decode(slice_make(text, n));
	assert_non_null(back);
	assert_int_equal(back->msgid, m->msgid);
	assert_int_equal(back->session, m->session);
	assert_int_equal(back->arrival, m->arrival);
	assert_int_equal(back->size, m->size);
	assert_int_equal(back->big, m->big);
	assert_string_equal(back->sender, m->sender);
	assert_string_equal(back->helo, m->helo);
	assert_string_equal(back->src, m->src);
	assert_int_equal(back->n, m->n);
	assert_int_equal(back->left, m->n);
	for (i = 0; i < m->n; i++)
		same_envelope(back->env[i], m->env[i]);
	free(text);
	message_free(back);
	message_free(m);
}

static void
test_round_trip(void **state)
{
	struct message	*m;

	(void)state;
	m = message("sender@example.org", "mx.example.org", "127.0.0.1:25");
	add(m, 0xfedcba9800000001, 345600, "local", "alice",
	    "alice@example.org", "alice@example.org");
	add(m, 0xfedcba98ffffffff, -1, "other", "bob", "\"a b\"@example.org",
	    "bob@example.org");
	there_and_back(m);
	m = message("", "", "");
	add(m, 1, 0, "", "alice", "", "");
	there_and_back(m);
}

/* Every byte but NUL, in every field; what looks like an escape or a line too. */
static void
test_any_bytes(void **state)
{
	static const char *const	 texts[] = { "\\", "\\\\", "\\101",
	    "\n", "\nevpid: 1\n", ": ", " ", "a: b", "\r\n", "\\n", "\\777" };
	struct message			*m;
	char				 all[256], one[2] = "";
	size_t				 i;

	(void)state;
	for (i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	m = message(all, all, all);
	add(m, 7, 7, all, all, all, all);
	there_and_back(m);
	for (i = 1; i < 256; i++) {
		one[0] = (char)i;
		m = message(one, one, one);
		add(m, 7, 7, one, "alice", one, one);
		there_and_back(m);
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		m = message(texts[i], texts[i], texts[i]);
		add(m, 7, 7, texts[i], "alice", texts[i], texts[i]);
		there_and_back(m);
	}
}

static void
test_many(void **state)
{
	struct message	*m = message("a@b", "c", "d");
	uint64_t	 i;

	(void)state;
	for (i = 0; i < SPOOL_NRCPT; i++)
		add(m, 1 + i, (int64_t)i, "local", i % 2 ? "alice" : "bob", "r", "d");
	there_and_back(m);
}

#define HEAD	"msgid: 00000001\nsession: 0000000000000002\narrival: 3\n" \
		"size: 4\nbig: 0000000000000000\n"
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
	{ "",					0 },
	{ HEAD,					0 },
	{ HEAD TEXTS,				0 },	/* no recipient */
	{ TEXTS ENV,				0 },	/* no msgid */
	{ HEAD "sender: s\nhelo: h\n" ENV,	0 },	/* no src */
	{ HEAD "sender: s\n" TEXTS ENV,		0 },	/* twice */
	{ HEAD TEXTS "ttl: 5\n" ENV,		0 },	/* of no recipient */
	{ HEAD TEXTS ENV "evpid: 1\n",		0 },	/* half a recipient */
	{ HEAD TEXTS ENV ENV "dest: d\n",	0 },
	{ HEAD TEXTS ENV "no colon\n",		0 },
	{ HEAD TEXTS ENV "\n",			0 },
	{ HEAD TEXTS ENV "key:\n",		0 },
	{ HEAD TEXTS ENV "key:value\n",		0 },
	{ HEAD TEXTS ENV "cut: short",		0 },
	{ HEAD TEXTS "evpid: x\n",		0 },
	{ HEAD TEXTS "evpid: \n",		0 },
	{ HEAD TEXTS "evpid: 11111111111111111\n", 0 },	/* more than 64 bits */
	{ "msgid: 1x\n" TEXTS ENV,		0 },
	{ "msgid: 00000000\n" TEXTS ENV,	0 },
	{ HEAD "sender: \\1\nhelo: h\nsrc: c\n" ENV,	0 },
	{ HEAD "sender: \\08a\nhelo: h\nsrc: c\n" ENV,	0 },
	{ HEAD "sender: \\000\nhelo: h\nsrc: c\n" ENV,	0 },
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
	struct message	*m[65];
	size_t		 i;

	(void)state;
	for (i = 0; i < 65; i++) {
		assert_non_null(m[i] = message_new((uint32_t)i + 1));
		m[i]->size = sizeof(bytes);
		assert_int_equal(message_keep_content(m[i],
		    slice_make(bytes, sizeof(bytes))), i < 64);
	}
	message_drop_content(m[0]);
	message_drop_content(m[0]);
	assert_true(message_keep_content(m[64],
	    slice_make(bytes, sizeof(bytes))));
	assert_false(message_keep_content(m[0], slice_make(bytes, 1)));
	for (i = 0; i < 65; i++)
		message_free(m[i]);
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
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_enlist),
	};

	return cmocka_run_group_tests(tests, NULL, forget_users);
}
