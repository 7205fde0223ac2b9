/* SPDX-License-Identifier: ISC */
/*
 * Rewritten senders: known ones, there and back, forged, damaged and old ones.
 * The known ones were made with Python's hmac and base64 by the description of
 * Mail::SRS, not by this code.
 */
/* objects: smtpd/srs.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/srs.h"

#define NOW	((int64_t)1796000000)	/* day 20787, which is 307 modulo 1024: JT */
#define DAY	86400
#define LONG60	"0123456789abcdefghijklmnopqrstuvwxyz.0123456789abcdefghijklm"

static const struct srs_keys	keys = { "secret", NULL, 4 * DAY };

static const struct {
	const char	*sender, *alias, *rewritten;	/* NULL: stays as it is */
} known[] = {
	{ "alice@src.example", "fwd.example", "SRS0=rx8b=JT=src.example=alice@fwd.example" },
	{ "Alice.B+tag@Src.Example", "fwd.example", "SRS0=nw1s=JT=Src.Example=Alice.B+tag@fwd.example" },
	{ "a=b@src.example", "mx.example.org", "SRS0=IJAN=JT=src.example=a=b@mx.example.org" },
	{ "SRS0=abcd=JT=far.example=bob@src.example", "fwd.example", "SRS1=TxqR=src.example==abcd=JT=far.example=bob@fwd.example" },
	{ "SRS0+abcd=JT=far.example=bob@src.example", "fwd.example", "SRS1=5waO=src.example=+abcd=JT=far.example=bob@fwd.example" },
	{ "SRS1=wxyz=first.example==abcd=JT=far.example=bob@src.example", "fwd.example", "SRS1=FM2S=first.example==abcd=JT=far.example=bob@fwd.example" },
	{ "\"a b\"@src.example", "fwd.example", "\"SRS0=KofT=JT=src.example=a b\"@fwd.example" },
	{ "a@src_1.example", "fwd.example", "SRS0=pshd=JT=src_1.example=a@fwd.example" },
	{ "", "fwd.example", NULL },
	{ "postmaster", "fwd.example", NULL },
	{ "a@", "fwd.example", NULL },
	{ "a@b=c", "fwd.example", NULL },
	{ "a@b c", "fwd.example", NULL },
	{ "alice@FWD.example", "fwd.example", NULL },
};

static void
test_known(void **state)
{
	char	 buf[SRS_MAX];
	size_t	 i;
	int	 n;

	(void)state;
	for (i = 0; i < nitems(known); i++) {
		n = srs_forward("secret", slice_str(known[i].sender), slice_str(known[i].alias), NOW, buf);
		if (known[i].rewritten == NULL) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_int_equal(n, strlen(known[i].rewritten));
		assert_string_equal(buf, known[i].rewritten);
		assert_true(srs_is_rewritten(slice_str(buf)));
	}
}

static const struct {
	const char	*address, *original, *why;
} backwards[] = {
	{ "SRS0=vMBM=JQ=src.example=alice@any.example", "alice@src.example", NULL },
	{ "SRS0=84tD=JP=src.example=alice@any.example", "alice@src.example", NULL },
	{ "SRS0=uZLk=JO=src.example=alice@any.example", NULL, "it is too old" },
	{ "srs0=rx8b=jt=src.example=alice@any.example", "alice@src.example", NULL },
	{ "srs0+rsLd=JT=src.example=a@x", "a@src.example", NULL },
	{ "SRS0-rsLd=JT=src.example=a@x", "a@src.example", NULL },
	{ "\"SRS0=rsLd=JT=src.example=a\"@x", "a@src.example", NULL },
	{ "SRS1=TxqR=src.example==abcd=JT=far.example=bob@x", "SRS0=abcd=JT=far.example=bob@src.example", NULL },
	{ "SRS1=otxM=src.example=-abcd=JT=far.example=bob@x", "SRS0-abcd=JT=far.example=bob@src.example", NULL },
	{ "SRS1=TxqR=src.example==abcd=JT=far.example=bab@x", NULL, "the hash is wrong" },
	{ "SRS0=lEJk=JT=no_domain!=a@x", NULL, "what it stands for is no address" },
	{ "SRS0=Z0La=JT=src.example=a\001b@x", NULL, "what it stands for is no address" },
	{ "alice@fwd.example", NULL, "not a rewritten address" },
	{ "SRS0", NULL, "not a rewritten address" },
	{ "SRS0@fwd.example", NULL, "not a rewritten address" },
	{ "SRS2=a=b=c=d@fwd.example", NULL, "not a rewritten address" },
	{ "SRS0=@fwd.example", NULL, "a field is missing" },
	{ "SRS0=a=b=c@fwd.example", NULL, "a field is missing" },
	{ "SRS0=a=b=c=@fwd.example", NULL, "a field is missing" },
	{ "SRS0==b=c=d@fwd.example", NULL, "a field is missing" },
	{ "SRS1=a=b@fwd.example", NULL, "a field is missing" },
	{ "SRS1=a=b=c@fwd.example", NULL, "a field is missing" },
	{ "SRS0=AAAA=JT=src.example=alice@fwd.example", NULL, "the hash is wrong" },
	{ "SRS0=AAA=JT=src.example=alice@fwd.example", NULL, "the hash is wrong" },
};

static void
test_backwards(void **state)
{
	char		 buf[SRS_MAX];
	const char	*why;
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 0; i < nitems(backwards); i++) {
		why = NULL;
		n = srs_reverse(&keys, slice_str(backwards[i].address), NOW, buf, &why);
		if (backwards[i].original != NULL) {
			assert_int_equal(n, strlen(backwards[i].original));
			assert_string_equal(buf, backwards[i].original);
			continue;
		}
		assert_int_equal(n, -1);
		assert_string_equal(why, backwards[i].why);
	}
}

static const struct {
	const char	*sender, *back;		/* NULL: the same */
} senders[] = {
	{ "a@b", NULL },
	{ "alice@src.example", NULL },
	{ "a.b+c=d@src.example", NULL },
	{ "=@src.example", NULL },
	{ "\"a b\"@src.example", NULL },
	{ "\"a\\\"\\\\@b\"@src.example", NULL },
	{ "\"plain\"@src.example", "plain@src.example" },
	{ "alice@[192.0.2.1]", NULL },
	{ "alice@[IPv6:2001:db8::1]", NULL },
	{ "SRS0@src.example", NULL },
	{ "j\303\266rg@src.example", NULL },
	{ "a@j\303\266rg.example", NULL },
	{ LONG60 "@src.example", NULL },
	{ "SRS0=abcd=JT=far.example=bob@src.example", NULL },
	{ "srs0+x=y=far.example=bob@src.example", "SRS0+x=y=far.example=bob@src.example" },
	{ "SRS1=abcd=near.example==efgh=JT=far.example=bob@src.example",
	    "SRS0=efgh=JT=far.example=bob@near.example" },
	{ "SRS1=abcd@src.example", NULL },
};

/* A host behind us forwards again: a bounce goes back to who made the SRS0, us or somebody before us. */
static void
test_round_trip(void **state)
{
	const struct srs_keys	 other = { "another", NULL, 4 * DAY };
	const char		*expected, *why;
	char			 one[SRS_MAX], two[SRS_MAX], back[SRS_MAX];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(senders); i++) {
		expected = senders[i].back == NULL ? senders[i].sender : senders[i].back;
		assert_true(srs_forward("secret", slice_str(senders[i].sender), SLICE("us.example"), NOW, one) > 0);
		assert_true(srs_reverse(&keys, slice_str(one), NOW + 4 * DAY, back, &why) > 0);
		assert_string_equal(back, expected);
		assert_true(srs_forward("another", slice_str(one), SLICE("other.example"), NOW, two) > 0);
		assert_int_equal(strncmp(two + (*two == '"'), "SRS1=", 5), 0);
		assert_true(srs_reverse(&other, slice_str(two), NOW + 4 * DAY, back, &why) > 0);
		assert_string_equal(back, strncmp(one, "SRS1", 4) == 0 ? expected : one);
	}
}

/* Each byte of the address that counts, changed. */
static void
test_tampered(void **state)
{
	char		 good[SRS_MAX], bad[SRS_MAX], buf[SRS_MAX];
	const char	*why;
	size_t		 i;

	(void)state;
	assert_true(srs_forward("secret", SLICE("alice@src.example"), SLICE("us.example"), NOW, good) > 0);
	for (i = 0; good[i] != '@'; i++) {
		memcpy(bad, good, sizeof(bad));
		bad[i] = bad[i] == 'x' ? 'y' : 'x';
		assert_int_equal(srs_reverse(&keys, slice_str(bad), NOW, buf, &why), -1);
	}
}

static void
test_case(void **state)
{
	char		 good[SRS_MAX], buf[SRS_MAX], *p;
	const char	*why;

	(void)state;
	assert_true(srs_forward("secret", SLICE("Alice@src.example"), SLICE("us.example"), NOW, good) > 0);
	for (p = good; *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	assert_int_not_equal(srs_reverse(&keys, slice_str(good), NOW, buf, &why), -1);
	assert_string_equal(buf, "aLICE@SRC.EXAMPLE");
}

static void
test_keys(void **state)
{
	const struct srs_keys	 both = { "new", "secret", DAY }, wrong = { "new", "other", DAY };
	char			 good[SRS_MAX], buf[SRS_MAX];
	const char		*why;

	(void)state;
	assert_true(srs_forward("secret", SLICE("a@src.example"), SLICE("us.example"), NOW, good) > 0);
	assert_int_not_equal(srs_reverse(&both, slice_str(good), NOW, buf, &why), -1);
	assert_int_equal(srs_reverse(&wrong, slice_str(good), NOW, buf, &why), -1);
	assert_string_equal(why, "the hash is wrong");
}

static void
test_time(void **state)
{
	static const struct {
		int64_t	 later, ttl;
		bool	 valid;
	} rows[] = {
		{ 0, 4 * DAY, true }, { 4 * DAY, 4 * DAY, true }, { 5 * DAY, 4 * DAY, false },
		{ DAY, 1, true }, { 2 * DAY, 1, false }, { 800 * (int64_t)DAY, 512 * DAY, false },
		{ 1023 * (int64_t)DAY, 4 * DAY, false }, { -1 * DAY, 4 * DAY, false },
	};
	char			 good[SRS_MAX], buf[SRS_MAX];
	const char		*why;
	int64_t			 base;
	size_t			 i;

	(void)state;
	/* any day of the 1024, so that the count wraps within some of the waits */
	for (base = NOW; base < NOW + (int64_t)1024 * DAY; base += 17 * DAY)
		for (i = 0; i < nitems(rows); i++) {
			const struct srs_keys	 k = { "secret", NULL, rows[i].ttl };

			assert_true(srs_forward("secret", SLICE("a@src.example"), SLICE("us.example"), base,
			    good) > 0);
			assert_int_equal(srs_reverse(&k, slice_str(good), base + rows[i].later, buf, &why) != -1,
			    rows[i].valid);
			if (!rows[i].valid)
				assert_string_equal(why, "it is too old");
		}
}

/* What does not fit is an error, whichever part is long; nothing is cut. */
static void
test_long(void **state)
{
	char		 address[2000], buf[SRS_MAX];
	const char	*why;
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 1; i < 1900; i++) {
		memset(address, 'a', i);
		strcpy(address + i, "@src.example");
		n = srs_forward("secret", slice_str(address), SLICE("us.example"), NOW, buf);
		assert_true(n == -1 || (size_t)n == strlen(buf));
		assert_int_equal(n != -1, i + strlen("SRS0=abcd=JT=src.example=@us.example") < SRS_MAX);
		if (i < 200) {
			assert_int_not_equal(srs_reverse(&keys, slice_str(buf), NOW, buf, &why), -1);
			assert_string_equal(buf, address);
		}
		memcpy(address, "SRS0=", i < 5 ? i : 5);
		assert_int_equal(srs_reverse(&keys, slice_str(address), NOW, buf, &why), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_backwards),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
