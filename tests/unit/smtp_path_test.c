/* SPDX-License-Identifier: ISC */
/*
 * Paths, parameters and names in SMTP commands: what is one, what is not, and
 * what comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/smtp_path.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define N	SMTP_PATH_NULL_OK
#define P	SMTP_PATH_POSTMASTER_OK
#define U	SMTP_PATH_UTF8_OK

static const struct {
	const char	*arg;
	unsigned	 flags;
	const char	*typed, *mailbox, *local, *domain, *params;
} good[] = {
	{ "<a@b>", 0,		"a@b", "a@b", "a", "b", "" },
	{ "<A.b@C.Example>", 0,	"A.b@C.Example", "A.b@C.Example", "A.b", "C.Example", "" },
	{ " <a@b>", 0,		"a@b", "a@b", "a", "b", "" },
	{ " \t<a@b>", 0,	"a@b", "a@b", "a", "b", "" },
	{ "<a@b> SIZE=1", 0,	"a@b", "a@b", "a", "b", " SIZE=1" },
	{ "<a@b> ", 0,		"a@b", "a@b", "a", "b", " " },
	{ "<>", N,		"", "", "", "", "" },
	{ "<> BODY=7BIT", N,	"", "", "", "", " BODY=7BIT" },
	{ "<postmaster>", P,	"postmaster", "postmaster", "postmaster", "", "" },
	{ "<PostMaster>", N | P, "PostMaster", "PostMaster", "PostMaster", "", "" },
	/* every byte of an atom, `|` too */
	{ "<!#$%&'*+-/=?^_`{|}~@b>", 0, "!#$%&'*+-/=?^_`{|}~@b",
	    "!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~", "b", "" },
	/* quoted strings hold what would end a path */
	{ "<\"a b\"@c>", 0,	"\"a b\"@c", "\"a b\"@c", "\"a b\"", "c", "" },
	{ "<\"a>b\"@c> X", 0,	"\"a>b\"@c", "\"a>b\"@c", "\"a>b\"", "c", " X" },
	{ "<\"a\\\">\"@c>", 0,	"\"a\\\">\"@c", "\"a\\\">\"@c", "\"a\\\">\"", "c", "" },
	{ "<\"@\"@c>", 0,	"\"@\"@c", "\"@\"@c", "\"@\"", "c", "" },
	{ "<\"\"@c>", 0,	"\"\"@c", "\"\"@c", "\"\"", "c", "" },
	/* source routes */
	{ "<@r:a@b>", 0,	"@r:a@b", "a@b", "a", "b", "" },
	{ "<@r.x,@s-1.y:a@b>", 0, "@r.x,@s-1.y:a@b", "a@b", "a", "b", "" },
	/* literals */
	{ "<a@[192.0.2.1]>", 0,	"a@[192.0.2.1]", "a@[192.0.2.1]", "a", "[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", 0, "a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]",
	    "a", "[IPv6:2001:db8::1]", "" },
	{ "<a@[ipv6:::]>", 0,	"a@[ipv6:::]", "a@[ipv6:::]", "a", "[ipv6:::]", "" },
	/* above 127 only where SMTPUTF8 is spoken */
	{ "<\303\251@b>", U,	"\303\251@b", "\303\251@b", "\303\251", "b", "" },
	{ "<a@\303\251>", U,	"a@\303\251", "a@\303\251", "a", "\303\251", "" },
	{ "<\302\240@b>", U,	"\302\240@b", "\302\240@b", "\302\240", "b", "" },
	{ "<\360\237\220\200@\344\270\255.b>", U, "\360\237\220\200@\344\270\255.b",
	    "\360\237\220\200@\344\270\255.b", "\360\237\220\200", "\344\270\255.b", "" },
	{ "<\"\303\251\"@b>", U, "\"\303\251\"@b", "\"\303\251\"@b", "\"\303\251\"", "b", "" },
};

static void
equal(const char *arg, const char *what, struct slice got, const char *expected)
{
	if (got.p == NULL || !slice_eq(got, slice_str(expected)))
		fail_msg("%s: %s is %.*s", arg, what, (int)got.n,
		    got.p == NULL ? "" : got.p);
}

static void
test_good(void **state)
{
	struct smtp_path p;
	struct slice	 params;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		if (smtp_path_parse(slice_str(good[i].arg), good[i].flags, &p,
		    &params) != 0)
			fail_msg("%s: refused", good[i].arg);
		equal(good[i].arg, "typed", p.typed, good[i].typed);
		equal(good[i].arg, "mailbox", p.mailbox, good[i].mailbox);
		equal(good[i].arg, "local", p.local, good[i].local);
		equal(good[i].arg, "domain", p.domain, good[i].domain);
		equal(good[i].arg, "params", params, good[i].params);
	}
}

static const struct {
	const char	*arg;
	unsigned	 flags;
} bad[] = {
	{ "", N | P },		{ " ", N | P },		{ "<", N | P },
	{ ">", N | P },		{ "a@b", N | P },	{ "<a@b", N | P },
	{ "a@b>", N | P },	{ "x<a@b>", N | P },	{ "<a@b>>", N | P },
	{ "<<a@b>>", N | P },	{ "<a@b>X", N | P },	{ "<a@b>SIZE=1", N | P },
	{ "<>", 0 },		{ "<>", P },		{ "< >", N | P },
	{ "<a>", N },		{ "<postmaster>", N },
	{ "<@>", N | P },	{ "<@b>", N | P },	{ "<a@>", N | P },
	{ "<a@b@c>", N | P },	{ "<a b@c>", N | P },	{ "< a@b>", N | P },
	{ "<a@b >", N | P },	{ "<a,b@c>", N | P },	{ "<a(b)@c>", N | P },
	{ "<.a@b>", N | P },	{ "<a.@b>", N | P },	{ "<a..b@c>", N | P },
	{ "<a@.b>", N | P },	{ "<a@b.>", N | P },	{ "<a@b..c>", N | P },
	{ "<a@-b>", N | P },	{ "<a@b->", N | P },	{ "<a@b-.c>", N | P },
	{ "<a@b!c>", N | P },	{ "<a@b|c>", N | P },	{ "<a@b c>", N | P },
	{ "<\"a@b>", N | P },	{ "<\"a\"b@c>", N | P },	{ "<a\"b\"@c>", N | P },
	{ "<\"a\\\"@b>", N | P },	{ "<\"a\001\"@b>", N | P },
	{ "<\"a\177\"@b>", N | P },	{ "<\"a\\\n\"@b>", N | P },
	{ "<a\001@b>", N | P },	{ "<a\\b@c>", N | P },
	{ "<@r>", N | P },	{ "<@r:>", N | P },	{ "<@r,a@b>", N | P },
	{ "<@r,:a@b>", N | P },	{ "<@r,s:a@b>", N | P },	{ "<@:a@b>", N | P },
	{ "<r:a@b>", N | P },
	{ "<a@[192.0.2]>", N | P },	{ "<a@[192.0.2.256]>", N | P },
	{ "<a@[192.0.2.1>", N | P },	{ "<a@192.0.2.1]>", N | P },
	{ "<a@[192.0.2.1]x>", N | P },	{ "<a@[]>", N | P },
	{ "<a@[2001:db8::1]>", N | P },	{ "<a@[IPv6:]>", N | P },
	{ "<a@[IPv6:192.0.2.1]>", N | P }, { "<a@[IPv6:2001:db8::1::]>", N | P },
	{ "<a@[IPv6:fe80::1%lo]>", N | P },
	/* no UTF-8: Latin-1, cut short, overlong, a surrogate; a control character */
	{ "<\351@b>", U },	{ "<a@\351>", U },	{ "<\"\351\"@b>", U },
	{ "<\303@b>", U },	{ "<\303@\251>", U },	{ "<\300\257@b>", U },
	{ "<\355\240\200@b>", U },	{ "<a@\364\220\200\200>", U },
	{ "<\302\205@b>", U },	{ "<a@\302\237>", U },
	{ "<@\303\251:a@b>", U },
	{ "<\303\251@b>", N | P },	{ "<a@\303\251>", N | P },
	{ "<\"\303\251\"@b>", N | P },	{ "<\200@b>", N | P },
};

static void
test_bad(void **state)
{
	struct smtp_path p;
	struct slice	 params;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		if (smtp_path_parse(slice_str(bad[i].arg), bad[i].flags, &p,
		    &params) != -1)
			fail_msg("%s: accepted", bad[i].arg);
		if (p.typed.p != NULL)
			fail_msg("%s: refused, and yet typed", bad[i].arg);
	}
}

/* NUL is a byte like others: it ends nothing, and no path holds it. */
static void
test_nul(void **state)
{
	static const struct slice args[] = {
		{ "<a\0@b>", 6 }, { "<a@b\0>", 6 }, { "<a@b>\0", 6 },
		{ "\0<a@b>", 6 }, { "<\"\0\"@b>", 7 }, { "<a@[192.0.2.1\0]>", 16 },
	};
	struct smtp_path p;
	struct slice	 params;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(args); i++)
		assert_int_equal(smtp_path_parse(args[i], N | P, &p, &params), -1);
}

/* RFC 5321 4.5.3.1: so many bytes and not one more. */
static const struct {
	size_t		 local, domain;
	bool		 ok;
} lengths[] = {
	{ 64, 1, true },	{ 65, 1, false },
	{ 1, 252, true },	{ 1, 253, false },
	{ 64, 189, true },	{ 64, 190, false },
};

static void
test_lengths(void **state)
{
	struct smtp_path p;
	struct slice	 params;
	char		 arg[600], domain[300];
	size_t		 i, k;
	int		 n;

	(void)state;
	for (i = 0; i < nitems(lengths); i++) {
		for (k = 0; k < lengths[i].domain; k++)
			domain[k] = k % 50 == 49 && k + 1 < lengths[i].domain ?
			    '.' : 'd';
		domain[k] = '\0';
		memset(arg, 'l', sizeof(arg));
		arg[0] = '<';
		n = snprintf(arg + 1 + lengths[i].local, sizeof(arg) - 100,
		    "@%s>", domain);
		assert_int_equal(smtp_path_parse(slice_make(arg,
		    1 + lengths[i].local + n), 0, &p, &params),
		    lengths[i].ok ? 0 : -1);
	}
}

/* Every beginning of an argument is refused or whole; nothing is read beyond it. */
static void
test_prefixes(void **state)
{
	struct smtp_path p;
	struct slice	 params;
	char		 copy[600];
	size_t		 i, n, len;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		len = strlen(good[i].arg);
		for (n = 0; n < len; n++) {
			/* What follows would complete it. */
			memcpy(copy, good[i].arg, len + 1);
			if (smtp_path_parse(slice_make(copy, n), good[i].flags,
			    &p, &params) == 0)
				assert_ptr_equal(params.p + params.n, copy + n);
		}
	}
}

/* A label of UTF-8 may be longer than 63 bytes, as its ASCII form need not be; the whole may not. */
static void
test_wide_labels(void **state)
{
	struct smtp_path p;
	struct slice	 params;
	char		 arg[300] = "<a@";
	size_t		 n = 3;

	(void)state;
	while (n < 3 + 2 * 126) {
		arg[n++] = '\303';
		arg[n++] = '\251';
	}
	arg[n] = '>';
	assert_int_equal(smtp_path_parse(slice_make(arg, n + 1), U, &p, &params), 0);
	arg[n] = 'b';
	arg[n + 1] = '>';
	assert_int_equal(smtp_path_parse(slice_make(arg, n + 2), U, &p, &params), -1);
	/* The next label is measured anew. */
	memset(arg + 5, 'x', 70);
	arg[5] = '.';
	arg[75] = '>';
	assert_int_equal(smtp_path_parse(slice_make(arg, 76), U, &p, &params), -1);
	arg[5 + 64] = '>';
	assert_int_equal(smtp_path_parse(slice_make(arg, 70), U, &p, &params), 0);
}

static const struct {
	const char	*name;
	bool		 domain, helo, literal;
} names[] = {
	{ "a",			true,	true,	false },
	{ "mail.example.org",	true,	true,	false },
	{ "4.example",		true,	true,	false },
	{ "a-b.c--d",		true,	true,	false },
	{ "xn--bcher-kva.example", true, true,	false },
	{ "192.0.2.1",		true,	true,	false },
	{ "desk_top.example",	false,	true,	false },
	{ "mail.example.org.",	false,	true,	false },
	{ "",			false,	false,	false },
	{ ".",			false,	false,	false },
	{ ".a",			false,	false,	false },
	{ "a..b",		false,	false,	false },
	{ "a..",		false,	false,	false },
	{ "-a",			false,	false,	false },
	{ "a-",			false,	false,	false },
	{ "a.-b",		false,	false,	false },
	{ "a b",		false,	false,	false },
	{ "a|b",		false,	false,	false },
	{ "a@b",		false,	false,	false },
	{ "\303\251.example",	false,	false,	false },
	{ "[192.0.2.1]",	false,	true,	true },
	{ "[IPv6:::1]",		false,	true,	true },
	{ "[IPv6:::ffff:192.0.2.1]", false, true, true },
	{ "[::1]",		false,	false,	false },
	{ "[192.0.2.1].",	false,	false,	false },
	{ "[192.0.2.01.1]",	false,	false,	false },
	{ "[ 192.0.2.1]",	false,	false,	false },
	{ "[",			false,	false,	false },
	{ "]",			false,	false,	false },
	{ "[]",			false,	false,	false },
};

static void
test_names(void **state)
{
	struct slice	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		s = slice_str(names[i].name);
		if (smtp_domain_valid(s) != names[i].domain ||
		    smtp_helo_valid(s) != names[i].helo ||
		    smtp_literal_valid(s) != names[i].literal)
			fail_msg("%s", names[i].name);
	}
}

static void
test_label_length(void **state)
{
	char	 name[256];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(smtp_domain_valid(slice_make(name, 63)));
	assert_false(smtp_domain_valid(slice_make(name, 64)));
	name[63] = name[127] = name[191] = '.';
	assert_true(smtp_domain_valid(slice_make(name, 255)));
	assert_false(smtp_domain_valid(slice_make(name, 256)));
}

static const struct {
	const char	*params;
	const char	*all;		/* NAME=VALUE; ... as read, `!` where it ends in an error */
} params_table[] = {
	{ "",				"" },
	{ " ",				"" },
	{ " SIZE=1",			"SIZE=1;" },
	{ "SIZE=1",			"SIZE=1;" },
	{ " SIZE=1 BODY=8BITMIME",	"SIZE=1;BODY=8BITMIME;" },
	{ "  SIZE=1   BODY=7BIT  ",	"SIZE=1;BODY=7BIT;" },
	{ " FLAG",			"FLAG;" },
	{ " FLAG X-1=~!\"#",		"FLAG;X-1=~!\"#;" },
	{ " 4=5",			"4=5;" },
	{ " SIZE=",			"!" },
	{ " =1",			"!" },
	{ " -A=1",			"!" },
	{ " A_B=1",			"!" },
	{ " A=1=2",			"!" },
	{ " A=1 B=\001",		"A=1;!" },
	{ " A=\303\251",		"A=\303\251;" },	/* RFC 6531 3.3 */
	{ " A=\351",			"!" },
	{ " A=\303",			"!" },
	{ " A=\302\205",		"!" },
	{ " A=\177",			"!" },
	{ " \303\251=1",		"!" },
	{ " A=1\tB=2",			"!" },
	{ " A=1 =",			"A=1;!" },
};

static void
test_params(void **state)
{
	struct slice	 rest, name, value;
	char		 got[200];
	size_t		 i, n;
	int		 r;

	(void)state;
	for (i = 0; i < nitems(params_table); i++) {
		rest = slice_str(params_table[i].params);
		n = 0;
		while ((r = smtp_param_next(&rest, &name, &value)) == 1)
			n += snprintf(got + n, sizeof(got) - n, "%.*s%s%.*s;",
			    (int)name.n, name.p, value.p == NULL ? "" : "=",
			    (int)value.n, value.p == NULL ? "" : value.p);
		snprintf(got + n, sizeof(got) - n, "%s", r == -1 ? "!" : "");
		assert_string_equal(got, params_table[i].all);
	}
}

static const struct {
	const char	*typed, *plain;		/* plain is what typed stands for */
	const char	*quoted;		/* and this how it is written; NULL: as typed */
} locals[] = {
	{ "a",			"a",		NULL },
	{ "a.b+c",		"a.b+c",	NULL },
	{ "\303\251",		"\303\251",	NULL },
	{ "\"a\"",		"a",		"a" },
	{ "\"a.b\"",		"a.b",		"a.b" },
	{ "\"a b\"",		"a b",		NULL },
	{ "\"a..b\"",		"a..b",		NULL },
	{ "\"\"",		"",		NULL },
	{ "\"a\\\"b\\\\\"",	"a\"b\\",	NULL },
	{ "\"a\\b@\"",		"ab@",		"\"ab@\"" },
	{ "\"",			"\"",		"\"\\\"\"" },
	{ "\"a",			"\"a",		"\"\\\"a\"" },
};

static void
test_locals(void **state)
{
	const char	*quoted;
	char		 plain[32], out[64];
	size_t		 i, n;

	(void)state;
	for (i = 0; i < nitems(locals); i++) {
		n = smtp_local_unquote(slice_str(locals[i].typed), plain);
		if (!slice_eq(slice_make(plain, n), slice_str(locals[i].plain)))
			fail_msg("%s is %.*s", locals[i].typed, (int)n, plain);
		quoted = locals[i].quoted != NULL ? locals[i].quoted : locals[i].typed;
		n = smtp_local_quote(slice_make(plain, n), out);
		if (!slice_eq(slice_make(out, n), slice_str(quoted)))
			fail_msg("%s is written %.*s", locals[i].plain, (int)n, out);
	}
}

static const struct {
	const char	*text;
	bool		 ok;
	uint64_t	 number;
} numbers[] = {
	{ "0",			true, 0 },
	{ "7",			true, 7 },
	{ "0010",		true, 10 },
	{ "18446744073709551614", true, UINT64_MAX - 1 },
	{ "18446744073709551615", true, UINT64_MAX },
	{ "18446744073709551616", true, UINT64_MAX },
	{ "18446744073709551620", true, UINT64_MAX },
	{ "99999999999999999999", true, UINT64_MAX },
	{ "000000000000000000000", false, 0 },
	{ "",			false, 0 },
	{ "-1",			false, 0 },
	{ "+1",			false, 0 },
	{ " 1",			false, 0 },
	{ "1 ",			false, 0 },
	{ "1x",			false, 0 },
	{ "0x1",		false, 0 },
};

static void
test_numbers(void **state)
{
	uint64_t	 number;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(numbers); i++) {
		number = 0;
		if (smtp_number_parse(slice_str(numbers[i].text), &number) !=
		    numbers[i].ok || number != numbers[i].number)
			fail_msg("%s: %llu", numbers[i].text,
			    (unsigned long long)number);
	}
	assert_false(smtp_number_parse(SLICE_NONE, &number));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_wide_labels),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_label_length),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_locals),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
