/* SPDX-License-Identifier: ISC */
/* Parameters of MAIL and RCPT: which there are, what they say, which are refused. */
/* objects: smtpd/dsn.o smtpd/smtp_param.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/dsn.h"
#include "smtpd/smtp.h"

#define X50	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X500	X50 X50 X50 X50 X50 X50 X50 X50 X50 X50

#define ALL	(NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY)

static const struct {
	const char	*text;
	uint64_t	 size;
	uint8_t		 body, ret, notify;
	const char	*envid, *orcpt;		/* NULL: not given */
} good[] = {
	{ "",				.size = 0 },
	{ " SIZE=5",			.size = 5 },
	{ " size=18446744073709551616",	.size = UINT64_MAX },
	{ " BODY=7BIT",			.body = 0 },
	{ " body=8bitmime",		.body = BODY_8BITMIME },
	{ " SMTPUTF8",			.body = BODY_SMTPUTF8 },
	{ " smtputf8 BODY=8BITMIME",	.body = BODY_SMTPUTF8 | BODY_8BITMIME },
	{ " RET=FULL",			.ret = RET_FULL },
	{ " ret=hdrs",			.ret = RET_HDRS },
	{ " ENVID=a+2Bb",		.envid = "a+2Bb" },
	{ " ENVID=" X50 X50,		.envid = X50 X50 },
	{ " RET=FULL ENVID=Q SIZE=1",	.size = 1, .ret = RET_FULL, .envid = "Q" },
	{ " NOTIFY=NEVER",		.notify = NOTIFY_NEVER },
	{ " NOTIFY=SUCCESS",		.notify = NOTIFY_SUCCESS },
	{ " notify=delay,Failure,SUCCESS,DELAY", .notify = ALL },
	{ " ORCPT=rfc822;a@b",		.orcpt = "rfc822;a@b" },
	{ " ORCPT=utf-8;\303\251@b",	.orcpt = "utf-8;\303\251@b" },
	{ " NOTIFY=FAILURE ORCPT=x;y",	.notify = NOTIFY_FAILURE, .orcpt = "x;y" },
};

static bool
equal(struct slice got, const char *expected)
{
	return expected == NULL ? got.p == NULL :
	    got.p != NULL && slice_eq(got, slice_str(expected));
}

static void
test_good(void **state)
{
	struct params	 p;
	enum param_of	 of;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		of = good[i].notify != 0 || good[i].orcpt != NULL ?
		    PARAM_OF_RCPT : PARAM_OF_MAIL;
		if (params_read(&p, of, slice_str(good[i].text)) != REPLY_NONE ||
		    p.size != good[i].size || p.body != good[i].body ||
		    p.ret != good[i].ret || p.notify != good[i].notify ||
		    !equal(p.envid, good[i].envid) ||
		    !equal(p.orcpt, good[i].orcpt))
			fail_msg("%s", good[i].text);
	}
}

#define BAD	REPLY_BAD_PARAM
#define UNKNOWN	REPLY_UNKNOWN_PARAM

static const struct {
	enum param_of	 of;
	const char	*text;
	enum reply	 reply;
	const char	*bad;
} refused[] = {
	{ PARAM_OF_MAIL, " SIZE",		BAD, "SIZE" },
	{ PARAM_OF_MAIL, " SIZE=x",		BAD, "SIZE" },
	{ PARAM_OF_MAIL, " SIZE=1 size=1",	BAD, "size" },
	{ PARAM_OF_MAIL, " BODY",		BAD, "BODY" },
	{ PARAM_OF_MAIL, " BODY=BINARYMIME",	BAD, "BODY" },
	{ PARAM_OF_MAIL, " BODY=7BIT BODY=7BIT", BAD, "BODY" },
	{ PARAM_OF_MAIL, " SMTPUTF8=yes",	BAD, "SMTPUTF8" },
	{ PARAM_OF_MAIL, " RET",		BAD, "RET" },
	{ PARAM_OF_MAIL, " RET=FULL,HDRS",	BAD, "RET" },
	{ PARAM_OF_MAIL, " ENVID",		BAD, "ENVID" },
	{ PARAM_OF_MAIL, " ENVID=" X50 X50 "x",	BAD, "ENVID" },
	{ PARAM_OF_MAIL, " ENVID=+0D+0A",	BAD, "ENVID" },
	{ PARAM_OF_MAIL, " ENVID=\303\251",	BAD, "ENVID" },
	{ PARAM_OF_MAIL, " NOTIFY=NEVER",	UNKNOWN, "NOTIFY" },
	{ PARAM_OF_MAIL, " ORCPT=x;y",		UNKNOWN, "ORCPT" },
	{ PARAM_OF_MAIL, " REQUIRETLS",		UNKNOWN, "REQUIRETLS" },
	{ PARAM_OF_MAIL, " SIZE=1 =",		BAD, "=" },
	{ PARAM_OF_MAIL, " SIZE=1=2 RET=FULL",	BAD, "SIZE=1=2" },
	{ PARAM_OF_RCPT, " SIZE=1",		UNKNOWN, "SIZE" },
	{ PARAM_OF_RCPT, " RET=FULL",		UNKNOWN, "RET" },
	{ PARAM_OF_RCPT, " NOTIFY",		BAD, "NOTIFY" },
	{ PARAM_OF_RCPT, " NOTIFY=never,never",	REPLY_NONE, "" },
	{ PARAM_OF_RCPT, " NOTIFY=NEVER,DELAY",	BAD, "NOTIFY" },
	{ PARAM_OF_RCPT, " NOTIFY=SUCCESS,",	BAD, "NOTIFY" },
	{ PARAM_OF_RCPT, " NOTIFY=,",		BAD, "NOTIFY" },
	{ PARAM_OF_RCPT, " NOTIFY=SUCCESSFAILURE", BAD, "NOTIFY" },
	{ PARAM_OF_RCPT, " ORCPT=a@b",		BAD, "ORCPT" },
	{ PARAM_OF_RCPT, " ORCPT=rfc822;a+0A",	BAD, "ORCPT" },
	{ PARAM_OF_RCPT, " ORCPT=x;" X500,	BAD, "ORCPT" },
	{ PARAM_OF_RCPT, " ORCPT=x;y ORCPT=x;y", BAD, "ORCPT" },
};

static void
test_refused(void **state)
{
	struct params	 p;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(refused); i++)
		if (params_read(&p, refused[i].of, slice_str(refused[i].text)) !=
		    refused[i].reply || !slice_eq(p.bad, slice_str(refused[i].bad)))
			fail_msg("%s: %.*s", refused[i].text, (int)p.bad.n, p.bad.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
