/* SPDX-License-Identifier: ISC */
/*
 * Format specifiers: the input is a template, a NUL, and the recipient.  A
 * path that was expanded from a plain template stays below its directory.
 */
/* objects: smtpd/format.o smtpd/format_command.o */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/format.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_component(const struct format_values *v)
{
	char	 buf[FORMAT_PATH_MAX];

	if (format_expand(buf, sizeof(buf), "/top/%{rcpt.user:raw}", v) != NULL)
		return;
	if (strncmp(buf, "/top/", 5) != 0 || strchr(buf + 5, '/') != NULL ||
	    buf[5] == '.' || buf[5] == '-')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct format_values	 v = { .sender = SLICE("joe@example.org"),
				    .dest = SLICE("a@b"), .username = "user",
				    .directory = "/home/user", .delim = '+' };
	struct format_command	 fc;
	char			 buf[256], *template;
	size_t			 n;

	if ((template = malloc(size + 1)) == NULL)
		return 0;
	if (size > 0)
		memcpy(template, data, size);
	template[size] = '\0';
	n = strlen(template);
	v.rcpt = n < size ? slice_make(template + n + 1, size - n - 1) :
	    SLICE("");
	check_component(&v);
	if (format_expand(buf, sizeof(buf), template, &v) == NULL &&
	    format_check(template) != NULL)
		abort();
	if (format_expand_command(&fc, template, &v) == NULL) {
		if (format_check_command(template) != NULL ||
		    strlen(fc.command) > 12 * size)
			abort();
		format_free(&fc);
	}
	free(template);
	return 0;
}
