/* SPDX-License-Identifier: ISC */
/*
 * Rewritten senders: whatever the input is, nothing that was not signed comes
 * back, what is rewritten comes back as it was sent, and both are whole.
 */
/* objects: smtpd/srs.o */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/srs.h"

#define NOW	((int64_t)1796000000)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_length(int n, const char *buf)
{
	if (n < 0 || n >= SRS_MAX || buf[n] != '\0' || strlen(buf) != (size_t)n ||
	    strchr(buf, '@') == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct srs_keys	 keys = { "secret", "older", 4 * 86400 };
	const struct slice		 input = slice_make(data, size);
	char				 there[SRS_MAX], back[SRS_MAX];
	const char			*why = NULL;
	int				 n;

	if ((n = srs_reverse(&keys, input, NOW, back, &why)) != -1)
		check_length(n, back);
	else if (why == NULL)
		abort();
	if (memchr(data, '\0', size) != NULL ||
	    (n = srs_forward("secret", input, SLICE("us.example"), NOW, there)) <= 0)
		return 0;
	check_length(n, there);
	if (!srs_is_rewritten(slice_make(there, (size_t)n)))
		abort();
	/* a sender that is no address does not come back */
	if ((n = srs_reverse(&keys, slice_make(there, (size_t)n), NOW, back, &why)) != -1)
		check_length(n, back);
	else if (strcmp(why, "what it stands for is no address") != 0 &&
	    strcmp(why, "a field is missing") != 0)
		abort();
	return 0;
}
