/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CONF_TEXT_H
#define TESTS_UNIT_CONF_TEXT_H

/*
 * What the tests of smtpd.conf share: a text is parsed as a file named f, and
 * what is said about it is kept.
 */
#include <sys/queue.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/conf.h"

/* The least that a file needs, and a certificate. */
#define RULE	"action a maildir\nmatch for any action a\n"
#define PKI	"pki p cert c key k\n"

/* *errors is to be freed. */
static inline struct conf *
parse(const char *text, char *const macros[], char **errors)
{
	struct conf_sources	 sources = TAILQ_HEAD_INITIALIZER(sources);
	struct conf_source	*s = calloc(1, sizeof(*s));
	struct conf		*conf;
	size_t			 size;
	FILE			*f = open_memstream(errors, &size);

	assert_non_null(s);
	assert_non_null(f);
	s->name = strdup("f");
	s->text = strdup(text);
	s->size = strlen(text);
	TAILQ_INSERT_TAIL(&sources, s, entry);
	conf = conf_parse(&sources, macros, f);
	fclose(f);
	return conf;
}

#endif
