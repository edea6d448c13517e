import type { PreviewStatus, ProjectTemplate } from '../../gql/graphql.ts'

/** The display names of preview statuses. */
export const previewWords: Readonly<Record<PreviewStatus, string>> = {
  STARTING: 'Starting',
  READY: 'Ready',
  FAILED: 'Failed',
  STOPPED: 'Stopped',
}

/** The display names of templates. */
export const templateWords: Readonly<Record<ProjectTemplate, string>> = {
  READING_PAGE: 'Reading page',
  QUIZ_PAGE: 'Quiz page',
  FLASH_CARDS: 'Flash cards',
}
