/* SPDX-License-Identifier: ISC */
/* smtpd.conf: what each mistake about filters is answered with. */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "tests/unit/conf_text.h"

#define KINDS		"expected one of: phase, proc, proc-exec, chain, shadow, builtin\n"
#define PHASES		"connect, helo, ehlo, starttls, auth, mail-from, rcpt-to, data, data-line, commit, rset, quit, noop, help\n"
#define RULED		"connect, helo, ehlo, starttls, auth, mail-from, rcpt-to, data, commit, rset, quit, noop, help\n"
#define CONDITIONS	"expected one of: any, fcrdns, rdns, src, helo, auth, mail-from, rcpt-to\n"
#define CHECKS		"fcrdns, rdns, src, helo, mail-from, rcpt-to, check-fcrdns, check-rdns, check-rdns-table, check-rdns-regex, check-src-table, check-src-regex\n"
#define ALONE		"expected the name of a filter; alone it needs filters without one: filter smtp-in ...\n"
#define REFUSAL		"expected a reply that refuses: \"550 text\" or \"451 text\"\n"
#define NETWORK		"not an address or network (10.0.0.1, 10.0.0.0/8, ::1, fd00::/8)\n"
#define NAME		"has at most 64 bytes, and no blanks, |, < or >\n"

static const struct {
	const char	*text, *errors;
} mistakes[] = {
	/* names and kinds */
	{ "filter\n", "f:1:7: end of line: expected a name for the filter, or smtp-in\n" },
	{ "filter { a }\n", "f:1:8: token \"{\": expected a name for the filter, or smtp-in\n" },
	{ "filter \"\" proc-exec c\n", "f:1:8: token \"\": expected a name for the filter, or smtp-in\n" },
	{ "filter \"a b\" proc-exec c\n",
	    "f:1:8: token \"a b\": the name of a filter " NAME },
	{ "filter \"a|b\" proc-exec c\n",
	    "f:1:8: token \"a|b\": the name of a filter " NAME },
	{ "filter 0123456789012345678901234567890123456789012345678901234567890123x proc-exec c\n",
	    "f:1:8: token \"0123456789012345678901234567890123456789012345678901234567890123...\": the name of a filter " NAME },
	{ "filter f proc-exec c\nfilter f proc-exec c\n",
	    "f:2:8: token \"f\": there is a filter of that name already\n" },
	{ "filter f\n",
	    "f:1:9: end of line: " KINDS },
	{ "filter f prok p\n", "f:1:10: token \"prok\": no kind of filter; did you mean \"proc\"?\n" },
	{ "filter f proc-exec c extra\n",
	    "f:1:22: token \"extra\": no option of proc; one of: user, group, chroot, protocol, buffer, overflow, timeout, down, auth-secrets\n" },
	{ "filter smtp-inn connect check-rdns reject \"550 x\"\n",
	    "f:1:17: token \"connect\": no kind of filter; one of: phase, proc, proc-exec, chain, shadow, builtin\n" },
	{ "filter f shadow\n",
	    "f:1:16: end of line: " KINDS },
	{ "filter f shadow shadow proc-exec c\n", "f:1:17: token \"shadow\": said twice\n" },
	/* procs */
	{ "filter f proc\n", "f:1:14: end of line: expected the name of a proc\n" },
	{ "proc reporting c\nfilter f proc reportign\n",
	    "f:2:15: token \"reportign\": no such proc above; did you mean \"reporting\"?\n" },
	{ "filter f proc p\nproc p c\n", "f:1:15: token \"p\": no such proc above\n" },
	{ "filter f proc-exec\n", "f:1:19: end of line: expected a command\n" },
	{ "proc f c\nfilter f proc-exec c\n",
	    "f:2:10: token \"proc-exec\": there is a proc of that name already: write proc f, or another name\n" },
	{ "filter f proc-exec c\nproc f c\n",
	    "f:2:6: token \"f\": there is a proc of that name already\n" },
	{ "filter f proc-exec c usr u\n",
	    "f:1:22: token \"usr\": no option of proc; did you mean \"user\"?\n" },
	{ "filter f proc-exec c user u user v\n",
	    "f:1:29: token \"user\": said twice, or together with what excludes it\n" },
	{ "proc p c protocol 1\nfilter f proc p\n",
	    "f:2:15: token \"p\": in protocol \"1\" a filter does not say its phases: add filter smtp-in PHASE on p\n" },
	{ "filter f proc-exec c protocol 1\n",
	    "f:1:20: token \"c\": in protocol \"1\" a filter does not say its phases: add filter smtp-in PHASE on f\n" },
	{ "filter f proc-exec c protocol 0.8\n",
	    "f:1:31: token \"0.8\": expected \"1\", \"0.4\", \"0.5\", \"0.6\" or \"0.7\"\n" },
	{ "filter f proc-exec c timeout\n",
	    "f:1:29: end of line: expected a time like 4d, 1h30m or 10s\n" },
	{ "filter f proc-exec c timeout 30\n",
	    "f:1:30: token \"30\": expected a time like 4d, 1h30m or 10s\n" },
	{ "filter f proc-exec c timeout 11m\n",
	    "f:1:30: token \"11m\": at most 10m: no client waits longer\n" },
	{ "filter f proc-exec c down\n", "f:1:26: end of line: expected 451 or bypass\n" },
	{ "filter f proc-exec c down proceed\n", "f:1:27: token \"proceed\": expected 451 or bypass\n" },
	{ "proc p c timeout 5s\n",
	    "f:1:10: token \"timeout\": is for filters: no filter names this proc\n" },
	{ "proc p c down bypass\n",
	    "f:1:10: token \"down\": is for filters: no filter names this proc\n" },
	{ "proc p c auth-secrets\nreport smtp-in on p\n",
	    "f:1:10: token \"auth-secrets\": is for filters: no filter names this proc\n" },
	{ "filter f proc-exec c buffer 1G\nfilter g proc-exec c\n",
	    "f:2:21: end of line: the buffers of all procs together may be 1G, with this one they are 1088M; say a smaller `buffer`\n" },
	/* chains */
	{ "filter f chain\n", "f:1:15: end of line: expected { FILTER, ... }\n" },
	{ "filter f chain a\n", "f:1:16: token \"a\": expected { FILTER, ... }\n" },
	{ "filter f chain { }\n", "f:1:18: token \"}\": expected the name of a filter\n" },
	{ "filter f chain { f }\n", "f:1:18: token \"f\": a chain holds no chains: name its filters\n" },
	{ "filter greylist proc-exec c\nfilter f chain { greylsit }\n",
	    "f:2:18: token \"greylsit\": no such filter above; did you mean \"greylist\"?\n" },
	{ "filter a proc-exec c\nfilter b chain { a }\nfilter f chain { b }\n",
	    "f:3:18: token \"b\": a chain holds no chains: name its filters\n" },
	{ "filter a proc-exec c\nfilter f chain { a, a }\n",
	    "f:2:21: token \"a\": is in this chain already\n" },
	{ "proc p c\nfilter a proc p\nfilter b proc p\nfilter f chain { a, b }\n",
	    "f:4:21: token \"b\": is in this chain already\n" },
	{ "filter a proc-exec c\nfilter f chain { a\n",
	    "f:3:1: token \"action\": a } is missing before this line\n"
	    "f:4:22: token \"a\": no such action\n" },
	{ "filter a proc-exec c\nfilter f shadow chain { a }\n",
	    "f:2:17: token \"chain\": write shadow into the filters of the chain\n" },
	{ "filter a proc-exec c\nfilter f chain { a = b }\n",
	    "f:2:20: token \"=\": expected the name of a filter\n" },
	/* phases */
	{ "filter f phase\n",
	    "f:1:15: end of line: expected a phase: " PHASES },
	{ "filter f phase conect match any junk\n",
	    "f:1:16: token \"conect\": no phase; did you mean \"connect\"?\n" },
	{ "filter f phase everything match any junk\n",
	    "f:1:16: token \"everything\": no phase; one of: " PHASES },
	{ "filter f phase wiz match any junk\n",
	    "f:1:16: token \"wiz\": no phase; one of: " PHASES },
	{ "filter f phase data-line match any junk\n",
	    "f:1:16: token \"data-line\": the lines of a message are for procs; rules know: " RULED },
	{ "filter smtp-in data-line check-rdns reject \"550 x\"\n",
	    "f:1:26: token \"check-rdns\": the lines of a message are for procs; rules know: " RULED },
	/* conditions */
	{ "filter f phase connect fcrdns junk\n", "f:1:24: token \"fcrdns\": expected match\n" },
	{ "filter f phase connect match\n",
	    "f:1:29: end of line: " CONDITIONS },
	{ "filter f phase connect match !\n",
	    "f:1:31: end of line: " CONDITIONS },
	{ "filter f phase connect match fcrnds junk\n",
	    "f:1:30: token \"fcrnds\": no condition; did you mean \"fcrdns\"?\n" },
	{ "filter f phase connect match !any junk\n", "f:1:31: token \"any\": never holds with a !\n" },
	{ "filter f phase connect match check-fcrdns junk\n",
	    "f:1:30: token \"check-fcrdns\": is now written !fcrdns\n" },
	{ "filter f phase mail-from match check-table <t> junk\n",
	    "f:1:32: token \"check-table\": is now written helo, mail-from or rcpt-to\n" },
	{ "filter f phase connect match helo x junk\n",
	    "f:1:30: token \"helo\": cannot be told in phase connect, only in: helo, ehlo, starttls, auth, mail-from, rcpt-to, data, commit, rset, quit, noop, help\n" },
	{ "filter f phase ehlo match auth junk\n",
	    "f:1:27: token \"auth\": cannot be told in phase ehlo, only in: auth, mail-from, rcpt-to, data, commit, rset, quit, noop, help\n" },
	{ "filter f phase starttls match auth <t> junk\n",
	    "f:1:31: token \"auth\": cannot be told in phase starttls, only in: auth, mail-from, rcpt-to, data, commit, rset, quit, noop, help\n" },
	{ "filter f phase helo match mail-from x junk\n",
	    "f:1:27: token \"mail-from\": cannot be told in phase helo, only in: mail-from, rcpt-to, data, commit\n" },
	{ "filter f phase data match rcpt-to x junk\n",
	    "f:1:27: token \"rcpt-to\": cannot be told in phase data, only in: rcpt-to\n" },
	{ "filter f phase connect match src x junk\n",
	    "f:1:34: token \"x\": \"x\": " NETWORK },
	{ "filter f phase connect match src { 10.0.0.0/33 } junk\n",
	    "f:1:48: token \"}\": \"10.0.0.0/33\": " NETWORK },
	{ "filter f phase connect match rdns regex { 'a(' } junk\n",
	    "f:1:48: token \"}\": \"a(\": Unmatched ( or \\(\n" },
	{ "filter f phase connect match rdns <t> junk\n", "f:1:36: token \"t\": no such table above\n" },
	{ "filter f phase connect match rdns { a = b } junk\n",
	    "f:1:43: token \"}\": expected a table of values, not of pairs\n" },
	{ "filter f phase connect match rdns ! x junk\n",
	    "f:1:35: token \"!\": the ! stands before the condition\n" },
	{ "filter f phase connect match src\n",
	    "f:1:33: end of line: expected <table>, { value, ... } or a value\n" },
	{ "filter f phase connect match fcrdns rdns junk\n",
	    "f:1:37: token \"rdns\": no action of a filter; did you mean \"junk\"?\n" },
	{ "filter f builtin connect match fcrdns junk\n",
	    "f:1:26: token \"match\": no check; one of: " CHECKS },
	{ "filter f builtin connect auth junk\n",
	    "f:1:26: token \"auth\": no check; one of: " CHECKS },
	{ "filter f builtin connect check-src-table x junk\n",
	    "f:1:42: token \"x\": \"x\": " NETWORK },
	/* actions */
	{ "filter f phase connect match any\n",
	    "f:1:33: end of line: expected one of: reject, disconnect, rewrite, junk, report, bypass\n" },
	{ "filter f phase connect match any rejct \"550 x\"\n",
	    "f:1:34: token \"rejct\": no action of a filter; did you mean \"reject\"?\n" },
	{ "filter f phase connect match any proceed\n",
	    "f:1:34: token \"proceed\": is written bypass in a rule\n" },
	{ "filter f phase connect match any reject\n",
	    "f:1:40: end of line: expected a reply: \"550 text\"\n" },
	{ "filter f phase connect match any reject \"250 x\"\n",
	    "f:1:41: token \"250 x\": " REFUSAL },
	{ "filter f phase connect match any reject \"no\"\n",
	    "f:1:41: token \"no\": " REFUSAL },
	{ "filter f phase connect match any reject \"550\"\n",
	    "f:1:41: token \"550\": " REFUSAL },
	{ "filter f phase connect match any reject \"550-x\"\n",
	    "f:1:41: token \"550-x\": " REFUSAL },
	{ "filter f phase connect match any disconnect \"550 a\001\"\n",
	    "f:1:45: token \"550 a\\001\": " REFUSAL },
	{ "filter f phase connect match any disconnect 550 x\n",
	    "f:1:45: token \"550\": " REFUSAL },
	{ "filter f phase commit match any junk\n",
	    "f:1:33: token \"junk\": comes too late in phase commit\n" },
	{ "filter f phase commit match any bypass\n",
	    "f:1:33: token \"bypass\": comes too late in phase commit\n" },
	{ "filter f phase connect match any report\n",
	    "f:1:40: end of line: expected a text to report\n" },
	{ "filter f phase connect match any report \"a\tb\"\n",
	    "f:1:41: token \"a\\011b\": control characters cannot be reported\n" },
	{ "filter f phase connect match any rewrite x\n",
	    "f:1:34: token \"rewrite\": there is nothing to rewrite in phase connect, only in: helo, ehlo, auth, mail-from, rcpt-to\n" },
	{ "filter f phase data match any rewrite x\n",
	    "f:1:31: token \"rewrite\": there is nothing to rewrite in phase data, only in: helo, ehlo, auth, mail-from, rcpt-to\n" },
	{ "filter f phase helo match any rewrite\n",
	    "f:1:38: end of line: expected what to write instead\n" },
	{ "filter f phase helo match any rewrite \"a b\"\n",
	    "f:1:39: token \"a b\": expected the name of a host\n" },
	{ "filter f phase mail-from match any rewrite a@b\n",
	    "f:1:44: token \"a@b\": expected an address in brackets: \"<user@example.org>\"\n" },
	{ "filter f phase rcpt-to match any rewrite \"<>\"\n",
	    "f:1:42: token \"<>\": expected an address in brackets: \"<user@example.org>\"\n" },
	{ "filter f phase auth match any rewrite \"a\001\"\n",
	    "f:1:39: token \"a\\001\": control characters cannot be written\n" },
	{ "filter f phase connect match any junk junk\n",
	    "f:1:39: token \"junk\": expected the end of the line\n" },
	/* the founding grammar */
	{ "filter smtp-in\n",
	    "f:1:15: end of line: expected a phase: " PHASES },
	{ "filter smtp-in conect check-rdns reject \"550 x\"\n",
	    "f:1:16: token \"conect\": no phase; did you mean \"connect\"?\n" },
	{ "filter smtp-in connect\n",
	    "f:1:23: end of line: expected one of: check-fcrdns, check-rdns, check-table, check-regex\n" },
	{ "filter smtp-in connect check-rdsn reject \"550 x\"\n",
	    "f:1:24: token \"check-rdsn\": no check; did you mean \"check-rdns\"?\n" },
	{ "filter smtp-in connect match !rdns reject \"550 x\"\n",
	    "f:1:24: token \"match\": belongs to a filter with a name: filter NAME phase PHASE match ...\n" },
	{ "filter smtp-in data check-table x reject \"550 x\"\n",
	    "f:1:21: token \"check-table\": cannot be told in phase data, only in: connect, helo, ehlo, auth, mail-from, rcpt-to\n" },
	{ "filter smtp-in connect check-table x reject \"550 x\"\n",
	    "f:1:36: token \"x\": \"x\": " NETWORK },
	{ "filter smtp-in helo check-regex \"(\" reject \"550 x\"\n",
	    "f:1:33: token \"(\": \"(\": Unmatched ( or \\(\n" },
	{ "filter smtp-in helo !check-table !x reject \"550 x\"\n",
	    "f:1:34: token \"!\": the ! stands before the condition\n" },
	{ "filter smtp-in on\n", "f:1:18: end of line: expected the name of a proc\n" },
	{ "proc reporting c\nfilter smtp-in connect on reportign\n",
	    "f:2:27: token \"reportign\": no such proc above; did you mean \"reporting\"?\n" },
	{ "proc p c\nfilter smtp-in connect on p\nfilter smtp-in connect on p\n",
	    "f:3:27: token \"p\": is asked in that phase already\n" },
	{ "proc p c\nfilter smtp-in connect on p\nfilter smtp on p\n",
	    "f:3:16: token \"p\": is asked in that phase already\n" },
	{ "filter smtp-out connect check-rdns reject \"550 x\"\n",
	    "f:1:17: token \"connect\": expected on: nothing is decided in sessions that go out\n" },
	{ "proc p c\nfilter smtp-out on p\nfilter smtp-out on p\n",
	    "f:3:20: token \"p\": is told that already\n" },
	{ "proc p c\nfilter smtp-out on p\nfilter f proc p\n",
	    "f:3:15: token \"p\": in protocol \"1\" a filter does not say its phases: add filter smtp-in PHASE on p\n" },
	/* who names one */
	{ "listen on lo filter\n",
	    "f:1:14: token \"filter\": " ALONE },
	{ "listen on lo filter tag x\n",
	    "f:1:14: token \"filter\": " ALONE },
	{ "listen on socket filter\n",
	    "f:1:18: token \"filter\": " ALONE },
	{ "filter greylist proc-exec c\nlisten on lo filter greylsit\n",
	    "f:2:21: token \"greylsit\": no such filter above; did you mean \"greylist\"?\n" },
	{ "listen on lo filter f\nfilter f proc-exec c\n", "f:1:21: token \"f\": no such filter above\n" },
	{ "filter f proc-exec c\nlisten on lo filter f filter f\n",
	    "f:2:23: token \"filter\": said twice, or together with what excludes it\n" },
	{ "filter f proc-exec c\nfilter g chain { f }\nlisten on lo filter { f, g }\n",
	    "f:3:26: token \"g\": a chain holds no chains: name its filters\n" },
	{ "filter f proc-exec c\nlisten on lo filter { f\n",
	    "f:3:1: token \"action\": a } is missing before this line\n"
	    "f:4:22: token \"a\": no such action\n" },
	{ "listen on lo filter <t>\n", "f:1:21: token \"<\": expected the name of a filter\n" },
	{ "action o relay filter f\n", "f:1:23: token \"f\": no such filter above\n" },
	{ "filter f phase connect match any junk\naction o relay filter f\n",
	    "f:2:23: token \"f\": has no proc: nothing is decided in sessions that go out, procs are told of them\n" },
	{ "proc p c\nfilter f proc p\nfilter smtp-in connect on p\naction o relay filter f\n",
	    "f:4:23: token \"f\": in protocol \"1\" it cannot say what it wants to be told: write report smtp-out on p\n" },
	{ "match for any filter f action a\n", "f:1:22: token \"f\": no such filter above\n" },
	{ "filter f proc-exec c\nmatch for any !filter f action a\n",
	    "f:2:16: token \"filter\": the ! stands before a criterion\n" },
	{ "filter f proc-exec c\nmatch for any filter f filter f action a\n",
	    "f:2:24: token \"filter\": said twice\n" },
	{ "filter f proc-exec c\nmatch for any filter f reject\n",
	    "f:2:24: token \"reject\": a rule that takes nothing needs no filter\n" },
	{ "filter f phase mail-from match any junk\nmatch for any filter f action a\n",
	    "f:2:22: token \"f\": has no say in a rule, where only rcpt-to, data and commit are asked\n" },
	{ "filter f phase ehlo match any junk\nfilter g chain { f }\nmatch for any filter g action a\n",
	    "f:3:22: token \"g\": has no say in a rule, where only rcpt-to, data and commit are asked\n" },
	/* admd */
	{ "admd\n", "f:1:5: end of line: expected a name\n" },
	{ "admd \"a b\"\n",
	    "f:1:6: token \"a b\": a name " NAME },
};

static void
test_mistakes(void **state)
{
	struct conf	*conf;
	char		*errors, *whole;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(mistakes); i++) {
		assert_int_not_equal(asprintf(&whole, "%s" RULE, mistakes[i].text), -1);
		conf = parse(whole, NULL, &errors);
		if (strcmp(errors, mistakes[i].errors) != 0)
			print_error("in \"%s\"\n", mistakes[i].text);
		assert_string_equal(errors, mistakes[i].errors);
		assert_null(conf);
		free(errors);
		free(whole);
	}
}

/* Sixty-four procs are filters, and no more. */
static void
test_many_filters(void **state)
{
	struct conf	*conf;
	char		*text, *errors;
	size_t		 size;
	FILE		*f;
	int		 i, n;

	(void)state;
	for (n = CONF_FILTER_PROCS; n <= CONF_FILTER_PROCS + 1; n++) {
		assert_non_null(f = open_memstream(&text, &size));
		for (i = 0; i < n; i++)
			fprintf(f, "filter f%d proc-exec c buffer 1M\n", i);
		fputs(RULE, f);
		fclose(f);
		conf = parse(text, NULL, &errors);
		assert_string_equal(errors, n == CONF_FILTER_PROCS ? "" :
		    "f:65:22: token \"c\": 64 procs are filters already\n");
		assert_true((conf != NULL) == (n == CONF_FILTER_PROCS));
		if (conf != NULL)
			assert_int_equal(conf_filter(conf, SLICE("f63"))->proc->bit, 63);
		conf_free(conf);
		free(errors);
		free(text);
	}
}

/* As many are named by rules, by each as often as they like. */
static void
test_many_rules(void **state)
{
	struct conf	*conf;
	char		*text, *errors;
	size_t		 size;
	FILE		*f;
	int		 i, n;

	(void)state;
	for (n = CONF_RULE_FILTERS; n <= CONF_RULE_FILTERS + 1; n++) {
		assert_non_null(f = open_memstream(&text, &size));
		fputs("action a maildir\n", f);
		for (i = 0; i < n; i++)
			fprintf(f, "filter f%d phase data match any junk\nmatch for any filter f%d action a\n"
			    "match for any filter f%d action a\n", i, i, i);
		fclose(f);
		conf = parse(text, NULL, &errors);
		assert_string_equal(errors, n == CONF_RULE_FILTERS ? "" :
		    "f:195:22: token \"f64\": rules name 64 different filters already\n");
		assert_true((conf != NULL) == (n == CONF_RULE_FILTERS));
		conf_free(conf);
		free(errors);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_many_filters),
		cmocka_unit_test(test_many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
