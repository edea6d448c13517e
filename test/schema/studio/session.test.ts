import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContentError } from '../../../src/studio/content/provider.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { eventually } from '../../log/support.ts'
import {
  ada,
  bob,
  eve,
  type SeenMessage,
  type SessionApi,
  say,
  startSessionApi,
  watchSession,
} from '../../studio/sessions/session-api.ts'
import { viewerOf } from '../../support/api.ts'

let api: SessionApi
beforeAll(async () => {
  api = await startSessionApi()
})
afterAll(() => api[Symbol.asyncDispose]())

interface Event {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly reason?: string
  readonly session?: { readonly messages: { readonly nodes: readonly SeenMessage[] } }
  readonly message?: SeenMessage
  readonly offset?: number
  readonly attempt?: number
  readonly text?: string
  readonly statistics?: { readonly messageCount: number; readonly tokenCount: number }
}
/** Subscribes separately, in the background, until the test is over. */
async function watch(sessionId: string, viewer: Viewer = ada, after?: string) {
  const seen: Event[] = []
  const iterator = api.watch(watchSession, { id: sessionId, after }, { viewer })
  const done = (async () => {
    // Presence is ephemeral: it may come between any two events.
    for await (const { sessionEvents } of iterator as AsyncIterable<{ sessionEvents: Event }>)
      if (sessionEvents.__typename !== 'SessionPresenceChanged') seen.push(sessionEvents)
  })()
  done.catch(() => undefined)
  await eventually(() => expect(after !== undefined || seen.length > 0).toBe(true))
  return { seen, done, types: () => seen.map(({ __typename }) => __typename) }
}
const together = async (): Promise<string> => {
  const id = await api.create()
  await api.invite(id, 'bob')
  return id
}

describe('access', () => {
  test('is for the owner and the users invited by the owner; others do not find it', async () => {
    const id = await api.create()
    expect(await api.read(id, bob)).toBeNull()
    expect(await api.invite(id, 'bob')).toMatchObject({ __typename: 'InviteToSessionSuccess' })
    expect((await api.read(id, bob)).participants).toEqual([
      { userId: 'ada', isOwner: true },
      { userId: 'bob', isOwner: false },
    ])
    // Invited again, bob is not notified again.
    await api.invite(id, 'bob')
    const { inbox }: { inbox: { nodes: { title: string; about: { id: string } | null }[] } } = await api.run(
      '{ inbox { nodes { title about { id } } } }',
      {},
      bob,
    )
    expect(inbox.nodes.filter(({ about }) => about?.id === id)).toEqual([
      { title: 'ada has invited you to “Bread”', about: { id } },
    ])
    expect(await api.read(id, eve)).toBeNull()
    expect(await api.send(id, 'Hello', { viewer: eve })).toMatchObject({ __typename: 'NotFoundError' })
    await expect(api.watch(watchSession, { id }, { viewer: eve }).next()).rejects.toThrow('There is no session')
    const listed: { sessions: { nodes: { id: string }[] } } = await api.run('{ sessions { nodes { id } } }', {}, bob)
    expect(listed.sessions.nodes.map((one) => one.id)).toContain(id)
  })

  test('follows the scope of a token that names some sessions', async () => {
    const [one, two] = [await api.create(), await api.create()]
    const limited = viewerOf('ada', { sessionIds: [one] })
    expect(await api.read(one, limited)).toMatchObject({ id: one })
    expect(await api.read(two, limited)).toBeNull()
    const { sessions }: { sessions: { nodes: { id: string }[] } } = await api.run(
      '{ sessions { nodes { id } } }',
      {},
      limited,
    )
    expect(sessions.nodes).toEqual([{ id: one }])
    expect(await api.read(one, viewerOf('ada', { taskIds: [] }))).toBeNull()
  })

  const createLink = (id: string, options: { viewer?: Viewer; isSingleUse?: boolean } = {}) =>
    api.mutate(
      `result: inviteToSession(input: { sessionId: $id, lifetimeMinutes: 5, isSingleUse: $isSingleUse }) {
        __typename ... on Error { message } ... on InviteToSessionSuccess { link { token expiresAt invitation { id } } } }`,
      '($id: ID!, $isSingleUse: Boolean)',
      { id, isSingleUse: options.isSingleUse ?? false },
      options.viewer,
    )
  const join = (token: string | undefined, viewer: Viewer = bob) =>
    api.mutate(
      'result: joinSession(input: { token: $token }) { __typename ... on Error { message } ... on JoinSessionSuccess { session { id } } }',
      '($token: String!)',
      { token: token ?? '' },
      viewer,
    )
  const remove = (id: string, userId: string) =>
    api.mutate(
      'result: removeParticipant(input: { sessionId: $id, userId: $userId }) { __typename ... on Error { message } }',
      '($id: ID!, $userId: ID!)',
      { id, userId },
    )
  const revoke = (id: string | undefined, viewer: Viewer = ada) =>
    api.mutate(
      'result: revokeSessionInvitation(input: { invitationId: $id }) { __typename ... on Error { message } }',
      '($id: ID!)',
      { id: id ?? '' },
      viewer,
    )
  interface Listed {
    readonly id: string
    readonly isSingleUse: boolean
    readonly useCount: number
  }
  const list = async (id: string, viewer: Viewer = ada): Promise<readonly Listed[]> => {
    const { sessionInvitations }: { sessionInvitations: Listed[] } = await api.run(
      'query ($id: ID!) { sessionInvitations(sessionId: $id) { id isSingleUse useCount } }',
      { id },
      viewer,
    )
    return sessionInvitations
  }
  const inMany = (count: number) => Array.from({ length: count }, (_, n) => viewerOf(`guest_${n}`))

  test('is for every user with a link, until the link expires; only the owner creates one', async () => {
    const id = await api.create()
    const { link } = await createLink(id)
    expect(await join('made-up')).toMatchObject({ __typename: 'NotFoundError' })
    await api.database.pool.query(
      `update studio.session_link set expires_at = now() - interval '1 second' where session_id = $1`,
      [id],
    )
    expect(await join(link?.token)).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringContaining('expired'),
    })
    expect(await list(id)).toEqual([])
    const second = await createLink(id)
    for (let again = 0; again < 2; again++) expect(await join(second.link?.token)).toMatchObject({ session: { id } })
    expect(await createLink(id, { viewer: bob })).toMatchObject({ __typename: 'ConflictError' })
    expect((await api.read(id)).participants).toHaveLength(2)
  })

  test('by a link is listed, counted and revoked by the owner only', async () => {
    const id = await api.create()
    const { link } = await createLink(id)
    const other = await createLink(id, { isSingleUse: true })
    for (const viewer of [bob, eve, bob]) await join(link?.token, viewer)
    expect(await list(id)).toEqual([
      { id: other.link?.invitation.id, isSingleUse: true, useCount: 0 },
      { id: link?.invitation.id, isSingleUse: false, useCount: 2 },
    ])
    await expect(list(id, bob)).rejects.toThrow('Only the owner')
    await expect(list(id, viewerOf('stranger'))).rejects.toThrow('There is no session')
    expect(await revoke(link?.invitation.id, bob)).toMatchObject({ __typename: 'ConflictError' })
    expect(await revoke(link?.invitation.id, viewerOf('stranger'))).toMatchObject({ __typename: 'NotFoundError' })
    expect(await revoke(link?.invitation.id)).toMatchObject({ __typename: 'RevokeSessionInvitationSuccess' })
    expect(await revoke(link?.invitation.id)).toMatchObject({ __typename: 'NotFoundError' })
    expect(await join(link?.token, viewerOf('late'))).toMatchObject({ __typename: 'NotFoundError' })
    expect((await api.read(id)).participants).toHaveLength(3)
    expect(await list(id)).toHaveLength(1)
  })

  test('by a link for one user is granted once, however many users try at once', async () => {
    const id = await api.create()
    const { link } = await createLink(id, { isSingleUse: true })
    const results = await Promise.all(inMany(8).map((viewer) => join(link?.token, viewer)))
    expect(results.filter(({ __typename }) => __typename === 'JoinSessionSuccess')).toHaveLength(1)
    expect(results.filter(({ message }) => String(message).includes('was used'))).toHaveLength(7)
    expect((await api.read(id)).participants).toHaveLength(2)
    expect(await list(id)).toMatchObject([{ useCount: 1 }])
  })

  test('is not granted by a link to a user whom the owner has removed, only by name', async () => {
    const id = await api.create()
    const { link } = await createLink(id)
    await join(link?.token)
    await remove(id, 'bob')
    const fresh = await createLink(id)
    for (const token of [link?.token, fresh.link?.token])
      expect(await join(token)).toMatchObject({
        __typename: 'ConflictError',
        message: expect.stringContaining('removed you'),
      })
    expect(await list(id)).toMatchObject([{ useCount: 0 }, { useCount: 1 }])
    await api.invite(id, 'bob')
    expect((await api.read(id, bob)).participants).toHaveLength(2)
    // A user that left on their own is admitted again, unless the owner removes the user afterwards.
    const leave = () =>
      api.mutate('result: leaveSession(input: { sessionId: $id }) { __typename }', '($id: ID!)', { id }, bob)
    await leave()
    expect(await join(link?.token)).toMatchObject({ session: { id } })
    await leave()
    await remove(id, 'bob')
    expect(await join(link?.token)).toMatchObject({ __typename: 'ConflictError' })
  })

  test('is refused to a limited number of users who do not take part, and to all who did', async () => {
    const id = await api.create()
    const { link } = await createLink(id)
    await join(link?.token)
    await remove(id, 'stranger_0')
    await api.database.pool.query(
      `insert into studio.session_removal (session_id, user_id) select $1, 'stranger_' || n from generate_series(1, 999) n`,
      [id],
    )
    expect(await remove(id, 'stranger_1000')).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringContaining('revoke its links'),
    })
    expect(await remove(id, 'stranger_0')).toMatchObject({ __typename: 'RemoveParticipantSuccess' })
    expect(await remove(id, 'bob')).toMatchObject({ __typename: 'RemoveParticipantSuccess' })
    expect(await join(link?.token)).toMatchObject({ __typename: 'ConflictError' })
  })

  test('by links is limited in their number', async () => {
    const id = await api.create()
    await Promise.all(Array.from({ length: 50 }, () => createLink(id)))
    expect(await createLink(id)).toMatchObject({ __typename: 'ConflictError', message: expect.stringContaining('50') })
    const [first] = await list(id)
    await revoke(first?.id)
    expect(await createLink(id)).toMatchObject({ __typename: 'InviteToSessionSuccess' })
  })

  test('ends at once for a removed participant, with FORBIDDEN, and for no other', async () => {
    const id = await together()
    const [hers, his] = [await watch(id), await watch(id, bob)]
    await api.mutate(
      'result: removeParticipant(input: { sessionId: $id, userId: "bob" }) { __typename }',
      '($id: ID!)',
      { id },
    )
    await expect(his.done).rejects.toThrow('You no longer take part')
    await eventually(() => expect(hers.types()).toContain('SessionParticipantLeft'))
    expect(await api.read(id, bob)).toBeNull()
  })

  test('can be given up by leaving, except by the owner', async () => {
    const id = await together()
    const leave = (viewer: Viewer) =>
      api.mutate(
        'result: leaveSession(input: { sessionId: $id }) { __typename ... on Error { message } }',
        '($id: ID!)',
        { id },
        viewer,
      )
    expect(await leave(ada)).toMatchObject({ __typename: 'ConflictError' })
    expect(await leave(bob)).toMatchObject({ __typename: 'LeaveSessionSuccess' })
    expect(await leave(bob)).toMatchObject({ __typename: 'LeaveSessionSuccess' })
    expect((await api.read(id)).participants).toHaveLength(1)
  })
})

describe('a message', () => {
  test('is sent to all in one order, with statistics, and stored once however often it is sent', async () => {
    const id = await together()
    const [hers, his] = [await watch(id), await watch(id, bob)]
    const sends = Array.from({ length: 20 }, (_, n) =>
      api.send(id, `Number ${n}`, { viewer: n % 2 === 0 ? ada : bob, clientId: `n_${n}` }),
    )
    sends.push(...Array.from({ length: 5 }, () => api.send(id, 'Number 0', { clientId: 'n_0' })))
    const answers = await Promise.all(sends)
    expect(new Set(answers.map(({ __typename }) => __typename))).toEqual(new Set(['SendMessageSuccess']))
    const messagesOf = ({ seen }: typeof hers) =>
      seen.flatMap(({ __typename, message }) => (__typename === 'SessionMessageAdded' && message ? [message] : []))
    for (const one of [hers, his]) await eventually(() => expect(messagesOf(one)).toHaveLength(20))
    expect(messagesOf(hers).map(({ position }) => position)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
    expect(messagesOf(his)).toEqual(messagesOf(hers))
    const { messages, statistics } = await api.read(id)
    expect(messages.nodes).toEqual(messagesOf(hers))
    expect(statistics).toEqual({ messageCount: 20, tokenCount: 50 })
    expect(hers.seen.at(-1)?.statistics ?? hers.seen.at(-2)?.statistics).toEqual(statistics)
  })

  test('is refused when it is empty, too long, or different under the same id', async () => {
    const id = await api.create()
    await api.send(id, 'One thing', { clientId: 'same' })
    for (const [text, clientId] of [
      [' ', 'x'],
      ['x'.repeat(10_001), 'x'],
      ['Another thing', 'same'],
      ['Said', ''],
    ] as const)
      expect(await api.send(id, text, { clientId })).toMatchObject({ __typename: 'InvalidInputError' })
    expect((await api.read(id)).messages.nodes).toHaveLength(1)
  })

  test('can be read back page by page', async () => {
    const id = await api.create()
    for (let n = 1; n <= 7; n++) await api.send(id, `m${n}`)
    const page = async (args: string) => {
      const { session }: { session: { messages: { nodes: SeenMessage[]; pageInfo: Record<string, unknown> } } } =
        await api.run(
          `query ($id: ID!) { session(id: $id) { messages(${args}) { nodes { body } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } } }`,
          { id },
          ada,
        )
      return { bodies: session.messages.nodes.map(({ body }) => body).join(' '), ...session.messages.pageInfo }
    }
    const last = await page('last: 3')
    expect(last).toMatchObject({ bodies: 'm5 m6 m7', hasPreviousPage: true, hasNextPage: false })
    expect(await page(`last: 10, before: "${String(Reflect.get(last, 'startCursor'))}"`)).toMatchObject({
      bodies: 'm1 m2 m3 m4',
      hasPreviousPage: false,
      hasNextPage: true,
    })
    const first = await page('first: 2')
    expect(first).toMatchObject({ bodies: 'm1 m2', hasNextPage: true })
    expect(await page(`first: 2, after: "${String(Reflect.get(first, 'endCursor'))}"`)).toMatchObject({
      bodies: 'm3 m4',
    })
  })

  test('resumes after the last received event: each event once', async () => {
    const id = await api.create()
    await api.send(id, 'before')
    const { seen } = await watch(id)
    await api.send(id, 'between')
    await api.send(id, 'after')
    const again = await watch(id, ada, seen[0]?.cursor)
    await eventually(() =>
      expect(again.seen.flatMap(({ message }) => (message ? [message.body] : []))).toEqual(['between', 'after']),
    )
    expect(again.types()).not.toContain('SessionSnapshot')
  })
})

describe('a reply', () => {
  test('follows the message, streams in chunks, and ends in one message with its tokens', async () => {
    const id = await together()
    const { seen } = await watch(id, bob)
    api.replies.script([say('One '), 'wait', say('and '), 'wait', say('two.')])
    const { task, reply } = await api.send(id, 'Count, please', { wantsReply: true })
    expect(reply).toMatchObject({ status: 'WRITING', body: '', position: 2, taskId: task?.id })
    for (const text of ['One ', 'and ']) {
      await eventually(() => expect(seen.some((one) => one.text === text)).toBe(true))
      expect((await api.read(id)).messages.nodes[1]?.body).toMatch(new RegExp(`${text}$`))
      api.replies.release()
    }
    await eventually(() => expect(seen.at(-1)?.__typename).toBe('SessionStatisticsChanged'))
    expect(seen.slice(1).map(({ __typename, message, text }) => [__typename, message?.status ?? text])).toEqual([
      ['SessionMessageAdded', 'SENT'],
      ['SessionMessageAdded', 'WRITING'],
      ['SessionStatisticsChanged', undefined],
      ['SessionReplyAdvanced', 'One '],
      ['SessionReplyAdvanced', 'and '],
      ['SessionReplyAdvanced', 'two.'],
      ['SessionMessageChanged', 'COMPLETED'],
      ['SessionStatisticsChanged', undefined],
    ])
    expect(seen.flatMap(({ offset }) => offset ?? [])).toEqual([0, 4, 8])
    const { messages, statistics } = await api.read(id)
    expect(messages.nodes[1]).toMatchObject({ body: 'One and two.', status: 'COMPLETED', attempt: 1 })
    expect(statistics).toEqual({ messageCount: 2, tokenCount: 4 + 3 })
  })

  test('quotes the cards verbatim, says so, and cites them', async () => {
    api.replies.script(null)
    const id = await api.create()
    const documentId = await api.importText(
      '# Bread\n\nFlour and water make dough.\n\n## Yeast\n\nThe yeast turns sugar into gas. That is why the dough rises.\n',
      ada,
    )
    const add = (input: object, viewer = ada) =>
      api.mutate(
        'result: addContextCard(input: $input) { __typename ... on Error { message } ... on AddContextCardSuccess { card { id kind title } } }',
        '($input: AddContextCardInput!)',
        { input: { sessionId: id, ...input } },
        viewer,
      )
    expect(await add({ clientId: 'd', card: { documentId } })).toMatchObject({
      card: { kind: 'DOCUMENT', title: 'Bread' },
    })
    expect(await add({ clientId: 'n', card: { note: 'Salt keeps *yeast* slow.\nIt really does.' } })).toMatchObject({
      card: { kind: 'NOTE', title: 'Salt keeps *yeast* slow.' },
    })
    await expect(add({ clientId: 'x', card: { note: 'a', documentId } })).rejects.toThrow(
      'Exactly one key must be specified',
    )
    expect(await add({ clientId: 'x', card: { documentId: 'document_0' } })).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect((await api.read(id)).cards).toHaveLength(2)
    await api.send(id, 'Why does the dough rise, does the yeast make gas?', { wantsReply: true })
    await eventually(async () => expect((await api.read(id)).messages.nodes[1]?.status).toBe('COMPLETED'))
    const [, reply] = (await api.read(id)).messages.nodes
    expect(reply?.body).toContain('Quoted word for word')
    expect(reply?.body).toContain('> The yeast turns sugar into gas. That is why the dough rises.')
    expect(reply?.citations[0]).toEqual({
      cardTitle: 'Bread',
      sectionKey: expect.any(String),
      heading: 'Yeast',
      page: null,
      quotation: 'The yeast turns sugar into gas. That is why the dough rises.',
    })
    await api.send(id, 'Who won the cup in 1974?', { wantsReply: true })
    await eventually(async () => expect((await api.read(id)).messages.nodes[3]?.status).toBe('COMPLETED'))
    expect((await api.read(id)).messages.nodes[3]).toMatchObject({
      body: expect.stringContaining('say nothing about that'),
      citations: [],
    })
  })

  test('quotes a document shared with the user that added its card only while it is shared', async () => {
    api.replies.script(null)
    const id = await together()
    const documentId = await api.importText('# Bread\n\nThe yeast turns sugar into gas.\n', ada)
    await api.services.documents.share(documentId, 'bob')
    const added = await api.mutate(
      'result: addContextCard(input: $input) { __typename }',
      '($input: AddContextCardInput!)',
      { input: { sessionId: id, clientId: 'shared', card: { documentId } } },
      bob,
    )
    expect(added.__typename).toBe('AddContextCardSuccess')
    const ask = async () => {
      const { reply } = await api.send(id, 'What does the yeast turn sugar into?', { viewer: bob, wantsReply: true })
      const find = async () => (await api.read(id)).messages.nodes.find((one) => one.id === reply?.id)
      await eventually(async () => expect((await find())?.status).toBe('COMPLETED'))
      return (await find())?.citations.map(({ quotation }) => quotation)
    }
    expect(await ask()).toEqual(['The yeast turns sugar into gas.'])
    await api.services.documents.revoke(documentId, 'bob')
    expect(await ask()).toEqual([])
  })

  test('can be stopped by every participant, and by no other user; the written text remains', async () => {
    const id = await together()
    api.replies.script([say('Half of '), 'wait', say('it')])
    const { task } = await api.send(id, 'All of it', { wantsReply: true })
    await eventually(async () => expect((await api.read(id)).messages.nodes[1]?.body).toBe('Half of '))
    const stop = (viewer: Viewer) =>
      api.mutate('result: cancelTask(input: { taskId: $id }) { __typename }', '($id: ID!)', { id: task?.id }, viewer)
    expect(await stop(eve)).toMatchObject({ __typename: 'NotFoundError' })
    expect(await stop(bob)).toMatchObject({ __typename: 'CancelTaskSuccess' })
    expect((await api.read(id)).messages.nodes[1]).toMatchObject({ status: 'STOPPED', body: 'Half of ' })
    // The author of the request may have it written again, in its position.
    api.replies.script([say('All of it')])
    await api.mutate('result: retryTask(input: { taskId: $id }) { __typename }', '($id: ID!)', { id: task?.id })
    await eventually(async () =>
      expect((await api.read(id)).messages.nodes[1]).toMatchObject({
        status: 'COMPLETED',
        body: 'All of it',
        position: 2,
      }),
    )
  })

  test('restarts after an attempt with a transient failure, visibly to all', async () => {
    const id = await api.create()
    const { seen } = await watch(id)
    const busy = new ContentError('PROVIDER_BUSY', 'Busy.', { retryable: true, advice: 'Wait.', retryAfterMs: 10 })
    api.replies.script([say('Half of '), busy])
    await api.send(id, 'All of it', { wantsReply: true })
    await eventually(() => expect(seen.some(({ text }) => text === 'Half of ')).toBe(true))
    api.replies.script([say('All of it')])
    await eventually(() => expect(seen.at(-2)?.message?.status).toBe('COMPLETED'))
    expect(
      seen
        .slice(4)
        .map(({ __typename, message, text, attempt }) => [
          __typename,
          message?.body ?? text,
          attempt ?? message?.attempt,
        ]),
    ).toEqual([
      ['SessionReplyAdvanced', 'Half of ', 1],
      ['SessionMessageChanged', '', 2],
      ['SessionReplyAdvanced', 'All of it', 2],
      ['SessionMessageChanged', 'All of it', 2],
      ['SessionStatisticsChanged', undefined, undefined],
    ])
  })

  test('reports why it failed', async () => {
    const id = await api.create()
    api.replies.script([say('Half'), new Error('the secret is 42')])
    await api.send(id, 'Go on', { wantsReply: true })
    await eventually(async () =>
      expect((await api.read(id)).messages.nodes[1]).toMatchObject({ status: 'FAILED', error: { code: 'INTERNAL' } }),
    )
    expect((await api.read(id)).messages.nodes[1]?.body).toBe('Half')
  })
})

describe('a closed session', () => {
  test('stops its replies, notifies all, ends their streams, and accepts nothing more', async () => {
    const id = await together()
    const his = await watch(id, bob)
    api.replies.script([say('Well'), 'wait'])
    await api.send(id, 'Say on', { wantsReply: true })
    await eventually(async () => expect((await api.read(id)).messages.nodes[1]?.body).toBe('Well'))
    const close = (viewer: Viewer) =>
      api.mutate(
        'result: closeSession(input: { sessionId: $id }) { __typename ... on Error { message } }',
        '($id: ID!)',
        { id },
        viewer,
      )
    expect(await close(bob)).toMatchObject({ __typename: 'ConflictError' })
    expect(await close(ada)).toMatchObject({ __typename: 'CloseSessionSuccess' })
    expect(await close(ada)).toMatchObject({ __typename: 'CloseSessionSuccess' })
    await his.done
    expect(his.types().slice(-3)).toEqual(['SessionMessageChanged', 'SessionStatisticsChanged', 'SessionClosed'])
    expect(await api.send(id, 'Still there?')).toMatchObject({ __typename: 'ConflictError' })
    expect((await api.read(id, bob)).closedAt).not.toBeNull()
    const after = await watch(id, bob)
    await after.done
    expect(after.types()).toEqual(['SessionSnapshot'])
  })
})
