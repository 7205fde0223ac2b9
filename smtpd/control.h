/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_CONTROL_H
#define SMTPD_CONTROL_H

/*
 * What smtpctl(8) and the queue process say to each other: a request of fixed
 * size, answered by text until the end of the connection.  An answer that
 * begins with "error: " is one.
 */
#include <stdint.h>

#define CONTROL_MAGIC	0x70697065U
#define CONTROL_VERSION	1

enum control_command {
	CONTROL_QUEUE, CONTROL_MESSAGE, CONTROL_STATS, CONTROL_DUMP, CONTROL_STOP
};

struct control_request {
	uint32_t	 magic, version;
	uint32_t	 command, reserved;
	uint64_t	 id;		/* CONTROL_MESSAGE: msgid or evpid */
};

#endif
