/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_CONTROL_H
#define SMTPD_CONTROL_H

/*
 * What smtpctl(8) and the queue process say to each other.  A request has a
 * fixed size.  The answer is "error: TEXT", until the end of the connection,
 * or pieces of text, each behind its length in 32 bits, the last one empty;
 * without that it was cut short.  A length is never as large as "erro".
 */
#include <stdint.h>

#define CONTROL_MAGIC	0x70697065U
#define CONTROL_VERSION	2
#define CONTROL_ERROR	"error: "
#define CONTROL_NAME	256

enum control_command {
	CONTROL_QUEUE, CONTROL_MESSAGE, CONTROL_STATS, CONTROL_DUMP, CONTROL_STOP,
	CONTROL_HOSTS, CONTROL_SCHEDULE, CONTROL_REMOVE, CONTROL_PAUSE, CONTROL_RESUME,
	CONTROL_PAUSE_MDA, CONTROL_PAUSE_MTA, CONTROL_RESUME_MDA, CONTROL_RESUME_MTA,
	CONTROL_UPDATE_TABLE,
	CONTROL_MAX
};

struct control_request {
	uint32_t	 magic, version;
	uint32_t	 command, reserved;
	uint64_t	 id;		/* msgid or evpid where one is asked for; 0: all */
	char		 name[CONTROL_NAME];	/* of a table; the rest is NUL */
};

#endif
