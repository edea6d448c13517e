import {
  choice,
  contradictionsOf,
  flag,
  listDefaults,
  number,
  optional,
  overrides,
  parseSettings,
  type Setting,
  type SettingValues,
  setting,
  settings,
  text,
  url,
} from '../environment.ts'

/** The objects that one user may own by default. */
export const quotaDefaults = {
  documents: 2_000,
  /** Original files of all documents, in megabytes. */
  storageMb: 2_000,
  roadmaps: 2_000,
  quizzes: 2_000,
  projects: 500,
  sessions: 1_000,
} as const

/** One of the {@link quotaDefaults}. */
export type Quota = keyof typeof quotaDefaults

/** The objects that one user may own; 0 is unlimited. */
export type QuotaLimits = Readonly<Record<Quota, number>>

/** The settings of the engine and the Studio by environment variable. */
export const studioSettings = {
  ...settings,

  STUDIO_URL: optional(
    url(['http:', 'https:']),
    'URL of the Studio in browsers; only its pages may embed previews. Default: the address of this server',
  ),
  PREVIEW_PORT: optional(
    number(0, 65_535),
    'port that serves previews of projects, as a separate origin; 0 selects a free port. Default: PORT + 1',
  ),
  PREVIEW_URL: optional(
    url(['http:', 'https:']),
    'URL of the previews in browsers, such as https://preview.example.com, routed to PREVIEW_PORT; must not be the origin of the Studio',
  ),
  PREVIEW_IDLE_MS: setting(number(500, 604_800_000), '1800000', 'idle time in ms after which a preview is stopped'),
  FIRST_RUN: flag('true', 'import the documentation of Tidings into an empty database'),
  SELF_TEST: flag('false', 'allow the tasks of npm run selftest'),
  CONTENT_PROVIDER: choice(
    ['extractive', 'openai'],
    'extractive',
    'extractive needs no service; openai uses an OpenAI-compatible endpoint',
  ),
  CONTENT_PACE_MS: setting(
    number(0, 10_000),
    '20',
    'delay between pieces of text of the extractive provider in ms, to show streaming',
  ),
  OPENAI_BASE_URL: setting(
    url(['http:', 'https:']),
    'https://api.openai.com/v1',
    'URL of the OpenAI-compatible endpoint',
  ),
  OPENAI_API_KEY: optional(text, 'key of that endpoint', { secret: true }),
  OPENAI_MODEL: setting(text, 'gpt-4o-mini', 'model of that endpoint'),
  OPENAI_TIMEOUT_MS: setting(
    number(100, 600_000),
    '60000',
    'time without data in ms after which the endpoint counts as unavailable',
  ),
  NOTIFICATION_DAYS: setting(number(1, 3_650), '30', 'days after which a notification expires'),
  QUOTAS: setting<QuotaLimits>(
    overrides(quotaDefaults, 100_000_000),
    '',
    `objects that one user may own, and megabytes of documents, that replace the defaults, such as documents=100,storageMb=500 (0 is unlimited); of sessions only open ones count. Defaults: ${listDefaults(quotaDefaults)}`,
  ),
} as const satisfies Record<string, Setting<unknown>>

/** The parsed settings of the engine and the Studio. */
export type StudioConfig = SettingValues<typeof studioSettings>

/** Parses the settings of the engine and the Studio. @throws TidingsError `BAD_CONFIGURATION`: see `parseSettings` */
export function parseStudioConfig(environment: Readonly<Record<string, string | undefined>>): StudioConfig {
  return parseSettings(studioSettings, environment, (config) => [
    ...contradictionsOf(config),
    ...studioContradictionsOf(config),
  ])
}

function studioContradictionsOf(config: StudioConfig): readonly string[] {
  const problems: string[] = []
  if (config.PREVIEW_URL !== undefined && config.STUDIO_URL === undefined)
    problems.push('PREVIEW_URL is set and STUDIO_URL is not; set it, as only the Studio may show previews in a frame')
  if (
    config.PREVIEW_URL !== undefined &&
    config.STUDIO_URL !== undefined &&
    new URL(config.PREVIEW_URL).origin === new URL(config.STUDIO_URL).origin
  )
    problems.push(
      `PREVIEW_URL is ${JSON.stringify(config.PREVIEW_URL)}, the same origin as STUDIO_URL; give previews a separate host or port, as they run code of users`,
    )
  if (config.PREVIEW_PORT !== undefined && config.PREVIEW_PORT !== 0 && config.PREVIEW_PORT === config.PORT)
    problems.push(`PREVIEW_PORT is ${config.PREVIEW_PORT}, the same as PORT; choose another one (0 takes a free one)`)
  return problems
}
