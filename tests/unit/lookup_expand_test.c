/* SPDX-License-Identifier: ISC */
/* What recipients expand to: users, sub-addresses, aliases, virtual domains, lists, circles. */
/* objects: smtpd/lookup_expand.o smtpd/lookup_nodes.o smtpd/lookup_include.o smtpd/lookup_value.o smtpd/lookup_match.o smtpd/lookup_local.o smtpd/lookup_relay.o smtpd/lookup_query.o smtpd/srs.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <sys/queue.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtpd/lookup.h"
#include "smtpd/srs.h"
#include "smtpd/table.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* The user data base of this test. */
enum user_answer
lookup_user(struct slice name, struct slice *login)
{
	static const char *const users[] = { "alice", "bob", "carol", "vmail",
	    "a-b", "andr\303\251" };
	size_t	 i;

	if (slice_eqi(name, SLICE("broken")))
		return USER_ERROR;
	if (slice_eqi(name, SLICE("root"))) {
		*login = SLICE("root");
		return USER_ROOT;
	}
	for (i = 0; i < nitems(users); i++)
		if (slice_eqi(name, slice_str(users[i]))) {
			*login = slice_str(users[i]);
			return USER_YES;
		}
	return USER_NO;
}

/*
 * Rules: alias.example has aliases, virtual.example virtual ones, vmail.example
 * virtual ones delivered as vmail, plain.example users only, reject.example none.
 * smart.example goes to a host, routes.example where a table says, far.example and
 * literals to their MX; elsewhere.example and local.far.example too, from local only.
 */
static struct conf	 conf;
static struct action	 actions[] = {
	{ .name = "alias" }, { .name = "virtual" }, { .name = "vmail" },
	{ .name = "plain" },
};
static struct relay	 mx, smart = { .host = (char []){ "smart.example" } }, routes;
static struct action	 relays[] = {
	{ .name = "mx", .kind = ACTION_RELAY, .relay = &mx },
	{ .name = "smart", .kind = ACTION_RELAY, .relay = &smart },
	{ .name = "routes", .kind = ACTION_RELAY, .relay = &routes },
};
static struct action	 root_action = { .name = "asuser" };

static const char *const pairs[][2] = {
	{ "postmaster", "alice" },
	{ "root", "alice" },
	{ "team", "alice, bob,  Carol" },
	{ "twice", "alice, ALICE, alice+x" },
	{ "bob", "bob, carol" },
	{ "tag+special", "carol" },
	{ "tag", "alice" },
	{ "loop", "loop2" },
	{ "loop2", "loop" },
	{ "halfloop", "halfloop2, alice" },
	{ "halfloop2", "halfloop" },
	{ "nested", "team, alice, nested2" },
	{ "nested2", "bob" },
	{ "away", "alice@plain.example" },
	{ "nowhere", "alice@nowhere.example" },
	{ "away2", "away@alias.example, \"bob@plain.example\"" },
	{ "self", "self@alias.example" },
	{ "gone", "error:550 moved away" },
	{ "busy", "error:451 later" },
	{ "cmd", "|/bin/vacation alice" },
	{ "cmdq", "\"|/bin/cat, > /tmp/x\"" },
	{ "file", "/var/mail/archive" },
	{ "unknown", "alice, nobodyhere" },
	{ "dbfail", "broken" },
	{ "final", "\\bob" },
	{ "noinc", ":include:/nonexistent/list" },
	{ "dirinc", ":include:/" },
	{ "empty", "," },
	{ "bad", "two words" },
	{ "bad2", "alice@" },
	{ "farlist", "A@Far.Example, a@far.example, \"a\"@far.example, b@far.example, alice" },
	{ "farlocal", "a@local.far.example" },
	{ "inject", "\"a@[x> SIZE=1]\"" },
	{ "quoted", "a b@far.example" },
	{ "\344\270\255", "alice, andr\303\251" },
};

static const char *const virtuals[][2] = {
	{ "alice@virtual.example", "alice" },
	{ "info@virtual.example", "alice@virtual.example, bob@plain.example" },
	{ "bob", "bob" },
	{ "tag+x@virtual.example", "carol" },
	{ "tag@virtual.example", "alice" },
	{ "abuse", "postfolk" },
	{ "postfolk", "carol" },
	{ "a@vmail.example", "vmail" },
	{ "b@vmail.example", "vmail" },
	{ "both@vmail.example", "a@vmail.example, b@vmail.example" },
	{ "r@vmail.example", "root" },
	{ "@vmail.example", "carol" },
	{ "loop@virtual.example", "loop@virtual.example" },
	{ "\303\251@virtual.example", "andr\303\251" },
};

static const struct row {
	const char	*rcpt;
	enum verdict	 verdict;
	const char	*results;	/* action:user:dest ... */
} rows[] = {
	{ "alice@plain.example", VERDICT_OK, "plain:alice:alice@plain.example" },
	{ "Alice@plain.example", VERDICT_OK, "plain:alice:Alice@plain.example" },
	{ "alice+tag@plain.example", VERDICT_OK, "plain:alice:alice+tag@plain.example" },
	{ "\"alice\"@plain.example", VERDICT_OK, "plain:alice:alice@plain.example" },
	{ "\"al\\ice\"@plain.example", VERDICT_OK, "plain:alice:alice@plain.example" },
	{ "\"a b\"@plain.example", VERDICT_UNKNOWN_USER, "" },
	/* UTF-8: bytes as they are, upper and lower case alike where they are ASCII */
	{ "ANDR\303\251@Plain.example", VERDICT_OK,
	    "plain:andr\303\251:ANDR\303\251@Plain.example" },
	{ "andr\303\211@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "\"andr\303\251\"@plain.example", VERDICT_OK,
	    "plain:andr\303\251:andr\303\251@plain.example" },
	{ "andr\303\251+\303\251@plain.example", VERDICT_OK,
	    "plain:andr\303\251:andr\303\251+\303\251@plain.example" },
	{ "\344\270\255@alias.example", VERDICT_OK,
	    "alias:alice:\344\270\255@alias.example "
	    "alias:andr\303\251:\344\270\255@alias.example" },
	{ "\303\251@virtual.example", VERDICT_OK,
	    "virtual:andr\303\251:\303\251@virtual.example" },
	{ "\303\251+x@virtual.example", VERDICT_OK,
	    "virtual:andr\303\251:\303\251+x@virtual.example" },
	{ "alice@b\303\274cher.example", VERDICT_OK,
	    "plain:alice:alice@b\303\274cher.example" },
	{ "alice@B\303\274CHER.example", VERDICT_OK,
	    "plain:alice:alice@B\303\274CHER.example" },
	{ "alice@b\303\234cher.example", VERDICT_NO_RULE, "" },
	{ "nobody@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "+tag@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "broken@plain.example", VERDICT_TEMPFAIL, "" },
	{ "root@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "alice@nowhere.example", VERDICT_NO_RULE, "" },
	{ "\"x@plain.example\"@nowhere.example", VERDICT_NO_RULE, "" },
	{ "alice@reject.example", VERDICT_REJECTED, "" },
	{ "alice", VERDICT_OK, "plain:alice:alice@host.example" },
	{ "../../etc/passwd@plain.example", VERDICT_UNKNOWN_USER, "" },
	{ "root@asuser.example", VERDICT_OK, "asuser:vmail:root@asuser.example" },

	{ "PostMaster@alias.example", VERDICT_OK, "alias:alice:PostMaster@alias.example" },
	{ "root@alias.example", VERDICT_OK, "alias:alice:root@alias.example" },
	{ "team@alias.example", VERDICT_OK, "alias:alice:team@alias.example "
	    "alias:carol:team@alias.example alias:bob:team@alias.example" },
	{ "twice@alias.example", VERDICT_OK, "alias:alice:twice@alias.example" },
	{ "bob@alias.example", VERDICT_OK, "alias:bob:bob@alias.example alias:carol:bob@alias.example" },
	{ "tag+special@alias.example", VERDICT_OK, "alias:carol:tag+special@alias.example" },
	{ "tag+other@alias.example", VERDICT_OK, "alias:alice:tag+other@alias.example" },
	{ "loop@alias.example", VERDICT_LOOP, "" },
	{ "self@alias.example", VERDICT_LOOP, "" },
	{ "halfloop@alias.example", VERDICT_OK, "alias:alice:halfloop@alias.example" },
	{ "nested@alias.example", VERDICT_OK, "alias:alice:nested@alias.example "
	    "alias:carol:nested@alias.example alias:bob:nested@alias.example" },
	{ "away@alias.example", VERDICT_OK, "plain:alice:alice@plain.example" },
	{ "away2@alias.example", VERDICT_OK, "plain:bob:bob@plain.example plain:alice:alice@plain.example" },
	{ "nowhere@alias.example", VERDICT_NO_RULE, "" },
	{ "gone@alias.example", VERDICT_ERROR, "" },
	{ "busy@alias.example", VERDICT_TEMPFAIL, "" },
	{ "cmd@alias.example", VERDICT_TEMPFAIL, "" },
	{ "cmdq@alias.example", VERDICT_TEMPFAIL, "" },
	{ "file@alias.example", VERDICT_TEMPFAIL, "" },
	{ "unknown@alias.example", VERDICT_UNKNOWN_USER, "" },
	{ "dbfail@alias.example", VERDICT_TEMPFAIL, "" },
	{ "final@alias.example", VERDICT_OK, "alias:bob:final@alias.example" },
	{ "noinc@alias.example", VERDICT_TEMPFAIL, "" },
	{ "dirinc@alias.example", VERDICT_TEMPFAIL, "" },
	{ "empty@alias.example", VERDICT_TEMPFAIL, "" },
	{ "bad@alias.example", VERDICT_TEMPFAIL, "" },
	{ "bad2@alias.example", VERDICT_TEMPFAIL, "" },
	{ "alice@alias.example", VERDICT_OK, "alias:alice:alice@alias.example" },

	{ "alice@virtual.example", VERDICT_OK, "virtual:alice:alice@virtual.example" },
	{ "info@virtual.example", VERDICT_OK, "virtual:alice:alice@virtual.example "
	    "plain:bob:bob@plain.example" },
	{ "BOB@virtual.example", VERDICT_OK, "virtual:bob:BOB@virtual.example" },
	{ "tag+x@virtual.example", VERDICT_OK, "virtual:carol:tag+x@virtual.example" },
	{ "tag+y@virtual.example", VERDICT_OK, "virtual:alice:tag+y@virtual.example" },
	{ "abuse@virtual.example", VERDICT_OK, "virtual:carol:abuse@virtual.example" },
	{ "carol@virtual.example", VERDICT_UNKNOWN_USER, "" },
	{ "loop@virtual.example", VERDICT_LOOP, "" },
	{ "both@vmail.example", VERDICT_OK, "vmail:vmail:a@vmail.example vmail:vmail:b@vmail.example" },
	{ "r@vmail.example", VERDICT_OK, "vmail:vmail:r@vmail.example" },
	{ "anybody@vmail.example", VERDICT_OK, "vmail:vmail:anybody@vmail.example" },

	{ "Bob@Far.Example", VERDICT_OK, "mx:far.example:Bob@Far.Example" },
	{ "nobody+x@far.example", VERDICT_OK, "mx:far.example:nobody+x@far.example" },
	{ "\"bob\"@far.example", VERDICT_OK, "mx:far.example:bob@far.example" },
	{ "\"a b\"@far.example", VERDICT_OK, "mx:far.example:\"a b\"@far.example" },
	{ "\"a..b\"@far.example", VERDICT_OK, "mx:far.example:\"a..b\"@far.example" },
	{ "\".\"@far.example", VERDICT_OK, "mx:far.example:\".\"@far.example" },
	{ "j\303\266rg@far.example", VERDICT_OK, "mx:far.example:j\303\266rg@far.example" },
	{ "root@far.example", VERDICT_OK, "mx:far.example:root@far.example" },
	{ "bob@[192.0.2.1]", VERDICT_OK, "mx:[192.0.2.1]:bob@[192.0.2.1]" },
	{ "bob@[IPv6:2001:DB8::1]", VERDICT_OK, "mx:[ipv6:2001:db8::1]:bob@[IPv6:2001:DB8::1]" },
	{ "bob@smart.example", VERDICT_OK, "smart::bob@smart.example" },
	{ "bob@routes.example", VERDICT_OK, "routes:routes.example:bob@routes.example" },
	{ "bob@Sub.Routes.Example", VERDICT_OK, "routes:sub.routes.example:bob@Sub.Routes.Example" },
	{ "bob@noroute.example", VERDICT_NO_RULE, "" },
	{ "bob@local.far.example", VERDICT_NO_RULE, "" },
	{ "farlocal@alias.example", VERDICT_OK, "mx:local.far.example:a@local.far.example" },
	{ "farlist@alias.example", VERDICT_OK, "mx:far.example:A@Far.Example "
	    "mx:far.example:b@far.example alias:alice:farlist@alias.example" },
	{ "inject@alias.example", VERDICT_TEMPFAIL, "" },
	{ "quoted@alias.example", VERDICT_OK, "mx:far.example:\"a b\"@far.example" },
};

static struct rule *
add_rule(const char *domain, struct action *action)
{
	struct rule		*rule = calloc(1, sizeof(*rule));
	struct criterion	*c = calloc(1, sizeof(*c));

	assert_non_null(rule);
	assert_non_null(c);
	c->kind = FOR_DOMAIN;
	c->table = table_new("domain", NULL);
	table_add(c->table, slice_str(domain), SLICE_NONE);
	STAILQ_INIT(&rule->criteria);
	STAILQ_INSERT_TAIL(&rule->criteria, c, entry);
	rule->action = action;
	TAILQ_INSERT_TAIL(&conf.rules, rule, entry);
	return rule;
}

static void
only_local(struct rule *rule)
{
	struct criterion	*c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->kind = FROM_LOCAL;
	STAILQ_INSERT_TAIL(&rule->criteria, c, entry);
}

static void
add_pair(struct table *t, const char *key, const char *value)
{
	assert_int_equal(table_add(t, slice_str(key), slice_str(value)), 0);
}

static int
setup(void **state)
{
	static char	 vmail[] = "vmail";
	struct table	*a = table_new("aliases", NULL);
	struct table	*v = table_new("virtuals", NULL);
	size_t		 i;

	(void)state;
	strcpy(conf.hostname, "host.example");
	conf.sub_addr_delim = '+';
	TAILQ_INIT(&conf.rules);
	for (i = 0; i < nitems(pairs); i++)
		add_pair(a, pairs[i][0], pairs[i][1]);
	for (i = 0; i < nitems(virtuals); i++)
		add_pair(v, virtuals[i][0], virtuals[i][1]);
	actions[0].alias = a;
	actions[1].virtual = actions[2].virtual = v;
	actions[2].user = root_action.user = vmail;
	add_rule("alias.example", &actions[0]);
	add_rule("virtual.example", &actions[1]);
	add_rule("vmail.example", &actions[2]);
	add_rule("plain.example", &actions[3]);
	add_rule("b\303\274cher.example", &actions[3]);
	add_rule("host.example", &actions[3]);
	add_rule("asuser.example", &root_action);
	add_rule("reject.example", NULL);
	routes.domain = table_new("routes", NULL);
	add_pair(routes.domain, "routes.example", "smtp://a");
	add_pair(routes.domain, "*.routes.example", "smtp://b");
	add_rule("far.example", &relays[0]);
	add_rule("[*]", &relays[0]);
	add_rule("smart.example", &relays[1]);
	add_rule("*routes.example", &relays[2]);
	add_rule("noroute.example", &relays[2]);
	only_local(add_rule("local.far.example", &relays[0]));
	only_local(add_rule("elsewhere.example", &relays[0]));
	return 0;
}

static int
teardown(void **state)
{
	struct rule		*rule;
	struct criterion	*c;

	(void)state;
	while ((rule = TAILQ_FIRST(&conf.rules)) != NULL) {
		TAILQ_REMOVE(&conf.rules, rule, entry);
		while ((c = STAILQ_FIRST(&rule->criteria)) != NULL) {
			STAILQ_REMOVE_HEAD(&rule->criteria, entry);
			table_free(c->table);
			free(c);
		}
		free(rule);
	}
	table_free(routes.domain);
	table_free(actions[0].alias);
	table_free(actions[1].virtual);
	return 0;
}

static enum verdict
expand(const char *rcpt, char *out, size_t size)
{
	const struct lookup_result	*r;
	struct ipc_rcpt			 q = { .src = SLICE("192.0.2.1"),
					    .rcpt = slice_str(rcpt) };
	enum verdict			 verdict;
	size_t				 i, n, len = 0;

	verdict = lookup_expand(&conf, &q, &r, &n);
	out[0] = '\0';
	for (i = 0; verdict == VERDICT_OK && i < n && len < size; i++)
		len += snprintf(out + len, size - len, "%s%s:%.*s:%.*s",
		    i == 0 ? "" : " ", r[i].action->name, (int)r[i].route.n,
		    r[i].route.p, (int)r[i].dest.n, r[i].dest.p);
	return verdict;
}

static void
test_rows(void **state)
{
	enum verdict	 verdict;
	char		 out[4096];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		verdict = expand(rows[i].rcpt, out, sizeof(out));
		if (verdict != rows[i].verdict)
			fail_msg("%s: verdict %d, not %d", rows[i].rcpt,
			    verdict, rows[i].verdict);
		if (strcmp(out, rows[i].results) != 0)
			fail_msg("%s: %s", rows[i].rcpt, out);
	}
}

/* A sender that was rewritten: as of host.example, or where mail is delivered, or of others. */
static void
test_rewritten(void **state)
{
	static char	 key[] = "secret", backup[] = "older", other[] = "x";
	static const struct {
		const char	*key, *sender, *alias;
		int64_t		 age;
		enum verdict	 verdict;
		const char	*results;
	} cases[] = {
		{ "secret", "bob@elsewhere.example", "host.example", 0, VERDICT_OK,
		    "mx:elsewhere.example:bob@elsewhere.example" },
		{ "older", "bob@elsewhere.example", "HOST.example", 3, VERDICT_OK,
		    "mx:elsewhere.example:bob@elsewhere.example" },
		{ "secret", "alice@plain.example", "host.example", 0, VERDICT_OK,
		    "plain:alice:alice@plain.example" },
		{ "secret", "bob@elsewhere.example", "alias.example", 0, VERDICT_OK,
		    "mx:elsewhere.example:bob@elsewhere.example" },
		{ "secret", "bob@elsewhere.example", "host.example", 5, VERDICT_UNKNOWN_USER, "" },
		{ "x", "bob@elsewhere.example", "host.example", 0, VERDICT_UNKNOWN_USER, "" },
		{ "x", "bob@elsewhere.example", "reject.example", 0, VERDICT_REJECTED, "" },
		{ "x", "bob@elsewhere.example", "nowhere.example", 0, VERDICT_NO_RULE, "" },
	};
	char		 rcpt[SRS_MAX], out[4096];
	size_t		 i;

	(void)state;
	conf.srs_key = key;
	conf.srs_key_backup = backup;
	conf.srs_ttl = 4 * 86400;
	for (i = 0; i < nitems(cases); i++) {
		assert_true(srs_forward(cases[i].key, slice_str(cases[i].sender), slice_str(cases[i].alias),
		    time(NULL) - cases[i].age * 86400, rcpt) > 0);
		if (expand(rcpt, out, sizeof(out)) != cases[i].verdict)
			fail_msg("%s: %s", rcpt, out);
		assert_string_equal(out, cases[i].results);
	}
	/* of another host it is an address like any */
	assert_true(srs_forward(other, SLICE("bob@elsewhere.example"), SLICE("smart.example"), time(NULL),
	    rcpt) > 0);
	assert_int_equal(expand(rcpt, out, sizeof(out)), VERDICT_OK);
	assert_non_null(strstr(out, "smart::SRS0="));
	/* without a key nobody is asked to judge it */
	conf.srs_key = NULL;
	assert_int_equal(expand("SRS0=a=b=c=d@host.example", out, sizeof(out)), VERDICT_UNKNOWN_USER);
}

/* Other aliases for one test; a table takes no more once it was asked. */
static struct table *
aliases_begin(void)
{
	struct table	*usual = actions[0].alias;

	actions[0].alias = table_new("aliases", NULL);
	return usual;
}

static void
aliases_end(struct table *usual)
{
	table_free(actions[0].alias);
	actions[0].alias = usual;
}

static void
write_file(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
test_include(void **state)
{
	char		 path[] = "/tmp/lookup_expand_test.XXXXXX", value[128];
	char		 out[4096];
	int		 fd;
	struct table	*usual = aliases_begin();

	(void)state;
	assert_int_not_equal(fd = mkstemp(path), -1);
	close(fd);
	snprintf(value, sizeof(value), ":include:%s", path);
	add_pair(actions[0].alias, "list", value);
	write_file(path, "# members\n\nalice\n  bob@plain.example, carol\r\n#x\nalice");
	assert_int_equal(expand("list@alias.example", out, sizeof(out)),
	    VERDICT_OK);
	assert_string_equal(out, "alias:alice:list@alias.example "
	    "alias:carol:list@alias.example plain:bob:bob@plain.example");
	write_file(path, value);
	assert_int_equal(expand("list@alias.example", out, sizeof(out)),
	    VERDICT_LOOP);
	write_file(path, "|cmd\n");
	assert_int_equal(expand("list@alias.example", out, sizeof(out)),
	    VERDICT_TEMPFAIL);
	unlink(path);
	aliases_end(usual);
}

/* A chain that is too deep, a list that is too long, a list that is just long. */
static void
test_bounds(void **state)
{
	const struct lookup_result	*r;
	struct ipc_rcpt			 q = { .rcpt =
					    SLICE("long@alias.example") };
	char		 key[32], value[32], out[256], *list;
	size_t		 i, n, len = 0;
	struct table	*usual = aliases_begin();

	(void)state;
	for (i = 0; i < LOOKUP_DEPTH + 1; i++) {
		snprintf(key, sizeof(key), "chain%zu", i);
		snprintf(value, sizeof(value), "chain%zu", i + 1);
		add_pair(actions[0].alias, key, i < LOOKUP_DEPTH ? value :
		    "alice");
	}
	assert_non_null(list = malloc(LOOKUP_NODES * 32));
	for (i = 0; i < LOOKUP_NODES; i++)
		len += sprintf(list + len, "u%zu@vmail.example,", i);
	add_pair(actions[0].alias, "toolong", list);
	for (i = 0, len = 0; i < 3000; i++)
		len += sprintf(list + len, "u%zu@vmail.example,", i);
	add_pair(actions[0].alias, "long", list);
	free(list);
	assert_int_equal(expand("chain0@alias.example", out, sizeof(out)),
	    VERDICT_LOOP);
	assert_int_equal(expand("chain5@alias.example", out, sizeof(out)),
	    VERDICT_OK);
	assert_int_equal(expand("toolong@alias.example", out, sizeof(out)),
	    VERDICT_LOOP);
	assert_int_equal(lookup_expand(&conf, &q, &r, &n), VERDICT_OK);
	assert_int_equal(n, 3000);
	assert_true(slice_eq(r[2999].dest, SLICE("u2999@vmail.example")));
	aliases_end(usual);
}

static const struct {
	const char	*list;
	enum value_kind	 kind;
	const char	*text;
} values[] = {
	{ " alice , x",			VALUE_USER,	"alice" },
	{ ",,alice",			VALUE_USER,	"alice" },
	{ "\"alice\"",			VALUE_USER,	"alice" },
	{ "\\alice",			VALUE_FINAL_USER, "alice" },
	{ "\\",				VALUE_BAD,	"" },
	{ "a@b",			VALUE_ADDRESS,	"a@b" },
	{ "\"a, b\"@c, d",		VALUE_ADDRESS,	"\"a, b\"@c" },
	{ "@b",				VALUE_BAD,	"@b" },
	{ "a@",				VALUE_BAD,	"a@" },
	{ "a\x01@b",			VALUE_BAD,	"a\x01@b" },
	{ "\"|cmd a, b\", x",		VALUE_COMMAND,	"|cmd a, b" },
	{ "/a/file",			VALUE_FILE,	"/a/file" },
	{ ":Include: /a/file",		VALUE_INCLUDE,	"/a/file" },
	{ ":include:",			VALUE_BAD,	"" },
	{ "error:550 go, away",		VALUE_ERROR,	"550 go" },
};

static void
test_values(void **state)
{
	struct slice	 list;
	struct value	 v;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(values); i++) {
		list = slice_str(values[i].list);
		assert_int_equal(lookup_value_next(&list, &v), 1);
		if (v.kind != values[i].kind ||
		    !slice_eq(v.text, slice_str(values[i].text)))
			fail_msg("%s: kind %d, %.*s", values[i].list, v.kind,
			    (int)v.text.n, v.text.p);
	}
	list = SLICE(" , ,\t");
	assert_int_equal(lookup_value_next(&list, &v), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
