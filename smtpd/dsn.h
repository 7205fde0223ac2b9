/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_DSN_H
#define SMTPD_DSN_H

/*
 * What a client asked for beside the addresses: delivery status notifications
 * (RFC 3461) and the kind of content (RFC 6152, RFC 6531).  Goes with message
 * and recipient from smtp to queue, into the spool, and to relay.
 */

enum dsn_notify {		/* bits; 0: not said, so failure and delay */
	NOTIFY_NEVER	= 1,
	NOTIFY_SUCCESS	= 2,
	NOTIFY_FAILURE	= 4,
	NOTIFY_DELAY	= 8
};
#define DSN_NOTIFY_NAMES	4
extern const char *const dsn_notify_names[DSN_NOTIFY_NAMES];	/* [i] is that of bit 1 << i */

enum dsn_ret { RET_NONE, RET_FULL, RET_HDRS, RET_MAX };
extern const char *const dsn_ret_names[RET_MAX];	/* NULL: that of NONE */

enum body {			/* bits */
	BODY_8BITMIME	= 1,	/* declared, or bytes above 127 were met in the content */
	BODY_SMTPUTF8	= 2	/* declared: addresses and header may be UTF-8 */
};

#define DSN_ENVID_MAX	100	/* bytes as xtext, RFC 3461 4.4 */
#define DSN_ORCPT_MAX	500	/* 4.2 */

#endif
