/* SPDX-License-Identifier: ISC */
/*
 * smtpctl encrypt: hashes of passwords for tables, as the system prefers them.
 */
#include <crypt.h>
#include <err.h>
#include <readpassphrase.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sasl.h"
#include "smtpd/smtpctl_encrypt.h"

static void
print_hash(const char *password)
{
	static struct crypt_data	 work;
	char				 setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char			*hash = NULL;

	if (!sasl_secret_valid(slice_str(password)))
		errx(2, "a password has 1 to %d bytes", SASL_SECRET_MAX);
	if (crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)) != NULL)
		hash = crypt_rn(password, setting, &work, sizeof(work));
	if (hash == NULL)
		err(2, "crypt");
	if (puts(hash) == EOF)
		err(2, "stdout");
	explicit_bzero(&work, sizeof(work));
}

/* Twice, as it cannot be seen. */
static void
ask(void)
{
	char	 one[SASL_SECRET_MAX + 2], two[SASL_SECRET_MAX + 2];

	if (readpassphrase("Password: ", one, sizeof(one), RPP_REQUIRE_TTY) == NULL ||
	    readpassphrase("Once more: ", two, sizeof(two), RPP_REQUIRE_TTY) == NULL)
		err(2, "the password");
	if (strcmp(one, two) != 0)
		errx(2, "these are not the same");
	explicit_bzero(two, sizeof(two));
	print_hash(one);
	explicit_bzero(one, sizeof(one));
}

static void
read_lines(void)
{
	char	*line = NULL;
	size_t	 size = 0;
	ssize_t	 n;

	while ((n = getline(&line, &size, stdin)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (strlen(line) != (size_t)n)
			errx(2, "stdin: a password has no NUL");
		print_hash(line);
		explicit_bzero(line, size);
	}
	if (ferror(stdin))
		err(2, "stdin");
	free(line);
}

int
smtpctl_encrypt(const char *password)
{
	if (password != NULL)
		print_hash(password);
	else if (isatty(STDIN_FILENO))
		ask();
	else
		read_lines();
	if (fflush(stdout) == EOF)
		err(2, "stdout");
	return 0;
}
