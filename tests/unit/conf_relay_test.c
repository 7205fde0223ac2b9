/* SPDX-License-Identifier: ISC */
/* smtpd.conf: what `action relay` with its options, bounce, mta and srs give. */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "smtpd/ipc.h"
#include "smtpd/table.h"
#include "tests/unit/conf_text.h"

static bool
holds(struct table *t, const char *key)
{
	return table_match(t, TABLE_STRING, slice_str(key)) == TABLE_YES;
}

static void
check_relay(struct conf *c)
{
	struct relay	*r = conf_action(c, SLICE("mx"))->relay;
	struct slice	 value;

	assert_int_equal(conf_action(c, SLICE("mx"))->kind, ACTION_RELAY);
	assert_null(conf_action(c, SLICE("mx"))->arg);
	assert_null(r->host);
	assert_int_equal(r->tls, RELAY_OPPORTUNISTIC);
	assert_false(r->verify || r->srs || r->backup || r->lmtp);
	assert_int_equal(r->family, RESOLVE_ANY);
	assert_int_equal(r->rate + r->connections + r->messages, 0);
	r = conf_action(c, SLICE("all"))->relay;
	assert_int_equal(conf_action(c, SLICE("all"))->ttl, 7200);
	assert_string_equal(r->host, "smart.example.org");
	assert_string_equal(r->label, "me");
	assert_int_equal(r->port, 587);
	assert_int_equal(r->tls, RELAY_TLS);
	assert_true(r->verify && r->srs);
	assert_int_equal(table_get(r->auth, SLICE("me"), &value), TABLE_YES);
	assert_true(slice_eq(value, SLICE("user:pass:word")));
	assert_string_equal(r->ca, "own");
	assert_string_equal(r->pki, "p");
	assert_string_equal(r->helo, "out.example.org");
	assert_int_equal(table_get(r->helo_src, SLICE("192.0.2.1"), &value), TABLE_YES);
	assert_true(holds(r->src, "2001:db8::1"));
	assert_string_equal(r->mail_from, "bounces@example.org");
	assert_string_equal(r->protocols, "tlsv1.2,tlsv1.3");
	assert_string_equal(r->ciphers, "HIGH:!aNULL");
	assert_int_equal(r->family, RESOLVE_PREFER6);
	assert_int_equal(r->rate, 10);
	assert_int_equal(r->connections, 4);
	assert_int_equal(r->messages, 50);
	r = conf_action(c, SLICE("table"))->relay;
	assert_int_equal(table_get(r->domain, SLICE("a.example"), &value), TABLE_YES);
	assert_true(r->require_tls && r->no_verify && !r->verify);
	assert_int_equal(r->tls, RELAY_TLS);
	assert_int_equal(r->family, RESOLVE_INET4);
	assert_true(holds(r->src, "192.0.2.1"));
	r = conf_action(c, SLICE("backup"))->relay;
	assert_true(r->backup);
	assert_string_equal(r->backup_name, "mx2.example.org");
	assert_string_equal(r->mail_from, "@example.org");
	r = conf_action(c, SLICE("backup2"))->relay;
	assert_true(r->backup);
	assert_null(r->backup_name);
	assert_int_equal(r->family, RESOLVE_PREFER4);
	r = conf_action(c, SLICE("store"))->relay;
	assert_true(r->lmtp);
	assert_int_equal(r->port, 24);
	assert_string_equal(r->host, "::1");
	r = conf_action(c, SLICE("late"))->relay;
	assert_int_equal(r->tls, RELAY_SMTPS);
	assert_false(r->verify);
}

static void
check_mta(struct conf *c)
{
	assert_int_equal(c->bounce_warn[0], 3600);
	assert_int_equal(c->bounce_warn[1], 2 * 3600);
	assert_int_equal(c->bounce_warn[2], 86400);
	assert_int_equal(c->bounce_warn[3], 0);
	assert_int_equal(c->max_deferred, 7);
	assert_string_equal(c->srs_key, "one");
	assert_string_equal(c->srs_key_backup, "two");
	assert_int_equal(c->srs_ttl, 86400);
}

static void
check_mta_braces(struct conf *c)
{
	assert_int_equal(c->bounce_warn[0], 60);
	assert_int_equal(c->bounce_warn[1], 120);
	assert_int_equal(c->bounce_warn[2], 180);
	assert_int_equal(c->bounce_warn[3], 240);
	assert_string_equal(c->srs_key, "backup");
	assert_null(c->srs_key_backup);
}

static void
check_mta_default(struct conf *c)
{
	assert_int_equal(c->bounce_warn[0], 4 * 3600);
	assert_int_equal(c->bounce_warn[1], 0);
	assert_int_equal(c->max_deferred, 100);
	assert_null(c->srs_key);
	assert_int_equal(c->srs_ttl, 4 * 86400);
}

static const struct {
	const char	*text;
	void		(*check)(struct conf *);
} good[] = {
	{ PKI "ca own cert /ca\nsrs key k\naction mx relay\n"
	    "action all relay host smtp+tls://me@Smart.example.org:587 auth { me = 'user:pass:word' } tls "
	    "ca OWN pki P helo out.example.org helo-src { 192.0.2.1 = a.example.org, '2001:db8::1' = b.example.org } "
	    "src { 192.0.2.1, '2001:db8::1' } srs mail-from bounces@example.org protocols 'tlsv1.2,tlsv1.3' "
	    "ciphers 'HIGH:!aNULL' prefer inet6 rate 10/s connections 4 messages 50 ttl 2h\n"
	    "table d { a.example = 'smtps://h', '*.example' = '[::1]:2525' }\n"
	    "action table relay domain <d> tls no-verify inet4 src 192.0.2.1\n"
	    "action backup relay mail-from @example.org backup mx mx2.example.org\n"
	    "action backup2 relay backup prefer inet4\naction store relay host 'lmtp://[::1]:24'\n"
	    "action late relay tls no-verify host smtps://h\n"
	    "match for any action mx", check_relay },
	{ "bounce warn-interval 1d, 1h,2h\nmta max-deferred 7\nsrs key one\nsrs key backup two\nsrs ttl 1d\n" RULE,
	    check_mta },
	{ "bounce warn-interval {\n 1m, 2m,\n3m, # three\n 4m }\nsrs key \"backup\"\n" RULE, check_mta_braces },
	{ RULE, check_mta_default },
};

static void
test_good(void **state)
{
	struct conf	*conf;
	char		*errors;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		conf = parse(good[i].text, NULL, &errors);
		assert_string_equal(errors, "");
		assert_non_null(conf);
		good[i].check(conf);
		conf_free(conf);
		free(errors);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
