const progress = 'progress { percent stage completedItems failedItems totalItems }'
const item = 'item { key status }'

/** Follows a task; selects everything that the checker compares. */
const taskDocument = `subscription Follow($id: ID!, $after: Cursor, $fromStart: Boolean = false) {
  taskProgress(taskId: $id, after: $after, fromStart: $fromStart) {
    __typename seq cursor at status ${progress}
    ... on TaskSnapshot { reason task { id status attempt ${progress} items { key status } } }
    ... on TaskStarted { attempt }
    ... on TaskItemsAdded { items { key status } }
    ... on TaskItemStarted { ${item} }
    ... on TaskItemCompleted { ${item} }
    ... on TaskItemFailed { ${item} }
    ... on TaskOutput { stream offset text }
    ... on TaskRetrying { attempt error { code } }
    ... on TaskFailed { error { code } }
    ... on TaskCanceled { cancelReason }
  }
}`

/** Follows a session. It has no history from the start, so \`fromStart\` has no effect. */
const sessionDocument = `subscription Follow($id: ID!, $after: Cursor) {
  sessionEvents(sessionId: $id, after: $after) {
    __typename seq cursor at
    ... on SessionSnapshot { reason }
    ... on SessionMessageAdded { message { id status body } }
    ... on SessionMessageChanged { message { id status body } }
    ... on SessionReplyAdvanced { messageId attempt offset text }
    ... on SessionStatisticsChanged { statistics { messageCount } }
  }
}`

/** Follows a roadmap. */
const roadmapDocument = `subscription Follow($id: ID!, $after: Cursor) {
  roadmapUpdates(roadmapId: $id, after: $after) {
    __typename seq cursor at
    ... on RoadmapSnapshot { reason }
    ... on RoadmapTaskStarted { taskId contents { conceptId piece status } }
    ... on RoadmapOutlined { taskId }
    ... on RoadmapContentChanged { taskId contents { conceptId piece status } }
    ... on RoadmapTaskEnded { taskId taskStatus contents { conceptId piece status } }
  }
}`

/** Follows a quiz. */
const quizDocument = `subscription Follow($id: ID!, $after: Cursor) {
  quizUpdates(quizId: $id, after: $after) {
    __typename seq cursor at
    ... on QuizSnapshot { reason }
    ... on QuizTaskStarted { taskId replacedQuestionId }
    ... on QuizTaskEnded { taskId taskStatus replacedQuestionId }
    ... on QuizQuestionChanged { questionId version isAccepted cause }
    ... on QuizReordered { questionIds }
    ... on QuizStatusChanged { quizStatus }
  }
}`

/** The documents by the kind of topic, as the name of a topic begins with. */
export const documents: Readonly<Record<string, string>> = {
  task: taskDocument,
  session: sessionDocument,
  roadmap: roadmapDocument,
  quiz: quizDocument,
}

/** A topic to follow. */
export interface WatchedTopic {
  /** Its name in the log. */
  readonly name: string
  readonly from: 'start' | 'now'
}

/** A GraphQL request. */
export interface WatchRequest {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** Returns the request that follows a topic. @param after - the cursor to resume from */
export function requestOf({ name, from }: WatchedTopic, after?: string): WatchRequest {
  const [kind = '', id = ''] = name.split(':')
  const query = documents[kind]
  if (query === undefined) throw new RangeError(`There is no document for topics such as "${name}"`)
  return {
    query,
    variables: {
      id,
      ...(after === undefined ? {} : { after }),
      ...(kind === 'task' && from === 'start' ? { fromStart: true } : {}),
    },
  }
}
