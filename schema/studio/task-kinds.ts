import { defineTaskKinds } from './builder.ts'

defineTaskKinds({
  CREATE_ROADMAP:
    'Generates a roadmap with all its content from a document. The key of an item, and the name of its stream, is the id of the concept and the piece: `concept_…:QUIZ`.',
  RETRY_CONTENT: 'Generates one piece of content again.',
  RETRY_FAILED_CONTENT: 'Generates all failed content of a roadmap again, as one batch.',
  CONVERT_DOCUMENT: 'Converts an imported document for reading.',
  GENERATE_QUIZ: 'Generates the questions of a quiz from a document.',
  REPLACE_QUESTION: 'Replaces one question of a quiz.',
  REPLY: 'Generates the reply to a message of a session. Every participant of the session may cancel it.',
  GENERATE_PROJECT: 'Generates a small web project.',
  SYNC_PROJECT: 'Checks the files of a project and updates its preview.',
  SELF_TEST: 'Runs the self-test.',
})
