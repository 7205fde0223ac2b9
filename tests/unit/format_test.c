/* SPDX-License-Identifier: ISC */
/* Format specifiers: names, ranges, modifiers, hostile values, quoting for the shell. */
/* objects: smtpd/format.o smtpd/format_command.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/format.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

static const struct check {
	const char	*template;
	int		 path, command;		/* is it fine? */
} checks[] = {
	{ "",					1, 1 },
	{ "~/Maildir",				1, 1 },
	{ "100%% %d %",				1, 1 },
	{ "%{rcpt}",				1, 1 },
	{ "%{RCPT.User:LowerCase|strip}",	1, 1 },
	{ "%{rcpt.domain[0:-4]}",		1, 1 },
	{ "%{rcpt.domain[-3:]:raw}",		1, 1 },
	{ "%{rcpt.domain[]}",			0, 0 },
	{ "%{rcpt.domain[x]}",			0, 0 },
	{ "%{rcpt.domain[1}",			0, 0 },
	{ "%{rcpt.domain[1]x}",			0, 0 },
	{ "%{rcpt.domain[-]}",			0, 0 },
	{ "%{rcpt.domain[99999999999]}",	0, 0 },
	{ "%{rcpt:}",				0, 0 },
	{ "%{rcpt:loud}",			0, 0 },
	{ "%{rcpt:lowercase|}",			0, 0 },
	{ "%{nobody}",				0, 0 },
	{ "%{}",				0, 0 },
	{ "%{mda}",				0, 0 },
	{ "%{rcpt",				0, 0 },
	{ "it's",				1, 0 },
	{ "say \"hi",				1, 0 },
	{ "a # it's a comment",			1, 1 },
	{ "a `b %{rcpt}`",			1, 0 },
	{ "a ${X:-%{rcpt}}",			1, 0 },
	{ "a \\%{rcpt}",			1, 0 },
};

static void
test_check(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(checks); i++) {
		if ((format_check(checks[i].template) == NULL) !=
		    checks[i].path)
			fail_msg("path %s", checks[i].template);
		if ((format_check_command(checks[i].template) == NULL) !=
		    checks[i].command)
			fail_msg("command %s", checks[i].template);
	}
}

static const struct format_values usual = {
	.sender = { "Joe+x@Example.org", 17 },
	.rcpt = { "User+Tag@example.org", 20 },
	.dest = { "final@example.net", 17 },
	.username = "user", .directory = "/home/user", .delim = '+',
};

static const struct path {
	const char	*template, *expanded;	/* NULL: refused */
} paths[] = {
	{ "~/Maildir",			"/home/user/Maildir" },
	{ "Maildir",			"/home/user/Maildir" },
	{ "/m/%{rcpt.domain}/%{rcpt.user}", "/m/example.org/User+Tag" },
	{ "%{user.directory}/x",	"/home/user/x" },
	{ "/%{user.directory[6:]:uppercase}", "/USER" },
	{ "/%{user.username}%%",	"/user%" },
	{ "/%{rcpt.domain[0]}",		"/e" },
	{ "/%{rcpt.domain[8:]}",	"/org" },
	{ "/%{rcpt.domain[-3:]}",	"/org" },
	{ "/%{rcpt.domain[:6]}",	"/example" },
	{ "/%{rcpt.domain[0:-4]}",	"/example" },
	{ "/%{rcpt.domain[0:-5]}",	"/exampl" },
	{ "/%{rcpt.domain[-1]}",	"/g" },
	{ "/%{rcpt.domain[0:99]}",	"/example.org" },
	{ "/%{rcpt.domain[99]}",	NULL },
	{ "/%{rcpt.domain[5:2]}",	NULL },
	{ "/%{rcpt.domain[-99:]}",	NULL },
	{ "/%{rcpt:lowercase|strip}",	"/user@example.org" },
	{ "/%{rcpt.user:strip}",	"/User" },
	{ "/%{sender}/%{dest.user}",	"/Joe+x@Example.org/final" },
	{ "/%{mbox.from}",		"/Joe+x@Example.org" },
	{ "/%d/%",			"/%d/%" },
};

static void
test_expand(void **state)
{
	char		 buf[FORMAT_PATH_MAX];
	const char	*why;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(paths); i++) {
		why = format_expand(buf, sizeof(buf), paths[i].template,
		    &usual);
		if (paths[i].expanded == NULL)
			assert_non_null(why);
		else {
			if (why != NULL)
				fail_msg("%s: %s", paths[i].template, why);
			assert_string_equal(buf, paths[i].expanded);
		}
	}
}

static const struct hostile {
	const char	*template;
	struct slice	 rcpt;
	const char	*expanded;	/* NULL: refused */
} hostiles[] = {
#define R(s)	{ s, sizeof(s) - 1 }
	{ "/%{rcpt.user}",	R("../../etc@x"),	NULL },
	{ "/%{rcpt.user}",	R("a/../b@x"),		"/a:..:b" },
	{ "/%{rcpt.user:raw}",	R("a/../b@x"),		NULL },
	{ "/%{rcpt.user}",	R(".ssh@x"),		NULL },
	{ "/%{rcpt.user}",	R("-rf@x"),		NULL },
	{ "/%{rcpt.user[1:]}",	R("x.ssh@x"),		NULL },
	{ "/%{rcpt.user}",	R("a\0b@x"),		NULL },
	{ "/%{rcpt.user}",	R("a\nb@x"),		NULL },
	{ "/%{rcpt.user}",	R("a\x7f" "b@x"),	NULL },
	{ "/%{rcpt.user}",	R("$(x)@x"),		"/:(x)" },
	{ "/%{rcpt.user:raw}",	R("$(x)@x"),		"/$(x)" },
	{ "/%{rcpt.user}",	R("`x`;\"'@x"),		"/:x:;\":" },
	{ "/%{rcpt.user}",	R("%{sender}@x"),	"/::sender:" },
	{ "/%{rcpt.domain}",	R("a@b@c"),		"/c" },
	{ "/%{rcpt.domain}",	R("nodomain"),		"/" },
	{ "/%{rcpt.user}",	R(""),			"/" },
	{ "/%{rcpt.user[0]}",	R(""),			"/" },
	{ "/%{rcpt:strip}",	R("a@b+c"),		"/a@b+c" },
#undef R
};

static void
test_hostile(void **state)
{
	struct format_values	 v = usual;
	char			 buf[FORMAT_PATH_MAX];
	const char		*why;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(hostiles); i++) {
		v.rcpt = hostiles[i].rcpt;
		why = format_expand(buf, sizeof(buf), hostiles[i].template, &v);
		if (hostiles[i].expanded == NULL) {
			if (why == NULL)
				fail_msg("%zu: %s", i, buf);
		} else {
			if (why != NULL)
				fail_msg("%zu: %s", i, why);
			assert_string_equal(buf, hostiles[i].expanded);
		}
	}
}

static void
test_long(void **state)
{
	struct format_values	 v = usual;
	char			 buf[64], name[4000];

	(void)state;
	memset(name, 'a', sizeof(name));
	v.rcpt = slice_make(name, sizeof(name));
	assert_non_null(format_expand(buf, sizeof(buf), "/%{rcpt}", &v));
	v.rcpt.n = 63;
	assert_non_null(format_expand(buf, sizeof(buf), "/%{rcpt}", &v));
	v.rcpt.n = 62;
	assert_null(format_expand(buf, sizeof(buf), "/%{rcpt}", &v));
	assert_int_equal(strlen(buf), 63);
	assert_non_null(format_expand(buf, 0, "", &v));
}

static const struct command {
	const char	*template, *command;
} commands[] = {
	{ "mda %{rcpt}",		"mda \"${1}\"" },
	{ "mda -a=%{rcpt} %{sender}",	"mda -a=\"${1}\" \"${2}\"" },
	{ "mda \"%{rcpt}\"",		"mda \"${1}\"" },
	{ "mda 'x%{rcpt}y'",		"mda 'x'\"${1}\"'y'" },
	{ "mda \"$(b \"%{rcpt}\")\"",	"mda \"$(b \"${1}\")\"" },
	{ "mda \"$(b %{rcpt})\"",	"mda \"$(b \"${1}\")\"" },
	{ "mda \\\"%{rcpt}\\\"",	"mda \\\"\"${1}\"\\\"" },
	{ "mda \"it's %{rcpt}\"",	"mda \"it's ${1}\"" },
	{ "a %% %d",			"a % %d" },
	{ "a#'b' %{rcpt}",		"a#'b' \"${1}\"" },
	{ "# it's\nmda %{rcpt}",	"# it's\nmda \"${1}\"" },
	{ "case a in a) mda %{rcpt};; esac", "case a in a) mda \"${1}\";; esac" },
};

static void
test_command(void **state)
{
	struct format_command	 fc;
	const char		*why;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(commands); i++) {
		why = format_expand_command(&fc, commands[i].template, &usual);
		if (why != NULL)
			fail_msg("%s: %s", commands[i].template, why);
		assert_string_equal(fc.command, commands[i].command);
		if (fc.narg > 0)
			assert_string_equal(fc.arg[0], "User+Tag@example.org");
		format_free(&fc);
	}
}

static void
test_many(void **state)
{
	struct format_command	 fc;
	char			 buf[8 * (FORMAT_ARGS + 1) + 1] = "";
	size_t			 i;

	(void)state;
	for (i = 0; i < FORMAT_ARGS; i++)
		strcat(buf, "%{rcpt} ");
	assert_null(format_expand_command(&fc, buf, &usual));
	assert_int_equal(fc.narg, FORMAT_ARGS);
	assert_non_null(strstr(fc.command, "\"${32}\""));
	format_free(&fc);
	strcat(buf, "%{rcpt} ");
	assert_non_null(format_expand_command(&fc, buf, &usual));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
