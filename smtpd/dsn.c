/* SPDX-License-Identifier: ISC */
/*
 * The words of RFC 3461, as smtp reads them and relay writes them.  Used by all
 * processes.
 */
#include <stddef.h>

#include "smtpd/dsn.h"

const char *const	 dsn_notify_names[DSN_NOTIFY_NAMES] = {
	"NEVER", "SUCCESS", "FAILURE", "DELAY",
};

const char *const	 dsn_ret_names[RET_MAX] = {
	[RET_FULL]	= "FULL",
	[RET_HDRS]	= "HDRS",
};
