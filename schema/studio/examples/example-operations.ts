/** Needs `documentId`. */
export const startAndWatch = `# Press play, or Ctrl-Enter: starts a task that
# runs for a while. Its events follow below the
# result, as of all tasks that are started here.
#
# The other tabs run as they are, too. Load the
# page again, and they refer to your newest
# objects; tabs that you edited stay as they are.
mutation StartAndWatch($documentId: ID!) {
  createRoadmap(input: { documentId: $documentId }) {
    ... on CreateRoadmapSuccess {
      roadmap { id title }
      task {
        id
        status
        queue { position waiting }
      }
    }
    ... on ConflictError {
      message
      runningTask { id }
    }
    ... on Error { message }
  }
}
`
/** Lists the viewer's roadmaps. */
export const listRoadmaps = `# Your roadmaps, and the tasks that work on them.
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
/** Needs `conceptId`. */
export const retryQuiz = `# Generates one quiz again.
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
    ... on ConflictError { message runningTask { id } }
    ... on Error { message }
  }
}
`
/** Needs `taskId`. */
export const watchTask = `# All events of the task in Variables, in order,
# each once. fromStart replays the history first;
# without it the first event is a snapshot. $after
# and cursor let it resume after a cut.
subscription Watch($taskId: ID!, $after: Cursor) {
  taskProgress(
    taskId: $taskId
    after: $after
    fromStart: true
  ) {
    __typename
    cursor
    seq
    at
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
/** Needs `text`. */
export const importText = `# Press play, or Ctrl-Enter: imports a text. The
# events of its task follow below the result. Load
# the page again for a tab with a longer task.
mutation Import($text: String!) {
  importDocument(input: { name: "bread.md", source: { text: $text } }) {
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
/** Needs `words`. */
export const findInDocuments = `# What may be read, and a search in all of it.
# Words are found in any form, "several" in this order.
query Documents($words: String!) {
  documents(first: 5) {
    nodes {
      id
      title
      status
      format
      wordCount
      activeTask { id progress { percent stage } }
    }
  }
  searchDocuments(query: $words, first: 5) {
    document { title }
    page
    snippet { text isMatch }
  }
}
`
/** Needs `documentId`. */
export const generateQuiz = `# Questions from a document, each with its source:
# one for each item that is completed.
mutation GenerateQuiz($documentId: ID!) {
  generateQuiz(input: { documentId: $documentId, questionCount: 5 }) {
    ... on GenerateQuizSuccess {
      quiz { id title }
      task { id queue { position } }
    }
    ... on ConflictError { message runningTask { id } }
    ... on Error { message }
  }
}
`
/** Needs `quizId`. */
export const readQuiz = `# A quiz, as its owner reviews it.
# Pass a question's id to acceptQuestion, editQuestion
# or replaceQuestion, then the quiz's to publishQuiz.
query Quiz($quizId: ID!) {
  quiz(id: $quizId) {
    title
    status
    acceptedCount
    questions {
      id
      prompt
      options { key text }
      answer
      isAccepted
      citation { heading quotation }
    }
    activeTask { id progress { percent } }
  }
}
`
/** Needs `clientId`. */
export const createSession = `# A conversation; with the same clientId, the same
# one. Load the page again: the tabs Session and
# SendMessage refer to the newest.
mutation CreateSession($clientId: String!) {
  createSession(input: { clientId: $clientId, title: "Bread" }) {
    ... on CreateSessionSuccess { session { id title } }
    ... on Error { message }
  }
}
`
/** Needs `sessionId`. */
export const watchSession = `# Everything that is said and done in a session, in the
# one order that all participants see, and who is there.
subscription Session($sessionId: ID!, $after: Cursor) {
  sessionEvents(sessionId: $sessionId, after: $after) {
    __typename
    cursor
    seq
    at
    ... on SessionSnapshot {
      reason
      session {
        title
        messages { nodes { author body } }
      }
    }
    ... on SessionMessageAdded {
      message { position author body status }
    }
    ... on SessionReplyAdvanced {
      messageId
      offset
      text
    }
    ... on SessionMessageChanged {
      message { body status }
    }
    ... on SessionPresenceChanged { present typing }
  }
}
`
/** Needs `sessionId` and `clientId`. */
export const sendMessage = `# Watch it arrive in the tab Session. Write a new
# clientId for a new message: with the same one it is
# stored once. Replies quote the session's cards, which
# addContextCard adds.
mutation SendMessage($sessionId: ID!, $clientId: String!) {
  sendMessage(
    input: {
      sessionId: $sessionId
      clientId: $clientId
      text: "How long does the dough rise?"
    }
  ) {
    ... on SendMessageSuccess {
      sessionMessage { position body }
      reply { id status }
      task { id }
    }
    ... on Error { message }
  }
}
`
/** Needs `documentId`. */
export const generateProject = `# A small web project made from a document: its
# files appear below as they are written. Load the
# page again: Preview refers to the newest project.
mutation GenerateProject($documentId: ID!) {
  generateProject(
    input: {
      documentId: $documentId
      prompt: "Cards to learn from"
      template: FLASH_CARDS
    }
  ) {
    ... on GenerateProjectSuccess {
      project { id title template }
      task { id }
    }
    ... on ConflictError { message runningTask { id } }
    ... on Error { message }
  }
}
`
/** Needs `projectId`. */
export const watchPreview = `# How the preview of a project is. Open its address in
# a browser; run stopPreview or startPreview in another
# tab and see it change.
subscription Preview($projectId: ID!, $after: Cursor) {
  previewStatus(projectId: $projectId, after: $after) {
    cursor
    seq
    at
    preview { status address version error { message } }
  }
}
`
/** Follows the viewer's own inbox. */
export const watchInbox = `# What you are told, live and in order: start something
# that takes a while, close its page, and see it here.
subscription Inbox($after: Cursor) {
  notifications(after: $after) {
    __typename
    cursor
    seq
    at
    unreadCount
    ... on InboxSnapshot {
      newest { title level readAt }
      hasMore
    }
    ... on NotificationArrived {
      notification {
        id
        title
        message
        level
        about { __typename id }
      }
    }
    ... on NotificationsRead { ids }
  }
}
`
