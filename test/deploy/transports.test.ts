import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Cluster, logOf, startCluster, startSelfTest, watchWhole } from '../chaos/servers.ts'
import { openStream, resultOf } from '../server/sse/sse.ts'
import { startNginx, type TestNginx } from '../support/nginx.ts'
import { findFreePort } from '../support/port.ts'

const watch =
  'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { __typename seq cursor status } }'

let cluster: Cluster
let nginx: TestNginx
beforeAll(async () => {
  // Its address is among the settings of the servers, so it starts before them.
  nginx = await startNginx([await findFreePort()])
  cluster = await startCluster(2, {
    TRUST_PROXY: 'true',
    MAX_STARTS_PER_MINUTE: '1000',
    STUDIO_URL: nginx.url,
    PREVIEW_URL: nginx.previewUrl,
  })
  const [ports, previewPorts] = [cluster.nodes.map(({ port }) => port), cluster.nodes.map((one) => one.previewPort)]
  await nginx.setServers(ports, { previewPorts })
  await vi.waitFor(async () => expect((await fetch(`${nginx.url}/health/ready`)).status).toBe(200))
})
afterAll(async () => {
  await nginx?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
})

/** Queries one of the servers over nginx. */
async function query<T>(text: string, variables: object = {}): Promise<T> {
  const response = await fetch(`${nginx.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  })
  return ((await response.json()) as { data: T }).data
}
const statusOf = async (id: string) =>
  (await query<{ task: { status: string } }>('query ($id: ID!) { task(id: $id) { status } }', { id })).task.status

const untilCompleted = (id: string) =>
  vi.waitFor(async () => expect(await statusOf(id)).toBe('COMPLETED'), { interval: 100 })

describe('two servers behind nginx', () => {
  test.each(['websocket', 'sse', 'polling'] as const)(
    'deliver the whole log to a client over %s, in order, each event once',
    async (transport) => {
      const client = cluster.clientAt(nginx.url, [transport])
      const id = await startSelfTest(client, { items: 20, everyMs: 30, textLength: 40 })
      // Three, so that some are on the server that does not run the task.
      const sights = [client, ...[1, 2].map(() => cluster.clientAt(nginx.url, [transport]))].map((one) =>
        watchWhole(one, id),
      )
      const logs = await Promise.all(sights.map(async ({ whole }) => logOf(await whole)))
      const seqs = logs[0]?.map((line) => Number.parseInt(line, 10)) ?? []
      expect(seqs).toEqual(seqs.map((_, index) => index + 1))
      expect(logs[0]?.at(-1)).toContain('TaskCompleted')
      for (const log of logs) expect(log).toEqual(logs[0])
      // A socket is logged when it has ended.
      await vi.waitFor(async () => {
        const log = await nginx.readLog()
        for (const { port } of cluster.nodes) expect(log).toContain(`"127.0.0.1:${port}"`)
      })
    },
  )

  test('deliver an event of an open stream at once, uncompressed', async () => {
    const client = cluster.clientAt(nginx.url)
    const id = await startSelfTest(client, { items: 3, everyMs: 5_000 })
    await using stream = await openStream(nginx.url, watch, {
      variables: { id },
      headers: { 'accept-encoding': 'gzip' },
    })
    expect(stream.response.headers.get('content-type')).toContain('text/event-stream')
    expect(stream.response.headers.get('content-encoding')).toBeNull()
    expect(resultOf(await stream.next()).data?.['taskProgress']).toHaveProperty('seq')
    expect(['QUEUED', 'RUNNING']).toContain(await statusOf(id))
    await query('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', { id })
    const rest = await stream.rest()
    expect(rest.at(-1)).toEqual({ event: 'complete', data: '' })
    expect(rest.some((event) => 'data' in event && event.data.includes('TaskCanceled'))).toBe(true)
  })

  test('accept a document of some MB, readable on any of the servers', async () => {
    const chapter = (number: number) =>
      `# Chapter ${number}\n\n${`Sentence ${number} of many words. `.repeat(1_400)}\n\n`
    const text = Array.from({ length: 100 }, (_, index) => chapter(index + 1)).join('')
    expect(text.length).toBeGreaterThan(3_000_000)
    const form = new FormData()
    const document =
      'mutation ($file: Upload!) { importDocument(input: { source: { file: $file } }) { __typename ... on ImportDocumentSuccess { document { id } task { id } } ... on InvalidInputError { message } } }'
    form.append('operations', JSON.stringify({ query: document, variables: { file: null } }))
    form.append('map', JSON.stringify({ 0: ['variables.file'] }))
    form.append('0', new File([text], 'long.md', { type: 'text/markdown' }))
    const response = await fetch(`${nginx.url}/graphql`, { method: 'POST', body: form })
    const { data } = (await response.json()) as { data: { importDocument: { document: { id: string } } } }
    const { id } = data.importDocument.document
    await vi.waitFor(
      async () => {
        const found = await query<{ document: { status: string; sizeBytes: number; sections: { heading: string }[] } }>(
          'query ($id: ID!) { document(id: $id) { status sizeBytes sections { heading } } }',
          { id },
        )
        expect(found.document.status).toBe('READY')
        expect(found.document.sizeBytes).toBe(text.length)
        expect(found.document.sections.at(-1)?.heading).toBe('Chapter 100')
      },
      { interval: 200 },
    )
  })

  test('refuse oversized requests with the error of the server', async () => {
    const response = await fetch(`${nginx.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `# ${'x'.repeat(2_000_000)}\n{ __typename }` }),
    })
    expect(response.status).toBe(413)
    expect(await response.text()).toContain('REQUEST_TOO_LARGE')
  })

  test('serve the complete pages: the Studio, GraphiQL and its nine megabytes', async () => {
    const studio = await fetch(nginx.url, { headers: { 'accept-encoding': 'br' } })
    expect(studio.headers.get('content-encoding')).toBe('br')
    const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(await studio.text()) ?? []
    const asset = await fetch(`${nginx.url}${script}`)
    expect(asset.headers.get('cache-control')).toContain('immutable')
    await asset.arrayBuffer()
    const graphiql = await fetch(`${nginx.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(await graphiql.text()).toContain('/graphql/assets/graphiql.js')
    const [direct, proxied] = await Promise.all(
      [cluster.nodes[0]?.url, nginx.url].map(async (url) =>
        (await fetch(`${url}/graphql/assets/graphiql.js`)).arrayBuffer(),
      ),
    )
    expect(proxied?.byteLength).toBeGreaterThan(1_000_000)
    expect(proxied?.byteLength).toBe(direct?.byteLength)
  })

  test('serve a preview from any of them, at a separate origin that only the Studio may frame', async () => {
    const { importDocument } = await query<{ importDocument: { document: { id: string }; task: { id: string } } }>(
      `mutation { importDocument(input: { source: { text: "# Owls\\n\\nOwls fly at night." }, name: "owls.md" }) {
        ... on ImportDocumentSuccess { document { id } task { id } } } }`,
    )
    await untilCompleted(importDocument.task.id)
    const { generateProject } = await query<{ generateProject: { project: { id: string }; task: { id: string } } }>(
      `mutation ($id: ID!) { generateProject(input: { prompt: "To read", template: READING_PAGE, documentId: $id }) {
        ... on GenerateProjectSuccess { project { id } task { id } } } }`,
      { id: importDocument.document.id },
    )
    const { id } = generateProject.project
    await untilCompleted(generateProject.task.id)
    await query('mutation ($id: ID!) { startPreview(input: { projectId: $id }) { __typename } }', { id })
    const { address } = await vi.waitFor(async () => {
      const found = await query<{ project: { preview: { status: string; address: string } } }>(
        'query ($id: ID!) { project(id: $id) { preview { status address } } }',
        { id },
      )
      expect(found.project.preview.status).toBe('READY')
      return found.project.preview
    })
    expect(address.startsWith(`${nginx.previewUrl}/`)).toBe(true)
    // Repeated until each of the servers has been queried.
    for (let times = 0; times < 4; times++) {
      const page = await fetch(address)
      expect(await page.text()).toContain('<!doctype html>')
      expect(page.headers.get('content-security-policy')).toContain(`frame-ancestors ${nginx.url}`)
    }
    const log = await nginx.readLog()
    for (const { previewPort } of cluster.nodes) expect(log).toContain(`"127.0.0.1:${previewPort}"`)
  })

  test('do not expose metrics, which only this machine may read', async () => {
    expect((await fetch(`${cluster.nodes[0]?.url}/metrics`)).status).toBe(200)
    expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404)
    expect((await fetch(`${nginx.url}/health/ready`)).status).toBe(200)
  })
})
