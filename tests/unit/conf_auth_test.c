/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: who may log in, and rules for those who have.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o smtpd/conf_filter.o smtpd/conf_rule.o */
#include "lib/nitems.h"
#include "smtpd/table.h"
#include "tests/unit/conf_text.h"

#define HASH	"'$6$salt$hash'"
#define USERS	"table users { alice = " HASH ", bob = '$2b$10$x' }\n"

/* -- listen -- */

static const struct {
	const char	*options;
	enum listen_auth auth;
	bool		 in_clear, received, table;
} listens[] = {
	{ "",				LISTEN_NO_AUTH, false, false, false },
	{ "tls auth",			LISTEN_AUTH, false, false, false },
	{ "auth tls",			LISTEN_AUTH, false, false, false },
	{ "smtps auth <users>",		LISTEN_AUTH, false, false, true },
	{ "tls-require auth-optional",	LISTEN_AUTH_OPTIONAL, false, false, false },
	{ "auth-optional <users> tls tag x", LISTEN_AUTH_OPTIONAL, false, false, true },
	{ "tls auth { carol = " HASH " } port 587", LISTEN_AUTH, false, false, true },
	{ "tls auth <file>",		LISTEN_AUTH, false, false, true },
	{ "auth auth-clear local",	LISTEN_AUTH, true, false, false },
	{ "auth-clear local auth-optional <users>", LISTEN_AUTH_OPTIONAL, true, false, true },
	{ "tls auth auth-clear local received-auth", LISTEN_AUTH, true, true, false },
	{ "received-auth",		LISTEN_NO_AUTH, false, true, false },
};

static void
test_listen(void **state)
{
	char		 text[1024], *errors;
	struct conf	*conf;
	struct listen	*l;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(listens); i++) {
		snprintf(text, sizeof(text), PKI USERS "table file file:/nowhere\nlisten on lo %s\n" RULE,
		    listens[i].options);
		conf = parse(text, NULL, &errors);
		assert_string_equal(errors, "");
		l = TAILQ_FIRST(&conf->listens);
		assert_int_equal(l->auth, listens[i].auth);
		assert_int_equal(l->auth_in_clear, listens[i].in_clear);
		assert_int_equal(l->received_auth, listens[i].received);
		assert_int_equal(l->credentials != NULL, listens[i].table);
		conf_free(conf);
		free(errors);
	}
}

/* -- match -- */

static const struct {
	const char	*criteria;
	enum criterion_kind kind;
	bool		 negate, regex, table;
} matches[] = {	/* the first criterion of the rule */
	{ "auth for any",		WITH_AUTH, false, false, false },
	{ "auth from any for any",	WITH_AUTH, false, false, false },
	{ "!auth from any",		WITH_AUTH, true, false, false },
	{ "auth <names> for any",	WITH_AUTH, false, false, true },
	{ "!auth <names> for any",	WITH_AUTH, true, false, true },
	{ "auth regex '^a' for any",	WITH_AUTH, false, true, true },
	{ "auth { alice, bob } tls",	WITH_AUTH, false, false, true },
	{ "auth !tls for any",		WITH_AUTH, false, false, false },
	{ "from auth for any",		FROM_AUTH, false, false, false },
	{ "!from auth for any",		FROM_AUTH, true, false, false },
	{ "from auth <names> for any",	FROM_AUTH, false, false, true },
	{ "from auth alice for any",	FROM_AUTH, false, false, true },
	{ "from auth regex { 'x$' }",	FROM_AUTH, false, true, true },
};

static void
test_match(void **state)
{
	const struct criterion	*c;
	char			 text[512], *errors;
	struct conf		*conf;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(matches); i++) {
		snprintf(text, sizeof(text),
		    "table names { alice, bob }\naction a maildir\nmatch %s action a\n", matches[i].criteria);
		conf = parse(text, NULL, &errors);
		assert_string_equal(errors, "");
		c = STAILQ_FIRST(&TAILQ_FIRST(&conf->rules)->criteria);
		assert_int_equal(c->kind, matches[i].kind);
		assert_int_equal(c->negate, matches[i].negate);
		assert_int_equal(c->regex, matches[i].regex);
		assert_int_equal(c->table != NULL, matches[i].table);
		if (c->table != NULL && !c->regex)
			assert_int_equal(table_match(c->table, TABLE_STRING, SLICE("alice")), TABLE_YES);
		conf_free(conf);
		free(errors);
	}
}

/* -- mistakes -- */

static const struct {
	const char	*text, *errors;
} mistakes[] = {
	{ "listen on lo auth\n" RULE,
	    "f:1:14: token \"auth\": needs tls, tls-require or smtps, or auth-clear local\n" },
	{ USERS "listen on lo auth-optional <users>\n" RULE,
	    "f:2:14: token \"auth-optional\": needs tls, tls-require or smtps, or auth-clear local\n" },
	{ PKI "listen on lo tls auth auth-optional\n" RULE,
	    "f:2:23: token \"auth-optional\": said twice, or together with what excludes it\n" },
	{ PKI "listen on lo tls auth <nobody>\n" RULE, "f:2:24: token \"nobody\": no such table above\n" },
	{ "table users { alice }\n" PKI "listen on lo tls auth <users>\n" RULE,
	    "f:3:29: token \">\": expected a table of pairs: { key = value, ... }\n" },
	{ PKI "listen on lo tls auth { alice = secret }\n" RULE,
	    "f:2:40: token \"}\": \"alice\" has no hash of a password; smtpctl encrypt makes one\n" },
	{ PKI "listen on lo tls auth { bob = " HASH ", alice = '' }\n" RULE,
	    "f:2:58: token \"}\": \"alice\" has no hash of a password; smtpctl encrypt makes one\n" },
	{ PKI "listen on lo tls auth 'users'\n" RULE, NULL },
	{ PKI "listen on lo tls auth-clear local\n" RULE,
	    "f:2:29: token \"local\": auth-clear needs auth or auth-optional\n" },
	{ "listen on lo auth auth-clear\n" RULE, "f:1:29: end of line: expected local\n" },
	{ "listen on lo auth auth-clear any\n" RULE, "f:1:30: token \"any\": expected local\n" },
	{ PKI "listen on lo tls received-auth received-auth\n" RULE,
	    "f:2:32: token \"received-auth\": said twice, or together with what excludes it\n" },
	{ "action a maildir\nmatch auth auth for any action a\n", "f:2:12: token \"auth\": said twice\n" },
	{ "action a maildir\nmatch auth regex '(' action a\n", NULL },
	{ "action a maildir\nmatch from !auth action a\n",
	    "f:2:12: token \"!\": the ! stands before the criterion now\n" },
	{ "action a maildir\nmatch auth !<x> action a\n", NULL },
};

static void
test_mistakes(void **state)
{
	struct conf	*conf;
	char		*errors;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(mistakes); i++) {
		conf = parse(mistakes[i].text, NULL, &errors);
		if (conf != NULL)
			print_message("accepted: %s", mistakes[i].text);
		assert_null(conf);
		if (mistakes[i].errors != NULL)
			assert_string_equal(errors, mistakes[i].errors);
		else
			assert_true(errors[0] != '\0');
		free(errors);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
