import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { convertApart } from '../../../src/studio/documents/convert/converter.ts'
import { readDocument } from '../../../src/studio/quizzes/material.ts'
import { taskTopic } from '../../../src/tasks/model/task.ts'
import { articlePage } from '../../fixtures/documents/article.ts'
import { makeSamples } from '../../fixtures/documents/make.ts'
import { openStream, resultOf } from '../../server/sse/sse.ts'
import { signToken } from '../../server/support.ts'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'
import { serveApi } from '../../support/serve-api.ts'

const ada = viewerOf('ada')
const bob = viewerOf('bob')
const text = `# Bread

Flour and water make dough; the baker kneads it.

## Yeast

The yeast turns sugar into gas. See [the oven](https://example.org/oven).

## Baking

Bake at 250 degrees. Never open the oven door early, _bakers_ say.
`
const documentQuery = `query ($id: ID!) { document(id: $id) { id title status format owner pageCount
  pages { number label sectionKey offset } sections { key page } sharedWith { userId } activeTask { id } } }`
const searchQuery = `query ($query: String!, $first: Int, $documentId: ID) {
  searchDocuments(query: $query, first: $first, documentId: $documentId) {
    document { title } sectionKey section { heading } page snippet { text isMatch } } }`
const share = `mutation ($id: ID!, $userId: ID!) { result: shareDocument(input: { documentId: $id, userId: $userId }) { __typename
  ... on ShareDocumentSuccess { document { sharedWith { userId } } } ... on InvalidInputError { issues { path } } } }`
const revoke = `mutation ($id: ID!, $userId: ID!) { result: revokeDocument(input: { documentId: $id, userId: $userId }) { __typename
  ... on RevokeDocumentSuccess { document { sharedWith { userId } } } } }`
const remove = `mutation ($id: ID!) { result: deleteDocument(input: { documentId: $id }) { __typename
  ... on DeleteDocumentSuccess { id canceledTaskIds } } }`
const watch = `subscription ($id: ID!) { taskProgress(taskId: $id) { __typename status ... on TaskCanceled { cancelReason } } }`

interface Match {
  readonly document: { readonly title: string }
  readonly sectionKey: string
  readonly section: { readonly heading: string }
  readonly page: number | null
  readonly snippet: readonly { readonly text: string; readonly isMatch: boolean }[]
}

let api: ApiFixture
beforeAll(async () => {
  api = await startApi({}, [], convertApart)
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})
const importBytes = async (name: string, owner = 'ada'): Promise<string> => {
  const bytes = makeSamples().find((sample) => sample.name === name)?.bytes
  if (bytes === undefined) throw new Error(`There is no sample "${name}"`)
  const { document, task } = await api.services.documents.import({ owner, name, bytes })
  await api.history(task)
  return document.id
}

describe('a document', () => {
  it('is shown and found as a whole, and quizzes and roadmaps are made from its main content', async () => {
    const { document, task } = await api.services.documents.import({
      owner: 'ada',
      name: 'tides.html',
      bytes: Buffer.from(articlePage),
    })
    await api.history(task)
    const shown = await api.services.documents.sections(document.id)
    expect(shown.map(({ body }) => body).join('\n')).toContain('Terms of Use')
    const { searchDocuments }: { searchDocuments: Match[] } = await api.run(searchQuery, { query: 'Marsh' }, ada)
    expect(searchDocuments.map(({ section }) => section.heading)).toEqual(['References'])

    const { sections } = await readDocument(api.engine.database, document.id)
    const {
      createRoadmap,
    }: {
      createRoadmap: { task: { id: string; kind: string }; roadmap: { id: string } }
    } = await api.run(
      `mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) {
        ... on CreateRoadmapSuccess { task { id kind } roadmap { id } } } }`,
      { id: document.id },
      ada,
    )
    await api.history(createRoadmap.task)
    const { rows } = await api.engine.database.pool.query<{ heading: string; body: string; links: { text: string }[] }>(
      'select title as heading, source as body, links from studio.concept where roadmap_id = $1 order by position',
      [createRoadmap.roadmap.id],
    )
    for (const parts of [sections, rows]) {
      expect(parts.map(({ heading }) => heading)).toEqual(['The tides of the North Sea', 'Springs and neaps'])
      const text = parts.map(({ body }) => body).join('\n')
      expect(text).toMatch(/one long wave[\s\S]*water that stayed/)
      expect(text).not.toMatch(/Shop|Winds|edit|Share|Marsh|Terms/)
    }
    expect(rows.flatMap(({ links }) => links.map(({ text }) => text))).toEqual(['Tables'])
  })

  it('returns its format and the offsets of its pages', async () => {
    const id = await importBytes('bread.pdf')
    const { document }: { document: unknown } = await api.run(documentQuery, { id }, ada)
    expect(document).toMatchObject({
      format: 'PDF',
      pageCount: 4,
      pages: [
        { number: 1, label: '1', sectionKey: 'baking', offset: 0 },
        { number: 2 },
        { number: 3, sectionKey: 'storing', offset: 0 },
        { number: 4 },
      ],
      sections: [
        { key: 'baking', page: 1 },
        { key: 'storing', page: 3 },
      ],
    })
  })
})

describe('searchDocuments', () => {
  const carol = viewerOf('carol')
  const search = async (query: string, variables: Record<string, unknown> = {}, viewer = carol): Promise<Match[]> => {
    const data: { searchDocuments: Match[] } = await api.run(searchQuery, { query, ...variables }, viewer)
    return data.searchDocuments
  }
  let id = ''
  beforeAll(async () => {
    id = await api.importText(text, carol)
    await importBytes('bread.pdf', 'carol')
    await api.importText('# Secret\n\nAnother baker kneads sugar and yeast.', viewerOf('dan'))
  })

  it('finds words in any form, with the section, the page and marks in the snippet', async () => {
    const matches = await search('baker kneading')
    expect(matches).toHaveLength(1)
    expect(matches[0]).toMatchObject({
      document: { title: 'Bread' },
      sectionKey: 'bread',
      section: { heading: 'Bread' },
    })
    expect(matches[0]?.snippet).toEqual([
      { text: 'Flour and water make dough; the ', isMatch: false },
      { text: 'baker', isMatch: true },
      { text: ' ', isMatch: false },
      { text: 'kneads', isMatch: true },
    ])
    const [paged] = await search('"page 4 tells"')
    expect(paged).toMatchObject({ document: { title: 'The Bread Book' }, page: 4, section: { heading: 'Storing' } })
  })

  it('supports phrases, exclusion, alternatives and an unfinished last word', async () => {
    expect(await search('"oven door"')).toHaveLength(1)
    expect(await search('"door oven"')).toHaveLength(0)
    expect((await search('oven -door')).map(({ sectionKey }) => sectionKey)).toEqual(['yeast'])
    expect((await search('kneads or 250')).map(({ sectionKey }) => sectionKey).sort()).toEqual(['baking', 'bread'])
    expect((await search('degr')).map(({ sectionKey }) => sectionKey)).toEqual(['baking'])
  })

  it('ignores case and accents, and shows the text as it is written', async () => {
    await api.importText('# Ответы\n\nОтчёт готов. Das Café an der Straße, au café.\n', carol)
    const expectMatches = async (): Promise<void> => {
      for (const [query, shown] of [
        ['отчет', 'Отчёт'],
        ['ОТЧЁТ', 'Отчёт'],
        ['cafe', 'Café'],
        ['STRASSE', 'Straße'],
        ['straß', 'Straße'],
      ] as const) {
        const [match] = await search(query)
        expect([query, match?.snippet.find(({ isMatch }) => isMatch)?.text]).toEqual([query, shown])
      }
      expect(await search('ответы')).toHaveLength(1)
    }
    await expectMatches()
  })

  it('finds parts of words in scripts without spaces, and marks them', async () => {
    await api.importText('# 報告\n\n川の水位は東京で上がりました。 강물의 수위가 올랐습니다. The API is new.\n', carol)
    for (const [query, shown] of [
      ['水位', '水位'],
      ['上がり 東京', '東京'],
      ['수위', '수위'],
      ['api 東京', '東京'],
    ] as const) {
      const [match] = await search(query)
      expect([query, match?.snippet.find(({ isMatch }) => isMatch)?.text]).toEqual([query, shown])
    }
    expect(await search('水位 大阪')).toEqual([])
    for (const query of [
      '東京 -大阪',
      '東京 or 大阪',
      '大阪 OR 東京',
      '"川の水位" -大阪',
      '東京 -api or 수위',
      'new -大阪',
    ])
      expect([query, await search(query)]).toEqual([query, [expect.anything()]])
    for (const query of [
      '東京 -水位',
      '東京 -api',
      '大阪 or 京都',
      '大阪 or 水位 -上がり',
      '東京 -"API is"',
      'new -東京',
    ])
      expect([query, await search(query)]).toEqual([query, []])
  })

  it('shows no markup and matches no addresses', async () => {
    expect(await search('example.org')).toEqual([])
    const [match] = await search('bakers say')
    expect(match?.snippet.map((part) => part.text).join('')).not.toMatch(/[_[\]]/)
  })

  it('finds nothing of other users, and at most as much as requested', async () => {
    expect(await search('secret')).toEqual([])
    expect(await search('the', { first: 1 })).toHaveLength(1)
    expect(await search('yeast', { documentId: id })).toHaveLength(1)
  })

  it('accepts any input', async () => {
    for (const query of [
      '',
      '   ',
      '"',
      "'",
      '\\',
      ':*',
      '& | !',
      '- -',
      'a\0b',
      '\ud800',
      '%',
      '()',
      'x'.repeat(10_000),
    ])
      expect(await search(query)).toBeInstanceOf(Array)
  })

  it('finds text in scripts that are written without spaces', async () => {
    await api.importText('# パン\n\n小麦粉と水で生地を作る。', carol)
    expect(await search('生地')).toHaveLength(1)
  })
})

describe('deleteDocument', () => {
  it('deletes the file, its text and its search index', async () => {
    const id = await api.importText('# Gone\n\nUnfindable zymurgy.', ada)
    expect(await api.run(remove, { id }, ada)).toEqual({
      result: { __typename: 'DeleteDocumentSuccess', id, canceledTaskIds: [] },
    })
    expect(await api.run(documentQuery, { id }, ada)).toEqual({ document: null })
    expect(await api.run(searchQuery, { query: 'zymurgy' }, ada)).toEqual({ searchDocuments: [] })
    const { rows } = await api.database.pool.query(
      `select (select count(*) from studio.document where id = $1) + (select count(*) from studio.section where document_id = $1)
        + (select count(*) from studio.passage where document_id = $1) + (select count(*) from studio.document_share where document_id = $1) as left`,
      [id],
    )
    expect(Number(rows[0].left)).toBe(0)
    expect(await api.run(remove, { id }, ada)).toMatchObject({ result: { __typename: 'NotFoundError' } })
  })

  it('is for its owner only', async () => {
    const id = await api.importText(text, ada)
    await api.run(share, { id, userId: 'bob' }, ada)
    for (const mutation of [remove, share, revoke])
      expect(await api.run(mutation, { id, userId: 'eve' }, bob)).toMatchObject({
        result: { __typename: 'NotFoundError' },
      })
  })
})

describe('sharing', () => {
  it('lets another user read the document and see its tasks, but change neither', async () => {
    const { document, task } = await api.services.documents.import({
      owner: 'ada',
      name: 'a.md',
      bytes: Buffer.from(text),
    })
    await api.history(task)
    const { id } = document
    const seen = async (): Promise<boolean[]> => {
      const data: Record<string, unknown> & { documents: { edges: { node: { id: string } }[] }; searchDocuments: [] } =
        await api.run(
          `query ($id: ID!, $taskId: ID!) { document(id: $id) { id } node(id: $id) { id } task(id: $taskId) { id }
            documents { edges { node { id } } } searchDocuments(query: "dough", documentId: $id) { sectionKey } }`,
          { id, taskId: task.id },
          bob,
        )
      const { document, node, task: found, documents, searchDocuments } = data
      const isListed = documents.edges.some((edge) => edge.node.id === id)
      return [document !== null, node !== null, found !== null, isListed, searchDocuments.length > 0]
    }
    expect(await seen()).toEqual([false, false, false, false, false])
    expect(await api.run(share, { id, userId: 'bob' }, ada)).toEqual({
      result: { __typename: 'ShareDocumentSuccess', document: { sharedWith: [{ userId: 'bob' }] } },
    })
    await api.run(share, { id, userId: 'bob' }, ada)
    expect(await seen()).toEqual([true, true, true, true, true])
    const { errors } = await api.execute(
      'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }',
      { id: task.id },
      bob,
    )
    expect(errors?.[0]?.message).toContain('only its owner')
    expect(await api.run(revoke, { id, userId: 'bob' }, ada)).toEqual({
      result: { __typename: 'RevokeDocumentSuccess', document: { sharedWith: [] } },
    })
    expect(await seen()).toEqual([false, false, false, false, false])
  })

  it('shows the input of a conversion to the owner only, also live, and lists tasks by kind', async () => {
    const id = await api.importText(text, ada)
    await api.run(share, { id, userId: 'bob' }, ada)
    const list = 'query ($kind: [TaskKind!]) { tasks(kind: $kind, first: 1) { nodes { id kind input } } }'
    const { tasks }: { tasks: { nodes: { id: string; input: unknown }[] } } = await api.run(
      list,
      { kind: ['CREATE_ROADMAP', 'CONVERT_DOCUMENT'] },
      ada,
    )
    const [task] = tasks.nodes
    expect(task).toMatchObject({ kind: 'CONVERT_DOCUMENT', input: { documentId: id } })
    expect(await api.run(list, { kind: ['REPLY'] }, ada)).toEqual({ tasks: { nodes: [] } })
    const one = 'query ($id: ID!) { task(id: $id) { id input } }'
    expect(await api.run(one, { id: task?.id }, bob)).toEqual({ task: { id: task?.id, input: null } })
    const live = 'subscription ($id: ID!) { taskProgress(taskId: $id) { ... on TaskSnapshot { task { input } } } }'
    for (const [viewer, input] of [
      [ada, { documentId: id }],
      [bob, null],
    ] as const)
      expect((await api.watch(live, { id: task?.id }, { viewer }).next()).value).toMatchObject({
        taskProgress: { task: { input } },
      })
  })

  it('refuses an invalid user id', async () => {
    const id = await api.importText(text, ada)
    for (const userId of ['', 'ada', 'x'.repeat(300), 'a\0'])
      expect(await api.run(share, { id, userId }, ada)).toEqual({
        result: { __typename: 'InvalidInputError', issues: [{ path: 'input.userId' }] },
      })
  })
})

describe('documentUpdates', () => {
  const updates = `subscription ($id: ID!) { documentUpdates(documentId: $id) { seq change } }`
  interface Update {
    readonly documentUpdates: { readonly seq: number; readonly change: string }
  }

  it('reports sharing and deletion, ends at once for a user with a revoked share, and shows nothing to others', async () => {
    const id = await api.importText('# Shared\n\nSome text.', ada)
    await api.run(share, { id, userId: 'bob' }, ada)
    const owner: string[] = []
    const watching = (async () => {
      for await (const { documentUpdates } of api.watch(updates, { id }, { viewer: ada }) as AsyncGenerator<Update>)
        owner.push(`${documentUpdates.seq} ${documentUpdates.change}`)
    })()
    const reader = api.watch(updates, { id }, { viewer: bob }) as AsyncGenerator<Update>
    expect(await reader.next()).toMatchObject({ value: { documentUpdates: { seq: 1, change: 'CURRENT' } } })
    await vi.waitFor(() => expect(owner).toEqual(['1 CURRENT']))
    await expect(api.watch(updates, { id }, { viewer: viewerOf('eve') }).next()).rejects.toThrow('There is no document')

    await api.run(share, { id, userId: 'bob' }, ada)
    await api.run(share, { id, userId: 'carol' }, ada)
    expect(await reader.next()).toMatchObject({ value: { documentUpdates: { seq: 2, change: 'SHARED' } } })
    const next = expect(
      (async () => {
        for (;;) await reader.next()
      })(),
    ).rejects.toThrow('no longer shared with you')
    await api.run(revoke, { id, userId: 'bob' }, ada)
    await next
    await api.run(revoke, { id, userId: 'bob' }, ada)
    await api.run(remove, { id }, ada)
    await watching
    expect(owner).toEqual(['1 CURRENT', '2 SHARED', '3 REVOKED', '4 DELETED'])
  })
})

describe('a subscription to shared content', () => {
  it('ends at once when the share is revoked, for that user only, over any transport', async () => {
    // Without a worker the conversion waits forever.
    await using waiting = await startApi({ ROLE: 'server', CHECK_MS: 60_000 })
    const { services } = waiting
    await using served = await serveApi(waiting)
    const { document, task } = await services.documents.import({ owner: 'ada', name: 'a.md', bytes: Buffer.from(text) })
    const { id } = document
    await services.documents.share(id, 'bob')
    await services.documents.share(id, 'carol')
    const ends: Record<string, unknown> = {}
    const events: Record<string, unknown[]> = { ada: [], bob: [], carol: [], 'bob by itself': [] }
    const clients = await Promise.all(
      ['ada', 'bob', 'carol'].map(async (userId) => {
        const client = await served.connect(userId)
        client.subscribe(
          { query: watch, variables: { id: task.id } },
          {
            next: ({ data }) => events[userId]?.push(data?.['taskProgress']),
            error: (error) => {
              ends[userId] = (error as { extensions: { code: string } }[])[0]?.extensions.code
            },
            complete: () => {
              ends[userId] ??= 'completed'
            },
          },
        )
        return client
      }),
    )
    const alone = (async () => {
      for await (const data of waiting.watch(watch, { id: task.id }, { viewer: bob }))
        events['bob by itself']?.push(data)
    })()
    alone.catch((error: Error) => {
      ends['bob by itself'] = error.message
    })
    // `quizzes` is a viewer-dependent field, so it is executed for him separately.
    const own = `subscription ($id: ID!) { taskProgress(taskId: $id) { __typename
      ... on TaskCompleted { result { ... on DocumentConverted { document { quizzes { id } } } } } } }`
    await using stream = await openStream(served.server.url, own, {
      variables: { id: task.id },
      headers: { authorization: `Bearer ${await signToken({ sub: 'bob' })}` },
    })
    expect(resultOf(await stream.next()).data).toEqual({ taskProgress: { __typename: 'TaskSnapshot' } })
    await vi.waitFor(() => {
      for (const seen of Object.values(events)) expect(seen.length).toBeGreaterThan(0)
    })
    expect(waiting.engine.visibility.size).toBe(4)
    const present = () => waiting.engine.presence.of(taskTopic(task.id))
    await vi.waitFor(async () => expect(await present()).toEqual(['ada', 'bob', 'carol']))
    await services.documents.revoke(id, 'bob')
    await vi.waitFor(() =>
      expect(ends).toEqual({ bob: 'FORBIDDEN', 'bob by itself': expect.stringContaining('no longer shared') }),
    )
    expect(waiting.engine.visibility.size).toBe(1)
    const rest = (await stream.rest()).filter((one) => 'event' in one && !one.data.startsWith('{"data":{'))
    expect(rest).toEqual([
      { event: 'next', data: expect.stringContaining('FORBIDDEN') },
      { event: 'complete', data: '' },
    ])
    await vi.waitFor(async () => expect(await present()).toEqual(['ada', 'carol']))

    await waiting.run(remove, { id }, ada)
    await vi.waitFor(() => expect(ends).toMatchObject({ ada: 'completed', bob: 'FORBIDDEN', carol: 'completed' }))
    for (const userId of ['ada', 'carol'])
      expect(events[userId]?.at(-1)).toMatchObject({
        __typename: 'TaskCanceled',
        cancelReason: 'The document was deleted.',
      })
    await vi.waitFor(() => expect(waiting.engine.visibility.size).toBe(0))
    for (const client of clients) await client.dispose()
  })
})
