/* SPDX-License-Identifier: ISC */
/*
 * What the parent reads and gives to relay: authorities in pieces, each bundle
 * once, and of the certificates those only that a relay action names.
 */
/* objects: smtpd/parent_ca.o smtpd/parent_file.o smtpd/parent_keys.o smtpd/log.o smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/parent.h"
#include "tests/unit/conf_text.h"

#define SIZE	150000		/* of a bundle: three pieces */

struct conf	*parent_conf;

/* What was sent, in words and, of bundles, whole. */
static char	 said[1024], bundle[SIZE + 1];
static size_t	 nbundle;

static void
say(const char *fmt, ...)
{
	size_t	 n = strlen(said);
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

static enum ipc_type	 type;
static unsigned		 nslices;

void
ipc_begin(struct ipc *ipc, enum ipc_type t)
{
	(void)ipc;
	type = t;
	nslices = 0;
	say("%s", t == IPC_CA ? "ca" : t == IPC_PKI ? "pki" : "?");
}

void
ipc_put_u8(struct ipc *ipc, uint8_t value)
{
	(void)ipc;
	say(" %u", value);
}

void
ipc_put_slice(struct ipc *ipc, struct slice s)
{
	(void)ipc;
	assert_true(s.n <= 65536);
	if (nslices++ == 0 || type == IPC_PKI)
		say(" <%.*s>", (int)s.n, s.p);
	else if (nbundle + s.n <= SIZE) {
		say(" %zu", s.n);
		memcpy(bundle + nbundle, s.p, s.n);
		nbundle += s.n;
	}
}

void
ipc_end(struct ipc *ipc)
{
	(void)ipc;
	say("; ");
}

static char	 dir[] = "/tmp/parent_ca_test.XXXXXX";

static void
write_file(const char *name, const char *text, size_t n)
{
	char	 path[64];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* %s in it is the directory. */
static void
conf_set(const char *fmt)
{
	char	 text[1024], *errors;

	snprintf(text, sizeof(text), fmt, dir, dir, dir, dir);
	conf_free(parent_conf);
	parent_conf = parse(text, NULL, &errors);
	assert_string_equal(errors, "");
	free(errors);
}

/* A bundle that is named twice is read once; one that no action names is not read. */
static void
test_named(void **state)
{
	char	*text = malloc(SIZE);
	size_t	 i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < SIZE; i++)
		text[i] = (char)('a' + i % 23);
	write_file("own", text, SIZE);
	conf_set("ca own cert %s/own\nca other cert %s/none\naction a relay ca Own\naction b relay ca own tls\n"
	    "action c maildir\nmatch for any action a\n");
	parent_ca_load();
	parent_ca_send(NULL);
	assert_string_equal(said, "ca <own> 0 65536; ca <own> 0 65536; ca <own> 1 18928; ");
	assert_int_equal(nbundle, SIZE);
	assert_memory_equal(bundle, text, SIZE);
	/* and again, to a relay that comes after one that died */
	said[0] = '\0';
	nbundle = 0;
	parent_ca_send(NULL);
	assert_int_equal(nbundle, SIZE);
	assert_memory_equal(bundle, text, SIZE);
	free(text);
}

static void
test_keys(void **state)
{
	(void)state;
	write_file("cert", "CERT", 4);
	write_file("key", "KEY", 3);
	conf_set("pki one cert %s/cert key %s/key\npki Two cert %s/cert key %s/key\n"
	    "action a relay pki TWO\naction b maildir\nmatch for any action a\n");
	parent_keys_load();
	said[0] = '\0';
	parent_keys_send_relay(NULL);
	assert_string_equal(said, "pki <two> <CERT> <KEY>; ");
	said[0] = '\0';
	parent_keys_send(NULL);
	assert_non_null(strstr(said, "pki <one> <CERT> <KEY>; "));
	assert_non_null(strstr(said, "pki <two> <CERT> <KEY>; "));
}

/* A ca that is named and cannot be used is found before the daemon starts. */
static void
test_unusable(void **state)
{
	static const char *const files[] = { "none", "empty", "." };
	char	 text[128];
	size_t	 i;
	pid_t	 pid;
	int	 status;

	(void)state;
	write_file("empty", "", 0);
	for (i = 0; i < nitems(files); i++) {
		snprintf(text, sizeof(text), "ca bad%zu cert %%s/%s\naction a relay ca bad%zu\nmatch for any action a\n",
		    i, files[i], i);
		conf_set(text);
		assert_int_not_equal(pid = fork(), -1);
		if (pid == 0) {
			parent_ca_load();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "own", "cert", "key", "empty" };
	char	 path[64];
	size_t	 i;

	(void)state;
	conf_free(parent_conf);
	for (i = 0; i < nitems(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		/* First, while no bundle is loaded: those name the configuration that they came with. */
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
