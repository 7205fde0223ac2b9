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
	ipc_put_u8(ipc, m->probe);
	ipc_put_u8(ipc, m->tls);
	ipc_put_slice(ipc, m->src);
	ipc_put_slice(ipc, m->tag);
	ipc_put_slice(ipc, m->helo);
	ipc_put_slice(ipc, m->sender);
	ipc_put_slice(ipc, m->rcpt);
	ipc_put_slice(ipc, m->rdns);
	ipc_put_u8(ipc, m->fcrdns);
	ipc_put_u8(ipc, m->notify);
	ipc_put_slice(ipc, m->orcpt);
	ipc_put_slice(ipc, m->username);
	ipc_end(ipc);
}

int
ipc_get_rcpt(struct ipc *ipc, struct ipc_msg *msg, struct ipc_rcpt *m)
{
	m->session = ipc_get_u64(msg);
	m->msgid = ipc_get_u32(msg);
	m->serial = ipc_get_u32(msg);
	m->local = ipc_get_u8(msg) != 0;
	m->probe = ipc_get_u8(msg) != 0;
	m->tls = ipc_get_u8(msg) != 0;
	m->src = ipc_get_slice(msg);
	m->tag = ipc_get_slice(msg);
	m->helo = ipc_get_slice(msg);
	m->sender = ipc_get_slice(msg);
	m->rcpt = ipc_get_slice(msg);
	m->rdns = ipc_get_slice(msg);
	m->fcrdns = ipc_get_u8(msg);
	m->notify = ipc_get_u8(msg);
	m->orcpt = ipc_get_slice(msg);
	m->username = ipc_get_slice(msg);
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
	ipc_put_u8(ipc, m->route_kind);
	ipc_put_slice(ipc, m->route);
	ipc_put_slice(ipc, m->rcpt);
	ipc_put_slice(ipc, m->dest);
	ipc_put_u8(ipc, m->notify);
	ipc_put_slice(ipc, m->orcpt);
	ipc_end(ipc);
}

int
ipc_get_envelope(struct ipc *ipc, struct ipc_msg *msg, struct ipc_envelope *m)
{
	m->msgid = ipc_get_u32(msg);
	m->evpid = ipc_get_u64(msg);
	m->ttl = (int64_t)ipc_get_u64(msg);
	m->action = ipc_get_slice(msg);
	m->route_kind = ipc_get_u8(msg);
	m->route = ipc_get_slice(msg);
	m->rcpt = ipc_get_slice(msg);
	m->dest = ipc_get_slice(msg);
	m->notify = ipc_get_u8(msg);
	m->orcpt = ipc_get_slice(msg);
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
	ipc_put_u8(ipc, m->body);
	ipc_put_u8(ipc, m->ret);
	ipc_put_slice(ipc, m->envid);
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
	m->body = ipc_get_u8(msg);
	m->ret = ipc_get_u8(msg);
	m->envid = ipc_get_slice(msg);
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

/* A list in a message is a slice of items; they are read as a message is. */
static struct ipc_msg
items(struct slice rest)
{
	return (struct ipc_msg){ .data = rest, .fd = -1 };
}

static int
item_end(struct slice *rest, const struct ipc_msg *item)
{
	*rest = item->data;
	return item->bad ? -1 : 1;
}

void
ipc_send_resolve(struct ipc *ipc, const struct ipc_resolve *m)
{
	ipc_begin(ipc, IPC_RESOLVE);
	ipc_put_u64(ipc, m->id);
	ipc_put_u8(ipc, m->kind);
	ipc_put_u8(ipc, m->family);
	ipc_put_slice(ipc, m->name);
	ipc_end(ipc);
}

int
ipc_get_resolve(struct ipc *ipc, struct ipc_msg *msg, struct ipc_resolve *m)
{
	m->id = ipc_get_u64(msg);
	m->kind = ipc_get_u8(msg);
	m->family = ipc_get_u8(msg);
	m->name = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

void
ipc_send_resolved(struct ipc *ipc, const struct ipc_resolved *m,
    const struct ipc_host *hosts)
{
	size_t	 bytes = 0;
	uint32_t i;

	for (i = 0; i < m->n; i++)
		bytes += 3 * sizeof(uint32_t) + hosts[i].name.n + hosts[i].address.n;
	ipc_begin(ipc, IPC_RESOLVED);
	ipc_put_u64(ipc, m->id);
	ipc_put_u8(ipc, m->result);
	ipc_put_u8(ipc, m->fcrdns);
	ipc_put_slice(ipc, m->text);
	ipc_put_u32(ipc, m->n);
	ipc_put_u32(ipc, (uint32_t)bytes);
	for (i = 0; i < m->n; i++) {
		ipc_put_u32(ipc, hosts[i].preference);
		ipc_put_slice(ipc, hosts[i].name);
		ipc_put_slice(ipc, hosts[i].address);
	}
	ipc_end(ipc);
}

int
ipc_get_resolved(struct ipc *ipc, struct ipc_msg *msg, struct ipc_resolved *m)
{
	m->id = ipc_get_u64(msg);
	m->result = ipc_get_u8(msg);
	m->fcrdns = ipc_get_u8(msg);
	m->text = ipc_get_slice(msg);
	m->n = ipc_get_u32(msg);
	m->hosts = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

int
ipc_host_next(struct slice *rest, struct ipc_host *h)
{
	struct ipc_msg	 item = items(*rest);

	if (rest->n == 0)
		return 0;
	h->preference = ipc_get_u32(&item);
	h->name = ipc_get_slice(&item);
	h->address = ipc_get_slice(&item);
	return item_end(rest, &item);
}

void
ipc_send_relay(struct ipc *ipc, const struct ipc_relay *m,
    const struct ipc_relay_rcpt *r, size_t n)
{
	size_t	 i, bytes = 0;

	for (i = 0; i < n; i++)
		bytes += IPC_RELAY_RCPT + r[i].dest.n + r[i].orcpt.n;
	ipc_begin(ipc, IPC_RELAY);
	ipc_put_u64(ipc, m->job);
	ipc_put_u32(ipc, m->msgid);
	ipc_put_u64(ipc, (uint64_t)m->arrival);
	ipc_put_u64(ipc, m->size);
	ipc_put_u8(ipc, m->body);
	ipc_put_u8(ipc, m->ret);
	ipc_put_slice(ipc, m->action);
	ipc_put_slice(ipc, m->route);
	ipc_put_slice(ipc, m->sender);
	ipc_put_slice(ipc, m->envid);
	ipc_put_u32(ipc, (uint32_t)bytes);
	for (i = 0; i < n; i++) {
		ipc_put_u64(ipc, r[i].evpid);
		ipc_put_u32(ipc, r[i].attempt);
		ipc_put_u8(ipc, r[i].notify);
		ipc_put_slice(ipc, r[i].dest);
		ipc_put_slice(ipc, r[i].orcpt);
	}
	ipc_put_slice(ipc, m->content);
	ipc_end(ipc);
}

int
ipc_get_relay(struct ipc *ipc, struct ipc_msg *msg, struct ipc_relay *m)
{
	m->job = ipc_get_u64(msg);
	m->msgid = ipc_get_u32(msg);
	m->arrival = (int64_t)ipc_get_u64(msg);
	m->size = ipc_get_u64(msg);
	m->body = ipc_get_u8(msg);
	m->ret = ipc_get_u8(msg);
	m->action = ipc_get_slice(msg);
	m->route = ipc_get_slice(msg);
	m->sender = ipc_get_slice(msg);
	m->envid = ipc_get_slice(msg);
	m->rcpts = ipc_get_slice(msg);
	m->content = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}

int
ipc_relay_rcpt_next(struct slice *rest, struct ipc_relay_rcpt *r)
{
	struct ipc_msg	 item = items(*rest);

	if (rest->n == 0)
		return 0;
	r->evpid = ipc_get_u64(&item);
	r->attempt = ipc_get_u32(&item);
	r->notify = ipc_get_u8(&item);
	r->dest = ipc_get_slice(&item);
	r->orcpt = ipc_get_slice(&item);
	return item_end(rest, &item);
}

void
ipc_send_relayed(struct ipc *ipc, const struct ipc_relayed *m)
{
	ipc_begin(ipc, IPC_RELAYED);
	ipc_put_u64(ipc, m->job);
	ipc_put_u64(ipc, m->evpid);
	ipc_put_u8(ipc, m->result);
	ipc_put_u8(ipc, m->flags);
	ipc_put_slice(ipc, m->host);
	ipc_put_slice(ipc, m->dest);
	ipc_put_slice(ipc, m->reply);
	ipc_end(ipc);
}

int
ipc_get_relayed(struct ipc *ipc, struct ipc_msg *msg, struct ipc_relayed *m)
{
	m->job = ipc_get_u64(msg);
	m->evpid = ipc_get_u64(msg);
	m->result = ipc_get_u8(msg);
	m->flags = ipc_get_u8(msg);
	m->host = ipc_get_slice(msg);
	m->dest = ipc_get_slice(msg);
	m->reply = ipc_get_slice(msg);
	return ipc_complete(ipc, msg);
}
