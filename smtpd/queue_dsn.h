/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_QUEUE_DSN_H
#define SMTPD_QUEUE_DSN_H

/*
 * The text of a delivery status notification: multipart/report of RFC 3464 (of
 * RFC 6533 where an address is not ASCII).  Queue process.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_ACTION_MAX };

struct dsn_rcpt {
	enum dsn_action	 action;
	struct slice	 dest;		/* the address tried */
	struct slice	 orcpt;		/* "rfc822;xtext" as the client gave it; empty: none */
	struct slice	 host;		/* the remote that answered; empty: none */
	struct slice	 reply;		/* its words, or ours */
	bool		 expired;	/* given up for its age */
	int64_t		 until;		/* DELAYED: wall seconds until when it is tried */
};

struct dsn {
	const char	*hostname;	/* ours */
	struct slice	 to;		/* the sender of the message */
	struct slice	 envid;		/* xtext; empty: none */
	uint64_t	 unique;	/* random: what no message can have in it */
	int64_t		 arrival, now;	/* wall seconds */
	const struct dsn_rcpt *rcpt;
	size_t		 n;
	struct slice	 content;	/* of the message, as far as it is at hand */
	bool		 full;		/* return all of it, else its header */
};

/* enum body of such a text. */
uint8_t	 dsn_body(struct slice text);
/* The notification with LF line ends, malloc'd, and its length; NULL with errno. */
char	*dsn_write(const struct dsn *, size_t *n);
/*
 * The status of RFC 3463 that a reply says, or a general one, in buf of
 * DSN_STATUS_MAX bytes.  Its class is that of the action.
 */
#define DSN_STATUS_MAX	12
const char *dsn_status(const struct dsn_rcpt *, char *buf);

#endif
