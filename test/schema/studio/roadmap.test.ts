import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'

const text = `# Bread

## Dough

### Flour

A dough needs flour, water, salt and time. Flour gives structure, because gluten forms when water reaches its proteins.

### Salt

Salt slows the yeast down and keeps the crumb tight. Too much of it stops the yeast altogether.

## Baking

### Heat

A hot oven makes the loaf rise once more. Steam keeps the crust soft until the loaf has reached its volume.
`
interface Piece {
  status: string
  body: string | null
  error: { code: string; advice: string } | null
}
interface ConceptData {
  id: string
  title: string
  tutorial: Piece
  resources: Piece
  quiz: Piece
}
interface RoadmapData {
  roadmap: {
    title: string
    activeTask: { id: string; status: string; items: { key: string; status: string }[] } | null
    stages: { id: string; title: string; modules: { id: string; concepts: ConceptData[] }[] }[]
  }
}
const roadmapQuery = `query ($id: ID!) { roadmap(id: $id) { title
  activeTask { id status items { key status } }
  stages { id title modules { id concepts { id title
    tutorial { ...P } resources { ...P } quiz { ...P } } } } } }
  fragment P on Content { status body error { code advice } }`
const retryMutation = `mutation ($conceptId: ID!, $piece: ContentPiece!, $key: String) {
  result: retryContent(input: { conceptId: $conceptId, piece: $piece, idempotencyKey: $key }) { __typename
    ... on RetryContentSuccess { task { id status items { key label status } } concept { quiz { status body } } }
    ... on ConflictError { message runningTask { id kind } }
    ... on InvalidInputError { message issues { path } }
    ... on RateLimitedError { retryAfterMs }
    ... on Error { message } } }`
const watchDocument = `subscription ($id: ID!, $after: Cursor, $fromStart: Boolean) {
  taskProgress(taskId: $id, after: $after, fromStart: $fromStart) { __typename seq cursor status
    progress { percent completedItems failedItems totalItems }
    ... on TaskSnapshot { reason task { id items { key status } } }
    ... on TaskItemStarted { item { key } } ... on TaskItemCompleted { item { key status } } ... on TaskItemFailed { item { key error { code } } }
    ... on TaskOutput { stream offset text }
    ... on TaskFailed { failure: error { code advice } }
    ... on TaskCompleted { result { __typename ... on RoadmapCreated { roadmap { id } conceptCount failedCount } ... on ContentRetried { piece concept { quiz { status } } } ... on FailedContentRetried { completedCount } } } } }`
interface EventData {
  taskProgress: {
    __typename: string
    seq: number
    cursor: string
    status: string
    item?: { key: string }
    [key: string]: unknown
  }
}

let api: ApiFixture
beforeAll(async () => {
  api = await startApi()
})
afterEach(() => {
  // Also after a failed test: waiting requests would hold up the tasks of all later tests.
  api.provider.script = () => 'text'
  api.provider.release()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const read = async (id: string): Promise<RoadmapData['roadmap']> => {
  const data: RoadmapData = await api.run(roadmapQuery, { id })
  return data.roadmap
}
const conceptsOf = (roadmap: RoadmapData['roadmap']): ConceptData[] =>
  roadmap.stages.flatMap(({ modules }) => modules.flatMap(({ concepts }) => concepts))
const watchAll = async (id: string, variables: Record<string, unknown> = {}): Promise<EventData['taskProgress'][]> => {
  const events: EventData['taskProgress'][] = []
  for await (const data of api.watch(watchDocument, { id, ...variables })) events.push((data as EventData).taskProgress)
  return events
}
const firstConcept = async (roadmapId: string): Promise<ConceptData> => {
  const [concept] = conceptsOf(await read(roadmapId))
  if (concept === undefined) throw new Error('The roadmap has no concept')
  return concept
}

describe('createRoadmap', () => {
  it('creates stages, modules and concepts of a document and generates every piece, as one task', async () => {
    const { roadmapId, taskId } = await api.makeRoadmap(text)
    const roadmap = await read(roadmapId)
    expect(roadmap.title).toBe('Bread')
    expect(roadmap.activeTask).toBeNull()
    const concepts = conceptsOf(roadmap)
    expect(concepts.length).toBeGreaterThan(1)
    for (const { tutorial, resources, quiz } of concepts)
      for (const piece of [tutorial, resources, quiz]) expect(piece).toMatchObject({ status: 'COMPLETED', error: null })
    const events = await watchAll(taskId, { fromStart: true })
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.filter(({ __typename }) => __typename === 'TaskItemCompleted')).toHaveLength(concepts.length * 3)
    expect(events.filter(({ __typename }) => __typename === 'TaskBatchCompleted')).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({
      __typename: 'TaskCompleted',
      status: 'COMPLETED',
      progress: { percent: 100, completedItems: concepts.length * 3, failedItems: 0, totalItems: concepts.length * 3 },
      result: { __typename: 'RoadmapCreated', roadmap: { id: roadmapId }, conceptCount: concepts.length },
    })
  })

  it('lets a page that loads during the task find and follow it', async () => {
    api.provider.script = ({ piece }) => (piece === 'QUIZ' ? 'wait' : 'text')
    const { roadmapId } = await api.startRoadmap(text)
    const found = await vi.waitFor(async () => {
      const { activeTask } = await read(roadmapId)
      if (!activeTask?.items.some(({ status }) => status === 'COMPLETED')) throw new Error('not yet in the middle')
      return activeTask
    })
    const events: EventData['taskProgress'][] = []
    for await (const data of api.watch(watchDocument, { id: found.id })) {
      events.push((data as EventData).taskProgress)
      if (events.length === 1) api.provider.script = () => 'text'
      api.provider.release()
    }
    expect(events[0]).toMatchObject({ __typename: 'TaskSnapshot', reason: 'SUBSCRIBED', task: { id: found.id } })
    expect(events.slice(1).map(({ seq }) => seq)).toEqual(
      events.slice(1).map((_, index) => (events[0]?.seq ?? 0) + index + 1),
    )
    expect(events.at(-1)?.__typename).toBe('TaskCompleted')
    expect((await read(roadmapId)).activeTask).toBeNull()
  })

  it('reports what a document that is not ready waits for', async () => {
    expect(
      await api.run(
        `mutation { createRoadmap(input: { documentId: "document_0" }) { __typename ... on NotFoundError { id message } } }`,
      ),
    ).toEqual({
      createRoadmap: { __typename: 'NotFoundError', id: 'document_0', message: 'There is no document "document_0"' },
    })
  })
})

describe('retryContent', () => {
  it('reads GENERATING at once, streams the text, and ends with a new one', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    const concept = await firstConcept(roadmapId)
    api.provider.script = () => 'wait'
    const { result }: { result: { task: { id: string } } } = await api.run(retryMutation, {
      conceptId: concept.id,
      piece: 'QUIZ',
    })
    expect(result).toMatchObject({
      __typename: 'RetryContentSuccess',
      task: { items: [{ key: `${concept.id}:QUIZ` }] },
      concept: { quiz: { status: 'GENERATING', body: null } },
    })
    expect((await read(roadmapId)).activeTask?.id).toBe(result.task.id)
    const events: EventData['taskProgress'][] = []
    for await (const data of api.watch(watchDocument, { id: result.task.id, fromStart: true })) {
      events.push((data as EventData).taskProgress)
      if (events.at(-1)?.__typename === 'TaskOutput') api.provider.release()
    }
    const names = events.map(({ __typename }) => __typename)
    expect(names.slice(0, 3)).toEqual(['TaskQueued', 'TaskItemsAdded', 'TaskStarted'])
    expect(names.slice(-3)).toEqual(['TaskItemCompleted', 'TaskBatchCompleted', 'TaskCompleted'])
    for (const event of events) if (event.item) expect(event.item.key).toBe(`${concept.id}:QUIZ`)
    const after = await firstConcept(roadmapId)
    expect(after.quiz.status).toBe('COMPLETED')
    expect(after.quiz.body).not.toBe(concept.quiz.body)
    expect(
      events
        .filter(({ __typename }) => __typename === 'TaskOutput')
        .map(({ text: one }) => one)
        .join(''),
    ).toBe(after.quiz.body)
  })

  it('returns the running task for a second retry of the same piece', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    const { id: conceptId } = await firstConcept(roadmapId)
    api.provider.script = () => 'wait'
    const first: { result: { task: { id: string } } } = await api.run(retryMutation, { conceptId, piece: 'QUIZ' })
    expect(await api.run(retryMutation, { conceptId, piece: 'QUIZ' })).toMatchObject({
      result: { __typename: 'ConflictError', runningTask: { id: first.result.task.id, kind: 'RETRY_CONTENT' } },
    })
    await api.run(`mutation ($id: ID!) { cancelTask(input: { taskId: $id, reason: "enough" }) { __typename } }`, {
      id: first.result.task.id,
    })
    // The earlier content is readable again.
    expect((await firstConcept(roadmapId)).quiz).toMatchObject({ status: 'COMPLETED' })
  })

  it('returns the same task for the same idempotency key, and refuses the key for another request', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    const { id: conceptId } = await firstConcept(roadmapId)
    const variables = { conceptId, piece: 'QUIZ', key: 'k-1' }
    const first: { result: { task: { id: string } } } = await api.run(retryMutation, variables)
    const second: { result: { task: { id: string } } } = await api.run(retryMutation, variables)
    expect(second.result.task.id).toBe(first.result.task.id)
    expect(await api.run(retryMutation, { ...variables, piece: 'TUTORIAL' })).toMatchObject({
      result: { __typename: 'InvalidInputError', issues: [{ path: 'input.idempotencyKey' }] },
    })
  })

  it('fails the piece with its reason and advice when the provider refuses, and reports the same on the task', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    const { id: conceptId } = await firstConcept(roadmapId)
    api.provider.script = () => 'fail'
    const { result }: { result: { task: { id: string } } } = await api.run(retryMutation, {
      conceptId,
      piece: 'TUTORIAL',
    })
    const events = await watchAll(result.task.id, { fromStart: true })
    expect(events.find(({ __typename }) => __typename === 'TaskItemFailed')).toMatchObject({
      item: { error: { code: 'CONTENT_REFUSED' } },
    })
    expect(events.at(-1)).toMatchObject({
      __typename: 'TaskFailed',
      failure: { code: 'CONTENT_REFUSED', advice: 'Change the text.' },
    })
    expect((await firstConcept(roadmapId)).tutorial).toMatchObject({
      status: 'FAILED',
      body: null,
      error: { code: 'CONTENT_REFUSED' },
    })
  })

  it('is retried automatically and visibly after a transient failure', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    const { id: conceptId } = await firstConcept(roadmapId)
    let asked = 0
    api.provider.script = () => (++asked === 1 ? 'retry' : 'text')
    const { result }: { result: { task: { id: string } } } = await api.run(retryMutation, {
      conceptId,
      piece: 'TUTORIAL',
    })
    const names = (await watchAll(result.task.id, { fromStart: true })).map(({ __typename }) => __typename)
    expect(names).toContain('TaskRetrying')
    expect(names.filter((name) => name === 'TaskStarted')).toHaveLength(2)
    expect(names.at(-1)).toBe('TaskCompleted')
  })
})

describe('retryFailedContent', () => {
  it('retries everything that failed as one batch with its own total', async () => {
    api.provider.script = ({ piece }) => (piece === 'QUIZ' ? 'fail' : 'text')
    const { roadmapId } = await api.makeRoadmap(text)
    const failed = conceptsOf(await read(roadmapId)).filter(({ quiz }) => quiz.status === 'FAILED').length
    expect(failed).toBeGreaterThan(1)
    api.provider.script = () => 'text'
    const { retryFailedContent }: { retryFailedContent: { task: { id: string; progress: { totalItems: number } } } } =
      await api.run(
        `mutation ($id: ID!) { retryFailedContent(input: { roadmapId: $id }) { ... on RetryFailedContentSuccess { task { id progress { totalItems } } } } }`,
        { id: roadmapId },
      )
    expect(retryFailedContent.task.progress.totalItems).toBe(failed)
    const events = await watchAll(retryFailedContent.task.id)
    expect(events.at(-1)).toMatchObject({ __typename: 'TaskCompleted', result: { completedCount: failed } })
    for (const { quiz } of conceptsOf(await read(roadmapId))) expect(quiz.status).toBe('COMPLETED')
    expect(
      await api.run(
        `mutation ($id: ID!) { retryFailedContent(input: { roadmapId: $id }) { __typename ... on ConflictError { runningTask { id } } } }`,
        { id: roadmapId },
      ),
    ).toEqual({ retryFailedContent: { __typename: 'ConflictError', runningTask: null } })
  })
})

describe('access', () => {
  it('hides tasks, roadmaps, documents and concepts of other users as if they did not exist', async () => {
    const anna = viewerOf('anna')
    const bert = viewerOf('bert')
    const { roadmapId, taskId } = await api.makeRoadmap(text, anna)
    const { document }: { document: { id: string } } = (
      (await api.run(`query ($id: ID!) { roadmap(id: $id) { document { id } } }`, { id: roadmapId }, anna)) as {
        roadmap: { document: { id: string } }
      }
    ).roadmap
    const own: RoadmapData = await api.run(roadmapQuery, { id: roadmapId }, anna)
    const conceptId = conceptsOf(own.roadmap)[0]?.id
    const probe = `query ($task: ID!, $roadmap: ID!, $document: ID!, $concept: ID!) {
      task(id: $task) { id } roadmap(id: $roadmap) { id } document(id: $document) { id }
      a: node(id: $task) { id } b: node(id: $roadmap) { id } c: node(id: $document) { id } d: node(id: $concept) { id } tasks { nodes { id } } roadmaps { nodes { id } } documents { nodes { id } } }`
    const variables = { task: taskId, roadmap: roadmapId, document: document.id, concept: conceptId }
    const nothing = { nodes: [] }
    expect(await api.run(probe, variables, bert)).toEqual({
      task: null,
      roadmap: null,
      document: null,
      a: null,
      b: null,
      c: null,
      d: null,
      tasks: nothing,
      roadmaps: nothing,
      documents: nothing,
    })
    expect(await api.run(probe, variables, anna)).toMatchObject({
      a: { id: taskId },
      b: { id: roadmapId },
      c: { id: document.id },
      d: { id: conceptId },
    })
    const refusals = await Promise.all(
      [taskId, 'task_0'].map(async (id) => {
        const [cancel, retry, watch] = await Promise.all([
          api.run(
            `mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename ... on NotFoundError { message } } }`,
            { id },
            bert,
          ),
          api.run(
            `mutation ($id: ID!) { retryTask(input: { taskId: $id }) { __typename ... on NotFoundError { message } } }`,
            { id },
            bert,
          ),
          api
            .watch(watchDocument, { id }, { viewer: bert })
            .next()
            .then(
              () => 'let in',
              (error: Error) => error.message,
            ),
        ])
        return JSON.stringify([cancel, retry, watch]).replaceAll(id, '…')
      }),
    )
    expect(refusals[0]).toBe(refusals[1])
    expect(refusals[0]).toContain('There is no task')
    expect(await api.run(retryMutation, { conceptId, piece: 'QUIZ' }, bert)).toMatchObject({
      result: { __typename: 'NotFoundError' },
    })
  })

  it('limits a token to the tasks that it names', async () => {
    const { taskId } = await api.makeRoadmap(text, viewerOf('carla'))
    const query = `query ($id: ID!) { task(id: $id) { id } }`
    expect(await api.run(query, { id: taskId }, viewerOf('carla', { taskIds: [taskId] }))).toEqual({
      task: { id: taskId },
    })
    expect(await api.run(query, { id: taskId }, viewerOf('carla', { taskIds: ['task_0'] }))).toEqual({ task: null })
  })

  it('requires a token', async () => {
    const { errors } = await api.execute(`{ tasks { nodes { id } } }`, {}, null)
    expect(errors?.[0]?.message).toContain('Authorization')
    expect(await api.run('{ viewer { id } }', {}, null)).toEqual({ viewer: null })
  })
})

describe('a subscription', () => {
  it('resumes after any cursor with exactly the events that follow, and completes at once after the last', async () => {
    const { taskId } = await api.makeRoadmap(text)
    const all = await watchAll(taskId, { fromStart: true })
    for (const [index, { cursor }] of all.entries())
      expect(await watchAll(taskId, { after: cursor, fromStart: true })).toEqual(all.slice(index + 1))
  })

  it('completes a catch-up as soon as it has sent everything', async () => {
    api.provider.script = () => 'wait'
    const { roadmapId } = await api.startRoadmap(text)
    const active = await vi.waitFor(async () => {
      const { activeTask } = await read(roadmapId)
      if (activeTask?.status !== 'RUNNING' || activeTask.items.length === 0) throw new Error('not running yet')
      return activeTask
    })
    const names: string[] = []
    for await (const data of api.watch(watchDocument, { id: active.id }, { catchUp: true }))
      names.push((data as EventData).taskProgress.__typename)
    expect(names[0]).toBe('TaskSnapshot')
    await api.run(`mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }`, { id: active.id })
  })

  it('refuses a cursor of another task by name', async () => {
    const [one, other] = [await api.makeRoadmap(text), await api.makeRoadmap(text)]
    const [event] = await watchAll(one.taskId, { fromStart: true })
    await expect(watchAll(other.taskId, { after: event?.cursor })).rejects.toThrow('belongs to another topic')
    await expect(watchAll(other.taskId, { after: 'nonsense' })).rejects.toThrow('"nonsense" is not a cursor')
  })
})

describe('importDocument', () => {
  it('refuses by name an input with neither file nor text, with both, an empty one and one that is too large', async () => {
    const mutation = `mutation ($text: String!) { importDocument(input: { source: { text: $text } }) { __typename ... on InvalidInputError { message issues { path } } } }`
    expect(await api.run(mutation, { text: '' })).toMatchObject({
      importDocument: { message: expect.stringContaining('is empty') },
    })
    expect(await api.run(mutation, { text: 'x'.repeat(1_000_001) })).toMatchObject({
      importDocument: { message: expect.stringContaining('1000001 bytes'), issues: [{ path: 'input.source.text' }] },
    })
  })

  it('keeps an unreadable document, with the reason and advice', async () => {
    const { importDocument }: { importDocument: { document: { id: string }; task: { id: string } } } = await api.run(
      `mutation { importDocument(input: { source: { text: "   " }, name: "blank.md" }) { ... on ImportDocumentSuccess { document { id } task { id } } } }`,
    )
    const events = await watchAll(importDocument.task.id)
    expect(events.at(-1)?.status).toBe('FAILED')
    expect(
      await api.run(`query ($id: ID!) { document(id: $id) { status error { advice } } }`, {
        id: importDocument.document.id,
      }),
    ).toMatchObject({
      document: { status: 'FAILED', error: { advice: expect.any(String) } },
    })
  })
})
