/* SPDX-License-Identifier: ISC */
/*
 * Regular expressions of conditions, by PCRE2.
 */
#define PCRE2_CODE_UNIT_WIDTH	8

#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cond_regex.h"

/* One value is at most a line: what needs more is a pattern that runs away. */
#define STEPS_MAX	1000000

struct cond_regex {
	pcre2_code		*code;
	pcre2_match_data	*data;
	pcre2_match_context	*context;
};

struct cond_regex *
cond_regex_compile(struct slice s, bool ignore_case, char *error, size_t size,
    size_t *offset)
{
	struct cond_regex	*re;
	uint32_t		 options = PCRE2_NEVER_BACKSLASH_C;
	int			 code = PCRE2_ERROR_NOMEMORY;

	*offset = 0;
	if ((re = calloc(1, sizeof(*re))) == NULL)
		goto fail;
	if (ignore_case)
		options |= PCRE2_CASELESS;
	re->code = pcre2_compile((PCRE2_SPTR)s.p, s.n, options, &code, offset, NULL);
	if (re->code == NULL)
		goto fail;
	/* Where there is no JIT it is interpreted. */
	pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	re->data = pcre2_match_data_create(1, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (re->data == NULL || re->context == NULL) {
		code = PCRE2_ERROR_NOMEMORY;
		goto fail;
	}
	pcre2_set_match_limit(re->context, STEPS_MAX);
	return re;
fail:
	if (pcre2_get_error_message(code, (PCRE2_UCHAR *)error, size) < 0)
		snprintf(error, size, "error %d", code);
	cond_regex_free(re);
	return NULL;
}

void
cond_regex_free(struct cond_regex *re)
{
	if (re == NULL)
		return;
	pcre2_match_context_free(re->context);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	free(re);
}

int
cond_regex_match(const struct cond_regex *re, struct slice s)
{
	int	 n;

	n = pcre2_match(re->code, (PCRE2_SPTR)(s.n == 0 ? "" : s.p), s.n, 0, 0,
	    re->data, re->context);
	return n >= 0 ? 1 : n == PCRE2_ERROR_NOMATCH ? 0 : -1;
}
