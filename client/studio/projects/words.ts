import type { PreviewStatus, ProjectTemplate } from '../../gql/graphql.ts'

/** What a preview's status is called. */
export const previewWords: Readonly<Record<PreviewStatus, string>> = {
  STARTING: 'Starting',
  READY: 'Ready',
  FAILED: 'Failed',
  STOPPED: 'Stopped',
}

/** What the templates are called. */
export const templateWords: Readonly<Record<ProjectTemplate, string>> = {
  READING_PAGE: 'Reading page',
  QUIZ_PAGE: 'Quiz page',
  FLASH_CARDS: 'Flash cards',
}
