/* SPDX-License-Identifier: ISC */
/*
 * The messages that are structs: each is sent and read by the same list of
 * its members, in the order of ipc.h.  Used by all processes.
 */
#include "smtpd/ipc.h"

void
ipc_send_rcpt(struct ipc *ipc, const struct ipc_rcpt *m)
{
	ipc_begin(ipc, IPC_RCPT);
	ipc_put_u64(ipc, m->session);
	ipc_put_u32(ipc, m->msgid);
	ipc_put_u32(ipc, m->serial);
	ipc_put_u8(ipc, m->local);
	ipc_put_u8(ipc, m->tls);
	ipc_put_slice(ipc, m->src);
	ipc_put_slice(ipc, m->tag);
	ipc_put_slice(ipc, m->helo);
	ipc_put_slice(ipc, m->sender);
	ipc_put_slice(ipc, m->rcpt);
	ipc_end(ipc);
}

int
ipc_get_rcpt(struct ipc *ipc, struct ipc_msg *msg, struct ipc_rcpt *m)
{
	m->session = ipc_get_u64(msg);
	m->msgid = ipc_get_u32(msg);
	m->serial = ipc_get_u32(msg);
	m->local = ipc_get_u8(msg) != 0;
	m->tls = ipc_get_u8(msg) != 0;
	m->src = ipc_get_slice(msg);
	m->tag = ipc_get_slice(msg);
	m->helo = ipc_get_slice(msg);
	m->sender = ipc_get_slice(msg);
	m->rcpt = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

void
ipc_send_envelope(struct ipc *ipc, const struct ipc_envelope *m)
{
	ipc_begin(ipc, IPC_ENVELOPE);
	ipc_put_u32(ipc, m->msgid);
	ipc_put_u64(ipc, m->evpid);
	ipc_put_u64(ipc, (uint64_t)m->ttl);
	ipc_put_slice(ipc, m->action);
	ipc_put_slice(ipc, m->user);
	ipc_put_slice(ipc, m->rcpt);
	ipc_put_slice(ipc, m->dest);
	ipc_end(ipc);
}

int
ipc_get_envelope(struct ipc *ipc, struct ipc_msg *msg, struct ipc_envelope *m)
{
	m->msgid = ipc_get_u32(msg);
	m->evpid = ipc_get_u64(msg);
	m->ttl = (int64_t)ipc_get_u64(msg);
	m->action = ipc_get_slice(msg);
	m->user = ipc_get_slice(msg);
	m->rcpt = ipc_get_slice(msg);
	m->dest = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

void
ipc_send_commit(struct ipc *ipc, const struct ipc_commit *m)
{
	ipc_begin(ipc, IPC_COMMIT);
	ipc_put_u32(ipc, m->msgid);
	ipc_put_u32(ipc, m->nenvelopes);
	ipc_put_u64(ipc, m->session);
	ipc_put_u64(ipc, m->size);
	ipc_put_slice(ipc, m->sender);
	ipc_put_slice(ipc, m->helo);
	ipc_put_slice(ipc, m->src);
	ipc_put_slice(ipc, m->content);
	ipc_end(ipc);
}

int
ipc_get_commit(struct ipc *ipc, struct ipc_msg *msg, struct ipc_commit *m)
{
	m->msgid = ipc_get_u32(msg);
	m->nenvelopes = ipc_get_u32(msg);
	m->session = ipc_get_u64(msg);
	m->size = ipc_get_u64(msg);
	m->sender = ipc_get_slice(msg);
	m->helo = ipc_get_slice(msg);
	m->src = ipc_get_slice(msg);
	m->content = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

void
ipc_send_job(struct ipc *ipc, const struct ipc_job *m)
{
	ipc_begin(ipc, IPC_JOB);
	ipc_put_u64(ipc, m->evpid);
	ipc_put_u32(ipc, m->attempt);
	ipc_put_u64(ipc, (uint64_t)m->arrival);
	ipc_put_u64(ipc, m->size);
	ipc_put_slice(ipc, m->action);
	ipc_put_slice(ipc, m->user);
	ipc_put_slice(ipc, m->sender);
	ipc_put_slice(ipc, m->rcpt);
	ipc_put_slice(ipc, m->dest);
	ipc_put_slice(ipc, m->content);
	ipc_end(ipc);
}

int
ipc_get_job(struct ipc *ipc, struct ipc_msg *msg, struct ipc_job *m)
{
	m->evpid = ipc_get_u64(msg);
	m->attempt = ipc_get_u32(msg);
	m->arrival = (int64_t)ipc_get_u64(msg);
	m->size = ipc_get_u64(msg);
	m->action = ipc_get_slice(msg);
	m->user = ipc_get_slice(msg);
	m->sender = ipc_get_slice(msg);
	m->rcpt = ipc_get_slice(msg);
	m->dest = ipc_get_slice(msg);
	m->content = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}
