import type { Services } from './context.ts'

/** An operation to try, with the variables that make it run as it is. */
export interface Example {
  readonly query: string
  /** JSON text. */
  readonly variables?: string
}

const roadmaps = `# All tabs run as they are:
# press the play button, or Ctrl-Enter.
query Roadmaps {
  roadmaps(first: 5) {
    nodes {
      id
      title
      activeTask {
        id
        status
        progress { percent completedItems totalItems }
      }
      stages {
        title
        modules {
          title
          concepts { id title quiz { status body } }
        }
      }
    }
  }
}
`
const retry = `# Generates one quiz again.
# Watch it in the next tab: put the task's id there.
mutation RetryQuiz($conceptId: ID!) {
  retryContent(input: { conceptId: $conceptId, piece: QUIZ }) {
    ... on RetryContentSuccess {
      task {
        id
        status
        cursor
        queue { position waiting estimatedWaitMs }
      }
      concept { title quiz { status } }
    }
    ... on ConflictError { message busyWith: task { id } }
    ... on Error { message }
  }
}
`
const watch = `# Every event of a task, in order, each once.
# It completes by itself after the last one.
# fromStart replays the whole history first; leave it
# out for a snapshot and what follows.
subscription Watch($taskId: ID!) {
  taskProgress(taskId: $taskId, fromStart: true) {
    __typename
    seq
    status
    progress {
      percent
      stage
      message
      completedItems
      totalItems
      remainingMs
    }
    ... on TaskSnapshot { reason }
    ... on TaskQueueMoved {
      queue { position waiting estimatedWaitMs }
    }
    ... on TaskItemStarted { item { label } }
    ... on TaskItemCompleted { item { label } }
    ... on TaskItemFailed {
      item { label error { code message advice } }
    }
    ... on TaskOutput { stream offset text }
    ... on TaskRetrying {
      error { code message }
      nextAttemptAt
    }
    ... on TaskFailed { error { code message advice } }
    ... on TaskCompleted { result { __typename } }
  }
}
`
const importText = `# A text of your own. Watch its task, then pass the
# document's id to createRoadmap.
mutation Import($text: String!) {
  importDocument(input: { name: "bread.md", text: $text }) {
    ... on ImportDocumentSuccess {
      document { id title }
      task { id }
    }
    ... on InvalidInputError {
      message
      issues { path message }
    }
  }
}
`
const bread = `# Bread

## Dough

A dough needs flour, water, salt and time. Flour gives structure, because gluten forms when water reaches its proteins. Salt slows the yeast down and keeps the crumb tight.

## Baking

A hot oven makes the loaf rise once more. Steam keeps the crust soft until the loaf has reached its full volume.
`

/** Operations to begin with, on the data that is there: one tab of GraphiQL each. */
export async function readExamples(
  { engine, roadmaps: store }: Pick<Services, 'engine' | 'roadmaps'>,
  owner: string,
): Promise<readonly Example[]> {
  const [roadmap] = await store.list({ owner, limit: 1 })
  const [concepts] = await store.conceptsOf(roadmap === undefined ? [] : [roadmap.id])
  const concept = concepts?.[0]
  const [task] = await engine.store.list({ owner, limit: 1 })
  return [
    { query: roadmaps },
    ...(concept === undefined ? [] : [{ query: retry, variables: JSON.stringify({ conceptId: concept.id }, null, 2) }]),
    ...(task === undefined ? [] : [{ query: watch, variables: JSON.stringify({ taskId: task.id }, null, 2) }]),
    { query: importText, variables: JSON.stringify({ text: bread }, null, 2) },
  ]
}
