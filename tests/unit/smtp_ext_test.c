/* SPDX-License-Identifier: ISC */
/*
 * The answer to EHLO: what is offered, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/smtp_ext.h"

#define PLAIN	SMTP_AUTH_PLAIN
#define LOGIN	SMTP_AUTH_LOGIN

static const struct {
	const char	*answer;	/* lines behind the greeting */
	unsigned	 offered, auth;
	uint64_t	 size_max;
} answers[] = {
	{ "",			0, 0, 0 },
	{ "SIZE 1000",		SMTP_EXT_SIZE, 0, 1000 },
	{ "size 1000",		SMTP_EXT_SIZE, 0, 1000 },
	{ " SIZE \t1000 ",	SMTP_EXT_SIZE, 0, 1000 },
	{ "SIZE 1000 and more",	SMTP_EXT_SIZE, 0, 1000 },
	{ "SIZE",		SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE 0",		SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE -1",		SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE many",		SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE 18446744073709551615", SMTP_EXT_SIZE, 0, UINT64_MAX },
	{ "SIZE 99999999999999999999", SMTP_EXT_SIZE, 0, UINT64_MAX },
	{ "SIZE 111111111111111111111", SMTP_EXT_SIZE, 0, 0 },
	/* the last one counts, a nonsense one too */
	{ "SIZE 1\nSIZE 2",	SMTP_EXT_SIZE, 0, 2 },
	{ "SIZE 1\nSIZE x",	SMTP_EXT_SIZE, 0, 0 },
	{ "8BITMIME\nSMTPUTF8\nDSN\nCHUNKING\nPIPELINING\nSTARTTLS\nENHANCEDSTATUSCODES",
	    SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN |
	    SMTP_EXT_CHUNKING | SMTP_EXT_PIPELINING | SMTP_EXT_STARTTLS |
	    SMTP_EXT_ENHANCEDSTATUSCODES, 0, 0 },
	{ "Pipelining\nstartTLS\ndsn extra words", SMTP_EXT_PIPELINING |
	    SMTP_EXT_STARTTLS | SMTP_EXT_DSN, 0, 0 },
	{ "AUTH PLAIN LOGIN",	SMTP_EXT_AUTH, PLAIN | LOGIN, 0 },
	{ "AUTH login",		SMTP_EXT_AUTH, LOGIN, 0 },
	{ "AUTH CRAM-MD5  PLAIN\tXOAUTH2 ", SMTP_EXT_AUTH, PLAIN, 0 },
	{ "AUTH CRAM-MD5",	SMTP_EXT_AUTH, 0, 0 },
	{ "AUTH",		SMTP_EXT_AUTH, 0, 0 },
	{ "AUTH=LOGIN PLAIN",	SMTP_EXT_AUTH, PLAIN | LOGIN, 0 },
	{ "auth=plain",		SMTP_EXT_AUTH, PLAIN, 0 },
	{ "AUTH=",		SMTP_EXT_AUTH, 0, 0 },
	{ "AUTH PLAIN\nAUTH=LOGIN", SMTP_EXT_AUTH, PLAIN | LOGIN, 0 },
	/* near misses */
	{ "AUTHPLAIN\nSIZE=1000\n8BIT\nDSNX\nXDSN\nSTART TLS", 0, 0, 0 },
	{ "AUTH PLAINTEXT LOGI",	SMTP_EXT_AUTH, 0, 0 },
	{ "X-ODD one=two\nHELP\nVRFY\nETRN\n\n \n\t", 0, 0, 0 },
	{ "\001\002\377\nDSN\001", 0, 0, 0 },
};

static void
read_answer(struct smtp_ext *e, const char *greeting, const char *lines)
{
	size_t	 n;

	smtp_ext_init(e);
	smtp_ext_line(e, slice_str(greeting));
	while (*lines != '\0') {
		n = strcspn(lines, "\n");
		smtp_ext_line(e, slice_make(lines, n));
		lines += n + (lines[n] == '\n');
	}
}

static void
test_answers(void **state)
{
	struct smtp_ext	 e;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(answers); i++) {
		read_answer(&e, "mx.example hello", answers[i].answer);
		if (e.offered != answers[i].offered || e.auth != answers[i].auth ||
		    e.size_max != answers[i].size_max)
			fail_msg("%s: offered %x, auth %x, size %llu",
			    answers[i].answer, e.offered, e.auth,
			    (unsigned long long)e.size_max);
	}
}

/* A host may be called like an extension, and HELO's answer is one line. */
static void
test_greeting(void **state)
{
	struct smtp_ext	 e;

	(void)state;
	read_answer(&e, "STARTTLS", "");
	assert_int_equal(e.offered, 0);
	read_answer(&e, "", "DSN");
	assert_int_equal(e.offered, SMTP_EXT_DSN);
	/* After STARTTLS nothing of the first answer is true any more. */
	smtp_ext_init(&e);
	assert_int_equal(e.offered, 0);
	assert_false(e.greeted);
}

/* A NUL ends nothing. */
static void
test_nul(void **state)
{
	struct smtp_ext	 e;

	(void)state;
	read_answer(&e, "mx.example", "");
	smtp_ext_line(&e, SLICE("DSN\0"));
	smtp_ext_line(&e, SLICE("\0DSN"));
	smtp_ext_line(&e, SLICE("AUTH PLAIN\0"));
	assert_int_equal(e.offered, SMTP_EXT_AUTH);
	assert_int_equal(e.auth, 0);
	smtp_ext_line(&e, SLICE_NONE);
	assert_int_equal(e.offered, SMTP_EXT_AUTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
