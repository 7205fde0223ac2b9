/* SPDX-License-Identifier: ISC */
/*
 * What happens in the sessions of an action is said to the filters that the
 * action names, in their dialect, and to nobody for the sake of others.
 */
/* objects: smtpd/relay.o smtpd/relay_auth.o smtpd/dsn.o smtpd/relay_command.o smtpd/relay_conn.o smtpd/relay_content.o smtpd/relay_dest.o smtpd/relay_hello.o smtpd/relay_host.o smtpd/relay_job.o smtpd/relay_query.o smtpd/relay_reply.o smtpd/relay_route.o smtpd/relay_tls.o smtpd/relay_tx.o smtpd/srs.o smtpd/io.o smtpd/io_tell.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o smtpd/log.o smtpd/report_emit.o smtpd/report_remote.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
#include "tests/unit/relay_one.h"

/* The reporter reads 0.7; `one` is bit 0 and reads 0.7, `two` is bit 1 and reads 0.6. */
#define CONF	"filter one proc-exec cat\n" \
		"filter two proc-exec cat protocol 0.6\n" \
		"filter rule phase connect match any junk\n" \
		"filter both chain { rule, one, two }\n" \
		"action r relay host \"smtp://127.0.0.1:PORT\"\n" \
		"action a relay host \"smtp://127.0.0.1:PORT\" filter one\n" \
		"action b relay host \"smtp://127.0.0.1:PORT\" filter two\n" \
		"action c relay host \"smtp://127.0.0.1:PORT\" filter both\n" \
		"action d relay host \"smtp://127.0.0.1:PORT\" filter { two, rule }\n"

static const struct {
	const char	*action;
	uint64_t	 watchers;
	bool		 told_06;
} rows[] = {
	{ "r", 0, false },
	{ "a", 1, false },
	{ "b", 2, true },
	{ "c", 3, true },
	{ "d", 2, true },
	{ "r", 0, false },
};

static void
test_watchers(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		world_begin();
		print_message("# action %s\n", rows[i].action);
		run(rows[i].action, PIPELINING ONE ACCEPTS BYE, NULL, TAKEN("127.0.0.1"));
		world_skip(11);
		says("link-connect|server.example|pass|127.0.0.1|SERVER\n");
		says("tx-commit|0000abcd|");
		says("link-disconnect\n");
		assert_int_equal(world.watchers[DIALECT_0_7], rows[i].watchers);
		assert_int_equal(world.watchers[DIALECT_0_6], rows[i].told_06 ? rows[i].watchers : 0);
		assert_true(world.nlines[DIALECT_0_7] > 10);
		assert_int_equal(world.nlines[DIALECT_0_6], rows[i].told_06 ? world.nlines[DIALECT_0_7] : 0);
		assert_int_equal(world.nlines[DIALECT_1], 0);
	}
}

/* A host that cannot be reached is news to them, too. */
static void
test_failed(void **state)
{
	(void)state;
	world_begin();
	world.hosts[0] = (struct ipc_host){ 10, SLICE("dead.example"), SLICE("127.0.0.9") };
	world.nhosts = 1;
	run("m", NULL, NULL, "1 tempfail unreached dead.example: connect: Connection refused\n");
	says("link-failed|127.0.0.9:");
	assert_int_equal(world.watchers[DIALECT_0_6], 2);
	assert_int_equal(world.nlines[DIALECT_0_6], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watchers),
		cmocka_unit_test(test_failed),
	};

	world_init(CONF "action m relay filter two\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
