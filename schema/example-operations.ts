/** The viewer's. */
export const listRoadmaps = `# All tabs run as they are:
# press the play button, or Ctrl-Enter. Load the page
# again for tabs about what has been made since.
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
# Watch it in the tab Watch: put the task's id there.
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
export const watchTask = `# Every event of a task, in order, each once.
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
/** Needs `text`. */
export const importText = `# A text of your own. Watch its task, then pass the
# document's id to createRoadmap.
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
export const generateQuiz = `# Questions from a document, each with its source.
# Put the task's id into the tab Watch: every item
# that is completed is a question to be read.
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
export const createSession = `# A conversation; sent again with the same clientId,
# the same one. Load the page again: the tabs Session
# and SendMessage are about the newest.
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
subscription Session($sessionId: ID!) {
  sessionEvents(sessionId: $sessionId) {
    __typename
    seq
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
export const generateProject = `# A small web project made from a document. Put the
# task's id into the tab Watch to see its files being
# written, and the project's into the tab Preview.
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
subscription Preview($projectId: ID!) {
  previewStatus(projectId: $projectId) {
    seq
    at
    preview { status address version error { message } }
  }
}
`
/** The viewer's own. */
export const watchInbox = `# What you are told, live and in order: start something
# that takes a while, close its page, and see it here.
subscription Inbox {
  notifications {
    __typename
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
